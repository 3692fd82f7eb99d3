//! A Coder database whose tables keep a journal of every write, and small universes in it.

use breakglass::db::Limits;
use breakglass::ops::Context;
use fastrand::Rng;
use tokio_postgres::{Client, NoTls};

use crate::support::{Template, TestDatabase, library};

/// Who wrote what, as the tables themselves saw it. The journal's texts are as the log's are.
const JOURNAL: &str = "
create schema simulation;
create table simulation.journal (
    id bigint generated always as identity primary key, universe text not null,
    xid xid8 not null default pg_current_xact_id(), who text not null, relation text not null,
    key text not null, verb text not null, old jsonb, new jsonb
);
create index on simulation.journal (universe);
create function simulation.texts(k public.api_keys) returns jsonb language sql immutable
    as $$ select jsonb_build_object('expires_at', k.expires_at::text, 'lifetime_seconds', k.lifetime_seconds::text,
                                    'last_used', k.last_used::text, 'token_name', k.token_name) $$;
create function simulation.texts(r public.oauth2_provider_app_tokens) returns jsonb language sql immutable
    as $$ select jsonb_build_object('expires_at', r.expires_at::text) $$;
create function simulation.write_key() returns trigger language plpgsql security definer
    set datestyle = 'ISO, MDY' set timezone = 'UTC' set search_path = pg_catalog as $$
begin
    insert into simulation.journal (universe, who, relation, key, verb, old, new)
    values (left(coalesce(new.id, old.id), 7), current_setting('application_name'), 'public.api_keys',
            coalesce(new.id, old.id), tg_op,
            case when tg_op <> 'INSERT' then simulation.texts(old) end,
            case when tg_op <> 'DELETE' then simulation.texts(new) end);
    return null;
end $$;
create function simulation.write_refresh() returns trigger language plpgsql security definer
    set datestyle = 'ISO, MDY' set timezone = 'UTC' set search_path = pg_catalog as $$
begin
    insert into simulation.journal (universe, who, relation, key, verb, old, new)
    values (left(coalesce(new.api_key_id, old.api_key_id), 7), current_setting('application_name'),
            'public.oauth2_provider_app_tokens', coalesce(new.id, old.id)::text, tg_op,
            case when tg_op <> 'INSERT' then simulation.texts(old) end,
            case when tg_op <> 'DELETE' then simulation.texts(new) end);
    return null;
end $$;
create trigger journal after insert or update or delete on public.api_keys
    for each row execute function simulation.write_key();
create trigger journal after insert or update or delete on public.oauth2_provider_app_tokens
    for each row execute function simulation.write_refresh();
";

/// Connections of a pool: fewer than three operators can want at once.
const SESSIONS: usize = 4;

/// What the application calls itself.
const CODERD: &str = "coderd";

/// The database that all schedules share.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    operator: String,
}

impl World {
    /// Installs the journal, the log and an operator with the least rights.
    pub(crate) fn create() -> Self {
        let database = TestDatabase::new(Template::Coder);
        let role = database.role_name("operators");
        let init = ["init", "--operator-role", &role, "--allow-delete"];
        database.breakglass().args(init).run().success();
        let operator = database.login_role("alice");
        database.execute(&format!("grant {role} to {operator}"));
        database.execute(JOURNAL);
        Self { database, operator }
    }

    /// What an operator works with.
    pub(crate) fn context(&self) -> Context {
        let conninfo = self.database.conninfo(&self.operator);
        library::context(library::database(&conninfo, Limits::default()))
    }

    /// The same as a server has it, whose sessions are of one pool.
    pub(crate) fn pooled(&self) -> Context {
        let context = self.context();
        let database = context.database.clone().pooled(SESSIONS);
        Context {
            database: database.expect("it is large enough"),
            ..context
        }
    }

    /// A connection of the application.
    pub(crate) async fn application(&self) -> Client {
        let conninfo = format!(
            "{} application_name={CODERD}",
            self.database.conninfo(breakglass::cluster::SUPERUSER)
        );
        let (client, connection) = tokio_postgres::connect(&conninfo, NoTls)
            .await
            .expect("it listens");
        tokio::spawn(async move {
            // It ends with its client.
            connection.await.expect("the server stays");
        });
        client
    }
}

/// One owner with some tokens, apart from those of every other schedule.
pub(crate) struct Universe<'a> {
    pub(crate) world: &'a World,
    /// What its operators work with.
    pub(crate) context: Context,
    /// How the keys begin.
    pub(crate) prefix: String,
    pub(crate) owner: String,
    pub(crate) keys: Vec<String>,
}

impl<'a> Universe<'a> {
    pub(crate) async fn create(
        (world, context): (&'a World, Context),
        place: u64,
        random: &mut Rng,
    ) -> Self {
        let (prefix, owner) = (format!("s{place:06}"), format!("sim{place}"));
        let client = world.application().await;
        let mut sql = format!(
            "insert into users (id, email, username, hashed_password, created_at, updated_at, status) \
             values (gen_random_uuid(), '{owner}@example.com', '{owner}', '', now(), now(), 'active'); "
        );
        let count = random.usize(2..=7);
        let keys: Vec<String> = (0..count).map(|n| format!("{prefix}k{n:02}")).collect();
        for (n, key) in keys.iter().enumerate() {
            let (login_type, name) = match random.u8(0..4) {
                0 | 1 => ("token", format!("name{n}")),
                2 => ("password", String::new()),
                _ => ("oauth2_provider_app", format!("oauth{n}")),
            };
            // Some are dead already, some are due for a refresh.
            let ends = ["-1 day", "20 minutes", "1 day", "30 days"][random.usize(0..4)];
            sql += &insert(&owner, key, login_type, &name, ends);
            if login_type == "oauth2_provider_app" && random.bool() {
                sql += &insert_refresh(&owner, key);
            }
        }
        client.batch_execute(&sql).await.expect("it is made");
        Self {
            world,
            context,
            prefix,
            owner,
            keys,
        }
    }

    /// Any of its keys, gone or not.
    pub(crate) fn any_key(&self, random: &mut Rng) -> &str {
        &self.keys[random.usize(0..self.keys.len())]
    }
}

/// A key as coderd makes it; its secret is by the rule of the demo.
pub(crate) fn insert(owner: &str, key: &str, login_type: &str, name: &str, ends: &str) -> String {
    format!(
        "insert into api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, updated_at, \
                               login_type, lifetime_seconds, token_name, scopes, allow_list) \
         select '{key}', sha256(convert_to(translate(left(encode(sha256(convert_to('secret of {key}', 'UTF8')), \
                                                                'base64'), 22), '+/', 'xY'), 'UTF8')), \
                id, now() - interval '2 hours', now() + interval '{ends}', now(), now(), '{login_type}', \
                86400, '{name}', '{{coder:all}}', '{{*:*}}' from users where username = '{owner}' \
         on conflict do nothing; "
    )
}

/// A refresh token for a key.
pub(crate) fn insert_refresh(owner: &str, key: &str) -> String {
    format!(
        "insert into oauth2_provider_app_tokens (id, created_at, expires_at, hash_prefix, refresh_hash, \
                                                 app_secret_id, api_key_id, user_id) \
         select gen_random_uuid(), now(), now() + interval '30 days', uuid_send(gen_random_uuid()), 'x', \
                (select id from oauth2_provider_app_secrets limit 1), k.id, k.user_id \
           from api_keys as k join users as u on u.id = k.user_id \
          where k.id = '{key}' and u.username = '{owner}'; "
    )
}
