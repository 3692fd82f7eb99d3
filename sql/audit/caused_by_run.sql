-- Lists what a run of batches caused besides its batches: what was done about it as a whole, and about
-- one of them. The oldest first.
--   $1 uuid    the run
--   $2 bigint  at most so many
select /* columns */
  from breakglass.operation as o
/* run */
 where o.cause is distinct from 'batch'
   and (o.parent_id = $1::uuid
        or o.parent_id in (select b.id
                             from breakglass.operation as b
                            where b.parent_id = $1::uuid and b.cause = 'batch'))
order by o.occurred_at, o.id
 limit $2::bigint
