//! The server and the role's defaults: whether a write is possible, and what COMMIT means.

use super::objects::{Aspect, Object};
use crate::db::{self, Identity, Session};
use crate::model::{Code, Finding};
use crate::ops::policy::Policy;

const SERVER: &str = include_str!("../../../sql/doctor/server.sql");

/// How many connections an operation may need at once: its own, one that watches for who holds a
/// lock, one that reads back.
const CONNECTIONS: i64 = 3;

/// What the server says of itself and of this role's sessions.
#[derive(Clone, Debug)]
pub(super) struct Server {
    read_only_by_default: bool,
    read_only_source: String,
    synchronous_commit: String,
    synchronous_commit_source: String,
    synchronous_standby_names: String,
    standbys: i64,
    synchronous_standbys: i64,
    reads_all_stats: bool,
    superuser: bool,
    /// Its limit, what is used of it, and whose it is.
    room: Vec<(String, i64, i64)>,
    /// The backend that answered this.
    pub(super) pid: i32,
    /// The port that the server itself listens on; `None` for a socket.
    pub(super) port: Option<i32>,
}

impl Server {
    /// Asks it.
    pub(super) async fn read(session: &Session, identity: &Identity) -> Result<Self, db::Error> {
        let rows = session.read(SERVER, &[]).await?;
        let row = rows
            .first()
            .ok_or_else(|| db::Error::Answer("no server".to_owned()))?;
        let superuser: bool = row.try_get("superuser")?;
        let mut room = Vec::new();
        for (name, whose) in [
            ("server", "the server".to_owned()),
            ("database", format!("database {}", identity.database.name)),
            ("role", format!("role {}", identity.role)),
        ] {
            let limit: i32 = row.try_get(format!("{name}_limit").as_str())?;
            let used: Option<i64> = row.try_get(format!("{name}_used").as_str())?;
            // No limit of a role or database concerns a superuser.
            if limit >= 0 && !superuser {
                room.push((whose, i64::from(limit), used.unwrap_or_default()));
            }
        }
        Ok(Self {
            read_only_by_default: row.try_get("read_only_by_default")?,
            read_only_source: row.try_get("read_only_source")?,
            synchronous_commit: row.try_get("synchronous_commit")?,
            synchronous_commit_source: row.try_get("synchronous_commit_source")?,
            synchronous_standby_names: row.try_get("synchronous_standby_names")?,
            standbys: row.try_get("standbys")?,
            synchronous_standbys: row.try_get("synchronous_standbys")?,
            reads_all_stats: row.try_get("reads_all_stats")?,
            superuser,
            room,
            pid: row.try_get("pid")?,
            port: row.try_get("server_port")?,
        })
    }

    /// What of it matters to a write.
    pub(super) fn findings(&self, identity: &Identity) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.read_only().into_iter().collect();
        findings.extend(self.commits());
        if !identity.in_recovery {
            findings.extend(self.replicated());
        }
        findings.extend(self.connections());
        findings
    }

    fn read_only(&self) -> Option<Finding> {
        self.read_only_by_default.then(|| {
            Finding::notes(Code::ReadOnlyByDefault, "default_transaction_read_only")
                .what(format!(
                    "transactions are read-only by default, by a setting of the {}",
                    self.read_only_source
                ))
                .why("a change here says READ WRITE itself and works; but somebody wanted no writes, as in a failover or a migration")
                .remedy("ask why before a write: `\\drds` in psql, `show default_transaction_read_only`")
        })
    }

    fn commits(&self) -> Option<Finding> {
        matches!(self.synchronous_commit.as_str(), "off" | "local").then(|| {
            Finding::notes(Code::SynchronousCommit, "synchronous_commit")
                .what(format!(
                    "synchronous_commit is {} by default, by a setting of the {}",
                    self.synchronous_commit, self.synchronous_commit_source
                ))
                .why("a change here and its record wait for the disk all the same; what the application commits may be lost in a crash, and with it a logout or expiry of its own")
                .remedy("after a crash look again with `breakglass tokens show`; `\\drds` in psql shows where it is set")
        })
    }

    fn replicated(&self) -> Option<Finding> {
        let named = !self.synchronous_standby_names.is_empty();
        let sees = self.superuser || self.reads_all_stats;
        if named && (self.standbys == 0 || (sees && self.synchronous_standbys == 0)) {
            return Some(
                Finding::blocks(Code::SynchronousStandbyMissing, "synchronous_standby_names")
                    .what(format!(
                        "COMMIT waits for a standby of `{}`, and none is attached",
                        self.synchronous_standby_names
                    ))
                    .why("a change would wait at its COMMIT until the answer is given up, with its outcome unknown")
                    .remedy("bring the standby back, or have the DBA decide: `alter system set synchronous_standby_names = ''`"),
            );
        }
        (!named && self.standbys > 0).then(|| {
            Finding::notes(Code::RecordNotReplicated, "synchronous_standby_names")
                .what(format!("{} standbys follow, and no commit waits for one", self.standbys))
                .why("a failover right after a change can lose it and its record, and the token lives again")
                .remedy("after a failover look again with `breakglass audit ls` and `breakglass tokens show`")
        })
    }

    fn connections(&self) -> Vec<Finding> {
        let short = self.room.iter().filter(|(_, limit, used)| {
            // What this one holds counts as used.
            limit - used < CONNECTIONS - 1 || used * 10 >= limit * 9 && *limit >= 10
        });
        short
            .map(|(whose, limit, used)| {
                Finding::warns(Code::ConnectionsShort, whose.clone())
                    .what(format!("{used} of {limit} connections of {whose} are in use"))
                    .why(format!("an operation opens up to {CONNECTIONS}: without the last ones it cannot say who holds a lock, or whether the token is dead"))
                    .remedy("end what is idle (`select pid, state, application_name from pg_stat_activity`), or raise the limit: `alter role … connection limit`, `max_connections`")
            })
            .collect()
    }
}

/// A standby, another cluster than the one that was pinned.
pub(super) fn place(identity: &Identity, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    if identity.in_recovery {
        findings.push(
            Finding::blocks(Code::Standby, "the server")
                .what("the server is a read-only standby")
                .why("nothing can be changed or recorded here, and what it shows may be behind")
                .remedy("connect to the primary: `target_session_attrs=read-write` with all hosts"),
        );
    }
    findings.extend(pinned(identity, policy));
    findings
}

fn pinned(identity: &Identity, policy: &Policy) -> Option<Finding> {
    let pinned = policy.system_identifier.as_ref()?;
    let found = identity.database.system_identifier.as_ref();
    if found == Some(pinned) {
        return None;
    }
    let what = match found {
        Some(found) => format!("cluster {found} answers, and the target pins {pinned}"),
        None => format!(
            "the target pins cluster {pinned}, and role `{}` may not ask which this is",
            identity.role
        ),
    };
    let target = policy.target.as_deref().unwrap_or("the target");
    Some(
        Finding::blocks(Code::OtherCluster, format!("target {target}"))
            .what(what)
            .why("the same name may lead to a restored copy: a token killed there lives on where it matters")
            .remedy(if found.is_some() {
                "look where the name leads; if the cluster was meant to change, change `system_identifier` of the target"
            } else {
                "`grant execute on function pg_control_system() to ROLE`"
            }),
    )
}

/// Sessions in which triggers and foreign keys are off.
pub(super) fn replication_role(objects: &[Object]) -> Option<Finding> {
    let setting = objects
        .iter()
        .find(|object| object.aspect == Aspect::Setting)?;
    (setting.definition != "origin").then(|| {
        Finding::blocks(Code::ReplicationRole, "session_replication_role")
            .what(format!("session_replication_role is {} for this role", setting.definition))
            .why("foreign keys and triggers do not fire: a delete would leave the rows behind that it says it takes along, and changes could stand in the log without their operation")
            .remedy("find where it is set with `\\drds` in psql, and `alter role … reset session_replication_role`")
    })
}
