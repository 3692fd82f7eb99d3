-- Counts the rows of other tables that the database would change when the tokens are deleted.
--   $1 text[]  keys of the tokens
{% for c in cascades -%}
select {{ c.relation }} as relation, {{ c.constraint }} as constraint, {{ c.on_delete }} as on_delete,
       {{ c.count }} as rows
{% if not loop.last %} union all
{% endif -%}
{% endfor -%}
