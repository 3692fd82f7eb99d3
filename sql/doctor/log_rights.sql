-- Who could rewrite the log: its owners, everybody who was granted more than reading it, and what
-- default privileges would give on the tables of a later migration. Plans that wait are no part of it,
-- and are there to be deleted.
--   $1 text    owner of the application's token table, or null
--   $2 text[]  breakglass's own tables
with log as (
  select c.oid, c.relname::text as relation, c.relowner, c.relacl
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
   where n.nspname = 'breakglass'
     and c.relname = any ($2::text[])
), owner as (
  select 'the schema' as what, n.nspowner as oid from pg_namespace as n where n.nspname = 'breakglass'
   union
  select relation, relowner from log
), granted as (
  select 'table' as aspect, log.relation, log.relowner, a.grantee, lower(a.privilege_type) as privilege
    from log
   cross join aclexplode(log.relacl) as a
   where a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
     and (log.relation <> 'plan' or a.privilege_type <> 'DELETE')
   union all
  select 'table', log.relation, log.relowner, a.grantee,
         lower(a.privilege_type) || ' (' || t.attname || ')'
    from log
    join pg_attribute as t on t.attrelid = log.oid and not t.attisdropped
   cross join aclexplode(t.attacl) as a
   where a.privilege_type = 'UPDATE'
   union all
  select 'default', 'tables to come', d.defaclrole, a.grantee, lower(a.privilege_type)
    from pg_default_acl as d
    left join pg_namespace as n on n.oid = d.defaclnamespace
   cross join aclexplode(d.defaclacl) as a
   where d.defaclobjtype = 'r'
     and (d.defaclnamespace = 0 or n.nspname = 'breakglass')
     and d.defaclrole in (select oid from owner)
     and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
)
select aspect, relation,
       coalesce(quote_ident(pg_get_userbyid(nullif(grantee, 0))), 'PUBLIC') as who,
       string_agg(privilege, ', ' order by privilege)     as privileges,
       grantee = 0 or pg_has_role(grantee, 'usage')       as mine,
       quote_ident(pg_get_userbyid(relowner))             as owner
  from granted
 where grantee <> relowner
group by aspect, relation, relowner, grantee
 union all
select 'owner', min(what), quote_ident(pg_get_userbyid(owner.oid)), '',
       pg_has_role(owner.oid, 'member'),
       case when exists (select
                           from pg_roles as o
                          where o.rolname = $1
                            and not o.rolsuper
                            and pg_has_role(o.oid, owner.oid, 'member'))
            then $1 else '' end
  from owner
group by owner.oid
order by 1, 2, 3
