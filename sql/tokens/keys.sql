-- Finds the keys of the tokens that a filter lets through, in key order, with what a plan of batches
-- is told by.
--   $1 to $11  the filter and the scope, as sql/tokens/filtered.sql has them
select {{ key }} as key,
       {{ kind }} as kind,
       {{ dead }} as dead,
       {{ owner.id }} as owner_id
  from {{ table }} as t
{%- include "tokens/owner.sql" %}
{%- include "tokens/filtered.sql" %}
order by {{ key_column }}
