//! Chat: everybody hears what anybody says.
//!
//! Connect with any line-based client, such as netcat. The first line is your name.
//!
//! What it shows: protocols of different connections that talk to each other. Each
//! gives the address of its own, a [`Connection`](polyloop_core::Connection), to a shared
//! [`Room`]; speaking posts a call to the addresses of all others, which each runs on its
//! own task, with its own state and no lock. A post only goes into a mailbox, so nobody
//! waits for anybody, and what one person says arrives everywhere in the order it was said.
//!
//! And what it must not do: buffer for ever. A line has a greatest length, and a
//! member that does not read is dropped when too much waits for it.

mod room;
mod session;

use std::sync::Arc;

use polyloop_core::{IntoEndpoint, ListenError, ListenOptions, Loop, Server};
use polyloop_framing::Framed;

pub use room::{Hears, JoinError, Room};
pub use session::ChatSession;

/// What can be set about a chat.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChatOptions {
    /// The longest line, in bytes: 1024 unless set.
    pub line_limit: usize,
    /// A member with more than this many bytes waiting is dropped: 4 MiB unless set.
    /// It has to be more than what the others may say before the member's own task
    /// gets its turn.
    pub queue_limit: usize,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self {
            line_limit: 1024,
            queue_limit: 4 * 1024 * 1024,
        }
    }
}

impl ChatOptions {
    /// Sets [`line_limit`](Self#structfield.line_limit).
    pub fn line_limit(mut self, bytes: usize) -> Self {
        self.line_limit = bytes;
        self
    }

    /// Sets [`queue_limit`](Self#structfield.queue_limit).
    pub fn queue_limit(mut self, bytes: usize) -> Self {
        self.queue_limit = bytes;
        self
    }
}

/// Opens a room on `endpoint`, on any loop.
pub async fn serve<L: Loop>(
    lp: &L,
    endpoint: impl IntoEndpoint,
    options: ChatOptions,
) -> Result<Server<Framed<ChatSession>>, ListenError> {
    serve_with(lp, endpoint, options, ListenOptions::default()).await
}

/// [`serve`] with options of the sockets.
pub async fn serve_with<L: Loop>(
    lp: &L,
    endpoint: impl IntoEndpoint,
    options: ChatOptions,
    listen: ListenOptions,
) -> Result<Server<Framed<ChatSession>>, ListenError> {
    let room = Arc::new(Room::new());
    let factory = move || Framed::new(ChatSession::new(room.clone(), options));
    lp.serve_with(endpoint.into_endpoint()?, listen, factory)
        .await
}
