//! Tests of the launcher, on a real server; a missing one fails them, they never skip.
//!
//! `carried.rs` has ignored tests that need npm, pip and the network.

mod carried;
mod find;
mod launch;
#[cfg(target_os = "linux")]
mod linux;
mod owner;

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::{Binaries, Cluster, Search, Template};

/// The server of this machine.
static BINARIES: LazyLock<Binaries> = LazyLock::new(|| {
    let search = Search::from_environment().expect("the environment can be read");
    super::find(&search, &mut |_| {}).expect("this machine has a Postgres")
});

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| Template::new(&BINARIES).expect("initdb works"))
}

/// A directory for one test, open to all, gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from("/tmp").join(format!("bgt-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("/tmp is writable");
        fs::set_permissions(&path, Permissions::from_mode(0o777)).expect("it is ours");
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Writes an executable.
    fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.0.join(name);
        let directory = path.parent().expect("it is in here");
        fs::create_dir_all(directory).expect("directories can be made");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("scripts can be written");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// As much of the protocol as a test needs: one startup packet, simple queries.
struct Client<S>(S);

impl Client<UnixStream> {
    fn of(cluster: &Cluster) -> Self {
        Self::at(cluster.socket_directory(), cluster.port())
    }

    fn at(directory: &Path, port: u16) -> Self {
        let socket = directory.join(format!(".s.PGSQL.{port}"));
        let mut client = Self(UnixStream::connect(socket).expect("the socket accepts"));
        let (kind, body) = client.start();
        assert_eq!(
            (kind, &body[..4]),
            (b'R', &[0, 0, 0, 0][..]),
            "AuthenticationOk"
        );
        while client.message().0 != b'Z' {}
        client
    }
}

impl<S: Read + Write> Client<S> {
    fn start(&mut self) -> (u8, Vec<u8>) {
        let words = b"user\0postgres\0database\0postgres\0\0";
        let length = u32::try_from(words.len() + 8).expect("short");
        let packet = [&length.to_be_bytes()[..], &196_608_u32.to_be_bytes(), words].concat();
        self.0.write_all(&packet).expect("the server listens");
        self.message()
    }

    fn message(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).expect("the server answers");
        let length = u32::from_be_bytes(head[1..].try_into().expect("four bytes"));
        let mut body = vec![0; length as usize - 4];
        self.0.read_exact(&mut body).expect("the message is whole");
        (head[0], body)
    }

    fn send(&mut self, sql: &str) {
        let length = u32::try_from(sql.len() + 5).expect("short");
        let packet = [b"Q", &length.to_be_bytes()[..], sql.as_bytes(), b"\0"].concat();
        self.0.write_all(&packet).expect("the server listens");
    }

    /// The first column of the last row.
    fn ask(&mut self, sql: &str) -> String {
        self.send(sql);
        let mut answer = String::new();
        loop {
            let (kind, body) = self.message();
            match kind {
                b'D' => answer = String::from_utf8_lossy(&body[6..]).into_owned(),
                b'E' => panic!("{sql}: {}", String::from_utf8_lossy(&body)),
                b'Z' => return answer,
                _ => {}
            }
        }
    }
}

impl Client<TcpStream> {
    fn by_tcp(port: u16) -> Self {
        Self(TcpStream::connect(("127.0.0.1", port)).expect("the port accepts"))
    }
}

fn is_alive(pid: u32) -> bool {
    let output = Command::new("kill").args(["-0", &pid.to_string()]).output();
    output.expect("kill runs").status.success()
}

/// Waits for a condition and returns how long that took.
fn wait_for(what: &str, limit: Duration, condition: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}
