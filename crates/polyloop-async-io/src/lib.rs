//! TCP, timers and readiness on `async-io`.
//!
//! smol and async-std differ in how they run tasks and share this reactor, so
//! what their two backends have in common stands here once. It is of use to any
//! other executor on `async-io`, too.

mod tcp;
mod timer;
mod wait;
#[cfg(unix)]
mod watch;

pub use tcp::{ReactorTcpListener, ReactorTcpStream, adopt_stream, adopt_tcp, connect_tcp};
pub use timer::ReactorTimer;
#[cfg(unix)]
pub use watch::{ReactorWatcher, watcher};
