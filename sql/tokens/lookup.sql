-- Finds the keys of tokens by the digest of their secret, for applications whose secrets do not name their row.
--   $1 text[]  digests, in the column's own encoding
--   $2 text    scope: the owner's key, exactly
--   $3 text[]  scope: kinds
select {{ key }} as key,
       {{ digest }} as digest
  from {{ table }} as t
 where {{ digest }} = any ($1::text[])
   and ($2::text is null or {{ owner.id }} = $2::text)
   and ($3::text[] is null or {{ kind }} = any ($3::text[]))
order by {{ key }}
