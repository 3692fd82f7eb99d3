-- Names who holds the locks that a backend waits for; asked on a second connection.
--   $1 integer  process id of the backend that waits
select b.pid,
       coalesce(b.usename::text, '')                     as role,
       coalesce(b.application_name, '')                  as application,
       coalesce(host(b.client_addr),
                case when b.state is null then '?' else 'local' end) as client,
       coalesce(b.state, 'state hidden')                 as state,
       b.xact_start                                      as since,
       extract(epoch from now() - b.xact_start)::float8  as seconds
  from unnest(pg_blocking_pids($1)) as blocking (pid)
  join pg_stat_activity as b on b.pid = blocking.pid
