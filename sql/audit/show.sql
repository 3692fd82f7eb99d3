-- Shows one operation.
--   $1 text  its id, or the beginning of it
select /* columns */
  from breakglass.operation as o
/* run */
 where o.id::text like $1::text || '%'
order by o.id
 limit 2
