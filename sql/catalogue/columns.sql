-- Every column of every table with one of the given names, outside the system's schemas,
-- with what the current role may do to it.
--   $1 text[]  table names
select n.nspname::text                                           as schema,
       c.relname::text                                           as relation,
       c.relkind::text                                           as kind,
       c.relrowsecurity and not (pg_has_role(c.relowner, 'usage') and not c.relforcerowsecurity)
                        and not (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
                                                                 as row_security,
       pg_get_userbyid(c.relowner)::text                         as owner,
       a.attname::text                                           as column,
       format_type(a.atttypid, null)                             as type,
       b.nspname::text                                           as base_schema,
       b.typname::text                                           as base_type,
       -- Not null: "character" alone would mean character(1).
       format_type(a.atttypid, a.atttypmod)                      as full_type,
       a.attnotnull                                              as not_null,
       has_column_privilege(c.oid, a.attnum, 'select')           as may_select,
       has_column_privilege(c.oid, a.attnum, 'update')           as may_update,
       has_column_privilege(c.oid, a.attnum, 'insert')           as may_insert,
       has_table_privilege(c.oid, 'delete')                      as may_delete,
       has_schema_privilege(n.oid, 'usage')                      as may_use_schema
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  join pg_attribute as a on a.attrelid = c.oid
 cross join lateral (                         -- the type itself, or what a domain stands for
       with recursive stands_for (oid, typtype, typbasetype) as (
         select t.oid, t.typtype, t.typbasetype from pg_type as t where t.oid = a.atttypid
          union all
         select t.oid, t.typtype, t.typbasetype
           from stands_for as s
           join pg_type as t on t.oid = s.typbasetype
          where s.typtype = 'd'
       )
       select bn.nspname, t.typname
         from stands_for as s
         join pg_type as t on t.oid = s.oid
         join pg_namespace as bn on bn.oid = t.typnamespace
        where s.typtype <> 'd'
       ) as b
 where c.relname = any ($1::text[])
   and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and a.attnum > 0
   and not a.attisdropped
   and n.nspname not in ('pg_catalog', 'information_schema', 'breakglass')
   and n.nspname !~ '^pg_(toast|temp)'
 order by n.nspname, c.relname, a.attnum
