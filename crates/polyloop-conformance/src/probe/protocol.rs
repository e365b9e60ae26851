//! [`Probe`]: a protocol that writes a journal and does what a check tells it.

use polyloop_core::{
    CloseReason, Failure, OnEof, Peer, Protocol, ProtocolFactory, TimerKey, Transport,
};

use super::{Event, Journal};

type Step = Box<dyn FnMut(&mut dyn Transport) -> Result<(), Failure> + Send>;
type OnData = Box<dyn FnMut(&mut dyn Transport, &[u8]) -> Result<(), Failure> + Send>;
type OnTimer = Box<dyn FnMut(&mut dyn Transport, TimerKey) -> Result<(), Failure> + Send>;
type AtEof = Box<dyn FnMut(&mut dyn Transport) -> Result<OnEof, Failure> + Send>;
type OnLost = Box<dyn FnMut(&CloseReason) + Send>;

/// A protocol that notes each callback in its journal and then does what the check
/// gave it to do there; by default nothing.
pub struct Probe {
    /// What happened to it.
    pub journal: Journal,
    made: Option<Step>,
    data: Option<OnData>,
    eof: Option<AtEof>,
    pause: Option<Step>,
    resume: Option<Step>,
    resumed: Option<Step>,
    timer: Option<OnTimer>,
    idle: Option<Step>,
    woken: Option<Step>,
    upgraded: Option<Step>,
    lost: Option<OnLost>,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident($($arg:ty),*) -> $out:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name<F>(mut self, step: F) -> Self
        where
            F: FnMut($($arg),*) -> $out + Send + 'static,
        {
            self.$name = Some(Box::new(step));
            self
        }
    )*};
}

impl Probe {
    /// One that only observes.
    pub fn new(journal: &Journal) -> Self {
        Self {
            journal: journal.clone(),
            made: None,
            data: None,
            eof: None,
            pause: None,
            resume: None,
            resumed: None,
            timer: None,
            idle: None,
            woken: None,
            upgraded: None,
            lost: None,
        }
    }

    /// One that sends back what it gets.
    pub fn echo(journal: &Journal) -> Self {
        Self::new(journal).data(|transport, data| {
            transport.write(data)?;
            Ok(())
        })
    }

    /// What to do in `connection_lost`.
    pub fn lost<F>(mut self, step: F) -> Self
    where
        F: FnMut(&CloseReason) + Send + 'static,
    {
        self.lost = Some(Box::new(step));
        self
    }

    steps! {
        /// What to do in `connection_made`.
        made(&mut dyn Transport) -> Result<(), Failure>;
        /// What to do in `data_received`.
        data(&mut dyn Transport, &[u8]) -> Result<(), Failure>;
        /// What to do in `eof_received`.
        eof(&mut dyn Transport) -> Result<OnEof, Failure>;
        /// What to do in `pause_writing`.
        pause(&mut dyn Transport) -> Result<(), Failure>;
        /// What to do in `resume_writing`.
        resume(&mut dyn Transport) -> Result<(), Failure>;
        /// What to do in `reading_resumed`.
        resumed(&mut dyn Transport) -> Result<(), Failure>;
        /// What to do in `timer_fired`.
        timer(&mut dyn Transport, TimerKey) -> Result<(), Failure>;
        /// What to do in `went_idle`, instead of what it does by default.
        idle(&mut dyn Transport) -> Result<(), Failure>;
        /// What to do in `woken`.
        woken(&mut dyn Transport) -> Result<(), Failure>;
        /// What to do in `upgraded`.
        upgraded(&mut dyn Transport) -> Result<(), Failure>;
    }
}

fn go(step: &mut Option<Step>, transport: &mut dyn Transport) -> Result<(), Failure> {
    step.as_mut().map_or(Ok(()), |step| step(transport))
}

impl Protocol for Probe {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.push(Event::Made);
        go(&mut self.made, transport)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.journal.push(Event::Data(data.to_vec()));
        match &mut self.data {
            Some(step) => step(transport, data),
            None => Ok(()),
        }
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.journal.push(Event::Eof);
        match &mut self.eof {
            Some(step) => step(transport),
            None => Ok(OnEof::Close),
        }
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.push(Event::Pause);
        go(&mut self.pause, transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.push(Event::Resume);
        go(&mut self.resume, transport)
    }

    fn reading_resumed(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.push(Event::Resumed);
        go(&mut self.resumed, transport)
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        self.journal.push(Event::Timer(key));
        match &mut self.timer {
            Some(step) => step(transport, key),
            None => Ok(()),
        }
    }

    fn went_idle(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.push(Event::Idle);
        match &mut self.idle {
            Some(step) => step(transport),
            None => Plain.went_idle(transport),
        }
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.push(Event::Woken);
        go(&mut self.woken, transport)
    }

    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.push(Event::Upgraded);
        go(&mut self.upgraded, transport)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.journal.push(Event::Lost(reason.clone()));
        if let Some(step) = &mut self.lost {
            step(&reason);
        }
    }
}

/// Does what protocols do by default.
struct Plain;

impl Protocol for Plain {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

/// A factory for one connection; it declines every other.
pub struct Once<P>(Option<P>);

impl<P> Once<P> {
    /// Gives `protocol` to the first connection.
    pub fn new(protocol: P) -> Self {
        Self(Some(protocol))
    }
}

impl<P: Protocol> ProtocolFactory for Once<P> {
    type Protocol = P;

    fn build_protocol(&mut self, _peer: &Peer) -> Option<P> {
        self.0.take()
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Probe").field(&self.journal).finish()
    }
}

impl<P> std::fmt::Debug for Once<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Once").field(&self.0.is_some()).finish()
    }
}
