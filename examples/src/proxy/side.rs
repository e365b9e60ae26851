//! One side of a forwarded connection: a protocol that only passes on.

use std::sync::Arc;
use std::time::Duration;

use polyloop_core::{
    CancelOnDrop, CloseReason, Failure, Loop, OnEof, Promise, Protocol, TimerKey, Transport,
};

use super::dialer::{Client, Dialer};
use super::link::{Link, ProxyStats, Which};

/// One side of a forwarded connection; the same code serves both.
pub struct Side<L: Loop> {
    link: Arc<Link>,
    which: Which,
    /// How the accepted side gets its target.
    dialer: Option<Dialer<L>>,
    /// While it is being connected. Dropped with this side, so nobody connects for a
    /// client that has gone.
    dialing: Option<CancelOnDrop<L::Task<()>>>,
}

/// How long a side that can't be half closed is read from behind the end of the other one,
/// counted from its last byte: there may be an answer on its way.
const LAST_WORDS: Duration = Duration::from_secs(2);

const ENDING: TimerKey = TimerKey::new("ending");

impl<L: Loop> Side<L> {
    pub(super) fn accepted(dialer: Dialer<L>, stats: Arc<ProxyStats>) -> Self {
        Self {
            link: Link::new(stats),
            which: Which::Client,
            dialer: Some(dialer),
            dialing: None,
        }
    }

    pub(super) fn towards_target(link: Arc<Link>) -> Self {
        Self {
            link,
            which: Which::Target,
            dialer: None,
            dialing: None,
        }
    }
}

impl<L: Loop> Protocol for Side<L> {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let handle = transport.handle();
        let other_stands = self.link.made(self.which, handle.clone());
        if let Some(dialer) = self.dialer.take() {
            // Until the target is there, what the client sends stays in its buffers.
            transport.pause_reading();
            let addresses = (transport.peer_addr().as_ip(), transport.local_addr());
            let way = match addresses {
                (Some(from), Some(to)) => to.as_ip().map(|to| (from, to)),
                _ => None,
            };
            let dial = dialer.dial(self.link.clone(), Client { handle, way });
            self.dialing = Some(dialer.lp.spawn(dial).cancel_on_drop());
        } else if other_stands && let Some(client) = self.link.handle(Which::Client) {
            client.post(|transport| {
                transport.resume_reading();
                Ok(())
            });
        } else {
            // The client went away just now.
            transport.abort();
        }
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        if !self.link.forward(self.which.other(), data) {
            transport.pause_reading();
        }
        if transport.cancel_timer(ENDING) {
            transport.set_timer(ENDING, LAST_WORDS);
        }
        Ok(())
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
        // What is not read from can't have said its last word.
        if self.link.is_held_back(self.which) {
            transport.set_timer(ENDING, LAST_WORDS);
        } else {
            transport.close();
        }
        Ok(())
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.link.drained(self.which, transport);
        Ok(())
    }

    fn eof_received(&mut self, _: &mut dyn Transport) -> Result<OnEof, Failure> {
        // Behind all data: messages to a connection keep their order.
        if let Some(other) = self.link.handle(self.which.other()) {
            other.post(|transport| {
                if transport.can_write_eof() {
                    transport.write_eof()?;
                } else {
                    transport.set_timer(ENDING, LAST_WORDS);
                }
                Ok(())
            });
        }
        Ok(OnEof::KeepOpen)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        let Some(other) = self.link.lost(self.which) else {
            return;
        };
        match reason {
            // Sends what it holds. If both have ended their sides it is ending anyway.
            CloseReason::Clean => other.close(),
            // Its peer has to see that something is missing.
            _ => other.abort(),
        }
    }
}

impl<L: Loop> std::fmt::Debug for Side<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side")
            .field("which", &self.which)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
