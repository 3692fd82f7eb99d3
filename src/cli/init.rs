//! `init`: install the schema, and give an operator role the least that works.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::Run;
use super::exit::Exit;
use super::failure::Failure;
use crate::ops::{Install, InstallReport, OperatorRole};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  breakglass init --operator-role breakglass_operator")]
pub(super) struct Init {
    /// Make this role if it is missing (NOLOGIN), and grant it the least that works
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) operator_role: Option<String>,
    /// Let the role delete tokens
    #[arg(long, requires = "operator_role")]
    pub(super) allow_delete: bool,
    /// Let the role read the stored hash, to verify a pasted secret
    #[arg(long, requires = "operator_role")]
    pub(super) allow_secret_check: bool,
    /// Print the SQL and run nothing
    #[arg(long)]
    pub(super) print: bool,
    /// Take rights from an existing role that breakglass never granted anything to
    #[arg(short, long)]
    pub(super) yes: bool,
}

/// Installs, or prints what an installation would run.
pub(super) async fn run(run: &mut Run, args: &Init) -> Result<Exit, Failure> {
    let context = run.connecting.context(&run.interrupt)?;
    let role = args.operator_role.as_ref().map(|name| OperatorRole {
        name: name.clone(),
        allow_delete: args.allow_delete,
        allow_secret_check: args.allow_secret_check,
    });
    let request = Install {
        role,
        adopt: args.yes,
    };
    let mut out = run.screen.data();
    if args.print {
        let statements = request.script(&context).await?;
        writeln!(out, "begin;")?;
        for statement in statements {
            writeln!(out, "\n{};", statement.trim().trim_end_matches(';'))?;
        }
        writeln!(out, "\ncommit;")?;
    } else {
        let report = request.run(&context).await?;
        tell(&mut out, args, &report)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn tell(out: &mut dyn std::io::Write, args: &Init, report: &InstallReport) -> std::io::Result<()> {
    let InstallReport {
        applied,
        adapter,
        created_role,
        granted,
        revoked,
        notes,
    } = report;
    if applied.is_empty() {
        writeln!(out, "schema breakglass is up to date")?;
    }
    for migration in applied {
        writeln!(out, "applied migration {migration}")?;
    }
    match adapter {
        Some(adapter) => writeln!(out, "the application is one that adapter `{adapter}` knows")?,
        None => writeln!(
            out,
            "no adapter fits this database; name one with --adapter-file"
        )?,
    }
    if let Some(role) = &args.operator_role {
        if *created_role {
            writeln!(out, "created role {role} (nologin)")?;
        }
        for privilege in grouped(granted) {
            writeln!(out, "granted {privilege}")?;
        }
        for privilege in grouped(revoked) {
            writeln!(out, "revoked {privilege}")?;
        }
        if granted.is_empty() && revoked.is_empty() {
            writeln!(out, "role {role} has exactly what it needs")?;
        }
    }
    for note in notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

/// `select (a) on t`, `select (b) on t` as one line a privilege and table.
fn grouped(privileges: &[String]) -> Vec<String> {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for privilege in privileges {
        let (what, table) = privilege.split_once(" on ").unwrap_or((privilege, ""));
        let (verb, column) = what.split_once(' ').unwrap_or((what, ""));
        let column = column.trim_start_matches('(').trim_end_matches(')');
        groups.entry((table, verb)).or_default().push(column);
    }
    let line = |((table, verb), columns): ((&str, &str), Vec<&str>)| match columns.as_slice() {
        [""] => format!("{verb} on {table}"),
        columns => format!("{verb} ({}) on {table}", columns.join(", ")),
    };
    groups.into_iter().map(line).collect()
}
