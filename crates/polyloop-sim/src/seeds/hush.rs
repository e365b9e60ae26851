//! What a search through seeds keeps to itself: the panics of single runs. Its report
//! tells the one that matters, with its place; standard error would have them all, each
//! with a backtrace where the environment asks for that.
//!
//! The panic hook belongs to the process, and is put in place once. On threads that do
//! not search it does what the hook before it did.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

use super::run::message;

/// A panic: its text, and where it was.
type Panic = (String, String);

/// As many are kept of one run.
const KEPT: usize = 100;

thread_local! {
    /// The panics of this run, on a thread that searches.
    static PANICS: RefCell<Option<Vec<Panic>>> = const { RefCell::new(None) };
}

/// While this is there, the panics of this thread are only kept in mind.
#[must_use]
pub(super) struct Hush {
    outer: Option<Vec<Panic>>,
}

impl Hush {
    pub(super) fn begin() -> Self {
        static INSTALLED: Once = Once::new();

        INSTALLED.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !keep(info) {
                    before(info);
                }
            }));
        });
        Self {
            outer: PANICS.replace(Some(Vec::new())),
        }
    }

    /// Where the panic was that `error` tells of, among those since the last call.
    pub(super) fn place_of(error: &str) -> Option<String> {
        let panics = PANICS.with_borrow_mut(|panics| panics.as_mut().map(std::mem::take));
        let mut panics = panics.unwrap_or_default().into_iter().rev();
        let found = panics.find(|(text, _)| !text.is_empty() && error.contains(text));
        found.map(|(_, place)| place)
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        PANICS.set(self.outer.take());
    }
}

/// Keeps a panic in mind, if this thread searches.
fn keep(info: &panic::PanicHookInfo<'_>) -> bool {
    let Some(place) = info.location() else {
        return false;
    };
    let kept = PANICS.try_with(|panics| match &mut *panics.borrow_mut() {
        Some(panics) => {
            if panics.len() < KEPT {
                panics.push((message(info.payload()), place.to_string()));
            }
            true
        }
        None => false,
    });
    kept.unwrap_or(false)
}
