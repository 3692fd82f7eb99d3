//! Strings and the parameters in them.

use std::time::Duration;

use tokio_postgres::config::Host;

use super::{Parameters, resolve, resolve_on};
use crate::db::conninfo::{
    ChannelBinding, LoadBalanceHosts, Place, RootCertificates, Secret, Server, SslMode,
    SslNegotiation, TargetSessionAttrs,
};

const KEYWORDS: [&str; 11] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "sslmode",
    "application_name",
    "options",
    "connect_timeout",
    "sslrootcert",
];

/// Writes parameters as `keyword=value|keyword=value`, in the order of `KEYWORDS`.
fn parsed(text: &str) -> String {
    let parameters = Parameters::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let shown = KEYWORDS.iter().filter_map(|keyword| {
        parameters
            .get(keyword)
            .map(|value| format!("{keyword}={value}"))
    });
    shown.collect::<Vec<_>>().join("|")
}

#[test]
fn keyword_strings() {
    let table = [
        ("", ""),
        ("   ", ""),
        ("shop", "dbname=shop"),
        ("host=db1", "host=db1"),
        ("  host = db1  port=5433 ", "host=db1|port=5433"),
        (
            "host=h user = 'a b' password='x\\'y\\\\z'dbname=d",
            "host=h|user=a b|password=x'y\\z|dbname=d",
        ),
        ("host=a host=b", "host=b"),
        ("host=a\\ b", "host=a b"),
        ("host=a\\", "host=a"),
        ("host=a\\'b user=a'b", "host=a'b|user=a'b"),
        ("host=''", "host="),
        ("host= user=x", "host=user=x"),
        ("host=a\u{a0}b", "host=a\u{a0}b"),
        ("user=x\u{b}port=1\nhost=h", "host=h|port=1|user=x"),
        ("options='-c geqo=off'", "options=-c geqo=off"),
        ("requiressl=1", "sslmode=require"),
        ("requiressl=0", "sslmode=prefer"),
        (
            "service='' gssencmode=prefer client_encoding=UTF8 sslsni=1 user=x",
            "user=x",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(parsed(text), expected, "{text}");
    }
}

#[test]
fn urls() {
    let table = [
        ("postgres://", ""),
        ("postgresql://?", ""),
        ("postgresql://h", "host=h"),
        ("postgresql://h:5433/d", "host=h|port=5433|dbname=d"),
        ("postgresql://@h/", "host=h"),
        ("postgresql://u:@h/d", "host=h|user=u|dbname=d"),
        ("postgresql://:p@h/d", "host=h|password=p|dbname=d"),
        (
            "postgresql://u:p:q@h/d",
            "host=h|user=u|password=p:q|dbname=d",
        ),
        (
            "postgresql://u%40x:p%3Aq@h/d%2Fe",
            "host=h|user=u@x|password=p:q|dbname=d/e",
        ),
        (
            "postgresql://u@h:1,i:2/d",
            "host=h,i|port=1,2|user=u|dbname=d",
        ),
        ("postgresql://h:1,i/d", "host=h,i|port=1,|dbname=d"),
        ("postgresql://h,i:2/d", "host=h,i|port=,2|dbname=d"),
        ("postgresql://,,/d", "host=,,|port=,,|dbname=d"),
        (
            "postgresql://[::1]:5433,[::2]/d",
            "host=::1,::2|port=5433,|dbname=d",
        ),
        ("postgresql://%2Ftmp%2Cx:5/d", "host=/tmp,x|port=5|dbname=d"),
        (
            "postgresql:///d?host=/tmp&port=5&user=x",
            "host=/tmp|port=5|user=x|dbname=d",
        ),
        ("postgresql://h/d?host=", "host=|dbname=d"),
        ("postgresql://h/d?dbname=", "host=h|dbname="),
        ("postgresql://h/d/e#f", "host=h|dbname=d/e#f"),
        ("postgresql://h /d ", "host=h |dbname=d "),
        ("postgresql://h?user=a+b&", "host=h|user=a+b"),
        ("postgresql://h?us%65r=bob", "host=h|user=bob"),
        ("postgresql://h?ssl=true", "host=h|sslmode=require"),
        (
            "postgresql://h/d?sslmode=verify-full&sslrootcert=/r%20c",
            "host=h|dbname=d|sslmode=verify-full|sslrootcert=/r c",
        ),
        (
            "postgresql://h?options=-c%20geqo%3Doff",
            "host=h|options=-c geqo=off",
        ),
        (
            "postgresql://h/d?host=/run&user=a@b",
            "host=/run|user=a@b|dbname=d",
        ),
        ("postgresql://b?host=c&user=a%40b", "host=c|user=a@b"),
        // As in libpq, an `@` before the first slash ends a user name, whatever comes before it.
        ("postgresql://h?user=a@b", "host=b|user=h?user=a"),
    ];
    for (text, expected) in table {
        assert_eq!(parsed(text), expected, "{text}");
    }
}

#[test]
fn lists_are_paired() {
    let table = [
        ("host=a", "host a port 5432"),
        ("host=a,b port=1", "host a port 1 or host b port 1"),
        ("host=a,b port=1,2", "host a port 1 or host b port 2"),
        ("host=a,b port=,2", "host a port 5432 or host b port 2"),
        (
            "host=a,/run,::1",
            "host a port 5432 or socket /run/.s.PGSQL.5432 or host ::1 port 5432",
        ),
        (
            "host=a,,b port=7",
            "host a port 7 or host localhost port 7 or host b port 7",
        ),
        ("host=a hostaddr=10.0.0.1", "host a (10.0.0.1) port 5432"),
        (
            "hostaddr=10.0.0.1,::1",
            "host 10.0.0.1 port 5432 or host ::1 port 5432",
        ),
        (
            "host=a,b hostaddr=,10.0.0.1",
            "host a port 5432 or host b (10.0.0.1) port 5432",
        ),
        ("hostaddr=10.0.0.1 host=/run", "host 10.0.0.1 port 5432"),
        ("port=' +12 '", "host localhost port 12"),
        ("port=''", "host localhost port 5432"),
    ];
    for (text, expected) in table {
        let shown = resolve(text).describe().to_string();
        assert_eq!(
            shown,
            format!("{expected}, database ada, user ada"),
            "{text}"
        );
    }
}

#[test]
fn defaults() {
    let settings = resolve("");
    let localhost = Place::Network {
        host: "localhost".to_owned(),
        address: None,
    };
    assert_eq!(
        settings.servers,
        [Server {
            place: localhost,
            port: 5432
        }]
    );
    assert_eq!(
        (settings.user.as_str(), settings.dbname.as_str()),
        ("ada", "ada")
    );
    assert_eq!(settings.password, None);
    assert_eq!(settings.ssl_mode(), SslMode::Prefer);
    let root = "/home/ada/.postgresql/root.crt".into();
    assert_eq!(settings.sslrootcert, RootCertificates::Default(Some(root)));
    assert_eq!(settings.application_name, "breakglass");
    assert_eq!(settings.connect_timeout, None);
    assert_eq!(settings.channel_binding, ChannelBinding::Prefer);
    assert_eq!(settings.sslnegotiation, SslNegotiation::Postgres);
    assert_eq!(settings.target_session_attrs, TargetSessionAttrs::Any);
    assert_eq!(settings.load_balance_hosts, LoadBalanceHosts::Disable);
    assert!(settings.keepalive.enabled);
    assert_eq!(resolve("user=bob").dbname, "bob");
    assert_eq!(
        resolve("user='' dbname=''").describe().to_string(),
        resolve("").describe().to_string()
    );
}

#[test]
fn the_first_socket_wins_over_tcp() {
    let sockets = [
        "/tmp/.s.PGSQL.5432",
        "/run/postgresql/.s.PGSQL.5432",
        "/tmp/.s.PGSQL.5433",
    ];
    let place = |text: &str| {
        let settings = resolve_on(text, &[], &sockets).unwrap();
        settings
            .servers
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" or ")
    };
    assert_eq!(place(""), "socket /run/postgresql/.s.PGSQL.5432");
    assert_eq!(place("port=5433"), "socket /tmp/.s.PGSQL.5433");
    assert_eq!(place("port=5434"), "host localhost port 5434");
    assert_eq!(place("host=a"), "host a port 5432");
    assert_eq!(
        place("host=,a"),
        "socket /run/postgresql/.s.PGSQL.5432 or host a port 5432"
    );
}

#[test]
fn typed_values() {
    let settings = resolve(
        "connect_timeout=3 keepalives=0 keepalives_idle=7 keepalives_interval=2 keepalives_count=4 \
         tcp_user_timeout=1500 sslmode=require sslnegotiation=direct channel_binding=require \
         target_session_attrs=read-write load_balance_hosts=random password=s3cret options=-cx=y \
         fallback_application_name=f",
    );
    assert_eq!(settings.connect_timeout, Some(Duration::from_secs(3)));
    assert!(!settings.keepalive.enabled);
    assert_eq!(settings.keepalive.idle, Some(Duration::from_secs(7)));
    assert_eq!(settings.keepalive.interval, Some(Duration::from_secs(2)));
    assert_eq!(settings.keepalive.count, Some(4));
    assert_eq!(
        settings.keepalive.user_timeout,
        Some(Duration::from_millis(1500))
    );
    assert_eq!(settings.sslnegotiation, SslNegotiation::Direct);
    assert_eq!(settings.channel_binding, ChannelBinding::Require);
    assert_eq!(settings.target_session_attrs, TargetSessionAttrs::ReadWrite);
    assert_eq!(settings.load_balance_hosts, LoadBalanceHosts::Random);
    assert_eq!(
        settings.password.as_ref().map(Secret::expose),
        Some("s3cret")
    );
    assert_eq!(settings.options.as_deref(), Some("-cx=y"));
    assert_eq!(settings.application_name, "f");
    assert_eq!(
        resolve("fallback_application_name=f application_name=a").application_name,
        "a"
    );
    assert_eq!(
        resolve("connect_timeout=-1").connect_timeout,
        Some(Duration::ZERO)
    );
    assert_eq!(resolve("keepalives_idle=0").keepalive.idle, None);
    assert_eq!(
        resolve("sslrootcert=system").ssl_mode(),
        SslMode::VerifyFull
    );
}

#[test]
fn the_driver_gets_what_was_asked_for() {
    let settings = resolve(
        "host=a,/run hostaddr='' port=1,2 user=u password=p dbname=d tcp_user_timeout=1500 \
         connect_timeout=3 sslmode=verify-full application_name=x options=-cx=y keepalives_count=4",
    );
    let [network, socket] = settings.servers.as_slice() else {
        panic!("{:?}", settings.servers)
    };
    let address = "10.0.0.1".parse().unwrap();
    let config = settings.to_config_at(network, Some(address));
    assert_eq!(
        config.get_tcp_user_timeout(),
        Some(&Duration::from_millis(1500))
    );
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    assert_eq!(config.get_ports(), [1]);
    assert_eq!(config.get_hosts(), [Host::Tcp("a".to_owned())]);
    assert_eq!(config.get_hostaddrs(), [address]);
    assert_eq!(config.get_keepalives_retries(), Some(4));
    assert_eq!(config.get_password(), Some(b"p".as_slice()));
    assert_eq!(
        (config.get_user(), config.get_dbname()),
        (Some("u"), Some("d"))
    );
    let config = settings.to_config_at(socket, None);
    assert_eq!(config.get_ports(), [2]);
    assert_eq!(config.get_hosts(), [Host::Unix("/run".into())]);
}
