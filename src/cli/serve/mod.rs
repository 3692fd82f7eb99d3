//! `serve`: the same operations over HTTP.

mod token;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Run;
use super::exit::Exit;
use super::failure::Failure;
use crate::db::{Interrupt, parse_limit};
use crate::http::listen::{Address, Bound, Patience, ServerTls, TlsFiles, bind, serve};
use crate::http::{App, RequestLimits, Settings};
use crate::ops::{Context, Detected};

/// How long a client may take for the head of a request, and to take what it is sent.
const CLIENT: Duration = Duration::from_secs(10);

/// Connections at once; further ones wait. More than requests, since many idle.
const CONNECTIONS: usize = 1024;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct ServeArgs {
    #[command(subcommand)]
    command: Option<ServeCommand>,
    /// Where to listen: `ADDRESS:PORT` or `unix:/PATH`; more than once for several
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7345")]
    listen: Vec<Address>,
    /// The file that says who may call, and what they may do; read again on SIGHUP
    #[arg(long, value_name = "FILE", required = true)]
    principals: Option<PathBuf>,
    /// The server's certificate, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The authorities whose clients' certificates are believed
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Listen without TLS where others than this machine reach it
    #[arg(long)]
    insecure: bool,
    /// Connections to the database at most
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pool_size: u16,
    /// Requests at once; more are answered 503
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    max_requests: u16,
    /// Bytes of a request's body at most
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20)]
    max_body: usize,
    /// Tokens that one request may change at most
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    max_rows: u32,
    /// How long an answer may take; a change that was begun goes on
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = parse_limit)]
    request_timeout: Duration,
    /// How long a plan waits to be applied
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_limit)]
    plan_lifetime: Duration,
    /// How long requests under way may take to end when the server is to end
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_limit)]
    drain: Duration,
}

#[derive(Debug, Subcommand)]
enum ServeCommand {
    /// Make bearer tokens of principals
    #[command(subcommand)]
    Token(token::TokenCommand),
}

impl ServeArgs {
    /// Whether it is the server itself, rather than something for it.
    pub(super) fn is_server(&self) -> bool {
        self.command.is_none()
    }

    fn limits(&self) -> RequestLimits {
        RequestLimits {
            requests: self.max_requests.into(),
            body_bytes: self.max_body,
            rows: self.max_rows as usize,
            time: self.request_timeout,
            plan: self.plan_lifetime,
        }
    }

    /// The certificate to show; without one, nothing but this machine may be listened for.
    fn tls(&self) -> Result<Option<ServerTls>, Failure> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let files = TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                client_ca: self.tls_client_ca.clone(),
            };
            let loaded = files.load();
            return loaded.map(Some).map_err(|error| Failure::Usage {
                message: error.to_string(),
                hint: None,
            });
        }
        let open = self.listen.iter().find(|address| !address.is_local());
        match open {
            Some(address) if !self.insecure => Err(Failure::usage(
                format!(
                    "{address} is reached from elsewhere, and tokens would cross the network in the clear"
                ),
                "add `--tls-cert` and `--tls-key`, or `--insecure` where something before it does TLS",
            )),
            _ => Ok(None),
        }
    }
}

/// Serves until it is told to end.
pub(super) async fn run(run: &mut Run, args: ServeArgs) -> Result<Exit, Failure> {
    if let Some(ServeCommand::Token(command)) = &args.command {
        return token::run(run, command);
    }
    let tls = args.tls()?;
    let context = run.connecting.context(&Interrupt::default())?;
    let app = app(&args, context)?;
    let mut listening = Vec::new();
    for address in &args.listen {
        let bound = bind(address).await.map_err(|error| Failure::Usage {
            message: format!("cannot listen at {address}: {error}"),
            hint: Some("give another `--listen`".to_owned()),
        })?;
        listening.push(bound);
    }
    log_as_json();
    let stop = watch::Sender::new(false);
    let mut serving = JoinSet::new();
    for bound in listening {
        told(&bound, tls.is_some())?;
        let tls = match bound.address() {
            Address::Tcp(_) => tls.clone(),
            Address::Unix(_) => None,
        };
        let patience = Patience {
            head: CLIENT,
            write: CLIENT,
            drain: args.drain,
            connections: CONNECTIONS,
        };
        serving.spawn(serve(bound, tls, app.router(), patience, stop.subscribe()));
    }
    watched(run, &app).await?;
    stop.send_replace(true);
    while serving.join_next().await.is_some() {}
    app.settle(args.drain).await;
    tracing::info!("ended");
    Ok(Exit::Done)
}

fn app(args: &ServeArgs, context: Context) -> Result<App, Failure> {
    let database = context.database.clone();
    let database = database
        .pooled(args.pool_size.into())
        .map_err(|error| Failure::usage(error.to_string(), "give a larger `--pool-size`"))?;
    let context = Context {
        database,
        detected: Some(Detected::default()),
        ..context
    };
    let settings = Settings {
        context,
        principals: args.principals.clone().unwrap_or_default(),
        limits: args.limits(),
    };
    App::new(settings).map_err(|error| Failure::Usage {
        message: error.to_string(),
        hint: Some(
            "`breakglass serve token new` prints a token and what to put into the file".to_owned(),
        ),
    })
}

/// Says where it listens, on standard output: whoever starts it reads the port there.
fn told(bound: &Bound, tls: bool) -> Result<(), Failure> {
    let scheme = match bound.address() {
        Address::Unix(_) => "",
        Address::Tcp(_) if tls => "https://",
        Address::Tcp(_) => "http://",
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening at {scheme}{}", bound.address())?;
    out.flush()?;
    Ok(())
}

/// Waits for the end, and reads the principals anew meanwhile when told to.
async fn watched(run: &Run, app: &App) -> Result<(), Failure> {
    let mut reload = signal(SignalKind::hangup()).map_err(anyhow::Error::new)?;
    loop {
        tokio::select! {
            () = run.interrupt.raised() => return Ok(()),
            _ = reload.recv() => match app.reload() {
                Ok(count) => tracing::info!(count, "read the principals"),
                Err(error) => tracing::error!(%error, "the principals stay as they were"),
            },
        }
    }
}

/// One JSON object a line on standard error; panics too, which end one request only.
fn log_as_json() {
    let log = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .finish();
    // Already set where a test runs it twice in one process.
    let _set = tracing::subscriber::set_global_default(log).is_ok();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a request panicked");
    }));
}
