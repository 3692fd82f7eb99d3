-- What an operator may do about a session that holds a lock in the way: cancel its statement or end
-- it. The request is an operation, recorded before the signal is sent; what came of it is a row of
-- its own afterwards, because the log is append-only.

alter table breakglass.operation
    drop constraint operation_has_known_action,
    drop constraint operation_has_known_outcome,
    drop constraint operation_has_known_cause,
    drop constraint operation_effect_is_whole,
    drop constraint operation_did_what_was_planned,
    drop constraint operation_without_effect_says_why;

alter table breakglass.operation
    add constraint operation_has_known_action
        check (action in ('expire', 'delete', 'cancel_blocker')),
    add constraint operation_has_known_outcome
        check (outcome in ('applied', 'unchanged', 'refused', 'failed', 'announced')),
    add constraint operation_has_known_cause
        check (cause in ('batch', 're-apply', 'restore', 'blocked')),
    -- Only a signal is announced, and it has no other success: what came of it is known later.
    add constraint operation_announces_only_signals
        check (case when action = 'cancel_blocker'
                    then outcome in ('announced', 'refused', 'failed')
                    else outcome <> 'announced' end),
    -- A signal is sent for the sake of an operation that waited, and for nothing else.
    add constraint operation_signal_is_for_a_blocked_one
        check ((action = 'cancel_blocker') = (cause is not distinct from 'blocked')),
    -- It touches no token, so it counts none.
    add constraint operation_signal_counts_nothing
        check (action <> 'cancel_blocker'
               or (plan_digest is null and planned is null and matched is null and changed is null
                   and unchanged is null and still_alive is null and companions_planned is null
                   and companions_dead is null and companions_changed is null
                   and cascades is null and application_audit is null and secret_verified is null)),
    add constraint operation_announcement_is_whole
        check (outcome <> 'announced'
               or (reason is not null and length(btrim(reason)) > 0 and error is null)),
    -- The three below are as they were for tokens.
    add constraint operation_effect_is_whole
        check (outcome in ('refused', 'failed', 'announced')
               or (adapter is not null and reason is not null and length(btrim(reason)) > 0
                   and plan_digest is not null and application_audit is not null
                   and planned is not null and matched is not null and changed is not null
                   and unchanged is not null and still_alive is not null
                   and companions_planned is not null and companions_dead is not null
                   and companions_changed is not null and error is null)),
    add constraint operation_did_what_was_planned
        check (outcome in ('refused', 'failed', 'announced')
               or (planned > 0 and matched = planned and planned = changed + unchanged
                   and still_alive = 0 and companions_dead = companions_planned)),
    add constraint operation_without_effect_says_why
        check (outcome in ('applied', 'unchanged', 'announced')
               or (error is not null and coalesce(changed, 0) = 0
                   and coalesce(companions_changed, 0) = 0));

comment on column breakglass.operation.action is
    'what was asked for: expire keeps the row, delete removes it, cancel_blocker signals a session that held a lock in the way';
comment on column breakglass.operation.outcome is
    'applied: every planned row is dead, at least one by this; unchanged: all were dead before; refused: declined before a change; failed: the database did not do it; announced: a signal was about to be sent, see signal and signal_result';
comment on column breakglass.operation.cause is
    'why the parent caused it: batch, re-apply, restore or blocked';

create table breakglass.signal (
    operation_id      uuid        not null,
    xid               xid8        not null default pg_current_xact_id(),
    pid               integer     not null,
    backend_start     timestamptz not null,
    transaction_start timestamptz,
    role              text,
    application       text,
    client_address    text,
    backend_type      text,
    state             text,
    signal            text        not null,

    constraint signal_pkey
        primary key (operation_id),
    -- It is announced in the transaction of its operation, and by nobody later.
    constraint signal_belongs_to_operation
        foreign key (operation_id, xid) references breakglass.operation (id, xid),
    constraint signal_is_known
        check (signal in ('cancel', 'terminate'))
);

comment on table breakglass.signal is
    'Which session an operation was about to signal, as it was seen then. Append-only.';
comment on column breakglass.signal.operation_id is
    'the operation of action cancel_blocker';
comment on column breakglass.signal.xid is
    'the transaction that wrote the row, which is the operation''s; by default value';
comment on column breakglass.signal.pid is
    'process id of the session''s backend';
comment on column breakglass.signal.backend_start is
    'when the backend was started: together with the pid it names one session';
comment on column breakglass.signal.transaction_start is
    'when the transaction in the way was opened; a later one is not signalled';
comment on column breakglass.signal.role is
    'the session''s role';
comment on column breakglass.signal.application is
    'the session''s application_name';
comment on column breakglass.signal.client_address is
    'where the session connected from; null for a unix socket and for the server''s own processes';
comment on column breakglass.signal.backend_type is
    'what the session is: client backend, autovacuum worker and so on';
comment on column breakglass.signal.state is
    'the session''s state, such as active or idle in transaction';
comment on column breakglass.signal.signal is
    'cancel: its statement is cancelled; terminate: the session is ended';

create table breakglass.signal_result (
    operation_id uuid        not null,
    seen_at      timestamptz not null default clock_timestamp(),
    db_user      text        not null default session_user,
    result       text        not null,
    detail       text,

    constraint signal_result_pkey
        primary key (operation_id),
    constraint signal_result_belongs_to_signal
        foreign key (operation_id) references breakglass.signal (operation_id),
    constraint signal_result_is_known
        check (result in ('sent', 'gone', 'refused', 'failed')),
    constraint signal_result_says_why
        check ((result in ('refused', 'failed')) = (detail is not null))
);

comment on table breakglass.signal_result is
    'What came of an announced signal; where it is missing that is not known. Append-only.';
comment on column breakglass.signal_result.operation_id is
    'the operation that announced the signal';
comment on column breakglass.signal_result.seen_at is
    'when, by the database clock; by default value';
comment on column breakglass.signal_result.db_user is
    'role that logged in (session_user); by default value';
comment on column breakglass.signal_result.result is
    'sent: the server took it; gone: the session or its transaction had ended by itself, nothing was sent; refused: the role may not; failed: no answer';
comment on column breakglass.signal_result.detail is
    'for a refusal or a failure: what was wrong';

create trigger signal_is_append_only
    before update or delete or truncate on breakglass.signal
    for each statement execute function breakglass.refuse_rewrite();
create trigger signal_result_is_append_only
    before update or delete or truncate on breakglass.signal_result
    for each statement execute function breakglass.refuse_rewrite();

alter table breakglass.signal enable always trigger signal_is_append_only;
alter table breakglass.signal_result enable always trigger signal_result_is_append_only;

-- Default privileges of the database may have given some.
revoke all on breakglass.signal, breakglass.signal_result from public;
