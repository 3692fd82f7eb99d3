-- Records an operation that changed nothing. The same statement is the fence after a COMMIT whose
-- answer was lost: it waits for a transaction that holds this id, so a conflict means that the
-- other one committed, and an insert that it never can.
--   $1 jsonb  the operation
with request as (
  select *
    from jsonb_to_record($1::jsonb)
      as r (id uuid, parent_id uuid, cause text, action text, outcome text, adapter text,
            os_user text, host text, app_actor text, reason text, ticket text, selector text,
            plan_digest text, planned integer, secret_verified boolean, error text,
            tool_version text, server_host text, server_port integer, system_identifier text,
            ends_at timestamptz, batch integer, error_code text, http_principal text,
            http_credential text, http_peer text, http_request_id text, http_request_digest text)
), operation as (
  insert into breakglass.operation (id, parent_id, cause, action, outcome, adapter, os_user, host,
                                    app_actor, reason, ticket, selector, plan_digest, planned,
                                    secret_verified, error, tool_version, server_host,
                                    server_port, system_identifier, ends_at, batch, error_code,
                                    http_principal, http_credential, http_peer, http_request_id,
                                    http_request_digest)
  select id, parent_id, cause, action, outcome, adapter, os_user, host, app_actor, reason, ticket,
         selector, plan_digest, planned, secret_verified, error, tool_version, server_host,
         server_port, system_identifier, ends_at, batch, error_code, http_principal, http_credential,
         http_peer, http_request_id, http_request_digest
    from request
      on conflict do nothing
  returning 1
)
select (select count(*) from operation)::integer as operations,
       now() as occurred_at,
       session_user::text as db_user,
       host(inet_client_addr()) as client_address
