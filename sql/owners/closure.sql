-- Finds everything that lets an owner in: the tokens that live, and the dead ones of which a
-- companion lives, such as a refresh token that mints the next one.
--   $1 text    the owner's key
--   $2 bigint  at most so many rows
select {%- include "tokens/columns.sql" %}
  from {{ table }} as t
{%- include "tokens/owner.sql" %}
 where {{ owner.id }} = $1::text
   and (not {{ dead }}
{%- for c in companions %}
        or exists (select
                     from {{ c.table }} as c
                    where {{ c.token }} = {{ key }}
                      and not {{ c.dead }})
{%- endfor %})
order by {{ key }}
 limit $2::bigint
