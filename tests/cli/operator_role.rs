//! `init --operator-role`: the least that works, and not a column more.

use crate::support::run::Output;
use crate::support::{Template, TestDatabase};

pub(super) fn grant(database: &TestDatabase, role: &str, more: &[&str]) -> Output {
    let init = database
        .breakglass()
        .args(["init", "--operator-role", role]);
    init.args(more.iter().copied()).run()
}

/// What a role was granted, itself and through others: `schema.table privilege: columns`, and the
/// privileges on whole tables and schemas.
pub(super) fn rights(database: &TestDatabase, role: &str) -> String {
    let sql = format!(
        "with r as (select oid from pg_roles where rolname = '{role}'), \
              t as (select c.oid, nspname || '.' || relname as name from pg_class as c \
                      join pg_namespace as n on n.oid = relnamespace \
                     where relkind in ('r', 'v', 'm', 'p') and nspname not in ('pg_catalog', 'information_schema') \
                       and nspname !~ '^pg_'), \
              p as (select t.name, x.privilege, has_table_privilege(r.oid, t.oid, x.privilege) as whole, \
                           case when x.privilege in ('select', 'insert', 'update') then \
                               (select string_agg(attname, ' ' order by attname) from pg_attribute \
                                 where attrelid = t.oid and attnum > 0 and not attisdropped \
                                   and has_column_privilege(r.oid, t.oid, attnum, x.privilege)) end as columns \
                      from r, t, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'trigger', 'references']) \
                             as x (privilege)) \
         select name || ' ' || privilege || case when whole then '' else ': ' || columns end from p \
          where whole or columns is not null \
          union all \
         select nspname || ' ' || x from r, pg_namespace, unnest(array['usage', 'create']) as x \
          where nspname !~ '^pg_' and nspname <> 'information_schema' and has_schema_privilege(r.oid, nspname, x) \
          order by 1"
    );
    let rows = database.query(&sql).into_iter().flatten().flatten();
    rows.map(|line| line + "\n").collect()
}

pub(super) const OWN: &str = "\
breakglass usage
breakglass.batch insert: keys number operation_id
breakglass.batch select
breakglass.change insert: after before key kind label operation_id owner_id owner_login relation state_after state_before
breakglass.change select
breakglass.observation insert: detail key operation_id verdict
breakglass.observation select
breakglass.operation insert: action adapter app_actor application_audit batch cascades cause changed companions_changed companions_dead companions_planned ends_at error error_code host http_credential http_peer http_principal http_request_digest http_request_id id matched os_user outcome parent_id plan_digest planned reason secret_verified selector server_host server_port still_alive system_identifier ticket tool_version unchanged
breakglass.operation select
breakglass.plan delete
breakglass.plan insert: content digest expires_at operation_id principal
breakglass.plan select
breakglass.schema_history select
breakglass.signal insert: application backend_start backend_type client_address operation_id pid role signal state transaction_start
breakglass.signal select
breakglass.signal_result insert: detail operation_id result
breakglass.signal_result select
";

pub(super) const CODER: &str = "\
public usage
public.api_keys select: allow_list created_at expires_at id ip_address last_used lifetime_seconds login_type scopes token_name user_id
public.api_keys update: expires_at lifetime_seconds
public.audit_logs insert: action additional_fields diff id ip organization_id request_id resource_icon resource_id resource_target resource_type status_code time user_agent user_id
public.oauth2_provider_app_tokens select: api_key_id expires_at id
public.oauth2_provider_app_tokens update: expires_at
public.users select: deleted email id status username
";

#[test]
fn a_new_role_cannot_log_in_and_gets_the_least() {
    let database = TestDatabase::new(Template::Coder);
    let role = database.role_name("operators");
    let output = grant(&database, &role, &[]);
    output.success();
    for line in [
        "applied migration V1__audit_log\n",
        &format!("\ncreated role {role} (nologin)\n"),
        "\ngranted update (expires_at, lifetime_seconds) on public.api_keys\n",
        "\ngranted select on breakglass.schema_history\n",
        &format!("\nnote: make an operator a member: `grant {role} to alice`\n"),
        &format!(
            "\nnote: to see who holds a lock, `grant pg_read_all_stats to {role}`: it helps, it is not needed, and it was not granted\n"
        ),
        "\nnote: a pasted secret will not be verified: hashed_secret is not readable; --allow-secret-check grants it\n",
        "\nnote: the role may not delete; --allow-delete grants it\n",
    ] {
        assert!(
            output.stdout.contains(line),
            "{line:?} is missing\n{output}"
        );
    }
    let attributes = format!(
        "select concat_ws(' ', rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls) \
           from pg_roles where rolname = '{role}'"
    );
    assert_eq!(database.value(&attributes), "f f f f f f");
    assert_eq!(rights(&database, &role), format!("{OWN}{CODER}"));
    let others = format!("select count(*) from pg_auth_members where member = '{role}'::regrole");
    assert_eq!(
        database.value(&others),
        "0",
        "pg_read_all_stats is named, not granted"
    );
}

/// Asked column by column, as the catalogue and the standard's view see it.
#[test]
fn no_column_of_the_keys_is_open_beyond_need() {
    for (flags, hash) in [
        (&[][..], false),
        (&["--allow-delete"], false),
        (&["--allow-secret-check"], true),
    ] {
        let database = TestDatabase::new(Template::Coder);
        let role = database.role_name("operators");
        grant(&database, &role, flags).success();
        let columns =
            "select attname from pg_attribute where attrelid = 'api_keys'::regclass and attnum > 0";
        let mut count = 0;
        for column in database.query(columns).into_iter().flatten().flatten() {
            let may = |privilege: &str| {
                database.value(&format!(
                    "select has_column_privilege('{role}', 'api_keys', '{column}', '{privilege}')"
                )) == "t"
            };
            let readable = column != "updated_at" && (column != "hashed_secret" || hash);
            assert_eq!(may("select"), readable, "{column} {flags:?}");
            let set = ["expires_at", "lifetime_seconds"].contains(&column.as_str());
            assert_eq!(may("update"), set, "{column} {flags:?}");
            assert!(!may("insert") && !may("references"), "{column} {flags:?}");
            let listed = format!(
                "select count(*) from information_schema.column_privileges \
                  where grantee = '{role}' and table_name = 'api_keys' and column_name = '{column}' and privilege_type = 'SELECT'"
            );
            assert_eq!(database.value(&listed) == "1", readable, "{column}");
            count += 1;
        }
        assert_eq!(count, 13);
        let delete = format!("select has_table_privilege('{role}', 'api_keys', 'delete')");
        assert_eq!(
            database.value(&delete) == "t",
            flags.contains(&"--allow-delete")
        );
        // One who is a member has what the role has, and nothing of the hash.
        let member = database.login_role("member");
        database.execute(&format!("grant {role} to {member}"));
        let session = database.session_as(&member);
        if !hash {
            for statement in [
                "select hashed_secret from api_keys",
                "select * from api_keys",
                "select 1 from api_keys where hashed_secret = ''",
                "update api_keys set expires_at = now() where id = 'x' returning hashed_secret",
            ] {
                assert_eq!(session.refusal(statement), "42501", "{statement}");
            }
        }
    }
}

#[test]
fn the_least_fits_every_shape_of_coder() {
    for (template, scope, companion) in [
        (Template::CoderV0_23, "scope", false),
        (Template::CoderV2_27, "scopes", true),
    ] {
        let database = TestDatabase::new(template);
        let role = database.role_name("operators");
        grant(&database, &role, &[]).success();
        let mut wanted = format!("{OWN}{CODER}");
        if scope == "scope" {
            wanted = wanted
                .replace("scopes ", "scope ")
                .replace("allow_list ", "");
        }
        if !companion {
            let lines = wanted.split_inclusive('\n');
            wanted = lines
                .filter(|line| !line.contains("oauth2_provider_app_tokens"))
                .collect();
        }
        assert_eq!(rights(&database, &role), wanted, "{template:?}");
    }
}

#[test]
fn a_second_run_finds_exactly_what_is_needed() {
    let database = TestDatabase::new(Template::Coder);
    let role = database.role_name("operators");
    grant(&database, &role, &["--allow-delete"]).success();
    let before = rights(&database, &role);
    let output = grant(&database, &role, &["--allow-delete"]);
    output
        .success()
        .never_says("created role")
        .never_says("granted ")
        .never_says("revoked ");
    assert!(
        output
            .stdout
            .contains(&format!("\nrole {role} has exactly what it needs\n")),
        "{output}"
    );
    assert_eq!(rights(&database, &role), before);
}

#[test]
fn a_second_run_takes_away_what_is_too_much() {
    let database = TestDatabase::new(Template::Coder);
    let role = database.role_name("operators");
    grant(
        &database,
        &role,
        &["--allow-delete", "--allow-secret-check"],
    )
    .success();
    database.execute(&format!(
        "grant update on breakglass.operation to {role}; grant insert (occurred_at) on breakglass.operation to {role}; \
         grant select (hashed_password) on users to {role}; grant update (user_id) on api_keys to {role}; \
         grant select on audit_logs to {role}; grant create on schema public, breakglass to {role}; \
         grant truncate on oauth2_provider_app_tokens to {role} with grant option"
    ));
    let output = grant(&database, &role, &[]);
    output.success();
    for line in [
        "\nrevoked delete on public.api_keys\n",
        "\nrevoked select (hashed_secret) on public.api_keys\n",
        "\nrevoked update (user_id) on public.api_keys\n",
        "\nrevoked update on breakglass.operation\n",
        "\nrevoked insert (occurred_at) on breakglass.operation\n",
        "\nrevoked select (hashed_password) on public.users\n",
        "\nrevoked select on public.audit_logs\n",
        "\nrevoked truncate on public.oauth2_provider_app_tokens\n",
    ] {
        assert!(
            output.stdout.contains(line),
            "{line:?} is missing\n{output}"
        );
    }
    assert_eq!(rights(&database, &role), format!("{OWN}{CODER}"));
}

/// To count what a delete takes along, --allow-delete opens columns of further tables.
#[test]
fn what_came_with_allow_delete_goes_with_it() {
    let database = TestDatabase::new(Template::Coder);
    database.load("tests/fixtures/coder/chat.sql");
    let role = database.role_name("operators");
    let least = {
        grant(&database, &role, &[]).success();
        rights(&database, &role)
    };
    grant(&database, &role, &["--allow-delete"]).success();
    let more = rights(&database, &role);
    for line in [
        "public.api_keys delete\n",
        "public.chat_messages select: api_key_id\n",
        "public.chat_queued_messages select: api_key_id\n",
    ] {
        assert!(more.contains(line) && !least.contains(line), "{line}{more}");
    }
    grant(&database, &role, &[]).success();
    assert_eq!(rights(&database, &role), least);
}

#[test]
fn what_comes_through_others_cannot_be_taken_and_is_warned_of() {
    let database = TestDatabase::new(Template::Coder);
    let role = database.role_name("operators");
    grant(&database, &role, &[]).success();
    database.execute("grant update, delete on breakglass.operation to public");
    let output = grant(&database, &role, &[]);
    output.success();
    let warning = format!(
        "note: warning: role `{role}` still has delete, update on breakglass.operation, through PUBLIC or another role\n"
    );
    assert!(output.stdout.contains(&warning), "{output}");
}
