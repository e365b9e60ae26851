//! Programs to copy from.
//!
//! Each module is one example's logic, written on `polyloop-core` alone: it names no
//! runtime, so it runs on every loop. The programs in `src/bin` read a command line,
//! choose a loop and call it; only they and [`program`] know `polyloop`, the facade.
//!
//! | module | what it shows |
//! | --- | --- |
//! | [`slow_square`] | promises: chained callbacks, and the same as an `async fn` |
//! | [`echo`] | a protocol; back-pressure; half close |
//! | [`chat`] | protocols that talk to each other; what to do about slow readers |
//! | [`broker`] | sessions that wake each other; timers, takeover, slow readers |
//! | [`follow`] | a client that stays connected, through its server's restarts |
//! | [`lookup`] | datagrams: questions, answers, and what gets lost |
//! | `supervisor` | child processes and signals (on Unix) |
//! | [`proxy`] | two connections joined, with bounded memory |
//! | [`kv`] | a network library in full: the pattern for your own |

pub mod broker;
pub mod chat;
pub mod echo;
pub mod follow;
pub mod kv;
pub mod lookup;
pub mod program;
pub mod proxy;
pub mod slow_square;
#[cfg(unix)]
pub mod supervisor;
