-- Finds one operation by its whole id.
--   $1 uuid  operation
select /* columns */
  from breakglass.operation as o
/* run */
 where o.id = $1::uuid
