-- Lists the operations that one caused, the oldest first.
--   $1 uuid   operation
--   $2 to $5  the scope: adapter, owner's key, kinds, token table; all null for everything
select /* columns */
  from breakglass.operation as o
 cross join (select $2::text as adapter, $3::text as owner, $4::text[] as kinds,
                    $5::text as relation) as scope
/* run */
 where o.parent_id = $1::uuid
/* scoped */
order by o.occurred_at, o.id
