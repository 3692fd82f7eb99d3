-- Finds which of some tokens are alive.
--   $1 text[]  keys
select {{ key }} as key
  from {{ table }} as t
 where {{ key_matches("$1") }}
   and not {{ dead }}
order by {{ key }}
