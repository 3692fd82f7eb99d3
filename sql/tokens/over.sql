-- Whether tokens and their companions are over by a moment as they stand: dead by then, whoever
-- uses them until then.
--   $1 text[]       keys of the tokens
--   $2 timestamptz  the moment
select {{ relation }} as relation,
       {{ key }} as key,
       {{ dead }} as over
  from {{ table }} as t
 where {{ key_matches("$1") }}
{%- for c in companions %}
 union all
select {{ c.relation }},
       {{ c.key }},
       {{ c.dead }}
  from {{ c.table }} as c
 where {{ c.token_matches("$1") }}
{%- endfor %}
