-- Compares pasted secrets with the stored hashes, without either leaving its side.
--   $1 text[]  keys   $2 text[]  digest of the secret given for each, in the column's own encoding
select {{ key }} as key,
       {{ digest }} = given.digest as verified
  from unnest($1::text[], $2::text[]) as given (key, digest)
  join {{ table }} as t on {{ key }} = given.key and {{ key_matches("$1") }}
