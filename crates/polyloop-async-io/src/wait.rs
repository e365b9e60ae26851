//! Waiting for the next event of the reactor, and not for one of the past.

use std::io;
use std::task::Poll;

/// Waits for the next event of one direction, which `poll_ready` is about.
///
/// The reactor's readiness is that of a past event: its first answer after one is
/// "ready", however much was read since, and only the second asks for the next. The
/// caller has just seen the system say "would block", so the first answer would only
/// lead to one more useless call. Nothing is missed in between: asking arms the
/// system's event, which fires at once if the socket is ready by then.
pub(crate) fn wait(mut poll_ready: impl FnMut() -> Poll<io::Result<()>>) -> io::Result<()> {
    while poll_ready()?.is_ready() {}
    Ok(())
}
