//! Several hosts, addresses, sockets, kinds of servers.

use super::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    [lists(), sockets(), kinds()].concat()
}

fn lists() -> Vec<Row> {
    vec![
        row("a dead host before", "primary tcp tls root root own")
            .string("host=127.0.0.1,127.0.0.1 port={dead},{p}"),
        row("a dead host behind", "second tcp plain root root own")
            .string("postgresql://127.0.0.1:{q},127.0.0.1:{dead}/root"),
        row("all hosts dead", "refused").string("host=127.0.0.1,127.0.0.1 port={dead},{dead}"),
        row("one port for all hosts", "primary tcp tls root root own")
            .string("host=/nonexistent,127.0.0.1 port={p}"),
        row(
            "a name that nobody knows before",
            "primary tcp tls root root own",
        )
        .string("host=no.such.host.invalid,127.0.0.1 port={p}"),
        row(
            "a name with several addresses",
            "primary tcp tls root root own",
        )
        .string("host=localhost port={p}"),
        row("a login that is refused ends the search", "refused")
            .string("host=127.0.0.1,127.0.0.1 port={p},{q} dbname=missing"),
        row("more ports than hosts", "refused").string("host=127.0.0.1 port={p},{q}"),
        row("more addresses than hosts", "refused")
            .string("host=a hostaddr=127.0.0.1,127.0.0.1 port={p}"),
        row(
            "an address spares the look-up",
            "primary tcp tls root root own",
        )
        .string("host=no.such.host.invalid hostaddr=127.0.0.1 port={p}"),
        row("some addresses", "second tcp plain root root own")
            .string("host=no.such.host.invalid,127.0.0.1 hostaddr=,127.0.0.1 port={p},{q}"),
        row(
            "an address of the environment",
            "primary tcp tls root root own",
        )
        .string("host=no.such.host.invalid port={p}")
        .env("PGHOSTADDR", "127.0.0.1"),
        row("an address that is a name", "refused").string("hostaddr=localhost port={p}"),
        row(
            "an address and a directory",
            "primary tcp tls root root own",
        )
        .string("host={run} hostaddr=127.0.0.1 port={p}"),
    ]
}

fn sockets() -> Vec<Row> {
    vec![
        row("a socket", "primary socket plain root root own").string("host={run} port={p}"),
        row(
            "a socket of the environment",
            "second socket plain clerk shop own",
        )
        .env("PGHOST", "{run}")
        .env("PGPORT", "{q}")
        .env("PGUSER", "clerk")
        .env("PGDATABASE", "shop"),
        row(
            "a socket in the host of a URL",
            "primary socket plain root root own",
        )
        .string("postgresql://{run%}:{p}/root"),
        row("a socket and TLS", "primary socket plain root root own")
            .string("host={run} port={p} sslmode=require"),
        row("a socket that is not there", "refused").string("host={home} port={p}"),
        row("an abstract socket that is not there", "refused").string("host=@nobody port={p}"),
    ]
}

fn kinds() -> Vec<Row> {
    vec![
        row("the primary of two", "primary tcp tls root root own")
            .string("host=127.0.0.1,127.0.0.1 port={s},{p} target_session_attrs=primary"),
        row("the standby of two", "standby tcp tls root root own")
            .string("host=127.0.0.1,127.0.0.1 port={p},{s} target_session_attrs=standby"),
        row("rather a standby", "standby tcp tls root root own").string(
            "postgresql://127.0.0.1:{p},127.0.0.1:{s}/root?target_session_attrs=prefer-standby",
        ),
        row(
            "rather a standby that is dead",
            "primary tcp tls root root own",
        )
        .string("host=127.0.0.1,127.0.0.1 port={dead},{p} target_session_attrs=prefer-standby"),
        row("one that can write", "primary tcp tls root root own")
            .string("host=127.0.0.1,127.0.0.1 port={s},{p}")
            .env("PGTARGETSESSIONATTRS", "read-write"),
        row("one that cannot write", "standby tcp tls root root own")
            .string("host=127.0.0.1,127.0.0.1 port={p},{s} target_session_attrs=read-only"),
        row("no primary", "refused").string("host=127.0.0.1 port={s} target_session_attrs=primary"),
        row("no standby", "refused").string("host=127.0.0.1 port={p} target_session_attrs=standby"),
        row("no such kind", "refused")
            .string("host=127.0.0.1 port={p} target_session_attrs=secondary"),
    ]
}
