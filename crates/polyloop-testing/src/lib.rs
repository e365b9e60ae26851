//! Unit tests of protocols, without a socket, a port or a second of waiting.
//!
//! A [`TestPeer`] is the other end of a protocol's connection, in the hand of an ordinary
//! `#[test]`:
//!
//! ```
//! use polyloop_testing::TestPeer;
//! # use polyloop_core::{Failure, Protocol, Transport};
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, t: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
//! #         t.write(data)?;
//! #         Ok(())
//! #     }
//! # }
//!
//! let mut peer = TestPeer::of(Echo);
//! peer.send(b"hello");
//! assert_eq!(peer.received(), b"hello");
//! ```
//!
//! The connection is a real one: the same driver, the same rules and the same errors as on a
//! socket, so a double can't be more patient than the thing itself (TEST-05). Only the stream
//! below is memory, and the loop a [simulation](polyloop_sim) whose time is the test's to
//! [advance](TestPeer::advance) (TEST-01 to TEST-04). Nothing happens between two calls of the
//! test; each returns when the protocol has nothing left to do.
//!
//! | | |
//! | --- | --- |
//! | [`TestPeer`] | a protocol, and a test that plays its peer |
//! | [`Pump`] | two protocols that talk to each other when they are told to, with the bytes [cut](Cuts) as the test wants (TEST-07, TEST-08) |
//! | [`check_cuts`] | whatever the cuts and pauses, the protocol understands the same |
//! | [`Events`] | what a protocol has understood, for the test to look at |
//!
//! What needs hosts, links and faults is a test for the simulation itself; what needs every
//! loop one for `#[polyloop::test]`.

mod check_cuts;
mod cuts;
mod events;
mod peer;
mod pump;
mod side;
mod stage;
mod wire;

pub use check_cuts::check_cuts;
pub use cuts::Cuts;
pub use events::Events;
pub use peer::TestPeer;
pub use pump::{Pump, Unsettled};
