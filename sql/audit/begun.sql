-- Says what stands in the record of a run that begins: asked in its transaction, before COMMIT.
--   $1 uuid  the run
select (select count(*)
          from breakglass.operation as o
         where o.id = $1::uuid and o.outcome = 'begun')::integer as operations,
       count(*)::integer                                        as batches,
       coalesce(sum(cardinality(b.keys)), 0)::integer           as tokens
  from breakglass.batch as b
 where b.operation_id = $1::uuid
