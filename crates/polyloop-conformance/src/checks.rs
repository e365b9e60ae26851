//! The checks, by subject. Each is named after its ID; what the behaviour is stands
//! in the catalogue, and how the check goes about it stands beside it.
//!
//! A check waits for conditions and never assumes that anything is fast. Where
//! nothing more may happen it waits 50 ms. Bodies that need only some abilities of
//! a loop are functions of their own, so that a test can give them those alone.

pub mod accepting;
pub mod adopting;
pub mod asking;
pub mod attempts;
pub mod backend_ending;
pub mod backend_finding;
pub mod backend_leftovers;
pub mod backend_nesting;
pub mod backend_sockets;
pub mod backend_tasks;
pub mod backend_threads;
pub mod backend_timers;
pub mod batching;
pub mod calls;
pub mod catching_signals;
#[cfg(unix)]
pub mod child_protocols;
#[cfg(unix)]
pub mod children;
pub mod client_service;
pub mod combine_all;
pub mod combine_some;
pub mod connecting;
pub mod cooperating;
pub mod coroutines;
pub mod datagrams;
pub mod delaying;
pub mod destructors;
pub mod dialling;
pub mod driving;
pub mod ending;
pub mod endpoint_texts;
pub mod endpoint_uses;
pub mod errors;
pub mod factories;
pub mod factory_faults;
pub mod flow;
pub mod framing_lengths;
pub mod framing_lines;
pub mod from_outside;
pub mod handles;
pub mod idling;
pub mod left_behind;
pub mod limiting;
pub mod listening;
pub mod locks;
pub mod looping;
pub mod moving;
pub mod names;
pub mod producing;
pub mod promise_cancel;
pub mod promise_links;
pub mod promise_races;
pub mod promise_sharing;
pub mod promise_timeout;
pub mod protocol_events;
pub mod proxying;
pub mod queues;
pub mod racing;
pub mod reaching;
pub mod resolving;
pub mod retrying;
pub mod running;
pub mod secured;
pub mod serving;
pub mod shutdown_hooks;
pub mod stream_closing;
pub mod stream_ending;
pub mod stream_farewell;
pub mod stream_promise;
pub mod stream_reading;
pub mod stream_sending;
pub mod stream_writing;
pub mod supervising;
pub mod switching;
pub mod threads;
pub mod throttling;
pub mod timers;
pub mod turns;
pub mod udp_sending;
pub mod udp_settings;
#[cfg(unix)]
pub mod unix_descriptors;
#[cfg(unix)]
pub mod unix_files;
pub mod upgrading;
#[cfg(not(unix))]
pub mod unix_files {
    //! UNIX: what wants the files and the sockets of std, which are not there.

    use crate::fault::Verdict;

    macro_rules! absent {
        ($($id:ident)*) => {$(
            /// Nothing to see here.
            pub fn $id<L>(_: &dyn Fn() -> L) -> Verdict {
                Ok(())
            }
        )*};
    }
    absent! { unix_04 unix_11 unix_12 unix_13 }
}
pub mod unix_paths;
pub mod unix_streams;
#[cfg(unix)]
pub mod watching;
#[cfg(unix)]
pub mod watching_borders;
#[cfg(unix)]
pub mod watching_callbacks;
pub mod wrapped;
