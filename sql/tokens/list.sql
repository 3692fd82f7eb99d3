-- Lists tokens. A filter that was not given is null.
--   $1 to $9        the filter, as sql/tokens/filtered.sql has it
--   $10 bigint      at most so many rows
select {%- include "tokens/columns.sql" %}
  from {{ table }} as t
{%- include "tokens/owner.sql" %}
{%- include "tokens/filtered.sql" %}
order by {{ order }}
 limit $10::bigint
