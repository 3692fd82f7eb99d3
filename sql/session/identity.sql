-- Says which database this is, who we are in it, and whether it can be written.
select current_database()::text                                as name,
       session_user::text                                      as role,
       current_setting('server_version')                       as server_version,
       current_setting('server_version_num')::integer          as server_version_num,
       pg_is_in_recovery()                                     as in_recovery,
       current_setting('default_transaction_read_only') = 'on' as read_only_by_default,
       (select rolsuper from pg_roles where rolname = current_user) as superuser,
       pg_backend_pid()                                        as pid,
       now()                                                   as as_of
