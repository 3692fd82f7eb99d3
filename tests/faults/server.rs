//! A server that cannot be written, and one that goes away.

use std::fs;

use crate::support::seed::HOT;
use crate::support::{Template, TestDatabase, private_cluster};

#[test]
fn a_standby_is_read_but_not_changed() {
    let mut cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    let conninfo = cluster.conninfo(database.name());
    cluster.kill().unwrap();
    fs::write(cluster.data_directory().join("standby.signal"), "").unwrap();
    cluster.restart().unwrap();
    let run = |args: &[&str]| {
        crate::support::breakglass()
            .env("BREAKGLASS_DATABASE_URL", conninfo.clone())
            .args(args.iter().copied())
            .run()
    };
    let listed = run(&["tokens", "ls", "--limit", "0"]);
    assert!(listed.success().stdout.contains(HOT));
    run(&["audit", "ls"]).success();
    let output = run(&[
        "tokens",
        "rm",
        &format!("id:{HOT}"),
        "--yes",
        "--reason",
        "standby",
    ]);
    output
        .code(1)
        .says("read-only standby")
        .says("nothing was recorded: a standby cannot be written")
        .says("hint: connect to the primary");
    run(&["init"]).code(1).says("read-only standby");
}

#[test]
fn a_server_that_is_killed_in_the_change_leaves_it_undone() {
    let mut cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    database.execute(
        "create function public.slow() returns trigger language plpgsql as
           $$ begin perform pg_sleep(5); return new; end $$;
         create trigger slow before update on public.api_keys
            for each row execute function public.slow()",
    );
    let before = database.token_row(HOT);
    let running = database
        .breakglass()
        .args([
            "tokens",
            "rm",
            &format!("id:{HOT}"),
            "--yes",
            "--reason",
            "killed",
        ])
        .start();
    database.wait_for("select exists (select from pg_stat_activity where wait_event = 'PgSleep')");
    cluster.kill().unwrap();
    let output = running.wait();
    output
        .code(1)
        .says("the connection was lost")
        .says("nothing was recorded");
    cluster.restart().unwrap();
    assert_eq!(database.token_row(HOT), before);
    assert!(database.operations().is_empty());
}
