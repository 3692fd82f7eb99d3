-- Plans some batches of a run, in the transaction that records it.
--   $1 uuid     the run                    $2 integer  number of the first of these batches
--   $3 integer  tokens in a batch          $4 text[]   their keys, in key order
with planned as (
  insert into breakglass.batch (operation_id, number, keys)
  select $1::uuid,
         $2::integer + ((given.place - 1) / $3::integer)::integer,
         array_agg(given.key order by given.place)
    from unnest($4::text[]) with ordinality as given (key, place)
group by 2
  returning cardinality(keys) as tokens
)
select count(*)::integer                 as batches,
       coalesce(sum(tokens), 0)::integer as tokens
  from planned
