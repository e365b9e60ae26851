//! [`Spans`]: which span a thread is in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

/// A subscriber that knows the spans of this suite, and nothing else. Clones are the same
/// one.
#[derive(Clone, Debug, Default)]
pub struct Spans(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    spans: Vec<&'static Metadata<'static>>,
    entered: HashMap<ThreadId, Vec<Id>>,
}

impl Spans {
    /// One that knows no span yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the span that this thread is in.
    pub fn here(&self) -> Option<u64> {
        self.known().innermost().map(|id| id.into_u64())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn innermost(&self) -> Option<Id> {
        self.entered.get(&thread::current().id())?.last().cloned()
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == "polyloop_conformance"
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut known = self.known();
        known.spans.push(span.metadata());
        Id::from_u64(known.spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        let mut known = self.known();
        let entered = known.entered.entry(thread::current().id()).or_default();
        entered.push(span.clone());
    }

    fn exit(&self, span: &Id) {
        let mut known = self.known();
        let entered = known.entered.entry(thread::current().id()).or_default();
        if let Some(place) = entered.iter().rposition(|known| known == span) {
            entered.remove(place);
        }
    }

    fn current_span(&self) -> Current {
        let known = self.known();
        let Some(id) = known.innermost() else {
            return Current::none();
        };
        let number = usize::try_from(id.into_u64()).unwrap_or(usize::MAX);
        match known.spans.get(number - 1) {
            Some(metadata) => Current::new(id, metadata),
            None => Current::none(),
        }
    }
}
