-- Finds the latest operation that changed one of some rows: a token, and what must die with it. For one
-- that was applied again, what it was applied for.
--   $1 text[]  the tables with their schemas   $2 text[]  the keys
with recursive named as (
  select distinct n.relation, n.key
    from unnest($1::text[], $2::text[]) as n (relation, key)
), latest as (
  select o.id, o.parent_id, o.cause
    from named
    join breakglass.change as c on c.key = named.key and c.relation = named.relation
    join breakglass.operation as o on o.id = c.operation_id
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
/* run */
 where origin.cause is distinct from 're-apply'
