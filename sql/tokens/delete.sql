-- Deletes the planned tokens: compare, change, record, in one statement. It locks and compares in the
-- DELETE itself, because FOR UPDATE would need an UPDATE grant.
--   $1 jsonb   the operation      $2 jsonb   the plan: an array with an object a token
--   $3 jsonb   its companions     $4 text[]  the keys of the tokens
{% include "tokens/planned.sql" -%}
, same as (
     delete from {{ table }} as t
      using planned
      where {{ key_matches("$4") }}
        and (select request.path is not null from request)
        and {{ key }} = planned.key
        and {{ fixed }} = planned.fixed
        and {{ vital }} = planned.vital
  returning {{ key_column }} as row_key,
            {{ key }} as key,
            {{ kind }} as kind,
            {{ label }} as label,
            {{ owner.id }} as owner_id,
            planned.owner_login,
            {{ state }} as state,
            false as dead,
            {{ tracked }} as before
{%- for column in diff %},
            {{ column.expression }} as {{ column.alias }}
{%- endfor %}
), changed as (
  select same.*, true as ended
    from same
{%- include "tokens/companions_expire.sql" %}
), change as (
  select 0 as place, {{ relation }} as relation, same.key, same.kind, nullif(same.label, '') as label,
         same.owner_id, same.owner_login, same.state as state_before, 'deleted' as state_after,
         same.before, null::jsonb as after
    from same
   union all
  select 1, companion.relation, companion.key, companion.name, nullif(same.label, ''),
         same.owner_id, same.owner_login, companion.state_before, companion.state_after,
         companion.before, companion.after
    from companion
    join same on same.key = companion.token
   where companion.changed
{% include "tokens/recorded.sql" -%}
