       -- the columns of an operation, in the words of the model
       o.id, o.parent_id, o.cause, o.action, o.outcome, o.occurred_at, o.adapter, o.os_user, o.host, o.db_user,
       host(o.client_address) as client_address, o.app_actor, o.reason, o.ticket, o.selector,
       o.plan_digest, o.planned, o.matched,
       -- the beginning of a run has changed what its batches have
       case when o.outcome = 'begun' then run.changed else o.changed end as changed,
       case when o.outcome = 'begun' then run.unchanged else o.unchanged end as unchanged,
       case when o.outcome = 'begun' then run.companions_changed
            else o.companions_changed end as companions_changed,
       o.cascades, o.application_audit, o.secret_verified, o.error, o.tool_version, o.server_host,
       o.server_port, o.database_name, o.server_version, o.system_identifier,
       o.ends_at, o.batch, o.error_code, o.http_principal, o.http_credential, o.http_peer,
       o.http_request_id, o.http_request_digest
