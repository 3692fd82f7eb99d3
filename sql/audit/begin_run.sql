-- Records that a run of batches begins; its batches are planned in the same transaction.
--   $1 jsonb  the operation
with request as (
  select *
    from jsonb_to_record($1::jsonb)
      as r (id uuid, parent_id uuid, cause text, action text, adapter text, os_user text, host text,
            app_actor text, reason text, ticket text, selector text, plan_digest text, planned integer,
            application_audit text, tool_version text, server_host text, server_port integer,
            system_identifier text, ends_at timestamptz, http_principal text, http_credential text,
            http_peer text, http_request_id text, http_request_digest text)
), operation as (
  insert into breakglass.operation (id, parent_id, cause, action, outcome, adapter, os_user, host,
                                    app_actor, reason, ticket, selector, plan_digest, planned,
                                    application_audit, tool_version, server_host, server_port,
                                    system_identifier, ends_at, http_principal, http_credential,
                                    http_peer, http_request_id, http_request_digest)
  select id, parent_id, cause, action, 'begun', adapter, os_user, host, app_actor, reason, ticket,
         selector, plan_digest, planned, application_audit, tool_version, server_host, server_port,
         system_identifier, ends_at, http_principal, http_credential, http_peer, http_request_id,
         http_request_digest
    from request
  returning 1
)
select (select count(*) from operation)::integer as operations
