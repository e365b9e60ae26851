//! [`Journal`]: what happened to a protocol, in order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polyloop_core::{CloseReason, TimerKey};

use crate::fault::{Fault, Verdict};

/// One callback.
#[derive(Clone, Debug)]
pub enum Event {
    /// `connection_made`
    Made,
    /// `data_received`
    Data(Vec<u8>),
    /// `eof_received`
    Eof,
    /// `pause_writing`
    Pause,
    /// `resume_writing`
    Resume,
    /// `reading_resumed`
    Resumed,
    /// `timer_fired`
    Timer(TimerKey),
    /// `went_idle`
    Idle,
    /// `woken`
    Woken,
    /// `upgraded`.
    Upgraded,
    /// `connection_lost`
    Lost(CloseReason),
    /// Whatever a check notes itself.
    Note(String),
}

impl Event {
    /// A word for it.
    pub fn name(&self) -> &str {
        match self {
            Self::Made => "made",
            Self::Data(_) => "data",
            Self::Eof => "eof",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Resumed => "resumed",
            Self::Timer(_) => "timer",
            Self::Idle => "idle",
            Self::Woken => "woken",
            Self::Upgraded => "upgraded",
            Self::Lost(_) => "lost",
            Self::Note(note) => note,
        }
    }
}

/// What happened, in order; clones write to the same one.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Event>>>);

impl Journal {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event.
    pub fn push(&self, event: Event) {
        self.lock().push(event);
    }

    /// Adds a note.
    pub fn note(&self, note: impl Into<String>) {
        self.push(Event::Note(note.into()));
    }

    /// The names of all events.
    pub fn names(&self) -> Vec<String> {
        self.lock()
            .iter()
            .map(|event| event.name().to_owned())
            .collect()
    }

    /// How many events have that name.
    pub fn count(&self, name: &str) -> usize {
        self.lock().iter().filter(|e| e.name() == name).count()
    }

    /// Whether there is one of that name.
    pub fn has(&self, name: &str) -> bool {
        self.count(name) > 0
    }

    /// The keys of the timers that fired, in order.
    pub fn timers(&self) -> Vec<TimerKey> {
        let events = self.lock();
        let keys = events.iter().filter_map(|event| match event {
            Event::Timer(key) => Some(*key),
            _ => None,
        });
        keys.collect()
    }

    /// All data so far, joined.
    pub fn data(&self) -> Vec<u8> {
        let events = self.lock();
        let parts = events.iter().filter_map(|event| match event {
            Event::Data(data) => Some(data.as_slice()),
            _ => None,
        });
        parts.collect::<Vec<_>>().concat()
    }

    /// The bytes that came before the first event of that name.
    pub fn data_before(&self, name: &str) -> Vec<u8> {
        let events = self.lock();
        let before = events.iter().take_while(|event| event.name() != name);
        let parts = before.filter_map(|event| match event {
            Event::Data(data) => Some(data.as_slice()),
            _ => None,
        });
        parts.collect::<Vec<_>>().concat()
    }

    /// How many bytes came.
    pub fn data_len(&self) -> usize {
        let events = self.lock();
        events
            .iter()
            .map(|event| match event {
                Event::Data(data) => data.len(),
                _ => 0,
            })
            .sum()
    }

    /// The reason of the loss, if it was told.
    pub fn lost(&self) -> Option<CloseReason> {
        self.lock().iter().find_map(|event| match event {
            Event::Lost(reason) => Some(reason.clone()),
            _ => None,
        })
    }

    /// The life of one protocol: made first, one end of stream at most and no data
    /// behind it, pauses and resumes in turn, lost once and last.
    pub fn is_one_whole_life(&self) -> Verdict {
        let names = self.names();
        let fault = |what: &str| Err(Fault::new(format!("{what}: {names:?}")));
        let at = |name: &str| names.iter().position(|n| n == name);
        if at("made") != Some(0) || self.count("made") != 1 {
            return fault("connection_made was not once and first");
        }
        if self.count("lost") != 1 || at("lost") != Some(names.len() - 1) {
            return fault("connection_lost was not once and last");
        }
        if self.count("eof") > 1 {
            return fault("the end of stream came more than once");
        }
        if let Some(eof) = at("eof")
            && names[eof..].iter().any(|name| name == "data")
        {
            return fault("data came behind the end of stream");
        }
        self.flow_is_paired()
    }

    /// Pause, resume, pause, …, in turn.
    pub fn flow_is_paired(&self) -> Verdict {
        let names = self.names();
        let flow: Vec<&String> = names
            .iter()
            .filter(|name| *name == "pause" || *name == "resume")
            .collect();
        for (index, name) in flow.iter().enumerate() {
            let expected = if index % 2 == 0 { "pause" } else { "resume" };
            if *name != expected {
                return Err(Fault::new(format!("flow out of turn: {flow:?}")));
            }
        }
        Ok(())
    }
}
