-- Lists the operations that one caused, the oldest first.
--   $1 uuid  operation
select /* columns */
  from breakglass.operation as o
/* run */
 where o.parent_id = $1::uuid
order by o.occurred_at, o.id
