-- Finds the latest operation that changed one of some rows: a token, and what must die with it. For one
-- that was applied again, what it was applied for.
--   $1 text[]  the tables with their schemas   $2 text[]  the keys
--   $3 to $6   the scope: adapter, owner's key, kinds, token table; all null for everything
with recursive scope as (
  select $3::text as adapter, $4::text as owner, $5::text[] as kinds, $6::text as relation
), named as (
  select distinct n.relation, n.key
    from unnest($1::text[], $2::text[]) as n (relation, key)
), latest as (
  select o.id, o.parent_id, o.cause
    from named
    join breakglass.change as c on c.key = named.key
    join breakglass.operation as o on o.id = c.operation_id
   cross join scope
   where c.relation = named.relation
/* scoped */
order by o.occurred_at desc, o.id desc
   limit 1
), origin as (
  select id, parent_id, cause
    from latest
   union
  select o.id, o.parent_id, o.cause
    from origin
    join breakglass.operation as o on o.id = origin.parent_id
   where origin.cause = 're-apply'
)
select /* columns */
  from origin
  join breakglass.operation as o on o.id = origin.id
 cross join scope
/* run */
 where origin.cause is distinct from 're-apply'
/* scoped */
