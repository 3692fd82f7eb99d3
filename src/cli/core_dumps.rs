//! Secrets in memory must not end up in a file: no core dumps while they are there.

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// While it lives, neither the kernel nor a handler behind a pipe gets an image of this process, and
/// no other process of the user may read its memory. The limit stays afterwards.
pub(super) struct NoCoreDumps {
    #[cfg(target_os = "linux")]
    before: Option<DumpableBehavior>,
}

impl NoCoreDumps {
    pub(super) fn begin() -> Self {
        let none = Rlimit {
            current: Some(0),
            maximum: getrlimit(Resource::Core).maximum,
        };
        // Lowering one's own limit cannot be refused.
        let _limited = setrlimit(Resource::Core, none).is_ok();
        Self {
            // The limit does not count for a handler behind a pipe.
            #[cfg(target_os = "linux")]
            before: dumpable_behavior()
                .ok()
                .filter(|_| set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()),
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for NoCoreDumps {
    fn drop(&mut self) {
        // Files under /proc/self belong to root else, and the operator's name is read there.
        if let Some(before) = self.before {
            let _restored = set_dumpable_behavior(before).is_ok();
        }
    }
}
