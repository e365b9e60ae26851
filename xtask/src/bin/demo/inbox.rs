//! [`Inbox`]: what the two sides of a pair tell the program, and the deadline for
//! it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use polyloop_core::Failure;

use crate::witness::Evidence;

/// When one side has failed, how long the other gets to say what it knows: the
/// cause is often there.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// What a side tells.
#[derive(Debug)]
pub(crate) enum News {
    /// An exchange is over; it took this long.
    Exchanged(Evidence, Duration),
    /// Its loop has ended.
    Ended,
}

/// Where a side posts its news.
pub(crate) type Post = Sender<(Side, Result<News, Failure>)>;

/// The news of both sides, in order for each.
pub(crate) struct Inbox {
    post: Receiver<(Side, Result<News, Failure>)>,
    server: VecDeque<News>,
    client: VecDeque<News>,
}

impl Inbox {
    pub(crate) fn new() -> (Post, Self) {
        let (sender, post) = mpsc::channel();
        let inbox = Self {
            post,
            server: VecDeque::new(),
            client: VecDeque::new(),
        };
        (sender, inbox)
    }

    /// The next news of the server and of the client; or what went wrong, or who
    /// was silent, within the deadline.
    pub(crate) fn hear_both(&mut self, deadline: Duration) -> Result<(News, News), String> {
        let mut until = Instant::now() + deadline;
        let mut problems = Vec::new();
        loop {
            if problems.is_empty()
                && !self.client.is_empty()
                && let Some(server) = self.server.pop_front()
                && let Some(client) = self.client.pop_front()
            {
                return Ok((server, client));
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.post.recv_timeout(left) {
                Ok((Side::Server, Ok(news))) => self.server.push_back(news),
                Ok((Side::Client, Ok(news))) => self.client.push_back(news),
                Ok((side, Err(failure))) => {
                    problems.push(format!("the {side} failed: {failure:#}"));
                    if problems.len() == 2 {
                        return Err(problems.join("; "));
                    }
                    until = until.min(Instant::now() + GRACE);
                }
                Err(end) => {
                    if problems.is_empty() {
                        problems.push(self.silence(end, deadline));
                    }
                    return Err(problems.join("; "));
                }
            }
        }
    }

    fn silence(&self, end: RecvTimeoutError, deadline: Duration) -> String {
        let silent = match (self.server.is_empty(), self.client.is_empty()) {
            (true, true) => "neither side",
            (true, false) => "the client, but not the server,",
            (false, _) => "the server, but not the client,",
        };
        match end {
            RecvTimeoutError::Timeout => {
                format!("hung: {silent} was done within {deadline:?}")
            }
            RecvTimeoutError::Disconnected => {
                format!("both threads have ended, and {silent} was done")
            }
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn a_side_that_is_ahead_is_waited_for() {
        let (post, mut inbox) = Inbox::new();
        post.send((Side::Server, Ok(News::Ended))).unwrap();
        post.send((Side::Server, Ok(News::Ended))).unwrap();
        post.send((Side::Client, Ok(News::Ended))).unwrap();
        assert!(inbox.hear_both(SHORT).is_ok());
        post.send((Side::Client, Ok(News::Ended))).unwrap();
        assert!(inbox.hear_both(SHORT).is_ok());
    }

    #[test]
    fn a_hung_side_is_named() {
        let (post, mut inbox) = Inbox::new();
        post.send((Side::Client, Ok(News::Ended))).unwrap();
        let problem = inbox.hear_both(SHORT).unwrap_err();
        assert!(problem.contains("not the server"), "{problem}");
    }

    #[test]
    fn both_failures_are_told() {
        let (post, mut inbox) = Inbox::new();
        for side in [Side::Client, Side::Server] {
            let failure = Failure::message(format!("no {side}"));
            post.send((side, Err(failure))).unwrap();
        }
        let problem = inbox.hear_both(SHORT).unwrap_err();
        assert!(problem.contains("no server") && problem.contains("no client"));
    }
}
