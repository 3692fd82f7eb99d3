-- What kind of thing the adapter's tables are, and about how many rows they have.
--   $1 text[]  schemas   $2 text[]  tables, beside their schemas
select w.schema, w.relation, c.relkind::text as kind, c.reltuples::float8 as rows,
       (select count(*) from pg_inherits as i where i.inhparent = c.oid) as children,
       c.relispartition as is_partition
  from unnest($1::text[], $2::text[]) as w (schema, relation)
  join pg_namespace as n on n.nspname = w.schema
  join pg_class as c on c.relnamespace = n.oid and c.relname = w.relation
order by 1, 2
