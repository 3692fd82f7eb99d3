-- What the server and the role's defaults mean for a write: settings as a session of this role begins
-- with them, room for further connections, and who waits for whom at COMMIT.
select current_setting('default_transaction_read_only') = 'on'                as read_only_by_default,
       (select reset_val from pg_settings where name = 'synchronous_commit')   as synchronous_commit,
       (select source from pg_settings where name = 'synchronous_commit')      as synchronous_commit_source,
       (select source from pg_settings where name = 'default_transaction_read_only')
                                                                              as read_only_source,
       current_setting('synchronous_standby_names')                           as synchronous_standby_names,
       (select count(*) from pg_stat_replication)                             as standbys,
       (select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum'))
                                                                              as synchronous_standbys,
       pg_has_role('pg_read_all_stats', 'usage')                              as reads_all_stats,
       pg_backend_pid()                                                       as pid,
       inet_server_port()                                                     as server_port,
       current_setting('max_connections')::integer
         - current_setting('superuser_reserved_connections')::integer
         - coalesce(current_setting('reserved_connections', true), '0')::integer as server_limit,
       (select sum(numbackends)::bigint from pg_stat_database)                 as server_used,
       d.datconnlimit                                                         as database_limit,
       (select numbackends::bigint from pg_stat_database where datid = d.oid)  as database_used,
       r.rolconnlimit                                                         as role_limit,
       (select count(*) from pg_stat_activity where usesysid = r.oid)         as role_used,
       r.rolsuper                                                             as superuser
  from pg_database as d,
       pg_roles as r
 where d.datname = current_database()
   and r.rolname = session_user
