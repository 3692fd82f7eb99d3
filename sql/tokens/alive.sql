-- Finds which of some tokens are there, and alive.
--   $1 text[]  keys
select {{ key }} as key,
       not {{ dead }} as alive
  from {{ table }} as t
 where {{ key_matches("$1") }}
order by {{ key }}
