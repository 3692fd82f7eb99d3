-- Signals one session, if it is still the one that was shown, in the transaction that was in the
-- way: never a later one with the same pid.
--   $1 integer      process id     $2 timestamptz  start of its backend
--   $3 timestamptz  start of its transaction, or null   $4 text  cancel or terminate
select case $4::text when 'cancel'    then pg_cancel_backend(a.pid)
                     when 'terminate' then pg_terminate_backend(a.pid) end as sent
  from pg_stat_activity as a
 where a.pid = $1::integer
   and a.backend_start = $2::timestamptz
   and a.xact_start is not distinct from $3::timestamptz
