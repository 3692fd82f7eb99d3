//! The demo's database: a throw-away cluster with a Coder-shaped database and an operator who
//! has nothing but the operator role.

use anyhow::{Context as _, anyhow};
use tokio_postgres::Client;

use crate::adapter::{Choice, builtin};
use crate::cluster::{Cluster, Options, Search, find};
use crate::db::conninfo::{Parameters, Settings, Surroundings};
use crate::db::open::open;
use crate::db::{Database, Interrupt, Limits, Parameter};
use crate::ops::{Context, Install, OperatorRole, Policy, Scope};

const SCHEMA: &str = include_str!("../../../sql/demo/coder.sql");
const SEED: &str = include_str!("../../../sql/demo/seed.sql");
const OPERATOR: &str = include_str!("../../../sql/demo/operator.sql");
const CREATE_DATABASE: &str = "create database coder";
const OPERATOR_ROLE: &str = "breakglass_operator";
const OPERATOR_NAME: &str = "alice";

/// A database with everything in place.
pub(super) struct Stage {
    cluster: Cluster,
    client: Client,
}

impl Stage {
    /// Finds a server, starts it, loads the database and installs breakglass.
    pub(super) async fn build(announce: impl Fn(&str)) -> anyhow::Result<Self> {
        let search = Search::from_environment()?;
        let binaries = find(&search, &mut |text| announce(text))?;
        announce(&format!(
            "starting a throw-away PostgreSQL {} from {}",
            binaries.version(),
            binaries.directory().display()
        ));
        let cluster = Cluster::start(&binaries, &Options::default())?;
        script(
            &connect(&settings(&cluster.conninfo("postgres"))?).await?,
            CREATE_DATABASE,
        )
        .await?;
        let settings = settings(&cluster.conninfo("coder"))?;
        let client = connect(&settings).await?;
        script(&client, SCHEMA)
            .await
            .context("cannot load the demo's schema")?;
        script(&client, SEED)
            .await
            .context("cannot load the demo's data")?;
        let context = Context {
            database: Database::new(settings, Limits::default(), Interrupt::default()),
            adapters: builtin()?,
            choice: Choice::default(),
            policy: Policy::default(),
            scope: Scope::default(),
            detected: None,
        };
        let role = OperatorRole {
            name: OPERATOR_ROLE.to_owned(),
            allow_delete: true,
            allow_secret_check: true,
        };
        Install {
            role: Some(role),
            adopt: false,
        }
        .run(&context)
        .await?;
        script(&client, OPERATOR).await?;
        announce(&format!(
            "loaded a Coder-shaped database; `breakglass init --operator-role {OPERATOR_ROLE} --allow-delete \
             --allow-secret-check` has run, and {OPERATOR_NAME} is a member of that role"
        ));
        Ok(Self { cluster, client })
    }

    /// What the operator connects with.
    pub(super) fn operator_conninfo(&self) -> String {
        let socket = self.cluster.socket_directory().display();
        format!(
            "host={socket} port={} user={OPERATOR_NAME} dbname=coder",
            self.cluster.port()
        )
    }

    /// One more connection as the application.
    pub(super) async fn application(&self) -> anyhow::Result<Client> {
        connect(&settings(&self.cluster.conninfo("coder"))?).await
    }

    /// The one value that a statement returns.
    pub(super) async fn value(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> anyhow::Result<String> {
        let row = self
            .client
            .query_typed(statement, parameters)
            .await?
            .into_iter()
            .next();
        let row = row.ok_or_else(|| anyhow!("the demo's database lacks what the story needs"))?;
        let value: serde_json::Value = match row.try_get::<_, String>(0) {
            Ok(text) => return Ok(text),
            Err(_not_text) => row.try_get(0)?,
        };
        Ok(value.to_string())
    }

    /// Stops the cluster and removes its directory.
    pub(super) fn clear(self) -> anyhow::Result<()> {
        let Self { cluster, client } = self;
        drop(client);
        Ok(cluster.stop()?)
    }
}

fn settings(conninfo: &str) -> anyhow::Result<Settings> {
    // The demo's own server, whatever the environment says of others.
    let around = Surroundings {
        variable: &|_name| None,
        exists: &|_path| false,
        read: &|_path| Err(std::io::ErrorKind::NotFound.into()),
        os_user: None,
        home: None,
        socket_directories: &[],
    };
    Ok(Settings::resolve(Parameters::parse(conninfo)?, &around)?)
}

async fn connect(settings: &Settings) -> anyhow::Result<Client> {
    let (client, mut connection) = open(settings).await?;
    tokio::spawn(async move {
        while let Some(message) =
            futures_util::future::poll_fn(|context| connection.poll_message(context)).await
        {
            if message.is_err() {
                break;
            }
        }
    });
    Ok(client)
}

async fn script(client: &Client, statements: &str) -> anyhow::Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a script of several statements, on a database of our own"
    )]
    client.batch_execute(statements).await?;
    Ok(())
}
