-- Finds the rows that must die with the tokens, such as refresh tokens.
--   $1 text[]  keys of the tokens
{% for c in companions -%}
select {{ c.name }} as name,
       {{ c.relation }} as relation,
       {{ c.key }} as key,
       {{ c.token }} as token,
       {{ c.state }} as state,
       {{ c.dead }} as dead,
       {{ c.vital }} as vital
  from {{ c.table }} as c
 where {{ c.token_matches("$1") }}
{% if not loop.last %} union all
{% endif -%}
{% endfor -%}
 order by relation, key
