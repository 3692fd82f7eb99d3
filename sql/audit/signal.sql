-- Shows which session an operation was about to signal, and what came of it.
--   $1 uuid  operation
select s.pid, s.backend_start, s.role, s.application, s.client_address, s.backend_type, s.state,
       s.signal, r.result, r.detail, r.seen_at
  from breakglass.signal as s
  left join breakglass.signal_result as r using (operation_id)
 where s.operation_id = $1::uuid
