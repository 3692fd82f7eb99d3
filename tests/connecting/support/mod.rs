//! What the tests share.

pub(crate) mod certificates;
pub(crate) mod fleet;
pub(crate) mod psql;

use std::future::poll_fn;
use std::path::{Path, PathBuf};

use breakglass::db::conninfo::{ConninfoError, Parameters, Settings, Surroundings};
use breakglass::db::local_file::LocalFile;
use breakglass::db::open::{Connection, OpenError, open};
use tokio_postgres::Client;

pub(crate) use fleet::{Fleet, alone_with_the_logs, beside_the_logs, fleet};

/// Reads a connection string on a machine without variables and without sockets.
pub(crate) fn settings(text: &str) -> Result<Settings, ConninfoError> {
    settings_at(text, Path::new("/nonexistent"))
}

/// The same, with a home directory.
pub(crate) fn settings_at(text: &str, home: &Path) -> Result<Settings, ConninfoError> {
    let around = Surroundings {
        variable: &|_| None,
        exists: &|_| false,
        read: &LocalFile::read,
        os_user: Some("postgres"),
        home: Some(home),
        socket_directories: &[PathBuf::from("/nonexistent")],
    };
    Settings::resolve(Parameters::parse(text)?, &around)
}

/// Opens a connection and keeps it going in the background.
pub(crate) async fn connect(text: &str) -> Result<Session, OpenError> {
    connect_with(&settings(text).expect(text)).await
}

/// The same, with settings.
pub(crate) async fn connect_with(settings: &Settings) -> Result<Session, OpenError> {
    let (client, connection) = open(settings).await?;
    let is_encrypted = connection.is_encrypted();
    let warnings = connection.warnings().to_vec();
    let endpoint = connection.endpoint().to_string();
    tokio::spawn(drive(connection));
    Ok(Session {
        client,
        is_encrypted,
        warnings,
        endpoint,
    })
}

async fn drive(mut connection: Connection) {
    while let Some(Ok(_)) = poll_fn(|context| connection.poll_message(context)).await {}
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) is_encrypted: bool,
    pub(crate) warnings: Vec<String>,
    pub(crate) endpoint: String,
}

impl Session {
    /// Asks the server for one text.
    pub(crate) async fn ask(&self, query: &str) -> String {
        let rows = self.client.query_typed(query, &[]).await.expect(query);
        rows.first().expect(query).try_get(0).expect(query)
    }

    /// Tells what the server thinks of the connection: `tls` or `plain`.
    pub(crate) async fn how(&self) -> &'static str {
        let query = "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()";
        let servers_view = self.ask(query).await == "true";
        assert_eq!(servers_view, self.is_encrypted, "both sides agree");
        if servers_view { "tls" } else { "plain" }
    }
}

/// A runtime for a test, as the command line has it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
