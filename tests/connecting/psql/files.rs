//! Services, password files, certificates.

use super::{Row, row};

const SERVICES: &str = "\
# services
[shop]
host=127.0.0.1
port={p}
user=clerk
dbname=shop
application_name=of the service
port={q}

[second]
host=127.0.0.1
port={q}
[secret]
host=127.0.0.1
port={p}
user=scram
dbname=shop
password=correct horse
[file]
host=127.0.0.1
port={p}
user=scram
dbname=shop
passfile={home}/passwords
[blank]
host =127.0.0.1
[unknown]
hosts=127.0.0.1
[nested]
service=shop
[word]
host=127.0.0.1
port={p}
sslmode=nonsense
";

const SHOP: &str = "primary tcp tls clerk shop of the service";
const SECRET: &str = "host=127.0.0.1 port={p} user=scram dbname=shop";
const IN: &str = "primary tcp tls scram shop own";

pub(super) fn rows() -> Vec<Row> {
    services()
        .into_iter()
        .chain(passwords())
        .chain(certificates())
        .collect()
}

fn services() -> Vec<Row> {
    let at_home = |name, ends| row(name, ends).file_for(0o644, ".pg_service.conf", SERVICES);
    vec![
        at_home("a service", SHOP).string("service=shop"),
        at_home("a service of the environment", SHOP).env("PGSERVICE", "shop"),
        at_home("a service in a URL", SHOP).string("postgresql:///?service=shop"),
        at_home(
            "a service is weaker than the string",
            "second tcp plain root root mine",
        )
        .string("service=shop port={q} user=root dbname=root application_name=mine sslmode=prefer"),
        at_home("a service is stronger than the environment", SHOP)
            .string("service=shop")
            .env("PGHOST", "{run}")
            .env("PGPORT", "{q}")
            .env("PGUSER", "root")
            .env("PGDATABASE", "root")
            .env("PGAPPNAME", "of the environment"),
        at_home(
            "what a service leaves open",
            "second tcp plain clerk shop own",
        )
        .string("service=second")
        .env("PGUSER", "clerk")
        .env("PGDATABASE", "shop"),
        at_home("a service of the string before the environment's", SHOP)
            .string("service=shop")
            .env("PGSERVICE", "second"),
        at_home("a password in a service", IN).string("service=secret"),
        at_home("a stronger password than the service's", "refused")
            .string("service=secret password=wrong"),
        at_home("a service that nobody knows", "refused")
            .string("host=127.0.0.1 port={p} service=missing"),
        at_home("a blank before the equals sign", "refused").string("service=blank port={p}"),
        at_home("a keyword that nobody knows", "refused").string("service=unknown port={p}"),
        at_home("a service in a service", "refused").string("service=nested port={p}"),
        at_home("a word that nobody knows", "refused").string("service=word"),
        at_home(
            "the same, when the string has decided",
            "primary tcp tls root root own",
        )
        .string("service=word sslmode=prefer"),
        row("another service file", SHOP)
            .string("service=shop")
            .env("PGSERVICEFILE", "{home}/services")
            .file("services", SERVICES)
            .file(".pg_service.conf", "[shop]\nhost=/nonexistent\n"),
        row("a service file that is missing", "refused")
            .string("host=127.0.0.1 port={p} service=shop")
            .env("PGSERVICEFILE", "{home}/services")
            .file(".pg_service.conf", SERVICES),
        row("the system's service file", SHOP)
            .string("service=shop")
            .env("PGSYSCONFDIR", "{home}/etc")
            .file(".pg_service.conf", "[other]\nhost=/nonexistent\n")
            .file("etc/pg_service.conf", SERVICES),
        row(
            "the user's service file comes first",
            "second tcp plain root root own",
        )
        .string("service=shop")
        .env("PGSYSCONFDIR", "{home}/etc")
        .file(".pg_service.conf", "[shop]\nhost=127.0.0.1\nport={q}\n")
        .file("etc/pg_service.conf", SERVICES),
    ]
}

fn passwords() -> Vec<Row> {
    let good = "127.0.0.1:{p}:shop:scram:correct horse\n";
    vec![
        row("a password file", IN).string(SECRET).file(".pgpass", good),
        row("wildcards, comments, other lines", IN).string(SECRET).file(
            ".pgpass",
            "# 127.0.0.1:*:*:*:wrong\n127.0.0.1:1:*:*:wrong\n*:*:other:*:wrong\n*:*:*:scram:correct horse\n",
        ),
        row("the first line that fits", "refused")
            .string(SECRET)
            .file(".pgpass", "*:*:*:*:wrong\n127.0.0.1:{p}:shop:scram:correct horse\n"),
        row("backslashes", IN)
            .string(SECRET)
            .file(".pgpass", "127.0.0.1:*:sh\\op:scram:correct\\ ho\\rse\r\n"),
        row("the host as it was given", "refused")
            .string("host=localhost port={p} user=scram dbname=shop")
            .file(".pgpass", good),
        row("the host and not the address", IN)
            .string("host=somewhere hostaddr=127.0.0.1 port={p} user=scram dbname=shop")
            .file(".pgpass", "somewhere:*:*:*:correct horse\n"),
        row("the address without a host", IN)
            .string("hostaddr=127.0.0.1 port={p} user=scram dbname=shop")
            .file(".pgpass", good),
        row("a socket's directory", "primary socket plain scram shop own")
            .string("host={run} port={p} user=scram dbname=shop")
            .file(".pgpass", "{run}:*:*:*:correct horse\n"),
        row("a socket is not localhost", "refused")
            .string("host={run} port={p} user=scram dbname=shop")
            .file(".pgpass", "localhost:*:*:*:correct horse\n"),
        row("a password file that the group may read", "refused")
            .string(SECRET)
            .file_for(0o640, ".pgpass", good),
        row("a password file that all may read", "refused")
            .string(SECRET)
            .file_for(0o604, ".pgpass", good),
        row("a password file that only we may read", IN)
            .string(SECRET)
            .file_for(0o400, ".pgpass", good),
        row("a password file that is a directory", "refused")
            .string("host=127.0.0.1 port={p} user=scram dbname=shop passfile={home}/folder")
            .file("folder/file", good),
        row("another password file", IN)
            .string(SECRET)
            .env("PGPASSFILE", "{home}/passwords")
            .file(".pgpass", "*:*:*:*:wrong\n")
            .file("passwords", good),
        row("a password file in the string", IN)
            .string("host=127.0.0.1 port={p} user=scram dbname=shop passfile={home}/passwords")
            .env("PGPASSFILE", "{home}/missing")
            .file("passwords", good),
        row("a password file in a service", IN)
            .string("service=file")
            .file(".pg_service.conf", SERVICES)
            .file("passwords", good),
        row("a password file that is missing", "refused")
            .string(SECRET)
            .env("PGPASSFILE", "{home}/missing")
            .file(".pgpass", good),
        row("a password is stronger than a file", "refused")
            .string(SECRET)
            .env("PGPASSWORD", "wrong")
            .file(".pgpass", good),
        row("an empty password is none", IN)
            .string("host=127.0.0.1 port={p} user=scram dbname=shop password=''")
            .env("PGPASSWORD", "wrong")
            .file(".pgpass", good),
        row("each host has its password", "second tcp plain scram shop own")
            .string("host=127.0.0.1,127.0.0.1 port={dead},{q} user=scram dbname=shop")
            .file(".pgpass", "*:{dead}:*:*:wrong\n*:{q}:*:*:correct horse\n"),
    ]
}

fn certificates() -> Vec<Row> {
    vec![
        row("a client certificate", "primary tcp tls clerk cert_only own").string(
            "host=127.0.0.1 port={p} user=clerk dbname=cert_only sslcert={certs}/clerk.crt sslkey={certs}/clerk.key",
        ),
        row("a client certificate of the environment", "primary tcp tls clerk cert_only own")
            .string("host=127.0.0.1 port={p} user=clerk dbname=cert_only")
            .env("PGSSLCERT", "{certs}/clerk.crt")
            .env("PGSSLKEY", "{certs}/clerk.key"),
        row("no client certificate", "refused")
            .string("host=127.0.0.1 port={p} user=clerk dbname=cert_only"),
        row("somebody else's certificate", "refused").string(
            "host=127.0.0.1 port={p} user=root dbname=cert_only sslcert={certs}/clerk.crt sslkey={certs}/clerk.key",
        ),
        row("a certificate without its key", "refused").string(
            "host=127.0.0.1 port={p} user=clerk dbname=shop sslmode=require sslcert={certs}/clerk.crt sslkey={home}/missing",
        ),
        row("an encrypted key", "primary tcp tls clerk cert_only own").string(
            "host=127.0.0.1 port={p} user=clerk dbname=cert_only sslcert={certs}/clerk.crt sslkey={certs}/clerk-encrypted.key sslpassword=sesame",
        ),
        row("the whole of it", "primary tcp tls root root own").string(
            "host=localhost hostaddr=127.0.0.1 port={p} sslmode=verify-full sslrootcert={certs}/ca.crt",
        ),
        row("the roots of the environment", "refused")
            .string("host=localhost hostaddr=127.0.0.1 port={p} sslmode=verify-full")
            .env("PGSSLROOTCERT", "{certs}/wrong-ca.crt"),
        row("no roots", "refused").string("host=localhost port={p} sslmode=verify-full"),
        row("versions of TLS that exclude each other", "refused").string(
            "host=127.0.0.1 port={p} ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
        ),
        row("a version of TLS", "primary tcp tls root root own")
            .string("host=127.0.0.1 port={p} sslmode=require")
            .env("PGSSLMINPROTOCOLVERSION", "tlsv1.3"),
        row("no name in the handshake", "primary tcp tls root root own")
            .string("host=localhost port={p} sslsni=0"),
    ]
}
