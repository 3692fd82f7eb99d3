//! Ctrl-C: who is told of it, and what is under way meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

/// Tells whether the operator pressed Ctrl-C.
#[derive(Clone, Debug)]
pub struct Interrupt {
    sender: watch::Sender<bool>,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    statements: usize,
    /// The last one is under way; those before it go on after it.
    commits: Vec<UnderWay>,
}

/// What is lost sight of when the process ends now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnderWay {
    /// Nothing that would outlive the process.
    #[default]
    Nothing,
    /// A statement whose transaction cannot commit any more.
    Statement,
    /// The COMMIT of this operation, or finding out what became of it.
    Commit(Uuid),
    /// The COMMIT of an installation of breakglass's own schema.
    Installation,
    /// What follows the COMMIT of this operation, which stands.
    Committed(Uuid),
}

impl Default for Interrupt {
    fn default() -> Self {
        Self {
            sender: watch::Sender::new(false),
            running: Arc::default(),
        }
    }
}

impl Interrupt {
    /// Interrupts what can be interrupted.
    pub fn raise(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it was raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until it is raised.
    pub async fn raised(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _raised = receiver.wait_for(|raised| *raised).await.is_ok();
    }

    /// For what must be done even after a Ctrl-C: never raised, but it tells what is under way.
    #[must_use]
    pub(super) fn deaf(&self) -> Self {
        Self {
            sender: watch::Sender::new(false),
            running: Arc::clone(&self.running),
        }
    }

    /// What is under way. A statement that belongs to a COMMIT, as its fence does, is part of that.
    #[must_use]
    pub fn under_way(&self) -> UnderWay {
        let running = self.lock();
        match running.commits.last() {
            Some(commit) => *commit,
            None if running.statements > 0 => UnderWay::Statement,
            None => UnderWay::Nothing,
        }
    }

    /// Says what is under way until the guard is dropped.
    #[must_use]
    pub fn begin(&self, what: UnderWay) -> Begun<'_> {
        let mut running = self.lock();
        match what {
            UnderWay::Nothing => {}
            UnderWay::Statement => running.statements += 1,
            commit => running.commits.push(commit),
        }
        Begun {
            interrupt: self,
            what,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something is under way until this is dropped.
#[derive(Debug)]
pub struct Begun<'a> {
    interrupt: &'a Interrupt,
    what: UnderWay,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let mut running = self.interrupt.lock();
        match self.what {
            UnderWay::Nothing => {}
            UnderWay::Statement => running.statements = running.statements.saturating_sub(1),
            commit => {
                if let Some(at) = running.commits.iter().rposition(|begun| *begun == commit) {
                    running.commits.remove(at);
                }
            }
        }
    }
}
