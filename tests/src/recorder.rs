//! A protocol that writes down what happens to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{CloseReason, Failure, Loop, Protocol, Transport};

/// What happened to a protocol.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is named after its callback")]
pub enum Event {
    Made,
    Data(Vec<u8>),
    Lost(CloseReason),
}

/// A log that several protocols may share.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes down one event.
    pub fn push(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    /// Everything so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// All bytes received so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Data(data) => Some(data),
                _ => None,
            })
            .flatten()
            .collect()
    }

    /// The reasons of all connections lost so far.
    pub fn lost(&self) -> Vec<CloseReason> {
        self.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Lost(reason) => Some(reason),
                _ => None,
            })
            .collect()
    }

    /// Waits until `condition` holds. The test's own deadline ends the wait.
    pub async fn until<L: Loop>(&self, lp: &L, condition: impl Fn(&Self) -> bool) {
        while !condition(self) {
            lp.sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Records what happens to it; sends `greeting` when it is made.
#[derive(Debug)]
pub struct Recorder {
    log: Log,
    greeting: &'static [u8],
}

impl Recorder {
    /// A silent one.
    pub fn new(log: &Log) -> Self {
        Self::greeting(log, b"")
    }

    /// One that speaks first.
    pub fn greeting(log: &Log, greeting: &'static [u8]) -> Self {
        Self {
            log: log.clone(),
            greeting,
        }
    }
}

impl Protocol for Recorder {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.log.push(Event::Made);
        transport.write(self.greeting)?;
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.log.push(Event::Data(data.to_vec()));
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.log.push(Event::Lost(reason));
    }
}
