-- Locks that other transactions hold right now and that a write would meet.
--   $1 text[]  schemas   $2 text[]  tables, beside their schemas
select w.schema, w.relation,
       l.mode,
       l.granted,
       coalesce(l.pid, 0)                                        as pid,
       coalesce(a.usename::text, '')                             as role,
       coalesce(a.application_name, '')                          as application,
       coalesce(a.state, '')                                     as state,
       extract(epoch from clock_timestamp() - coalesce(a.xact_start, x.prepared))::float8 as seconds,
       coalesce(to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '') as started,
       coalesce(x.gid, '')                                       as prepared
  from unnest($1::text[], $2::text[]) as w (schema, relation)
  join pg_namespace as n on n.nspname = w.schema
  join pg_class as c on c.relnamespace = n.oid and c.relname = w.relation
  join pg_locks as l on l.locktype = 'relation' and l.relation = c.oid
                    and l.database = (select oid from pg_database where datname = current_database())
  left join pg_stat_activity as a on a.pid = l.pid
  -- A prepared transaction has no process; what it holds besides is its own id.
  left join pg_locks as own on l.pid is null and own.pid is null
                           and own.locktype = 'transactionid'
                           and own.virtualtransaction = l.virtualtransaction
  left join pg_prepared_xacts as x on x.transaction = own.transactionid
 where l.pid is distinct from pg_backend_pid()
   and l.mode in ('RowShareLock', 'RowExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                  'ExclusiveLock', 'AccessExclusiveLock')
order by 1, 2, seconds desc nulls last, pid
