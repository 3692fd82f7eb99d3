-- Whether a transaction of this session could only read: a standby, or a default of the server,
-- the database or the role (`target_session_attrs`: read-write, read-only).
select pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool as found
