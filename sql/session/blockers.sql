-- Follows who holds the locks that a backend waits for, up to those who wait for nobody; asked on a
-- second connection. One row a session in the way, and one a prepared transaction, which
-- pg_blocking_pids calls 0; the session that waits is among them. What the role may not see of
-- others is null.
--   $1 integer  process id of the backend that waits
with recursive involved (pid) as (
  select $1::integer
   union
  select blocking.pid
    from involved
   cross join unnest(pg_blocking_pids(involved.pid)) as blocking (pid)
   where involved.pid <> 0
), waits as materialized (
  select involved.pid,
         array(select distinct b.pid from unnest(pg_blocking_pids(involved.pid)) as b (pid)) as waits_for
    from involved
   where involved.pid <> 0
), conflict (mode, held) as (
  values ('AccessShareLock',          array['AccessExclusiveLock']),
         ('RowShareLock',             array['ExclusiveLock', 'AccessExclusiveLock']),
         ('RowExclusiveLock',         array['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                                            'AccessExclusiveLock']),
         ('ShareUpdateExclusiveLock', array['ShareUpdateExclusiveLock', 'ShareLock',
                                            'ShareRowExclusiveLock', 'ExclusiveLock',
                                            'AccessExclusiveLock']),
         ('ShareLock',                array['RowExclusiveLock', 'ShareUpdateExclusiveLock',
                                            'ShareRowExclusiveLock', 'ExclusiveLock',
                                            'AccessExclusiveLock']),
         ('ShareRowExclusiveLock',    array['RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
                                            'ShareRowExclusiveLock', 'ExclusiveLock',
                                            'AccessExclusiveLock']),
         ('ExclusiveLock',            array['RowShareLock', 'RowExclusiveLock',
                                            'ShareUpdateExclusiveLock', 'ShareLock',
                                            'ShareRowExclusiveLock', 'ExclusiveLock',
                                            'AccessExclusiveLock']),
         ('AccessExclusiveLock',      array['AccessShareLock', 'RowShareLock', 'RowExclusiveLock',
                                            'ShareUpdateExclusiveLock', 'ShareLock',
                                            'ShareRowExclusiveLock', 'ExclusiveLock',
                                            'AccessExclusiveLock'])
), locked as materialized (
  select l.* from pg_locks as l where exists (select from waits where 0 = any (waits.waits_for))
), prepared as (
  select p.gid, p.owner, p.prepared, p.database, array_agg(distinct wanted.pid) as blocks
    from locked as wanted
    join waits on waits.pid = wanted.pid and 0 = any (waits.waits_for)
    join conflict on conflict.mode = wanted.mode
    join locked as held
      on held.granted and held.pid is null and held.mode = any (conflict.held)
     and (held.locktype, held.database, held.relation, held.page, held.tuple, held.virtualxid,
          held.transactionid::text, held.classid, held.objid, held.objsubid)
         is not distinct from
         (wanted.locktype, wanted.database, wanted.relation, wanted.page, wanted.tuple,
          wanted.virtualxid, wanted.transactionid::text, wanted.classid, wanted.objid,
          wanted.objsubid)
    -- Its locks have no pid; they share a virtual id with the lock on its own transaction id.
    join locked as own
      on own.pid is null and own.locktype = 'transactionid' and own.granted
     and own.virtualtransaction = held.virtualtransaction
    join pg_prepared_xacts as p on p.transaction = own.transactionid
   where not wanted.granted
group by p.gid, p.owner, p.prepared, p.database
)
select waits.pid,
       array_remove(waits.waits_for, 0)                         as waits_for,
       null::text                                               as gid,
       a.usename::text                                          as role,
       nullif(a.application_name, '')                           as application,
       host(a.client_addr)                                      as client,
       a.datname::text                                          as database,
       a.state                                                  as state,
       a.wait_event_type || ': ' || a.wait_event                as wait_event,
       a.backend_type                                           as backend_type,
       extract(epoch from clock_timestamp() - a.query_start)::float8 as query_seconds,
       extract(epoch from clock_timestamp() - a.xact_start)::float8  as transaction_seconds,
       a.backend_start                                          as backend_start,
       a.xact_start                                             as transaction_start,
       a.backend_start is null                                  as hidden,
       null::integer[]                                          as blocks
  from waits
  left join pg_stat_activity as a using (pid)
 where waits.pid = $1 or a.pid is not null
 union all
select null, '{}', prepared.gid, prepared.owner::text, null, null, prepared.database::text,
       'prepared transaction', null, null, null,
       extract(epoch from clock_timestamp() - prepared.prepared)::float8, null, prepared.prepared,
       false, prepared.blocks
  from prepared
