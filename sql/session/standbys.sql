-- Says how far every standby has replayed what this server has written. What the role may not see of
-- them is null: that takes pg_monitor, or pg_read_all_stats.
select r.pid,
       r.application_name                             as name,
       host(r.client_addr)                            as client,
       r.state                                        as state,
       (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint as written,
       (r.replay_lsn - '0/0'::pg_lsn)::bigint         as replayed,
       extract(epoch from r.replay_lag)::float8       as lag_seconds
  from pg_stat_replication as r
order by r.pid
