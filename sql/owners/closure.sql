-- Finds everything that lets an owner in: the tokens that live, and the dead ones of which a
-- companion lives, such as a refresh token that mints the next one.
--   $1 text    the owner's key
--   $2 bigint  at most so many rows
--   $3 text    scope: the owner's key, exactly
--   $4 text[]  scope: kinds
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
   and ($3::text is null or {{ owner.id }} = $3::text)
   and ($4::text[] is null or {{ kind }} = any ($4::text[]))
order by {{ key }}
 limit $2::bigint
