-- Says what a role may do beyond its grants, which no revoke from the role itself takes away.
--   $1 text  role
select c.relname::text as relation,
       string_agg(p.privilege, ', ' order by p.privilege) as privileges
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
 cross join unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as p (privilege)
 where n.nspname = 'breakglass'
   and c.relname in ('operation', 'change', 'observation', 'signal', 'signal_result', 'batch',
                     'schema_history', 'plan')
   and (c.relname <> 'plan' or p.privilege <> 'delete')   -- which it was granted
   and has_table_privilege($1, c.oid, p.privilege)
group by c.relname
order by c.relname
