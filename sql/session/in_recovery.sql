-- Whether this server is a standby (`target_session_attrs`: primary, standby, prefer-standby).
select pg_catalog.pg_is_in_recovery() as found
