-- Lists the rows that an operation changed, with what stood there before and what it left.
--   $1 uuid    operation     $2 bigint  at most so many
with {% include "tokens/restored.sql" %}
select relation, key, kind, label, owner_id, owner_login, state_before, before, after
  from restored
order by relation, key
 limit $2::bigint
