//! What the operating system tells about descriptors, beside TCP: [`Watch`], on which
//! everything else with a descriptor is built.
//!
//! | here | what |
//! | --- | --- |
//! | [`watch`](Watch) | the ability of a loop, and a backend's part of it |
//! | [`watched`](Watched) | a descriptor that is watched: polls and futures |
//! | [`callback`](ReadinessCallback) | the same for code that is called back |
//! | `descriptor` | what is asked of the system about a descriptor, whatever the loop |
//!
//! This room knows loops, and neither protocols nor the network.

mod callback;
mod descriptor;
mod error;
mod watch;
mod watched;

pub use callback::ReadinessCallback;
pub use error::WatchError;
pub use watch::{Interest, Source, Watch, Watcher};
pub use watched::Watched;
