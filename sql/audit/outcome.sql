-- Says how an operation is recorded, if it is.
--   $1 uuid  operation
select o.outcome
  from breakglass.operation as o
 where o.id = $1::uuid
