-- Who asked over HTTP, a word for what went wrong, and plans that wait to be applied.
--
-- An HTTP server acts for many, under one role of the database. So the record has the principal that
-- asked, what proved it, and a digest of the request: a retry under the same operation's id is told
-- by it from another request. A plan that was shown over HTTP waits in a table of its own. It is no
-- part of the log: its row goes when it is applied, declined or over.

alter table breakglass.operation
    add column http_principal      text,
    add column http_credential     text,
    add column http_peer           text,
    add column http_request_id     text,
    add column http_request_digest text,
    add column error_code          text;

alter table breakglass.operation
    -- Whoever asked over HTTP is known whole, or did not ask over HTTP. Behind some sockets a peer
    -- has no name.
    add constraint operation_http_caller_is_whole
        check (num_nonnulls(http_principal, http_credential, http_request_id, http_request_digest)
               in (0, 4)
               and (http_peer is null or http_principal is not null)),
    add constraint operation_http_request_digest_is_sha256
        check (http_request_digest ~ '^[0-9a-f]{64}$'),
    add constraint operation_error_code_is_of_an_error
        check (error_code is null or outcome in ('refused', 'failed'));

comment on column breakglass.operation.http_principal is
    'who asked over HTTP, by the name in the server''s file of principals; null for the command line';
comment on column breakglass.operation.http_credential is
    'id of the credential that proved who it was: never the credential itself';
comment on column breakglass.operation.http_peer is
    'where the request came from, as the server saw it: 127.0.0.1:50123, or unix:uid=1000,pid=4711';
comment on column breakglass.operation.http_request_id is
    'id of the request, as the server''s log has it';
comment on column breakglass.operation.http_request_digest is
    'sha256 of the request in hex: a retry of the operation is the same request';
comment on column breakglass.operation.error_code is
    'for a refusal or a failure: what was wrong, in a word for programs; null before version 4';

create table breakglass.plan (
    operation_id uuid        not null,
    digest       text        not null,
    principal    text        not null,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    content      jsonb       not null,

    constraint plan_pkey
        primary key (operation_id),
    constraint plan_digest_is_sha256
        check (digest ~ '^[0-9a-f]{64}$'),
    constraint plan_expires_later
        check (expires_at > created_at),
    constraint plan_content_is_object
        check (jsonb_typeof(content) = 'object')
);

comment on table breakglass.plan is
    'Plans that wait to be applied over HTTP. No part of the log: rows go when they are applied, declined or over.';
comment on column breakglass.plan.operation_id is
    'the operation that it will be; no foreign key, since that is recorded when it is applied';
comment on column breakglass.plan.digest is
    'sha256 of the plan in hex, by which it is named and approved';
comment on column breakglass.plan.principal is
    'who had it made; nobody else may apply it';
comment on column breakglass.plan.created_at is
    'when it was made, by the database clock; by default value';
comment on column breakglass.plan.expires_at is
    'until when it may be applied, by the database clock';
comment on column breakglass.plan.content is
    'the rows as they were shown and what is to be done to them, without any secret';

create index plan_digest on breakglass.plan (digest, principal);

-- Default privileges of the database may have given some.
revoke all on breakglass.plan from public;
