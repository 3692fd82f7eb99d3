//! The terminal's mode and size.

use std::io::{stdin, stdout};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// How the terminal on standard input treats what is typed; nothing where it is no terminal.
pub(super) struct Mode(Option<Termios>);

impl Mode {
    pub(super) fn read() -> Self {
        Self(tcgetattr(stdin()).ok())
    }

    /// Lines are still read as lines, and Ctrl-C is still Ctrl-C.
    pub(super) fn hide_typing(&self) {
        if let Some(mut mode) = self.0.clone() {
            mode.local_modes.remove(LocalModes::ECHO);
            let _hidden = tcsetattr(stdin(), OptionalActions::Now, &mode).is_ok();
        }
    }

    pub(super) fn restore(&self) {
        if let Some(mode) = &self.0 {
            let _restored = tcsetattr(stdin(), OptionalActions::Now, mode).is_ok();
        }
    }
}

/// Columns of the terminal; 80 where it does not tell, 20 at least.
pub(super) fn width() -> u16 {
    let told = tcgetwinsize(stdout()).or_else(|_| tcgetwinsize(stdin()));
    match told.map(|size| size.ws_col) {
        // Serial consoles and some multiplexers say 0 for not known.
        Ok(0) | Err(_) => 80,
        Ok(columns) => columns.max(20),
    }
}
