-- Records that a session is about to be signalled: the operation and its target, in one statement.
--   $1 jsonb  the operation   $2 jsonb  the target
with request as (
  select *
    from jsonb_to_record($1::jsonb)
      as r (id uuid, parent_id uuid, cause text, action text, outcome text, adapter text,
            os_user text, host text, reason text, ticket text, selector text,
            tool_version text, server_host text, server_port integer, system_identifier text,
            http_principal text, http_credential text, http_peer text, http_request_id text,
            http_request_digest text)
), operation as (
  insert into breakglass.operation (id, parent_id, cause, action, outcome, adapter, os_user, host,
                                    reason, ticket, selector, tool_version, server_host,
                                    server_port, system_identifier, http_principal,
                                    http_credential, http_peer, http_request_id,
                                    http_request_digest)
  select id, parent_id, cause, action, outcome, adapter, os_user, host, reason, ticket, selector,
         tool_version, server_host, server_port, system_identifier, http_principal, http_credential,
         http_peer, http_request_id, http_request_digest
    from request
  returning 1
), signal as (
  insert into breakglass.signal (operation_id, pid, backend_start, transaction_start, role,
                                 application, client_address, backend_type, state, signal)
  select request.id, t.pid, t.backend_start, t.transaction_start, t.role, t.application,
         t.client_address, t.backend_type, t.state, t.signal
    from request
   cross join jsonb_to_record($2::jsonb)
      as t (pid integer, backend_start timestamptz, transaction_start timestamptz, role text,
            application text, client_address text, backend_type text, state text, signal text)
  returning 1
)
select (select count(*) from operation)::integer as operations,
       (select count(*) from signal)::integer    as signals
