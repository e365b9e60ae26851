//! What is told where nothing decides which loop is taken: once in a process, to whoever
//! listens. (What is printed where nobody does: see `packages`.)
//!
//! There is one test here, since it looks at what the whole process says.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use polyloop::{AnyLoop, Lifecycle as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Keeps what polyloop warns of.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == "polyloop" && *metadata.level() == Level::WARN {
            let mut text = Text::default();
            event.record(&mut text);
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(text.0);
        }
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[test]
fn a_choice_that_nobody_made_is_told_once() {
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for name in AnyLoop::available() {
        assert_eq!(AnyLoop::by_name(name).unwrap().name(), *name);
    }
    let told = || {
        let told = warnings.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    };
    assert_eq!(told(), [""; 0]);
    if AnyLoop::available().is_empty() {
        return;
    }
    for _ in 0..2 {
        let lp = polyloop::default_loop().unwrap();
        assert_eq!(lp.name(), AnyLoop::available()[0]);
        polyloop::run(async {}).unwrap();
        AnyLoop::from_env().unwrap();
    }
    let real = AnyLoop::available_real();
    // There is no choice among one, and the simulation is none.
    if real.len() < 2 {
        assert_eq!(told(), [""; 0]);
        return;
    }
    let told = told();
    assert_eq!(told.len(), 1, "{told:?}");
    let loops = format!("compiled in: {}. Taken is {}", real.join(", "), real[0]);
    for part in ["default_loop", &loops, "To pin it", "#[polyloop::main("] {
        assert!(told[0].contains(part), "no {part:?} in {told:?}");
    }
}
