-- Breakglass's own audit log: one row a request, one row a changed row, one row a look afterwards.
-- The schema `breakglass` exists already; it is made in the same transaction.

create table breakglass.operation (
    id                 uuid        not null,
    parent_id          uuid,
    cause              text,
    occurred_at        timestamptz not null default now(),
    action             text        not null,
    outcome            text        not null,
    adapter            text,
    os_user            text,
    host               text,
    db_user            text        not null default session_user,
    client_address     inet                 default inet_client_addr(),
    backend_pid        integer     not null default pg_backend_pid(),
    xid                xid8        not null default pg_current_xact_id(),
    app_actor          text,
    reason             text,
    ticket             text,
    selector           text        not null,
    plan_digest        text,
    planned            integer,
    matched            integer,
    changed            integer,
    unchanged          integer,
    still_alive        integer,
    companions_planned integer,
    companions_dead    integer,
    companions_changed integer,
    cascades           jsonb,
    application_audit  text,
    secret_verified    boolean,
    error              text,
    tool_version       text        not null,
    server_host        text,
    server_port        integer,
    database_name      text        not null default current_database(),
    server_version     text        not null default current_setting('server_version'),
    system_identifier  text,

    constraint operation_pkey
        primary key (id),
    constraint operation_is_of_one_transaction
        unique (id, xid),
    constraint operation_has_known_action
        check (action in ('expire', 'delete')),
    constraint operation_has_known_outcome
        check (outcome in ('applied', 'unchanged', 'refused', 'failed')),
    constraint operation_parent_has_cause
        check ((parent_id is null) = (cause is null)),
    constraint operation_has_known_cause
        check (cause in ('batch', 're-apply', 'restore')),
    constraint operation_has_list_of_cascades
        check (jsonb_typeof(cascades) = 'array'),
    constraint operation_has_known_application_audit
        check (application_audit in ('written', 'none', 'off', 'not_granted')),
    -- An operation that claims an effect says why, on what, and how many.
    constraint operation_effect_is_whole
        check (outcome in ('refused', 'failed')
               or (adapter is not null and reason is not null and length(btrim(reason)) > 0
                   and plan_digest is not null and application_audit is not null
                   and planned is not null and matched is not null and changed is not null
                   and unchanged is not null and still_alive is not null
                   and companions_planned is not null and companions_dead is not null
                   and companions_changed is not null and error is null)),
    -- `applied` and `unchanged` mean it: every planned row is accounted for and dead.
    -- This is what fails the whole statement when the counts do not add up.
    constraint operation_did_what_was_planned
        check (outcome in ('refused', 'failed')
               or (planned > 0 and matched = planned and planned = changed + unchanged
                   and still_alive = 0 and companions_dead = companions_planned)),
    constraint operation_unchanged_changed_nothing
        check (outcome <> 'unchanged' or (changed = 0 and companions_changed = 0)),
    constraint operation_without_effect_says_why
        check (outcome in ('applied', 'unchanged')
               or (error is not null and coalesce(changed, 0) = 0
                   and coalesce(companions_changed, 0) = 0))
);

comment on table breakglass.operation is
    'One row per request of an operator, also when it was refused or failed. Append-only.';
comment on column breakglass.operation.id is
    'uuid v7, made by the client before the transaction; printed to the operator';
comment on column breakglass.operation.parent_id is
    'the operation that caused this one; no foreign key, since it may be recorded later';
comment on column breakglass.operation.cause is
    'why the parent caused it: batch, re-apply or restore';
comment on column breakglass.operation.occurred_at is
    'start of the transaction by the database clock; a slow one appears behind newer ones';
comment on column breakglass.operation.action is
    'what was asked for: expire keeps the row, delete removes it';
comment on column breakglass.operation.outcome is
    'applied: every planned row is dead, at least one by this; unchanged: all were dead before; refused: declined before a change; failed: the database did not do it';
comment on column breakglass.operation.adapter is
    'the data file that said where the application keeps its tokens';
comment on column breakglass.operation.os_user is
    'operating system user of the client, as told by the client';
comment on column breakglass.operation.host is
    'host name of the client, as told by the client';
comment on column breakglass.operation.db_user is
    'role that logged in (session_user), by default value: the operator role cannot set it';
comment on column breakglass.operation.client_address is
    'address of the client as the server saw it, null for a unix socket; by default value';
comment on column breakglass.operation.backend_pid is
    'process id of the server backend; by default value';
comment on column breakglass.operation.xid is
    'the transaction that wrote the row; by default value: its changes are of the same one';
comment on column breakglass.operation.app_actor is
    'user of the application on whose behalf it was done (--app-actor)';
comment on column breakglass.operation.reason is
    'why, in the operator''s words';
comment on column breakglass.operation.ticket is
    'the ticket that asked for it';
comment on column breakglass.operation.selector is
    'how the targets were named; a secret stands as its length and digest only';
comment on column breakglass.operation.plan_digest is
    'sha256 of the plan in hex: the rows and the columns that were compared';
comment on column breakglass.operation.planned is
    'tokens in the plan';
comment on column breakglass.operation.matched is
    'planned tokens that were as shown, or dead, when they were locked';
comment on column breakglass.operation.changed is
    'tokens that this operation changed';
comment on column breakglass.operation.unchanged is
    'planned tokens that were dead already and were left as they were';
comment on column breakglass.operation.still_alive is
    'tokens or companions that were alive after the statement; anything but 0 fails it';
comment on column breakglass.operation.companions_planned is
    'live companion rows in the plan (refresh tokens and the like)';
comment on column breakglass.operation.companions_dead is
    'planned companion rows that were dead after the statement';
comment on column breakglass.operation.companions_changed is
    'companion rows that this operation changed';
comment on column breakglass.operation.cascades is
    'for a delete: rows of other tables that foreign keys took along, one object a key';
comment on column breakglass.operation.application_audit is
    'whether the application''s own audit log has it: written, none, off, not_granted';
comment on column breakglass.operation.secret_verified is
    'false: a pasted secret could not be compared with the stored hash; null: none was pasted';
comment on column breakglass.operation.error is
    'for a refusal or a failure: what was wrong';
comment on column breakglass.operation.tool_version is
    'version of breakglass that wrote the row';
comment on column breakglass.operation.server_host is
    'host or socket directory that the client connected to';
comment on column breakglass.operation.server_port is
    'port that the client connected to';
comment on column breakglass.operation.database_name is
    'name of the database; by default value';
comment on column breakglass.operation.server_version is
    'version of the server; by default value';
comment on column breakglass.operation.system_identifier is
    'identifier of the cluster as initdb made it, where the client could read it';

create index operation_occurred_at on breakglass.operation (occurred_at desc, id desc);
create index operation_parent_id on breakglass.operation (parent_id) where parent_id is not null;

create table breakglass.change (
    operation_id uuid not null,
    xid          xid8 not null default pg_current_xact_id(),
    relation     text not null,
    key          text not null,
    kind         text not null,
    label        text,
    owner_id     text,
    owner_login  text,
    state_before text not null,
    state_after  text not null,
    before       jsonb not null,
    after        jsonb,

    constraint change_pkey
        primary key (operation_id, relation, key),
    -- Nobody can add a change to an operation that was recorded before.
    constraint change_belongs_to_operation
        foreign key (operation_id, xid) references breakglass.operation (id, xid),
    constraint change_is_gone_or_described
        check ((after is null) = (state_after = 'deleted')),
    constraint change_columns_are_objects
        check (jsonb_typeof(before) = 'object' and jsonb_typeof(after) = 'object')
);

comment on table breakglass.change is
    'One row per token or companion row that an operation changed. Append-only.';
comment on column breakglass.change.operation_id is
    'the operation that changed it';
comment on column breakglass.change.xid is
    'the transaction that wrote the row, which is the operation''s; by default value';
comment on column breakglass.change.relation is
    'table of the row, with its schema';
comment on column breakglass.change.key is
    'primary key as text; sha256 of it in hex where the key is itself the secret';
comment on column breakglass.change.kind is
    'the adapter''s kind of token; for a companion the companion''s name';
comment on column breakglass.change.label is
    'human name of the token';
comment on column breakglass.change.owner_id is
    'key of the owner as text';
comment on column breakglass.change.owner_login is
    'login of the owner when the operation was planned';
comment on column breakglass.change.state_before is
    'active, expired, revoked or disabled, by the adapter''s rule';
comment on column breakglass.change.state_after is
    'the same afterwards, or deleted';
comment on column breakglass.change.before is
    'columns that the operation set (for a delete: every tracked column), each as its text in UTC and ISO style, SQL null as null';
comment on column breakglass.change.after is
    'the same columns afterwards; null when the row is gone';

create index change_key on breakglass.change (key);

create table breakglass.observation (
    id           bigint      not null generated always as identity,
    operation_id uuid        not null,
    observed_at  timestamptz not null default now(),
    db_user      text        not null default session_user,
    key          text        not null,
    verdict      text        not null,
    detail       text        not null,

    constraint observation_pkey
        primary key (id),
    constraint observation_belongs_to_operation
        foreign key (operation_id) references breakglass.operation (id),
    constraint observation_has_known_verdict
        check (verdict in ('dead', 'resurrected', 'unknown'))
);

comment on table breakglass.observation is
    'What was seen after the commit, on a fresh connection. Append-only.';
comment on column breakglass.observation.id is
    'order of writing';
comment on column breakglass.observation.operation_id is
    'the operation whose effect was looked at';
comment on column breakglass.observation.observed_at is
    'when, by the database clock';
comment on column breakglass.observation.db_user is
    'role that logged in (session_user); by default value';
comment on column breakglass.observation.key is
    'the token that was looked at';
comment on column breakglass.observation.verdict is
    'dead: seen dead by the adapter''s rule; resurrected: seen alive; unknown: could not be seen';
comment on column breakglass.observation.detail is
    'the state that was read, or why none could be';

create index observation_operation_id on breakglass.observation (operation_id);

-- The log is append-only for everybody: the statement itself is refused, whatever rows it
-- would touch. The owner of the schema can still drop the trigger; no table can prevent that.
create function breakglass.refuse_rewrite() returns trigger
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    raise exception 'breakglass.% is append-only: % is refused', tg_table_name, lower(tg_op)
        using errcode = 'restrict_violation',
              hint = 'retention is a documented procedure of the schema''s owner';
end
$$;

comment on function breakglass.refuse_rewrite() is
    'Refuses update, delete and truncate on the audit log';

create trigger operation_is_append_only
    before update or delete or truncate on breakglass.operation
    for each statement execute function breakglass.refuse_rewrite();
create trigger change_is_append_only
    before update or delete or truncate on breakglass.change
    for each statement execute function breakglass.refuse_rewrite();
create trigger observation_is_append_only
    before update or delete or truncate on breakglass.observation
    for each statement execute function breakglass.refuse_rewrite();

alter table breakglass.operation enable always trigger operation_is_append_only;
alter table breakglass.change enable always trigger change_is_append_only;
alter table breakglass.observation enable always trigger observation_is_append_only;

-- Default privileges of the database may have given some.
revoke all on breakglass.operation, breakglass.change, breakglass.observation from public;
