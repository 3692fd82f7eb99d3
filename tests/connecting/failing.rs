//! Servers that are none, or do not answer.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use breakglass::db::open::Reason;

use crate::support::{block_on, connect, fleet};

/// A port where nobody listens.
pub(crate) struct Nobody;

impl Nobody {
    pub(crate) fn port() -> u16 {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    }
}

#[test]
fn a_server_that_never_answers() {
    // The kernel accepts; nobody reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for mode in ["disable", "prefer", "require"] {
        let started = Instant::now();
        let text = format!("host=127.0.0.1 port={port} user=u dbname=d connect_timeout=1");
        let error = block_on(connect(&format!("{text} sslmode={mode}"))).unwrap_err();
        assert_eq!(
            *error.reason(),
            Reason::Timeout {
                after: Duration::from_secs(1)
            }
        );
        assert_eq!(
            error.chain(),
            format!(
                "the server did not answer within 1 s: host 127.0.0.1 port {port}, database d, \
                 user u"
            )
        );
        let took = started.elapsed();
        assert!(
            (Duration::from_secs(1)..Duration::from_secs(3)).contains(&took),
            "{took:?}"
        );
    }
}

#[test]
fn each_server_has_its_own_time() {
    let fleet = fleet();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (silent, live) = (
        silent.local_addr().unwrap().port(),
        (fleet.port("own"), silent).0,
    );
    let text =
        format!("host=127.0.0.1,127.0.0.1 port={silent},{live} user=postgres connect_timeout=1");
    let session = block_on(connect(&text)).unwrap();
    assert_eq!(session.endpoint, format!("host 127.0.0.1 port {live}"));
}

#[test]
fn what_is_no_server() {
    let nobody = Nobody::port();
    let table = [
        (
            format!("host=127.0.0.1 port={nobody}"),
            "Connection refused (os error 111)",
        ),
        (
            "host=/nonexistent".to_owned(),
            "No such file or directory (os error 2)",
        ),
        ("host=no.such.host.invalid".to_owned(), ""),
    ];
    for (text, cause) in table {
        let error = block_on(connect(&format!("{text} user=u dbname=d"))).expect_err(&text);
        assert_eq!(*error.reason(), Reason::Unreachable, "{text}");
        assert!(error.chain().ends_with(cause), "{}", error.chain());
        assert!(error.to_string().ends_with("database d, user u"), "{error}");
    }
}

#[test]
fn a_server_that_hangs_up_or_speaks_something_else() {
    let table = [
        ("", "disable", "connection closed"),
        ("", "require", "early eof"),
        (
            "HTTP/1.1 400\r\n\r\n",
            "disable",
            "bytes remaining on stream",
        ),
        ("Z\0\0\0\x05I", "disable", "unexpected message from server"),
    ];
    for (answer, mode, cause) in table {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 8]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            io::copy(&mut stream, &mut io::sink()).unwrap();
        });
        let text = format!("host=127.0.0.1 port={port} user=u dbname=d sslmode={mode}");
        let error = block_on(connect(&text)).unwrap_err();
        assert_eq!(*error.reason(), Reason::Unreachable, "{}", error.chain());
        assert!(error.chain().ends_with(cause), "{}", error.chain());
        server.join().unwrap();
    }
}
