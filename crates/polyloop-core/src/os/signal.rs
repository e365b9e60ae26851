//! [`Signal`]: a signal of the system, by its number.

use std::fmt;

/// A signal: what the system, a terminal or another process tells a process with.
///
/// It prints as its name, or as its number where it has no name here.
///
/// ```
/// use polyloop_core::Signal;
///
/// assert_eq!(Signal::TERM.to_string(), "SIGTERM");
/// assert_eq!(Signal::from_raw(Signal::INT.as_raw()), Signal::INT);
/// assert_eq!(Signal::from_raw(99).to_string(), "signal 99");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// The numbers of the system; elsewhere than on Unix, where signals are for simulations
/// alone, those of Linux.
#[cfg(unix)]
use libc as number;
#[cfg(not(unix))]
mod number {
    pub(super) const SIGHUP: i32 = 1;
    pub(super) const SIGINT: i32 = 2;
    pub(super) const SIGQUIT: i32 = 3;
    pub(super) const SIGILL: i32 = 4;
    pub(super) const SIGABRT: i32 = 6;
    pub(super) const SIGBUS: i32 = 7;
    pub(super) const SIGFPE: i32 = 8;
    pub(super) const SIGKILL: i32 = 9;
    pub(super) const SIGUSR1: i32 = 10;
    pub(super) const SIGSEGV: i32 = 11;
    pub(super) const SIGUSR2: i32 = 12;
    pub(super) const SIGPIPE: i32 = 13;
    pub(super) const SIGALRM: i32 = 14;
    pub(super) const SIGTERM: i32 = 15;
    pub(super) const SIGCHLD: i32 = 17;
    pub(super) const SIGCONT: i32 = 18;
    pub(super) const SIGSTOP: i32 = 19;
    pub(super) const SIGTSTP: i32 = 20;
    pub(super) const SIGURG: i32 = 23;
    pub(super) const SIGWINCH: i32 = 28;
}

impl Signal {
    /// `SIGINT`: Ctrl-C at a terminal.
    pub const INT: Self = Self(number::SIGINT);
    /// `SIGTERM`: a polite request to end.
    pub const TERM: Self = Self(number::SIGTERM);
    /// `SIGHUP`: the terminal is gone; by custom, read the configuration again.
    pub const HUP: Self = Self(number::SIGHUP);
    /// `SIGQUIT`: Ctrl-\ at a terminal.
    pub const QUIT: Self = Self(number::SIGQUIT);
    /// `SIGUSR1`: whatever the program makes of it.
    pub const USR1: Self = Self(number::SIGUSR1);
    /// `SIGUSR2`: whatever the program makes of it.
    pub const USR2: Self = Self(number::SIGUSR2);
    /// `SIGALRM`: the alarm of the system has come.
    pub const ALRM: Self = Self(number::SIGALRM);
    /// `SIGCHLD`: a child process has ended or stopped.
    pub const CHLD: Self = Self(number::SIGCHLD);
    /// `SIGCONT`: the process goes on after it was stopped.
    pub const CONT: Self = Self(number::SIGCONT);
    /// `SIGTSTP`: Ctrl-Z at a terminal.
    pub const TSTP: Self = Self(number::SIGTSTP);
    /// `SIGPIPE`: nobody reads what was written. Rust programs ignore it from the start.
    pub const PIPE: Self = Self(number::SIGPIPE);
    /// `SIGURG`: urgent data has come.
    pub const URG: Self = Self(number::SIGURG);
    /// `SIGWINCH`: the window has another size.
    pub const WINCH: Self = Self(number::SIGWINCH);
    /// `SIGKILL`: ends a process; it can't be caught.
    pub const KILL: Self = Self(number::SIGKILL);
    /// `SIGSTOP`: stops a process; it can't be caught.
    pub const STOP: Self = Self(number::SIGSTOP);
    /// `SIGABRT`: the process has given up.
    pub const ABRT: Self = Self(number::SIGABRT);

    /// The signal of that number, which need not exist.
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// Its number on this system.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// Its name, if it has one here: `"SIGTERM"`.
    pub fn name(self) -> Option<&'static str> {
        let names = [
            (Self::INT, "SIGINT"),
            (Self::TERM, "SIGTERM"),
            (Self::HUP, "SIGHUP"),
            (Self::QUIT, "SIGQUIT"),
            (Self::USR1, "SIGUSR1"),
            (Self::USR2, "SIGUSR2"),
            (Self::ALRM, "SIGALRM"),
            (Self::CHLD, "SIGCHLD"),
            (Self::CONT, "SIGCONT"),
            (Self::TSTP, "SIGTSTP"),
            (Self::PIPE, "SIGPIPE"),
            (Self::URG, "SIGURG"),
            (Self::WINCH, "SIGWINCH"),
            (Self::KILL, "SIGKILL"),
            (Self::STOP, "SIGSTOP"),
            (Self::ABRT, "SIGABRT"),
            (Self(number::SIGILL), "SIGILL"),
            (Self(number::SIGBUS), "SIGBUS"),
            (Self(number::SIGFPE), "SIGFPE"),
            (Self(number::SIGSEGV), "SIGSEGV"),
        ];
        names
            .into_iter()
            .find_map(|(signal, name)| (signal == self).then_some(name))
    }

    /// Whether a process never learns of it: the system acts instead.
    pub fn is_uncatchable(self) -> bool {
        matches!(self, Self::KILL | Self::STOP)
    }

    /// Whether it says that the running instruction itself has failed, so that no code may
    /// go on as if nothing had been.
    pub fn is_a_fault(self) -> bool {
        [
            number::SIGILL,
            number::SIGBUS,
            number::SIGFPE,
            number::SIGSEGV,
        ]
        .contains(&self.0)
    }

    /// Whether a process that does nothing about it goes on.
    pub fn is_ignored_by_default(self) -> bool {
        matches!(self, Self::CHLD | Self::CONT | Self::URG | Self::WINCH)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
