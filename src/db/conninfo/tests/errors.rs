//! What is refused, in which words, and what the words never hold.

use super::{Parameters, error, resolve, resolve_on};

const REFUSED: &[(&str, &str)] = &[
    ("sslmod=x", "unknown connection parameter `sslmod`"),
    ("HOST=x", "unknown connection parameter `HOST`"),
    (
        "postgresql://h?ssl=false",
        "unknown connection parameter `ssl`",
    ),
    (
        "krbsrvname=x",
        "connection parameter `krbsrvname` is not supported yet",
    ),
    (
        "require_auth=x",
        "connection parameter `require_auth` is not supported yet",
    ),
    (
        "replication=true",
        "connection parameter `replication` is not supported yet (other than false, off, no, 0)",
    ),
    (
        "gssencmode=require",
        "connection parameter `gssencmode` is not supported yet (other than disable, prefer)",
    ),
    (
        "client_encoding=LATIN1",
        "connection parameter `client_encoding` is not supported yet (other than utf8, auto, utf-8)",
    ),
    (
        "target_session_attrs=x",
        "connection parameter `target_session_attrs` must be any, read-write, read-only, primary, \
         standby or prefer-standby",
    ),
    (
        "service=nowhere",
        "service `nowhere` is in no service file (looked in `/home/ada/.pg_service.conf` and \
         `/etc/postgresql-common/pg_service.conf`)",
    ),
    (
        "service=x servicefile=/missing",
        "cannot read service file `/missing`: entity not found",
    ),
    (
        "sslcertmode=maybe",
        "connection parameter `sslcertmode` must be disable, allow or require",
    ),
    ("sslsni=yes", "connection parameter `sslsni` must be 0 or 1"),
    (
        "ssl_min_protocol_version=2",
        "connection parameter `ssl_min_protocol_version` must be TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3",
    ),
    (
        "ssl_max_protocol_version=TLSv1.1",
        "connection parameter `ssl_max_protocol_version` cannot be `TLSv1.1` yet",
    ),
    (
        "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
        "`ssl_min_protocol_version` is above `ssl_max_protocol_version`",
    ),
    (
        "min_protocol_version=3.2",
        "connection parameter `min_protocol_version` is not supported yet (other than 3.0)",
    ),
    (
        "sslmode=REQUIRE",
        "connection parameter `sslmode` must be disable, allow, prefer, \
                         require, verify-ca or verify-full",
    ),
    (
        "sslmode=''",
        "connection parameter `sslmode` must be disable, allow, prefer, \
                         require, verify-ca or verify-full",
    ),
    (
        "connect_timeout=1x",
        "connection parameter `connect_timeout` must be a number of seconds",
    ),
    (
        "connect_timeout=''",
        "connection parameter `connect_timeout` must be a number of seconds",
    ),
    (
        "tcp_user_timeout=99999999999",
        "connection parameter `tcp_user_timeout` must be a number of milliseconds",
    ),
    (
        "port=0",
        "connection parameter `port` must be a port number from 1 to 65535, or one for each host",
    ),
    (
        "port=65536",
        "connection parameter `port` must be a port number from 1 to 65535, or one for each host",
    ),
    (
        "port=0x10",
        "connection parameter `port` must be a port number from 1 to 65535, or one for each host",
    ),
    ("port=1,2", "2 port numbers do not go with 1 hosts"),
    (
        "host=a,b,c port=1,2",
        "2 port numbers do not go with 3 hosts",
    ),
    (
        "host=a,b hostaddr=10.0.0.1",
        "2 host names do not go with 1 values of `hostaddr`",
    ),
    (
        "hostaddr=db1",
        "connection parameter `hostaddr` must be an IP address, or one for each host",
    ),
    (
        "host=@x",
        "connection parameter `host` must be a name, an address or a directory \
                 (abstract sockets do not work yet)",
    ),
    (
        "sslrootcert=system sslmode=require",
        "`sslrootcert=system` needs `sslmode` to be verify-full",
    ),
    (
        "sslnegotiation=direct",
        "`sslnegotiation=direct` needs `sslmode` to be require, verify-ca or verify-full",
    ),
    (
        "hostaddr=10.0.0.1 sslmode=verify-full",
        "`sslmode=verify-full` needs `host` beside `hostaddr`, to check the certificate's name",
    ),
    (
        "dbname=postgres://u:p@h",
        "connection parameter `dbname` must be a name, not a connection string",
    ),
];

#[test]
fn refusals() {
    for (text, expected) in REFUSED {
        assert_eq!(error(text), *expected, "{text}");
    }
    assert_eq!(resolve("host").dbname, "host", "a bare word is a database");
}

#[test]
fn unreadable_strings() {
    let equals = "invalid connection string: `=` is missing; a value with blanks needs quotes";
    let encode = "invalid connection URL: an `@`, `/`, `:`, `?` or `%` in a user name, a password \
                  or a database name must be percent-encoded (`@` is %40, `/` is %2F)";
    let table = [
        (
            "host='a",
            "invalid connection string: a quote is not closed (parameter number 1)".to_owned(),
        ),
        (
            "user=x password=my secret host=b",
            format!("{equals} (parameter number 3)"),
        ),
        ("a b=c", format!("{equals} (parameter number 1)")),
        (
            "application_name='a''b'",
            format!("{equals} (parameter number 2)"),
        ),
        (
            "POSTGRESQL://h",
            "invalid connection URL: it must start with postgresql:// or postgres://".to_owned(),
        ),
        (
            "mysql://u:p@h/d?a=b",
            "invalid connection URL: it must start with postgresql:// or postgres://".to_owned(),
        ),
        (
            "postgresql://[::1",
            "invalid connection URL: the `]` of an IPv6 address is missing".to_owned(),
        ),
        (
            "postgresql://[]",
            "invalid connection URL: the IPv6 address in `[]` is empty".to_owned(),
        ),
        (
            "postgresql://[::1]x",
            "invalid connection URL: after the `]` of an IPv6 address only `:` or `/` may come"
                .to_owned(),
        ),
        (
            "postgresql://h?a",
            "invalid connection URL: a parameter after `?` has no `=`".to_owned(),
        ),
        (
            "postgresql://h?user=x&&password=y",
            "invalid connection URL: a parameter after `?` has no `=`".to_owned(),
        ),
        (
            "postgresql://h?user=a=b",
            "invalid connection URL: an `=` in a parameter's value must be written %3D".to_owned(),
        ),
        ("postgresql://h/d%2", encode.to_owned()),
        ("postgresql://h/d%zz", encode.to_owned()),
        (
            "postgresql://h/d%00",
            "invalid connection URL: %00 is not allowed".to_owned(),
        ),
        (
            "postgresql://u:%ff@h/d",
            "invalid connection URL: a percent-encoded part is not UTF-8".to_owned(),
        ),
        // libpq takes these two, and shows a part of the password.
        ("postgresql://u:p@ss@h/d", encode.to_owned()),
        ("postgresql://u:12/w@h/d", encode.to_owned()),
    ];
    for (text, expected) in table {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn no_error_repeats_a_password() {
    for text in [
        "postgresql://u:hunter2@ho st:port/d",
        "postgresql://u:hunter2/x@h/d",
        "postgresql://u:hunter2@h:hunter2/d",
        "postgresql://u:hunter2%@h/d",
        "postgresql://u:x@hunter2@h/d",
        "postgresql://u:hunter2@h/d?hunter2",
        "postgresql://u:hunter2@h/d?hunter2=1",
        "postgresql://u:hunter2@h/d?user=a=hunter2",
        "password='hunter2",
        "password=x hunter2",
        "password=x hunter2=",
        "sslmode= password=hunter2",
        "password=hunter2 nonsense=1",
        "port= password=hunter2",
        "hostaddr= password=hunter2",
        "connect_timeout= password=hunter2",
        "mysql://u:hunter2@h/d",
        "dbname=postgres://u:hunter2@h/d",
        "dbname='host=h password=hunter2'",
    ] {
        let error = resolve_on(text, &[], &[]).map(|_| ()).unwrap_err();
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("hunter2"), "{text}: {shown}");
        }
    }
}

#[test]
fn nothing_shows_the_password() {
    let settings = resolve("postgresql://u:hunter2@h/d");
    let parameters = Parameters::parse("postgresql://u:hunter2@h/d").unwrap();
    let server = settings.servers.first().unwrap();
    let config = settings.to_config_at(server, None);
    let shown = [
        format!("{settings:?} {:#?}", settings.password),
        format!("{parameters:?}"),
        settings.describe().to_string(),
        format!("{:?}", settings.describe()),
        format!("{config:?}"),
    ];
    for shown in shown {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
