//! Where breakglass does not do as psql does, on purpose; the README lists these.
//!
//! Not here, because no row can show it: without `connect_timeout` psql waits for ever and
//! breakglass for 10 s; without a host psql knows one socket directory and breakglass three.

use super::{Row, row};

/// Rows of which psql makes something else.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = judged_otherwise();
    rows.extend(refused_by_name());
    rows
}

fn judged_otherwise() -> Vec<Row> {
    let plain = "host=127.0.0.1 port={p}";
    vec![
        // psql goes on without TLS, where nobody asked it for the password that was wrong.
        row("a wrong password with `prefer`", "refused")
            .string("host=127.0.0.1 port={p} user=scram dbname=clerk password=wrong"),
        // psql checks, and then goes on without TLS: that is no gain.
        row(
            "roots that do not fit, with `prefer`",
            "primary tcp tls root root own",
        )
        .string(plain)
        .env("PGSSLROOTCERT", "{certs}/wrong-ca.crt"),
        // psql: `invalid sslmode value: ""`.
        row("an empty variable", "primary tcp tls root root own")
            .string(plain)
            .env("PGSSLMODE", ""),
        // psql: `definition of service "" not found`.
        row(
            "an empty service in the environment",
            "primary tcp tls root root own",
        )
        .string(plain)
        .env("PGSERVICE", ""),
        // A session always says whose it is.
        row("an empty name", "primary tcp tls root root own")
            .string("host=127.0.0.1 port={p} application_name=''"),
        // A part of a password could be shown as a host; psql takes the second one.
        row("an `@` that is left in the host", "refused")
            .string("postgresql://root@p@ss,127.0.0.1:{p}/root"),
        // psql looks at these only where they are used.
        row("a number that is none, on a socket", "refused")
            .string("host={run} port={p} keepalives_idle=x"),
        // psql ignores a revocation list that it cannot read.
        row("a revocation list that is missing", "refused").string(
            "host=localhost hostaddr=127.0.0.1 port={p} sslmode=verify-ca \
             sslrootcert={certs}/ca.crt sslcrl={home}/missing",
        ),
    ]
}

/// What is refused by name, and psql takes.
fn refused_by_name() -> Vec<Row> {
    vec![
        row("Kerberos", "refused").string("host=127.0.0.1 port={p} krbsrvname=postgres"),
        row("who may answer", "refused")
            .string("host=127.0.0.1 port={p}")
            .env("PGREQUIREPEER", "root"),
        row("another encoding", "refused").string("host=127.0.0.1 port={p} client_encoding=LATIN1"),
        row("compression", "refused").string("host=127.0.0.1 port={p} sslcompression=1"),
        row("an old form of encryption", "refused").string(
            "host=127.0.0.1 port={p} user=clerk sslmode=require sslcert={certs}/clerk.crt \
             sslkey={certs}/clerk-old.key sslpassword=sesame",
        ),
    ]
}
