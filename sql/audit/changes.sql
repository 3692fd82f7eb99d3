-- Lists the rows that an operation changed.
--   $1 uuid  operation
select c.relation, c.key, c.kind, c.label, c.owner_id, c.owner_login, c.state_before, c.state_after,
       c.before, c.after
  from breakglass.change as c
 where c.operation_id = $1::uuid
order by c.relation, c.key
