//! [`Bench`]: what a whole session shares, found out before it begins.

use super::cores::Cores;
use super::pace::Pace;
use super::programs::Programs;

/// Everything that a contest needs besides its suite and loop.
pub(super) struct Bench {
    pub(super) cores: Cores,
    pub(super) pace: Pace,
    pub(super) programs: Programs,
    /// Instructions are counted everywhere.
    pub(super) instructions: bool,
    /// Why system calls can't be counted here, if they can't.
    pub(super) no_strace: Option<String>,
    /// The same for instructions.
    pub(super) no_valgrind: Option<String>,
}
