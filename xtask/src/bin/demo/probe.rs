//! [`probe`]: finds out which loop it was given, by using it.

use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polyloop_core::{Deferred, Failure, Loop, MainLoop};

use crate::exchange::{Exchange, Plan};

/// What a loop turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The name it gives itself.
    pub(crate) name: String,
    /// The thread that a task of it ran on, which its runtime has named.
    pub(crate) thread: String,
}

/// A conversation with itself, short enough to be there at once.
const PLAN: Plan = Plan {
    bulk_bytes: 0,
    lines: 100,
    seed: 1,
};

/// Serves and connects on the loop, and spawns a task to see where it runs.
async fn probe<L: Loop>(lp: L) -> Result<Probe, Failure> {
    let (open, address) = Deferred::new();
    let serving = lp.clone();
    let server = lp.spawn(async move { Exchange::Lines.serve(&serving, PLAN, open).await });
    let (client, _) = Exchange::Lines.connect(&lp, PLAN, address.await?).await?;
    Exchange::Lines.judge(PLAN, &server.await??, &client)?;
    let thread = lp
        .spawn(async { thread::current().name().map(str::to_owned) })
        .await?;
    Ok(Probe {
        name: lp.name().to_owned(),
        thread: thread.unwrap_or_else(|| "a thread without a name".to_owned()),
    })
}

/// Runs the loop that `make` makes on a thread of its own, and says what it is.
pub(crate) fn run<L, E>(
    make: impl FnOnce() -> Result<L, E> + Send + 'static,
    deadline: Duration,
) -> Result<Probe, String>
where
    L: MainLoop,
    E: Into<Failure>,
{
    let (post, answer) = mpsc::channel();
    thread::spawn(move || {
        let probed = make()
            .map_err(Into::into)
            .and_then(|lp| lp.run(probe(lp.clone())).map_err(Failure::new))
            .and_then(|outcome| outcome);
        // Nobody listens after the deadline.
        let _ = post.send(probed);
    });
    answer
        .recv_timeout(deadline)
        .map_err(|_| format!("hung: no answer within {deadline:?}"))?
        .map_err(|failure| format!("{failure:#}"))
}

/// As one line for another process, the inverse of [`Probe::parse`].
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.name, self.thread)
    }
}

impl Probe {
    /// Reads what another process has printed.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (name, thread) = line.trim().split_once(" on ")?;
        Some(Self {
            name: name.to_owned(),
            thread: thread.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Probe;

    #[test]
    fn a_line_is_read_back() {
        let probe = Probe {
            name: "smol".to_owned(),
            thread: "smol-1 on".to_owned(),
        };
        assert_eq!(Probe::parse(&format!("{probe}\n")), Some(probe));
        assert_eq!(Probe::parse("error"), None);
    }
}
