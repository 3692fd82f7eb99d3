-- Lists what was granted to a role itself on some tables, one row a privilege, columns apart.
--   $1 text  role   $2 text[]  schemas   $3 text[]  tables, beside their schemas
with wanted as (
  select c.oid, n.nspname, c.relname, c.relacl
    from unnest($2::text[], $3::text[]) as w (schema, relation)
    join pg_namespace as n on n.nspname = w.schema
    join pg_class as c on c.relnamespace = n.oid and c.relname = w.relation
), granted as (
  select nspname, relname, lower(a.privilege_type) as privilege, a.grantee
    from wanted
   cross join aclexplode(relacl) as a
   union all
  select nspname, relname, lower(a.privilege_type) || ' (' || t.attname || ')', a.grantee
    from wanted
    join pg_attribute as t on t.attrelid = wanted.oid and not t.attisdropped
   cross join aclexplode(t.attacl) as a
)
select nspname::text as schema, relname::text as relation, privilege
  from granted
  join pg_roles as r on r.oid = granted.grantee
 where r.rolname = $1
order by 1, 2, 3
