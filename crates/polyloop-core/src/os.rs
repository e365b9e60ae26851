//! What the operating system tells beside TCP: [`Watch`], on which everything else with a
//! descriptor is built, [`Signals`] and [`Processes`].
//!
//! | here | what |
//! | --- | --- |
//! | [`watch`](Watch) | the ability of a loop, and a backend's part of it |
//! | [`watched`](Watched) | a descriptor that is watched: polls and futures |
//! | [`callback`](ReadinessCallback) | the same for code that is called back |
//! | [`Interest`] | the direction that is waited for |
//! | `descriptor` | what is asked of the system about a descriptor, whatever the loop |
//! | [`signal`](Signal) | a signal by its number |
//! | [`signals`](Signals) | the ability of a loop to catch them |
//! | [`processes`](Processes) | the ability of a loop to start children |
//!
//! This room knows loops, and neither protocols nor the network.

#[cfg(unix)]
mod callback;
#[cfg(unix)]
mod descriptor;
#[cfg(unix)]
mod error;
mod interest;
#[cfg(unix)]
mod processes;
mod signal;
mod signals;
#[cfg(unix)]
mod watch;
#[cfg(unix)]
mod watched;

#[cfg(unix)]
pub use callback::ReadinessCallback;
#[cfg(unix)]
pub(crate) use descriptor::look;
#[cfg(unix)]
pub use error::{IntoInnerError, WatchError};
pub use interest::Interest;
#[cfg(unix)]
pub use processes::{
    Child, ChildInput, ChildOutput, InputClosed, OutputPipe, Process, ProcessEnd, ProcessError,
    ProcessLost, ProcessProtocol, ProcessSignalError, ProcessTransport, Processes,
};
pub use signal::Signal;
pub use signals::{
    Caught, SignalDesk, SignalError, SignalSource, SignalStream, Signals, StopOnSignals,
};
#[cfg(unix)]
pub use watch::{Source, Watch, Watcher};
#[cfg(unix)]
pub use watched::Watched;
