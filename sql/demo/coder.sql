-- The tables of a Coder database that have to do with tokens, in the shape they have since v2.28.
--
-- Written for breakglass from what was read about Coder's schema; it is not a copy of Coder's own.
-- Names are unqualified, as in Coder: load it with the schema in search_path. The bodies of the
-- functions are unqualified too, as in Coder, and so they find their tables by the search_path of
-- whoever makes them fire. Load seed.sql after it for users and keys.

create type login_type as enum (
    'password', 'github', 'oidc', 'token', 'none', 'oauth2_provider_app'
);

create type user_status as enum ('active', 'suspended', 'dormant');

-- A few of some 250; every release adds some.
create type api_key_scope as enum (
    'coder:all',
    'coder:application_connect',
    'coder:workspaces.create',
    'coder:workspaces.operate',
    'coder:workspaces.access',
    'coder:templates.build',
    'coder:templates.author',
    'coder:apikeys.manage_self',
    'api_key:*',
    'api_key:create',
    'api_key:read',
    'api_key:update',
    'api_key:delete',
    'audit_log:read',
    'file:create',
    'file:read',
    'organization:read',
    'template:*',
    'template:read',
    'template:create',
    'template:update',
    'user:read',
    'user:read_personal',
    'workspace:*',
    'workspace:read',
    'workspace:create',
    'workspace:update',
    'workspace:delete',
    'workspace:start',
    'workspace:stop',
    'workspace:ssh',
    'workspace:application_connect'
);

create type audit_action as enum (
    'create', 'write', 'delete', 'start', 'stop', 'login', 'logout', 'register',
    'request_password_reset', 'connect', 'disconnect', 'open', 'close'
);

create type resource_type as enum (
    'organization', 'template', 'template_version', 'user', 'workspace', 'git_ssh_key', 'api_key',
    'group', 'workspace_build', 'license', 'workspace_proxy', 'convert_login', 'health_settings',
    'oauth2_provider_app', 'oauth2_provider_app_secret', 'custom_role', 'organization_member',
    'notifications_settings', 'notification_template', 'idp_sync_settings_organization',
    'idp_sync_settings_group', 'idp_sync_settings_role', 'workspace_agent', 'workspace_app',
    'prebuilds_settings', 'task'
);

create table organizations (
    id           uuid        not null,
    name         text        not null,
    display_name text        not null,
    description  text        not null default '',
    icon         text        not null default '',
    is_default   boolean     not null default false,
    deleted      boolean     not null default false,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,

    constraint organizations_pkey primary key (id)
);

create unique index organizations_single_default_org
    on organizations (is_default) where is_default;

create table users (
    id                   uuid        not null,
    email                text        not null,
    username             text        not null,
    hashed_password      bytea       not null,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    status               user_status not null default 'dormant',
    rbac_roles           text[]      not null default '{}',
    login_type           login_type  not null default 'password',
    avatar_url           text        not null default '',
    deleted              boolean     not null default false,
    last_seen_at         timestamp   not null default '0001-01-01 00:00:00',
    quiet_hours_schedule text        not null default '',
    name                 text        not null default '',
    github_com_user_id   bigint,
    is_system            boolean     not null default false,
    is_service_account   boolean     not null default false,

    constraint users_pkey primary key (id)
);

create unique index idx_users_username on users (username) where not deleted;
create unique index users_username_lower_idx on users (lower(username)) where not deleted;
create unique index idx_users_email on users (email) where not deleted and email <> '';
create unique index users_email_lower_idx on users (lower(email)) where not deleted and email <> '';

create table api_keys (
    id               text            not null,
    hashed_secret    bytea           not null,
    user_id          uuid            not null,
    last_used        timestamptz     not null,
    expires_at       timestamptz     not null,
    created_at       timestamptz     not null,
    updated_at       timestamptz     not null,
    login_type       login_type      not null,
    lifetime_seconds bigint          not null default 86400,
    ip_address       inet            not null default '0.0.0.0',
    token_name       text            not null default '',
    scopes           api_key_scope[] not null,
    allow_list       text[]          not null,

    constraint api_keys_pkey primary key (id),
    constraint api_keys_user_id_uuid_fkey
        foreign key (user_id) references users (id) on delete cascade,
    constraint api_keys_allow_list_not_empty check (array_length(allow_list, 1) > 0)
);

comment on column api_keys.hashed_secret is 'SHA-256 of the part of the token after the dash';

create index idx_api_keys_user on api_keys (user_id);
create unique index idx_api_key_name on api_keys (user_id, token_name) where login_type = 'token';
create index api_keys_last_used_idx on api_keys (last_used desc);

create table audit_logs (
    id                uuid          not null,
    time              timestamptz   not null,
    user_id           uuid          not null,
    organization_id   uuid          not null,
    ip                inet,
    user_agent        varchar(256),
    resource_type     resource_type not null,
    resource_id       uuid          not null,
    resource_target   text          not null,
    action            audit_action  not null,
    diff              jsonb         not null,
    status_code       integer       not null,
    additional_fields jsonb         not null,
    request_id        uuid          not null,
    resource_icon     text          not null,

    constraint audit_logs_pkey primary key (id)
);

create index idx_audit_logs_time_desc on audit_logs (time desc);
create index idx_audit_log_user_id on audit_logs (user_id);
create index idx_audit_log_resource_id on audit_logs (resource_id);
create index idx_audit_log_organization_id on audit_logs (organization_id);

create table oauth2_provider_apps (
    id           uuid         not null,
    created_at   timestamptz  not null,
    updated_at   timestamptz  not null,
    name         varchar(64)  not null,
    icon         varchar(256) not null,
    callback_url text         not null,

    constraint oauth2_provider_apps_pkey primary key (id)
);

create table oauth2_provider_app_secrets (
    id             uuid        not null,
    created_at     timestamptz not null,
    last_used_at   timestamptz,
    hashed_secret  bytea       not null,
    display_secret text        not null,
    secret_prefix  bytea       not null,
    app_id         uuid        not null,

    constraint oauth2_provider_app_secrets_pkey primary key (id),
    constraint oauth2_provider_app_secrets_secret_prefix_key unique (secret_prefix),
    constraint oauth2_provider_app_secrets_app_id_fkey
        foreign key (app_id) references oauth2_provider_apps (id) on delete cascade
);

-- One row a grant: the refresh token, and the key it was last exchanged for.
create table oauth2_provider_app_tokens (
    id            uuid        not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    hash_prefix   bytea       not null,
    refresh_hash  bytea       not null,
    app_secret_id uuid        not null,
    api_key_id    text        not null,
    audience      text,
    user_id       uuid        not null,

    constraint oauth2_provider_app_tokens_pkey primary key (id),
    constraint oauth2_provider_app_tokens_hash_prefix_key unique (hash_prefix),
    constraint oauth2_provider_app_tokens_app_secret_id_fkey
        foreign key (app_secret_id) references oauth2_provider_app_secrets (id) on delete cascade,
    constraint oauth2_provider_app_tokens_api_key_id_fkey
        foreign key (api_key_id) references api_keys (id) on delete cascade,
    constraint oauth2_provider_app_tokens_user_id_fkey
        foreign key (user_id) references users (id) on delete cascade
);

-- A key for a user who is gone is refused.
create function insert_apikey_fail_if_user_deleted() returns trigger
    language plpgsql
as $$
begin
    perform from users where id = new.user_id and deleted;
    if found then
        raise exception 'user % is deleted', new.user_id;
    end if;
    return new;
end
$$;

create trigger trigger_insert_apikeys
    before insert on api_keys
    for each row execute function insert_apikey_fail_if_user_deleted();

-- Users are deleted by a flag; their keys go for good.
create function delete_deleted_user_resources() returns trigger
    language plpgsql
as $$
begin
    delete from api_keys where user_id = new.id;
    return null;
end
$$;

create trigger trigger_update_users
    after insert or update on users
    for each row when (new.deleted) execute function delete_deleted_user_resources();

-- A refresh token takes its access key along. When it was the key that went first, and the foreign
-- key took the refresh token, this finds nothing left to delete.
create function delete_deleted_oauth2_provider_app_token_api_key() returns trigger
    language plpgsql
as $$
begin
    delete from api_keys where id = old.api_key_id;
    return null;
end
$$;

create trigger trigger_delete_oauth2_provider_app_token
    after delete on oauth2_provider_app_tokens
    for each row execute function delete_deleted_oauth2_provider_app_token_api_key();
