//! [`Handshake`]: a layer whose work with each connection goes as a check says.

use std::future::pending;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{Endpoint, Failure, Layer, Loop, Peer, Stream};

use super::{Flag, Layered, as_seen};

/// What a layer says that fails.
pub const LAST_WORDS: &[u8] = b"no handshake";

/// What the layer does with a connection.
#[derive(Clone, Debug)]
pub enum Handshake {
    /// It makes a [`Layered`] stream at once.
    Wraps,
    /// It fails.
    Fails,
    /// It never ends; the flag is set when it is given up.
    Hangs(Flag),
    /// The peer's first byte decides, and it waits for it: `w` wraps, anything else fails, and
    /// the peer is told [`LAST_WORDS`].
    AsToldBy(Flag),
}

impl<S: Stream> Layer<S> for Handshake {
    type Stream = Layered<S>;

    async fn wrap<L: Loop>(
        &self,
        _: &L,
        mut stream: S,
        peer: Peer,
        asked: Option<&Endpoint>,
    ) -> Result<(Layered<S>, Peer), Failure> {
        let fails = match self {
            Self::Wraps => false,
            Self::Fails => true,
            Self::Hangs(given_up) => {
                let _guard = given_up.on_drop();
                pending().await
            }
            Self::AsToldBy(begun) => {
                begun.set();
                let mut told = [0];
                stream.read_exact(&mut told).await?;
                if told != *b"w" {
                    stream.write_all(LAST_WORDS).await?;
                }
                told != *b"w"
            }
        };
        if fails {
            let of = asked.map_or_else(|| peer.address().to_string(), ToString::to_string);
            return Err(Failure::message(format!("no handshake with {of}")));
        }
        Ok((Layered::new(stream), as_seen(peer.address())))
    }
}
