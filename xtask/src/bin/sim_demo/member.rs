//! [`Member`]: somebody in the chat, who comes back when the connection is lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polyloop::sim::SimLoop;
use polyloop::{ClientService, CloseReason, Deferred, Failure, Resolver, Transport};
use polyloop_framing::{FrameProtocol, Framed, Lines};

/// Somebody in the chat: a host of that name, with a service that keeps the connection
/// up.
#[derive(Clone)]
pub(crate) struct Member {
    lp: SimLoop,
    service: ClientService<Framed<Person>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Member {
    /// Joins the chat at `server`, from `lp`.
    pub(crate) fn join(lp: SimLoop, server: &str) -> Result<Self, Failure> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (at, list) = (lp.clone(), heard.clone());
        let factory = move || Framed::new(Person::new(at.clone(), list.clone()));
        let service = ClientService::builder(server, factory)?
            // Who is connected and has no name yet can't speak.
            .prepare(|connection| async move {
                connection
                    .call(|framed, _| framed.get_mut().joined())
                    .await?
                    .await
            })
            .build(&lp);
        service.start()?;
        Ok(Self { lp, service, heard })
    }

    pub(crate) fn name(&self) -> String {
        self.lp.host_name()
    }

    /// Waits until there is a connection.
    pub(crate) async fn connected(&self) -> Result<(), Failure> {
        self.service.when_connected(None).await.map(drop)
    }

    /// Says `text`, as soon as there is a connection.
    pub(crate) async fn says(&self, text: &str) -> Result<(), Failure> {
        let connection = self.service.when_connected(None).await?;
        self.lp.sim().note(&self.lp, format!("says: {text}"));
        connection.write(format!("{text}\n"))?;
        Ok(())
    }

    /// What the member heard so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        lock(&self.heard).clone()
    }

    pub(crate) async fn leave(&self) -> Result<(), Failure> {
        self.service.stop().await
    }
}

/// The client's side of one connection.
struct Person {
    lp: SimLoop,
    lines: Lines,
    heard: Arc<Mutex<Vec<String>>>,
    welcome: bool,
    waits: Option<Resolver<()>>,
}

impl Person {
    fn new(lp: SimLoop, heard: Arc<Mutex<Vec<String>>>) -> Self {
        Self {
            lp,
            lines: Lines::lf().limit(4096),
            heard,
            welcome: false,
            waits: None,
        }
    }

    /// Settles when the server has taken the name.
    fn joined(&mut self) -> Deferred<()> {
        if self.welcome {
            return Deferred::resolved(());
        }
        let (resolver, joined) = Deferred::new();
        self.waits = Some(resolver);
        joined
    }

    fn line(&mut self, transport: &mut dyn Transport, line: &str) -> Result<(), Failure> {
        if line.starts_with("* what is your name?") {
            transport.write(format!("{}\n", self.lp.host_name()).as_bytes())?;
            return Ok(());
        }
        if line.starts_with("* welcome") {
            self.welcome = true;
            if let Some(waits) = self.waits.take() {
                // Nobody waits any more if the service was stopped.
                let _ = waits.resolve(());
            }
        }
        if !line.starts_with('*') {
            self.lp.sim().note(&self.lp, line);
        }
        lock(&self.heard).push(line.to_owned());
        Ok(())
    }
}

impl FrameProtocol for Person {
    type Codec = Lines;

    fn codec(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn frame_received(
        &mut self,
        transport: &mut dyn Transport,
        line: &[u8],
    ) -> Result<(), Failure> {
        self.line(transport, &String::from_utf8_lossy(line))
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        if !reason.is_clean() {
            self.lp.sim().note(&self.lp, format!("lost: {reason}"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
