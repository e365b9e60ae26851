//! Follow: a client that stays connected, and hears every line that its server says.
//!
//! A [`ClientService`] connects, and again after each failure and each loss, at growing
//! intervals. Nobody is handed a connection that the server has not welcomed, and a server
//! that does not want this client is not asked again.

use polyloop_core::{
    Backoff, ClientService, Connection, Deferred, Failure, IntoEndpoint, Loop, Resolver,
    RetryPolicy, Transport,
};
use polyloop_framing::{FrameProtocol, Framed, Lines};
use thiserror::Error;

/// The longest line that a server may say, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// The server has answered the greeting with something else than a welcome. That will not
/// change, so nothing is tried any more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the server does not welcome this client: {answer:?}")]
#[non_exhaustive]
pub struct Unwelcome {
    /// What it said instead.
    pub answer: String,
}

/// Keeps a connection to `endpoint` up, and gives each line behind the welcome to
/// `on_line`. It ends with [`stop`](ClientService::stop), or by itself when the server is
/// [`Unwelcome`]; then whoever waits for a connection is told so.
pub fn follow<L, E, S>(
    lp: &L,
    endpoint: E,
    intervals: Backoff,
    on_line: S,
) -> Result<ClientService<Framed<Follower<S>>>, Failure>
where
    L: Loop,
    E: IntoEndpoint,
    S: FnMut(&str) + Clone + Send + 'static,
{
    let service = ClientService::builder(endpoint, move || {
        Framed::new(Follower::new(on_line.clone()))
    })?
    .retry(intervals.give_up_on(|failure| failure.downcast_ref::<Unwelcome>().is_some()))
    .prepare(is_welcome)
    .build(lp);
    service.start()?;
    Ok(service)
}

/// The step before anybody gets the connection. If it is lost meanwhile, the service knows
/// with what.
async fn is_welcome<S>(connection: Connection<Framed<Follower<S>>>) -> Result<(), Failure>
where
    S: FnMut(&str) + Send + 'static,
{
    let welcome = connection.call(|framed, _| framed.get_mut().welcome.take());
    match welcome.await? {
        Some(welcome) => welcome.await,
        None => Ok(()),
    }
}

/// The client's end of one connection.
#[derive(Debug)]
pub struct Follower<S> {
    on_line: S,
    lines: Lines,
    /// Until the server has answered.
    greeting: Option<Resolver<()>>,
    welcome: Option<Deferred<()>>,
}

impl<S: FnMut(&str) + Send + 'static> Follower<S> {
    fn new(on_line: S) -> Self {
        let (greeting, welcome) = Deferred::new();
        Self {
            on_line,
            lines: Lines::lf_or_crlf().limit(LONGEST_LINE),
            greeting: Some(greeting),
            welcome: Some(welcome),
        }
    }

    fn hear(&mut self, transport: &mut dyn Transport, line: &str) {
        match self.greeting.take() {
            None => (self.on_line)(line),
            Some(greeting) if line == "welcome" => {
                // Nobody waits for it where the connect was given up.
                let _ = greeting.resolve(());
            }
            Some(_) => transport.fail(Failure::new(Unwelcome {
                answer: line.to_owned(),
            })),
        }
    }
}

impl<S: FnMut(&str) + Send + 'static> FrameProtocol for Follower<S> {
    type Codec = Lines;

    fn codec(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.write(b"follow\n")?;
        Ok(())
    }

    fn frame_received(
        &mut self,
        transport: &mut dyn Transport,
        line: &[u8],
    ) -> Result<(), Failure> {
        self.hear(transport, String::from_utf8_lossy(line).trim_end());
        Ok(())
    }
}
