-- Limits and settings of the transaction, until its end only, so that a pooler's next client
-- does not inherit them. Texts of rows are pinned, so that what is compared and recorded does
-- not depend on a role's defaults. Says which backend runs the transaction: behind a pooler it is
-- another one each time.
--   $1 text  lock_timeout                          $2 text  statement_timeout
--   $3 text  idle_in_transaction_session_timeout   (each with its unit, such as 5000ms)
select set_config('lock_timeout', $1, true),
       set_config('statement_timeout', $2, true),
       set_config('idle_in_transaction_session_timeout', $3, true),
       set_config('row_security', 'off', true),
       set_config('synchronous_commit',
                  case when current_setting('synchronous_commit') in ('off', 'local')
                       then 'on' else current_setting('synchronous_commit') end, true),
       set_config('quote_all_identifiers', 'off', true),
       set_config('DateStyle', 'ISO, YMD', true),
       set_config('TimeZone', 'UTC', true),
       set_config('IntervalStyle', 'postgres', true),
       set_config('bytea_output', 'hex', true),
       set_config('extra_float_digits', '1', true),
       set_config('lc_monetary', 'C', true),
       set_config('array_nulls', 'on', true),
       set_config('xmloption', 'content', true),
       pg_backend_pid() as pid
