-- Says of every batch of a run whether it is done, and how its last attempt ended where it is not.
--   $1 uuid  the run
with failed as (
  select distinct on (o.batch) o.batch, o.id, o.outcome, o.error
    from breakglass.operation as o
   where o.parent_id = $1::uuid and o.cause = 'batch' and o.outcome in ('refused', 'failed')
order by o.batch, o.occurred_at desc, o.id desc
)
select b.number,
       cardinality(b.keys)              as tokens,
       done.id                          as done_by,
       done.planned                     as planned,
       done.changed                     as changed,
       done.unchanged                   as unchanged,
       done.companions_changed          as companions_changed,
       failed.id                        as failed_as,
       failed.outcome                   as outcome,
       failed.error                     as error,
       case when failed.id is not null then b.keys[1] end                   as first_key,
       case when failed.id is not null then b.keys[cardinality(b.keys)] end as last_key
  from breakglass.batch as b
  left join breakglass.operation as done
    on done.parent_id = b.operation_id and done.batch = b.number
   and done.outcome in ('applied', 'unchanged')
  left join failed on failed.batch = b.number and done.id is null
 where b.operation_id = $1::uuid
order by b.number
