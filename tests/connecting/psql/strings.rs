//! Strings, and the environment behind them.

use super::{Row, row};

const HERE: &str = "primary tcp tls root root own";

pub(super) fn rows() -> Vec<Row> {
    [forms(), environment(), security(), refusals()].concat()
}

fn forms() -> Vec<Row> {
    vec![
        row("keywords", "primary tcp tls clerk shop own")
            .string("host=127.0.0.1 port={p} user=clerk dbname=shop"),
        row("blanks around the equals sign", "primary tcp tls clerk shop own")
            .string("  host = 127.0.0.1 port ={p}\n user= 'clerk' dbname='shop' "),
        row("quotes and backslashes", "primary tcp tls clerk shop a'b\\c")
            .string("host=127.0.0.1 port={p} user=cl\\erk dbname=shop application_name='a\\'b\\\\c'"),
        row("the last one counts", "second tcp plain clerk shop own")
            .string("host=127.0.0.1 port={p} port={q} user=root user=clerk dbname=shop"),
        row("a URL", "primary tcp tls clerk shop own")
            .string("postgresql://clerk@127.0.0.1:{p}/shop"),
        row("a short URL", "primary tcp tls clerk shop own")
            .string("postgres://clerk@127.0.0.1:{p}/shop"),
        row("a URL of parameters", "primary tcp plain clerk shop x y")
            .string("postgresql://?host=127.0.0.1&port={p}&user=clerk&dbname=shop&sslmode=disable&application_name=x%20y"),
        row("a URL whose query is stronger", "primary tcp tls clerk shop own")
            .string("postgresql://root@127.0.0.1:{p}/clerk?user=clerk&dbname=shop"),
        row("a socket in a URL", "primary socket plain clerk shop own")
            .string("postgresql://clerk@/shop?host={run}&port={p}"),
        row("a percent-encoded URL", "primary tcp tls clerk shop own")
            .string("postgresql://cl%65rk@127%2E0.0.1:{p}/sh%6Fp"),
        row("a password in a URL", "primary tcp tls scram shop own")
            .string("postgresql://scram:correct%20horse@127.0.0.1:{p}/shop"),
        row("JDBC's way to ask for TLS", "primary tcp tls root root own")
            .string("postgresql://127.0.0.1:{p}/root?ssl=true"),
        row("the old way to ask for TLS", "refused")
            .string("host=127.0.0.1 port={q} requiressl=1"),
    ]
}

fn environment() -> Vec<Row> {
    vec![
        row("the user is the operating system's", HERE).string("host=127.0.0.1 port={p}"),
        row(
            "the database is the user's",
            "primary tcp tls clerk clerk own",
        )
        .string("host=127.0.0.1 port={p} user=clerk"),
        row("a database's name", "primary tcp tls root shop own")
            .string("shop")
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", "{p}"),
        row(
            "nothing but variables",
            "second tcp plain clerk shop of the environment",
        )
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", "{q}")
        .env("PGUSER", "clerk")
        .env("PGDATABASE", "shop")
        .env("PGAPPNAME", "of the environment"),
        row("the string is stronger", "primary tcp tls clerk shop mine")
            .string("host=127.0.0.1 port={p} user=clerk dbname=shop application_name=mine")
            .env("PGHOST", "{run}")
            .env("PGPORT", "{q}")
            .env("PGUSER", "root")
            .env("PGDATABASE", "root")
            .env("PGAPPNAME", "of the environment"),
        row(
            "an empty value shuts the environment out",
            "primary tcp tls root root own",
        )
        .string("host=127.0.0.1 port={p} user='' dbname=''")
        .env("PGUSER", "clerk")
        .env("PGDATABASE", "shop"),
        row(
            "an empty part of a URL does not",
            "primary tcp tls clerk shop own",
        )
        .string("postgresql://127.0.0.1:{p}/")
        .env("PGUSER", "clerk")
        .env("PGDATABASE", "shop"),
        row(
            "a password in the environment",
            "primary tcp tls scram shop own",
        )
        .string("host=127.0.0.1 port={p} user=scram dbname=shop")
        .env("PGPASSWORD", "correct horse"),
        row("a stronger password", "refused")
            .string("host=127.0.0.1 port={p} user=scram dbname=shop password=wrong")
            .env("PGPASSWORD", "correct horse"),
        row("no password", "refused").string("host=127.0.0.1 port={p} user=scram dbname=shop"),
        row("the fallback of a name", "primary tcp tls root root mine")
            .string("host=127.0.0.1 port={p} application_name=mine fallback_application_name=x"),
    ]
}

fn security() -> Vec<Row> {
    vec![
        row("options", HERE).string("host=127.0.0.1 port={p} options='-c geqo=off'"),
        row("options that the server refuses", "refused")
            .string("host=127.0.0.1 port={p} options=-cnonsense=1"),
        row("options of the environment", "refused")
            .string("host=127.0.0.1 port={p}")
            .env("PGOPTIONS", "-cnonsense=1"),
        row("TLS switched off", "primary tcp plain root root own")
            .string("host=127.0.0.1 port={p} sslmode=disable"),
        row("TLS if need be", "primary tcp plain root root own")
            .string("host=127.0.0.1 port={p} sslmode=allow"),
        row("TLS that is not there", "refused").string("host=127.0.0.1 port={q} sslmode=require"),
        row("TLS by the environment", "refused")
            .string("host=127.0.0.1 port={q}")
            .env("PGSSLMODE", "require"),
        row("TLS by an old variable", "refused")
            .string("host=127.0.0.1 port={q}")
            .env("PGREQUIRESSL", "1"),
        row("a login over TLS only", "primary tcp tls root only_tls own")
            .string("host=127.0.0.1 port={p} dbname=only_tls sslmode=allow"),
        row("a login without TLS only", "primary tcp plain root only_plain own")
            .string("host=127.0.0.1 port={p} dbname=only_plain sslmode=prefer"),
        row("channel binding", "primary tcp tls scram shop own").string(
            "host=127.0.0.1 port={p} user=scram password='correct horse' dbname=shop channel_binding=require",
        ),
        row("channel binding without TLS", "refused").string(
            "host=127.0.0.1 port={p} user=scram password='correct horse' dbname=shop channel_binding=require sslmode=disable",
        ),
    ]
}

fn refusals() -> Vec<Row> {
    vec![
        row("times and probes", HERE).string(
            "host=127.0.0.1 port={p} connect_timeout=5 keepalives=1 keepalives_idle=9 keepalives_interval=9 keepalives_count=3 tcp_user_timeout=9000",
        ),
        row("numbers that are none", "refused").string("host=127.0.0.1 port={p} keepalives_idle=x"),
        row("an unknown keyword", "refused").string("host=127.0.0.1 port={p} sslmod=require"),
        row("an unknown word", "refused").string("host=127.0.0.1 port={p} sslmode=REQUIRE"),
        row("a port out of range", "refused").string("host=127.0.0.1 port=65536"),
        row("an equals sign is missing", "refused").string("host=127.0.0.1 port={p} user"),
        row("a quote is not closed", "refused").string("host=127.0.0.1 port={p} user='x"),
        row("a bad percent sign", "refused").string("postgresql://127.0.0.1:{p}/sh%op"),
        row("no such database", "refused").string("host=127.0.0.1 port={p} dbname=missing"),
        row("no such user", "refused").string("host=127.0.0.1 port={p} user=missing"),
    ]
}
