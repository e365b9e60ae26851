//! 64 bytes and their echo over a UNIX socket: the polyloop side, and what the hand-written
//! ones share.

use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use async_io::Async;
use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use polyloop::{Endpoint, Failure, Loop, Protocol, Transport};

/// What goes there and back.
pub(super) const DATA: [u8; 64] = [7; 64];

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// Serves, and gives a client.
pub(super) async fn polyloop<L: Loop>(lp: &L) -> Result<L::TcpStream, String> {
    let endpoint = Endpoint::unix(format!("@polyloop-bench-{}", std::process::id()));
    let server = lp.serve(&endpoint, || Echo).await;
    drop(server.map_err(|error| error.to_string())?);
    let client = lp.dial(&endpoint).await;
    client.map_err(|error| error.to_string())
}

/// A client that one run after the other has to itself.
pub(super) struct Client<S>(Mutex<Option<S>>);

impl<S> Client<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Mutex::new(Some(stream)))
    }

    pub(super) fn take(&self) -> S {
        let taken = self.0.lock().expect("nobody panics with it").take();
        taken.expect("one run at a time")
    }

    pub(super) fn give_back(&self, stream: S) {
        *self.0.lock().expect("nobody panics with it") = Some(stream);
    }
}

pub(super) async fn ask<S>(client: &Client<S>, operations: u64)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut stream, mut answer) = (client.take(), [0; DATA.len()]);
    for _ in 0..operations {
        stream.write_all(&DATA).await.expect("the server reads");
        stream.read_exact(&mut answer).await.expect("it answers");
    }
    client.give_back(stream);
}

/// A socket that serves and one that asks, of the standard library.
pub(super) fn pair() -> std::io::Result<(UnixStream, UnixStream)> {
    let (server, client) = UnixStream::pair()?;
    server.set_nonblocking(true)?;
    client.set_nonblocking(true)?;
    Ok((server, client))
}

/// By hand on the reactor below smol and async-std.
pub(super) async fn serve_by_hand(mut server: Async<UnixStream>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = server.read(&mut buffer).await {
        if server.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
