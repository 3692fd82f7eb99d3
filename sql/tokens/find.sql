-- Finds tokens by key or by label; what is null is not looked for.
--   $1 text[]  keys
--   $2 text[]  labels, among the kinds $3
--   $3 text[]  kinds that a label may mean
--   $4 text    owner of a label: key, login or email
--   $5 text    scope: the owner's key, exactly
--   $6 text[]  scope: kinds
select {%- include "tokens/columns.sql" %}
  from {{ table }} as t
{%- include "tokens/owner.sql" %}
 where (($1::text[] is not null and {{ key_begins("$1") }})
        or ($2::text[] is not null and {{ label }} = any ($2::text[])
            and {{ kind }} = any ($3::text[])
            and ($4::text is null
                 or {{ owner.id }} = $4::text
                 or lower({{ owner.login }}) = lower($4::text)
                 or lower({{ owner.email }}) = lower($4::text))))
   and ($5::text is null or {{ owner.id }} = $5::text)
   and ($6::text[] is null or {{ kind }} = any ($6::text[]))
order by {{ key }}
