-- Finds what restores on record last left in rows that an operation had killed: restores of it, of what
-- was applied again for it, and of the run that it is a batch of.
--   $1 uuid    the operation
--   $2 text[]  keys of tokens and of what dies with them
with recursive above as (
  select o.id, o.parent_id, o.cause
    from breakglass.operation as o
   where o.id = $1::uuid
   union
  select o.id, o.parent_id, o.cause
    from above
    join breakglass.operation as o on o.id = above.parent_id
   where above.cause in ('batch', 're-apply')
), below as (
  select o.id
    from breakglass.operation as o
   where o.id = $1::uuid
   union
  select o.id
    from below
    join breakglass.operation as o on o.parent_id = below.id
   where o.cause = 're-apply'
)
select distinct on (c.relation, c.kind, c.key)
       c.relation, c.kind, c.key, c.label, c.owner_id, c.state_before, c.before, c.after,
       o.id as restore, o.os_user, o.http_principal, o.db_user, o.reason
  from (select id from above union select id from below) as family
  join breakglass.operation as o
    on o.parent_id = family.id and o.cause = 'restore' and o.outcome = 'applied'
  join breakglass.change as c on c.operation_id = o.id
 where c.key = any($2::text[])
   and c.after is not null
order by c.relation, c.kind, c.key, o.occurred_at desc, o.id desc
