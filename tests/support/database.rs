//! A database of a test's own: a copy of a template, gone at the test's end.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use breakglass::cluster::{Cluster, SUPERUSER};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::cluster::{runtime, shared_cluster};
use super::run::{Invocation, breakglass};
use super::template::{self, Template};
use super::via::Servers;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The rows of a query, every value as text.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// A database of a test's own.
pub(crate) struct TestDatabase {
    socket_directory: PathBuf,
    port: u16,
    name: String,
    pool: Pool,
    /// The server's text of its version.
    server_version: String,
    /// Roles that go with the database; they belong to the whole server.
    roles: Mutex<Vec<String>>,
    /// Whether there is somebody else's server to clean up.
    is_shared: bool,
    /// What stands before it, where the suite is run that way.
    servers: Servers,
}

impl TestDatabase {
    /// A copy of a template on the server that all tests share.
    pub(crate) fn new(template: Template) -> Self {
        template::ensure(template);
        Self::copy(template.name())
    }

    /// A copy of a template to which something was done once, such as installing breakglass.
    pub(crate) fn prepared(name: &'static str, from: Template, prepare: fn(&Self)) -> Self {
        template::ensure(from);
        template::once(name, || {
            let database = Self::to_copy(name, Some(from.name()));
            prepare(&database);
            database.close();
        });
        Self::copy(name)
    }

    /// A new database on a cluster of the test's own.
    pub(crate) fn on(cluster: &Cluster, template: Template) -> Self {
        Self::create_named(cluster, &next_name(), template)
    }

    /// The same with a name that another cluster has as well.
    pub(crate) fn create_named(cluster: &Cluster, name: &str, template: Template) -> Self {
        let database = Self::create(cluster, name, None);
        for file in template.files() {
            database.load(file);
        }
        database
    }

    /// A database that others will be copied from.
    pub(super) fn to_copy(name: &str, from: Option<&str>) -> Self {
        administrate(
            shared_cluster(),
            &format!("drop database if exists {name} with (force)"),
        );
        Self::create(shared_cluster(), name, from)
    }

    fn copy(from: &str) -> Self {
        let mut database = Self::create(shared_cluster(), &next_name(), Some(from));
        database.is_shared = true;
        database
    }

    fn create(cluster: &Cluster, name: &str, from: Option<&str>) -> Self {
        // Files are faster here than the log; before version 15 there was no other way.
        let strategy = if cluster.binaries().major() >= 15 {
            "strategy file_copy"
        } else {
            ""
        };
        let from = from.unwrap_or("template0");
        administrate(
            cluster,
            &format!("create database {name} template {from} {strategy}"),
        );
        Self::existing(cluster, name)
    }

    /// A database that is there: the copy that a standby has of one.
    pub(crate) fn existing(cluster: &Cluster, name: &str) -> Self {
        let socket_directory = cluster.socket_directory().to_owned();
        let port = cluster.port();
        let manager = Manager::from_config(
            config(&socket_directory, port, SUPERUSER, name),
            NoTls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(4)
            .build()
            .expect("no setting is missing");
        Self {
            socket_directory,
            port,
            name: name.to_owned(),
            pool,
            server_version: cluster.binaries().version().to_owned(),
            roles: Mutex::default(),
            is_shared: false,
            servers: Servers::of_this_test(),
        }
    }

    pub(super) fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Ends its connections, so that it can be copied.
    pub(super) fn close(&self) {
        self.servers.stop();
        self.pool.close();
    }

    /// Its name: `test_` and four digits.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The directory of the server's socket.
    pub(crate) fn socket_directory(&self) -> &Path {
        &self.socket_directory
    }

    /// The server's version, as it writes it.
    pub(crate) fn server_version(&self) -> &str {
        &self.server_version
    }

    /// A connection string for a role.
    pub(crate) fn conninfo(&self, role: &str) -> String {
        let Self {
            socket_directory,
            port,
            name,
            ..
        } = self;
        format!(
            "host={} port={port} user={role} dbname={name}",
            socket_directory.display()
        )
    }

    /// The binary, to be run on this database: as its superuser, unless told otherwise.
    pub(crate) fn breakglass(&self) -> Invocation<'_> {
        breakglass().on(self)
    }

    /// A name for a role, `STEM_DATABASE`; the role is dropped with the database, if it exists then.
    pub(crate) fn role_name(&self, stem: &str) -> String {
        let role = format!("{stem}_{}", self.name);
        self.roles
            .lock()
            .expect("no thread panicked with it")
            .push(role.clone());
        role
    }

    /// Makes a role that may log in and nothing else, and returns its name.
    pub(crate) fn login_role(&self, stem: &str) -> String {
        let role = self.role_name(stem);
        self.execute(&format!("create role {role} login"));
        role
    }

    /// Loads a file, its path below the project's directory.
    pub(crate) fn load(&self, path: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let sql = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.execute(&sql);
    }

    /// Runs statements as the superuser, all in one transaction unless they say otherwise.
    pub(crate) fn execute(&self, sql: &str) {
        block_on(async {
            let client = self
                .pool
                .get()
                .await
                .unwrap_or_else(|error| panic!("{error:?}"));
            execute(&client, sql)
                .await
                .unwrap_or_else(|error| failed(sql, &error));
        });
    }

    /// The rows of the last statement.
    pub(crate) fn query(&self, sql: &str) -> Rows {
        block_on(async {
            let client = self
                .pool
                .get()
                .await
                .unwrap_or_else(|error| panic!("{error:?}"));
            query(&client, sql).await
        })
    }

    /// The one value of one row; null is an empty text.
    pub(crate) fn value(&self, sql: &str) -> String {
        one_value(sql, self.query(sql))
    }

    /// Waits until a query (`select exists …`) answers true: a backend waits, a row has changed.
    pub(crate) fn wait_for(&self, query: &str) {
        let start = Instant::now();
        while self.value(query) != "t" {
            assert!(
                start.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {query}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs statements on a connection of their own meanwhile: one that waits or sleeps.
    pub(crate) fn meanwhile(&self, sql: &str) -> Meanwhile {
        let (session, sql) = (self.session(), sql.to_owned());
        Meanwhile(thread::spawn(move || session.try_execute(&sql)))
    }

    /// A connection of its own as the superuser: for locks, open transactions, settings.
    pub(crate) fn session(&self) -> Session {
        self.session_as(SUPERUSER)
    }

    /// A connection of its own as a role.
    pub(crate) fn session_as(&self, role: &str) -> Session {
        let config = config(&self.socket_directory, self.port, role, &self.name);
        Session::connect(&config)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.servers.stop();
        self.pool.close();
        // A test that has failed already must not abort the others.
        if !self.is_shared || thread::panicking() {
            return;
        }
        let name = &self.name;
        administrate(
            shared_cluster(),
            &format!("drop database {name} with (force)"),
        );
        for role in self.roles.get_mut().expect("no thread panicked with it") {
            administrate(shared_cluster(), &format!("drop role if exists {role}"));
        }
    }
}

/// Statements that run beside a test.
pub(crate) struct Meanwhile(thread::JoinHandle<Result<(), tokio_postgres::Error>>);

impl Meanwhile {
    /// Waits for their end, and tells the SQLSTATE of a refusal.
    pub(crate) fn wait(self) -> Option<String> {
        let ended = self.0.join().expect("it does not panic");
        ended.err().map(|error| {
            error
                .code()
                .map_or_else(|| format!("{error:?}"), |code| code.code().to_owned())
        })
    }
}

/// A connection of its own; what it left open is rolled back when it is dropped.
pub(crate) struct Session {
    client: Client,
}

impl Session {
    /// Connects somewhere else than straight to a test's database.
    pub(super) fn connect(config: &Config) -> Self {
        Self {
            client: connect(config),
        }
    }

    /// Runs statements.
    pub(crate) fn execute(&self, sql: &str) {
        self.try_execute(sql)
            .unwrap_or_else(|error| failed(sql, &error));
    }

    /// Runs statements that may be refused.
    pub(crate) fn try_execute(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        block_on(execute(&self.client, sql))
    }

    /// The SQLSTATE with which the server refuses statements.
    pub(crate) fn refusal(&self, sql: &str) -> String {
        let error = self.try_execute(sql).expect_err(sql);
        error
            .code()
            .map_or_else(|| format!("{error:?}"), |code| code.code().to_owned())
    }

    /// The rows of the last statement.
    pub(crate) fn query(&self, sql: &str) -> Rows {
        block_on(query(&self.client, sql))
    }

    /// The one value of one row; null is an empty text.
    pub(crate) fn value(&self, sql: &str) -> String {
        one_value(sql, self.query(sql))
    }
}

/// Runs a future to its end on the thread of the test.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

fn config(socket_directory: &Path, port: u16, role: &str, database: &str) -> Config {
    let mut config = Config::new();
    config
        .host_path(socket_directory)
        .port(port)
        .user(role)
        .dbname(database);
    config
        .application_name("breakglass tests")
        .connect_timeout(PATIENCE);
    config
}

fn connect(config: &Config) -> Client {
    block_on(async {
        let (client, connection) = config
            .connect(NoTls)
            .await
            .unwrap_or_else(|error| failed("connect", &error));
        runtime().spawn(connection);
        client
    })
}

/// Runs one statement outside the test's database, trying again while a template is in use.
fn administrate(cluster: &Cluster, sql: &str) {
    let client = connect(&config(
        cluster.socket_directory(),
        cluster.port(),
        SUPERUSER,
        "postgres",
    ));
    let start = Instant::now();
    while let Err(error) = block_on(execute(&client, sql)) {
        let is_in_use = error.code() == Some(&SqlState::OBJECT_IN_USE);
        if !is_in_use || start.elapsed() > PATIENCE {
            failed(sql, &error);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests run scripts, not operations"
)]
async fn execute(client: &Client, sql: &str) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(sql).await
}

#[expect(clippy::disallowed_methods, reason = "tests look at values as text")]
async fn query(client: &Client, sql: &str) -> Rows {
    let messages = client
        .simple_query(sql)
        .await
        .unwrap_or_else(|error| failed(sql, &error));
    let mut rows = Rows::new();
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(_) => rows.clear(),
            SimpleQueryMessage::Row(row) => {
                rows.push(
                    (0..row.len())
                        .map(|at| row.get(at).map(str::to_owned))
                        .collect(),
                );
            }
            _ => {}
        }
    }
    rows
}

fn one_value(sql: &str, rows: Rows) -> String {
    match <[_; 1]>::try_from(rows).map(|[row]| <[_; 1]>::try_from(row)) {
        Ok(Ok([value])) => value.unwrap_or_default(),
        other => panic!("not one value but {other:?}: {sql}"),
    }
}

fn failed(sql: &str, error: &tokio_postgres::Error) -> ! {
    let start: String = sql.chars().take(500).collect();
    match error.as_db_error() {
        Some(refusal) => panic!("{refusal:?}\n{start}"),
        None => panic!("{error:?}\n{start}"),
    }
}

fn next_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("test_{:04}", NEXT.fetch_add(1, Ordering::Relaxed))
}
