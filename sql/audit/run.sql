  -- what the batches of a run have changed, beside the operation that began it
  left join lateral (select coalesce(sum(b.changed), 0)::integer            as changed,
                            coalesce(sum(b.unchanged), 0)::integer          as unchanged,
                            coalesce(sum(b.companions_changed), 0)::integer as companions_changed
                       from breakglass.operation as b
                      where b.parent_id = o.id and b.cause = 'batch'
                        and o.outcome = 'begun') as run on o.outcome = 'begun'
