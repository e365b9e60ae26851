//! One side of a forwarded connection: a protocol that only passes on.

use std::sync::Arc;

use polyloop_core::{
    CancelOnDrop, CloseReason, ConnectOptions, Endpoint, Failure, Loop, OnEof, Promise, Protocol,
    Transport, TransportHandle,
};

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

/// Connects to the target.
#[derive(Clone)]
pub(super) struct Dialer<L> {
    pub(super) lp: L,
    pub(super) target: Endpoint,
    pub(super) options: ConnectOptions,
}

impl<L: Loop> Side<L> {
    pub(super) fn accepted(dialer: Dialer<L>, stats: Arc<ProxyStats>) -> Self {
        Self {
            link: Link::new(stats),
            which: Which::Client,
            dialer: Some(dialer),
            dialing: None,
        }
    }

    fn towards_target(link: Arc<Link>) -> Self {
        Self {
            link,
            which: Which::Target,
            dialer: None,
            dialing: None,
        }
    }
}

impl<L: Loop> Dialer<L> {
    async fn dial(self, link: Arc<Link>, client: TransportHandle) {
        let factory = move || Side::<L>::towards_target(link.clone());
        let connected = self
            .lp
            .connect_with(&self.target, self.options, factory)
            .await;
        if let Err(error) = connected {
            let context = format!("no way to forward {}", client.peer_addr());
            self.lp.report(&context, &Failure::new(error));
            // A clean end would be an answer: an empty one.
            client.abort();
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
            let lp = dialer.lp.clone();
            let dial = dialer.dial(self.link.clone(), handle);
            self.dialing = Some(lp.spawn(dial).cancel_on_drop());
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
                    transport.close();
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
