-- Finds the keys of tokens by the digest of their secret, for applications whose secrets do not name their row.
--   $1 text[]  digests, in the column's own encoding
select {{ key }} as key,
       {{ digest }} as digest
  from {{ table }} as t
 where {{ digest }} = any ($1::text[])
order by {{ key }}
