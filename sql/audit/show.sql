-- Shows one operation.
--   $1 text   its id, or the beginning of it
--   $2 to $5  the scope: adapter, owner's key, kinds, token table; all null for everything
select /* columns */
  from breakglass.operation as o
 cross join (select $2::text as adapter, $3::text as owner, $4::text[] as kinds,
                    $5::text as relation) as scope
/* run */
 where o.id::text like $1::text || '%'
/* scoped */
order by o.id
 limit 2
