{#- The record of a change: its rows, the application's own audit row, the operation, the counts. #}
), recorded as (
  insert into breakglass.change (operation_id, relation, key, kind, label, owner_id, owner_login,
                                 state_before, state_after, before, after)
  select request.id, change.relation, change.key, change.kind, change.label, change.owner_id,
         change.owner_login, change.state_before, change.state_after, change.before, change.after
    from change
   cross join request
  returning 1
{%- if application_audit %}
), application_recorded as (
  insert into {{ application_audit.table }} ({{ application_audit.columns }})
  select {{ application_audit.values }}
    from same
    join changed using (row_key)
   cross join request
   where request.application_audit = 'written'
  returning 1
{%- endif %}
), counts as (
  select (select count(*) from planned)::integer                                    as planned,
         (select count(*) from same)::integer                                       as matched,
         (select count(*) from changed)::integer                                    as changed,
         (select count(*) from same where dead)::integer                            as unchanged,
{%- if restoring %}
         (  (select count(*) from changed where not ended)
          + (select count(*) from planned_companion)
          - (select count(*) from companion where dead))::integer                   as still_alive,
{%- else %}
         (  (select count(*) from changed where not ended)
          + (select count(*) from companion where not dead))::integer               as still_alive,
{%- endif %}
         (select count(*) from planned_companion)::integer                          as companions_planned,
{%- if restoring %}
         0                                                                          as companions_dead,
{%- else %}
         (select count(*) from planned_companion as p
           where exists (select from companion
                          where companion.relation = p.relation and companion.key = p.key
                            and companion.dead))::integer                           as companions_dead,
{%- endif %}
         (select count(*) from companion where changed)::integer                    as companions_changed,
         (select count(*) from recorded)::integer                                   as recorded,
{%- if application_audit %}
         (select count(*) from application_recorded)::integer                       as application_recorded,
{%- else %}
         0                                                                          as application_recorded,
{%- endif %}
         {{ cascaded }}                                                             as cascades
), operation as (                             -- its CHECKs fail the statement when the counts do not add up
  insert into breakglass.operation (id, parent_id, cause, action, outcome, adapter, os_user, host,
                                    app_actor, reason, ticket, selector, plan_digest, planned, matched,
                                    changed, unchanged, still_alive, companions_planned,
                                    companions_dead, companions_changed, cascades, application_audit,
                                    secret_verified, tool_version, server_host, server_port,
                                    system_identifier, ends_at, batch, http_principal,
                                    http_credential, http_peer, http_request_id,
                                    http_request_digest)
  select request.id, request.parent_id, request.cause, request.action,
         case when counts.changed + counts.companions_changed = 0 then 'unchanged' else 'applied' end,
         request.adapter, request.os_user, request.host, request.app_actor, request.reason,
         request.ticket, request.selector, request.plan_digest, counts.planned, counts.matched,
         counts.changed, counts.unchanged, counts.still_alive, counts.companions_planned,
         counts.companions_dead, counts.companions_changed, counts.cascades,
         case when counts.changed = 0 and request.application_audit = 'written' then 'none'
              else request.application_audit end,
         request.secret_verified, request.tool_version,
         request.server_host, request.server_port, request.system_identifier,
         request.ends_at, request.batch, request.http_principal, request.http_credential,
         request.http_peer, request.http_request_id, request.http_request_digest
    from counts
   cross join request
  returning 1
)
select counts.*,
       (select count(*) from operation)::integer as operations,
       now() as occurred_at,
       session_user::text as db_user,
       host(inet_client_addr()) as client_address,
       (select coalesce(jsonb_agg(to_jsonb(change) - 'place' order by place, relation, key), '[]')
          from change) as changes
  from counts
