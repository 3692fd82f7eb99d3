-- Taking an operation back, a run of batches, and an end in the future.
--
-- A restore is an operation of its own whose parent is the one that it takes back. A run of batches
-- begins with an operation that touches no token (outcome `begun`) and says which rows each batch
-- has; every batch is an operation with that parent. An end in the future is an expire with `ends_at`.

alter table breakglass.operation
    add column ends_at timestamptz,
    add column batch   integer,
    drop constraint operation_has_known_action,
    drop constraint operation_has_known_outcome,
    drop constraint operation_announces_only_signals,
    drop constraint operation_effect_is_whole,
    drop constraint operation_did_what_was_planned,
    drop constraint operation_without_effect_says_why;

alter table breakglass.operation
    add constraint operation_has_known_action
        check (action in ('expire', 'delete', 'restore', 'cancel_blocker')),
    add constraint operation_has_known_outcome
        check (outcome in ('applied', 'unchanged', 'refused', 'failed', 'announced', 'begun')),
    add constraint operation_announces_only_signals
        check (case when action = 'cancel_blocker'
                    then outcome in ('announced', 'refused', 'failed')
                    else outcome <> 'announced' end),
    -- What is taken back is named, unless nothing was.
    add constraint operation_restore_names_the_restored
        check (action <> 'restore' or outcome in ('refused', 'failed')
               or cause is not distinct from 'restore'),
    add constraint operation_only_a_restore_is_caused_by_one
        check (cause is distinct from 'restore' or action = 'restore'),
    -- A batch has its number in the run that it belongs to.
    add constraint operation_batch_has_number
        check ((cause is not distinct from 'batch') = (batch is not null) and batch > 0),
    -- Only tokens that keep their row can end later.
    add constraint operation_only_an_expire_ends_later
        check (ends_at is null or action = 'expire'),
    -- The beginning of a run touches no token: its batches do.
    add constraint operation_begin_is_whole
        check (outcome <> 'begun'
               or (action in ('expire', 'delete') and parent_id is null
                   and adapter is not null and reason is not null and length(btrim(reason)) > 0
                   and plan_digest is not null and planned > 0 and error is null
                   and matched is null and changed is null and unchanged is null
                   and still_alive is null and companions_planned is null
                   and companions_dead is null and companions_changed is null
                   and cascades is null)),
    add constraint operation_effect_is_whole
        check (outcome in ('refused', 'failed', 'announced', 'begun')
               or (adapter is not null and reason is not null and length(btrim(reason)) > 0
                   and plan_digest is not null and application_audit is not null
                   and planned is not null and matched is not null and changed is not null
                   and unchanged is not null and still_alive is not null
                   and companions_planned is not null and companions_dead is not null
                   and companions_changed is not null and error is null)),
    -- A restore counts rows that are as they were before; whether that is alive or dead is theirs.
    add constraint operation_did_what_was_planned
        check (outcome in ('refused', 'failed', 'announced', 'begun')
               or case when action = 'restore'
                       then planned + companions_planned > 0 and matched = planned
                            and planned = changed + unchanged
                            and companions_changed <= companions_planned
                            and still_alive = 0 and companions_dead = 0
                       -- Of a batch there may be nothing left to change: its rows are gone.
                       else (planned > 0 or cause is not distinct from 'batch')
                            and matched = planned and planned = changed + unchanged
                            and still_alive = 0 and companions_dead = companions_planned end),
    add constraint operation_without_effect_says_why
        check (outcome in ('applied', 'unchanged', 'announced', 'begun')
               or (error is not null and coalesce(changed, 0) = 0
                   and coalesce(companions_changed, 0) = 0));

-- Every batch of a run is done once, whoever else resumes the run at the same time: the second one
-- waits here for the first, and is refused.
create unique index operation_batch_is_done_once on breakglass.operation (parent_id, batch)
    where batch is not null and outcome in ('applied', 'unchanged');

comment on column breakglass.operation.action is
    'what was asked for: expire keeps the row, delete removes it, restore puts back what an operation set, cancel_blocker signals a session that held a lock in the way';
comment on column breakglass.operation.outcome is
    'applied: every planned row is as was asked for, at least one by this; unchanged: all were so before; refused: declined before a change; failed: the database did not do it; announced: a signal was about to be sent, see signal and signal_result; begun: a run of batches, see batch and the operations with this parent';
comment on column breakglass.operation.ends_at is
    'for an expire with an end in the future: when the tokens end at the latest; null for at once';
comment on column breakglass.operation.batch is
    'for a batch: its number in the run, from 1';
comment on column breakglass.operation.still_alive is
    'tokens or companions that were alive after the statement, or would be at ends_at; anything but 0 fails it';
comment on column breakglass.operation.plan_digest is
    'sha256 of the plan in hex: the rows and the columns that were compared; for a plan file the digest of the whole file';

create table breakglass.batch (
    operation_id uuid    not null,
    xid          xid8    not null default pg_current_xact_id(),
    number       integer not null,
    keys         text[]  not null,

    constraint batch_pkey
        primary key (operation_id, number),
    -- They are planned in the transaction of their run, and by nobody later.
    constraint batch_belongs_to_operation
        foreign key (operation_id, xid) references breakglass.operation (id, xid),
    constraint batch_number_is_from_one
        check (number > 0),
    constraint batch_has_keys
        check (cardinality(keys) > 0 and array_position(keys, null) is null)
);

-- A batch is one that was planned.
alter table breakglass.operation
    add constraint operation_batch_is_planned
        foreign key (parent_id, batch) references breakglass.batch (operation_id, number);

comment on table breakglass.batch is
    'The rows of a run of batches, as planned. Append-only.';
comment on column breakglass.batch.operation_id is
    'the operation that began the run';
comment on column breakglass.batch.xid is
    'the transaction that wrote the row, which is the operation''s; by default value';
comment on column breakglass.batch.number is
    'the batch''s number, from 1, in key order';
comment on column breakglass.batch.keys is
    'the tokens of the batch, in key order';

alter table breakglass.observation
    drop constraint observation_has_known_verdict;

alter table breakglass.observation
    add constraint observation_has_known_verdict
        check (verdict in ('dead', 'resurrected', 'unknown', 'accepted', 'scheduled', 'restored', 'changed',
                           'gone'));

comment on column breakglass.observation.verdict is
    'dead: seen dead by the adapter''s rule, or refused by the application when that was asked; resurrected: seen alive; unknown: could not be seen; accepted: taken by the application when that was asked, although the row was dead; scheduled: seen to end when it was to; restored: seen as it was put back; changed: seen otherwise after a restore; gone: the row is not there, to be restored or to be changed by its batch';

create trigger batch_is_append_only
    before update or delete or truncate on breakglass.batch
    for each statement execute function breakglass.refuse_rewrite();

alter table breakglass.batch enable always trigger batch_is_append_only;

-- Default privileges of the database may have given some.
revoke all on breakglass.batch from public;
