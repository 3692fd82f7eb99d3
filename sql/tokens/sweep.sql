-- Judges the secrets of a leak: to which rows they lead, and whether they are those rows' own.
--   $1 text[]  key of each secret, null where it carries none
--   $2 text[]  digest of each, in the column's own encoding, null where it has none
--   $3 text    scope: the owner's key, exactly
--   $4 text[]  scope: kinds
select given.place as place,
       {{ verified }} as verified,
{%- include "tokens/columns.sql" %}
  from unnest($1::text[], $2::text[]) with ordinality as given (key, digest, place)
  join {{ table }} as t on {{ leads_here }}
{%- include "tokens/owner.sql" %}
 where ($3::text is null or {{ owner.id }} = $3::text)
   and ($4::text[] is null or {{ kind }} = any ($4::text[]))
