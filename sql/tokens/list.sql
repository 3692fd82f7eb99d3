-- Lists tokens. A filter that was not given is null.
--   $1 to $11       the filter and the scope, as sql/tokens/filtered.sql has them
--   $12 bigint      at most so many rows
{%- if after %}
--   $13 text        the key of the row that the page before ended with
--   $14 text        what that row was sorted by before its key
{%- endif %}
select {%- include "tokens/columns.sql" %}
{%- if sorted %},
       {{ sorted }}::text as sorted_by
{%- endif %}
  from {{ table }} as t
{%- include "tokens/owner.sql" %}
{%- include "tokens/filtered.sql" %}
{%- if after %}
{%- if after.by_key %}
   and {{ after.key }}
{%- else %}
   and case when $14::text is null
            then {{ sorted }} is null and {{ after.key }}
            else {{ sorted }} is null or {{ after.beyond }} or ({{ after.same }} and {{ after.key }}) end
{%- endif %}
{%- endif %}
order by {{ order }}
 limit $12::bigint
