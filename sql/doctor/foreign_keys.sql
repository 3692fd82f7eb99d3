-- Foreign keys that point at a table, whether an index leads to the rows that point, and about how
-- many rows a delete would have to look through without one.
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
       (select string_agg(quote_ident(a.attname), ', ' order by k.place)
          from unnest(f.conkey) with ordinality as k (attnum, place)
          join pg_attribute as a on a.attrelid = f.conrelid and a.attnum = k.attnum)
                                                         as quoted_columns,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as quoted,
       c.reltuples::float8                               as rows,
       exists (select
                 from pg_index as i
                where i.indrelid = f.conrelid
                  and i.indisvalid
                  and i.indpred is null
                  and (string_to_array(i.indkey::text, ' ')::int2[])[1:cardinality(f.conkey)] @> f.conkey)
                                                         as indexed
  from pg_constraint as f
  join pg_class as c on c.oid = f.conrelid
  join pg_namespace as n on n.oid = c.relnamespace
  join pg_class as target on target.oid = f.confrelid
  join pg_namespace as target_schema on target_schema.oid = target.relnamespace
 where f.contype = 'f'
   and f.conparentid = 0
   and target_schema.nspname = $1
   and target.relname = $2
order by 2, 3, 1
