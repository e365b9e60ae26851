//! One client's connection: where bytes become requests and replies become bytes.

use std::sync::Arc;

use polyloop_core::{CloseReason, Failure, Flow, Loop, Protocol, Transport};

use super::commands::{Batch, Client};
use super::reply::Replies;
use super::resp::RequestParser;
use super::server::Shared;

/// After this many bytes of replies the others get the lock, and the client is asked
/// whether it reads.
const BATCH: usize = 64 * 1024;

/// The server's side of one connection.
///
/// A client may send many requests before it reads a reply. Reading stops while more
/// replies wait than the transport's high mark, so what such a client makes the
/// server hold is bounded, and its requests wait in its own buffers.
pub struct Session<L: Loop> {
    shared: Arc<Shared<L>>,
    parser: RequestParser,
    replies: Replies,
    /// Known from `connection_made` on.
    client: Option<Client>,
}

/// Why a batch ended.
enum Ended {
    /// There is no complete request left.
    Drained,
    /// There may be, but there are enough replies for once.
    Full,
    /// Nothing more is to be read: the client said QUIT or made no sense.
    Over,
}

impl<L: Loop> Session<L> {
    pub(super) fn new(shared: Arc<Shared<L>>) -> Self {
        let parser = RequestParser::new(shared.options.requests);
        Self {
            shared,
            parser,
            replies: Replies::default(),
            client: None,
        }
    }

    /// Answers every complete request, as far as the client takes the replies.
    fn answer(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        let Some(client) = &mut self.client else {
            return Ok(());
        };
        let mut requests = self.parser.feed(data);
        loop {
            let ended = {
                let state = &mut *self.shared.lock();
                let now = self.shared.lp.now();
                state.store.expire(now);
                let mut batch = Batch {
                    state,
                    client,
                    transport,
                    options: &self.shared.options,
                    replies: &mut self.replies,
                    now,
                };
                let ended = loop {
                    if batch.replies.len() >= BATCH {
                        break Ended::Full;
                    }
                    match requests.next_request() {
                        Ok(Some(request)) => batch.run(request),
                        Ok(None) => break Ended::Drained,
                        Err(error) => {
                            batch.replies.error("ERR", &error);
                            break Ended::Over;
                        }
                    }
                    if batch.client.quits {
                        break Ended::Over;
                    }
                };
                self.shared.sweep(batch.state);
                ended
            };
            let flow = transport.write(self.replies.bytes())?;
            self.replies.clear();
            match ended {
                Ended::Over => {
                    transport.close();
                    return Ok(());
                }
                // The rest is kept, and answered when the client has read.
                _ if flow == Flow::Pause => {
                    transport.pause_reading();
                    return Ok(());
                }
                Ended::Drained => return Ok(()),
                Ended::Full => {}
            }
        }
    }
}

impl<L: Loop> Protocol for Session<L> {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let mut state = self.shared.lock();
        state.clients += 1;
        self.client = Some(Client {
            id: state.next_client,
            handle: transport.handle(),
            name: Vec::new(),
            channels: Vec::new(),
            quits: false,
        });
        state.next_client += 1;
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.answer(transport, data)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        if transport.is_closing() {
            return Ok(());
        }
        transport.resume_reading();
        // Requests that were left when the replies became too many.
        self.answer(transport, &[])
    }

    fn connection_lost(&mut self, _reason: CloseReason) {
        let Some(client) = self.client.take() else {
            return;
        };
        let mut state = self.shared.lock();
        state.clients -= 1;
        for channel in client.channels {
            state.channels.unsubscribe(&channel, client.id);
        }
    }
}

impl<L: Loop> std::fmt::Debug for Session<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
