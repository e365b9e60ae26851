//! Echo: a server that sends back what it gets, and a client that checks it.
//!
//! Small as it is, it shows what most protocols get wrong at first: **back-pressure**.
//! A client may send for ever and never read. A server that just writes back would
//! buffer all of that. This one stops reading while its write buffer is full; then
//! the client's own `send` blocks, and memory stays bounded on both sides.

use polyloop_core::{
    CloseReason, Deferred, Failure, Flow, IntoEndpoint, ListenError, Loop, OnEof, Protocol,
    Resolver, Server, Transport,
};

/// The server's side of a connection. It has no state of its own: what is on its way
/// is the transport's affair.
#[derive(Debug, Default)]
pub struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        // All of `data` is taken, also when the answer is `Pause`: that is a request
        // not to come back soon.
        if transport.write(data)? == Flow::Pause {
            transport.pause_reading();
        }
        Ok(())
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.resume_reading();
        Ok(())
    }

    // A client that has sent everything (`shutdown(SHUT_WR)`) still gets all of its
    // echo: by default the end of the peer's side closes the connection after what is
    // buffered has been sent. So `eof_received` needs no code here.
}

/// Serves echo on `endpoint`, on any loop.
pub async fn serve<L: Loop>(
    lp: &L,
    endpoint: impl IntoEndpoint,
) -> Result<Server<Echo>, ListenError> {
    lp.serve(endpoint.into_endpoint()?, Echo::default).await
}

/// Sends `text`, ends its side, and gives back everything that the server answered.
pub async fn ask<L: Loop>(
    lp: &L,
    endpoint: impl IntoEndpoint,
    text: Vec<u8>,
) -> Result<Vec<u8>, Failure> {
    let endpoint = endpoint.into_endpoint().map_err(Failure::new)?;
    let (resolver, answer) = Deferred::new();
    let mut client = Some(EchoClient::new(text, resolver));
    // A factory may be asked several times; a client's is asked once.
    let factory = move || client.take().expect("one connection, one protocol");
    let connected = lp.connect(endpoint, factory).await;
    // In this order: without a connection there is no answer either, and a failure that
    // nobody takes is reported.
    let answer = answer.await;
    connected?;
    answer
}

/// The client's side: it sends one text and collects the answer.
#[derive(Debug)]
pub struct EchoClient {
    text: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
    /// Settled once, at the end.
    resolver: Option<Resolver<Vec<u8>>>,
}

/// What is written at a time. Between two of these the transport may ask for a pause,
/// so of a long text only a part is ever in its buffer.
const PIECE: usize = 32 * 1024;

impl EchoClient {
    /// Sends `text`, and settles `resolver` with the answer.
    pub fn new(text: Vec<u8>, resolver: Resolver<Vec<u8>>) -> Self {
        Self {
            text,
            sent: 0,
            answer: Vec::new(),
            resolver: Some(resolver),
        }
    }

    fn send(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        while let Some(rest) = self.text.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let piece = &rest[..rest.len().min(PIECE)];
            self.sent += piece.len();
            if transport.write(piece)? == Flow::Pause {
                // `resume_writing` goes on.
                return Ok(());
            }
        }
        // Tells the server that this was all, and goes on reading.
        transport.write_eof()?;
        Ok(())
    }
}

impl Protocol for EchoClient {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.send(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        // Also when nothing is left to write: the last piece may have been the one that
        // had to wait, and then the end is still to be told.
        self.send(transport)
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.answer.extend_from_slice(data);
        Ok(())
    }

    fn eof_received(&mut self, _: &mut dyn Transport) -> Result<OnEof, Failure> {
        if self.answer.len() < self.text.len() {
            return Err(Failure::message(format!(
                "the server ended after {} of {} bytes",
                self.answer.len(),
                self.text.len()
            )));
        }
        Ok(OnEof::Close)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        // Called exactly once and last, so whoever waits always gets an outcome. That
        // they may have stopped waiting is no concern of this connection.
        if let Some(resolver) = self.resolver.take() {
            let _ = match reason {
                CloseReason::Error(failure) => resolver.reject(failure).map_err(drop),
                CloseReason::Aborted => resolver.reject("the connection was aborted").map_err(drop),
                _ => resolver
                    .resolve(std::mem::take(&mut self.answer))
                    .map_err(drop),
            };
        }
    }
}
