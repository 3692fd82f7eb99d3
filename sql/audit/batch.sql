-- Says which tokens a batch of a run has, who has done it by now, and whether that was looked at.
--   $1 uuid  the run   $2 integer  number of the batch
select b.keys,
       o.id        as done_by,
       o.planned   as planned,
       o.changed   as changed,
       o.unchanged as unchanged,
       o.companions_changed as companions_changed,
       exists (select from breakglass.observation as s where s.operation_id = o.id)
       and not exists (select from breakglass.observation as s
                        where s.operation_id = o.id and s.verdict = 'unknown') as observed
  from breakglass.batch as b
  left join breakglass.operation as o
    on o.parent_id = b.operation_id and o.batch = b.number and o.outcome in ('applied', 'unchanged')
 where b.operation_id = $1::uuid and b.number = $2::integer
