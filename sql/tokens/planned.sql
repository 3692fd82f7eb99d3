{#- The request and its plan, unpacked: the first common tables of every change. #}
with request as (
  -- Names were looked up under the closed path by now; the triggers of the application run with its
  -- schema on the path, because they may name their tables without one (Coder's do).
  select r.*,
         set_config('search_path', concat_ws(', ', 'pg_catalog', quote_ident(r.schema), 'pg_temp'), true)
           as path
    from jsonb_to_record($1::jsonb)
      as r (schema text, id uuid, parent_id uuid, cause text, action text, adapter text, os_user text, host text,
            app_actor text, app_actor_id text, reason text, ticket text, selector text,
            plan_digest text, ends_at timestamptz, batch integer, application_audit text, secret_verified boolean, tool_version text,
            server_host text, server_port integer, system_identifier text, http_principal text,
            http_credential text, http_peer text, http_request_id text, http_request_digest text)
), planned as (
  select *
    from jsonb_to_recordset($2::jsonb)
      as p (key text, fixed jsonb, vital jsonb, owner_login text, before jsonb, after jsonb)
), planned_companion as (
  select *
    from jsonb_to_recordset($3::jsonb)
      as p (relation text, name text, key text, token text, vital jsonb, before jsonb, after jsonb)
)
