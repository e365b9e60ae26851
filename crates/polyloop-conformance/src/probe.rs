//! What the checks observe with: a protocol that keeps a journal, peers without a
//! protocol, the reports of a loop, and ways to wait that never assume speed.

mod directory;
mod frames;
mod handshake;
mod inside;
mod journal;
mod layered;
mod peer;
mod protocol;
mod reads;
mod reports;
mod rough;
mod scripted;
mod spans;
mod starving;
mod tank;
mod waiting;

pub use directory::{Directory, abstract_name, endpoint};
pub use frames::{Frames, fed, feed, framed};
pub use handshake::{Handshake, LAST_WORDS};
pub use inside::{inside, is_inside};
pub use journal::{Event, Journal};
pub use layered::{GOODBYE, Layered, as_seen, record};
pub use peer::{
    End, MUCH, Pair, RawListener, dial, ip_of, listen, narrow_peer, pair, pattern, raw_peer,
    read_all,
};
pub use protocol::{Once, Probe};
pub use reads::counting_reads;
pub use reports::Reports;
pub use rough::Rough;
pub use scripted::{Fate, Scripted};
pub use spans::Spans;
pub use starving::{Starving, StarvingListener};
pub use tank::Tank;
pub use waiting::{
    Flag, SetOnDrop, block_on, busy_for, let_others_run, poll_once, quiet, run, until,
    within_a_minute,
};
