-- Foreign keys that point at a table: what the database does to their rows when one of its rows
-- is deleted.
--   $1 text  schema of the referenced table   $2 text  its name
select f.conname::text                                   as constraint,
       n.nspname::text                                   as schema,
       c.relname::text                                   as relation,
       case f.confdeltype when 'c' then 'cascade'     when 'n' then 'set null'
                          when 'd' then 'set default' when 'r' then 'restrict'
                          else 'no action' end           as on_delete,
       array(select a.attname::text
               from unnest(f.conkey) with ordinality as k (attnum, place)
               join pg_attribute as a on a.attrelid = f.conrelid and a.attnum = k.attnum
              order by k.place)                          as columns,
       array(select a.attname::text
               from unnest(f.confkey) with ordinality as k (attnum, place)
               join pg_attribute as a on a.attrelid = f.confrelid and a.attnum = k.attnum
              order by k.place)                          as referenced,
       has_schema_privilege(n.oid, 'usage')
       and (select bool_and(has_column_privilege(f.conrelid, k.attnum, 'select'))
              from unnest(f.conkey) as k (attnum))       as may_count
  from pg_constraint as f
  join pg_class as c on c.oid = f.conrelid
  join pg_namespace as n on n.oid = c.relnamespace
  join pg_class as target on target.oid = f.confrelid
  join pg_namespace as target_schema on target_schema.oid = target.relnamespace
 where f.contype = 'f'
   and f.conparentid = 0
   and target_schema.nspname = $1
   and target.relname = $2
 order by n.nspname, c.relname, f.conname
