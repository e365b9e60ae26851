//! [`TestPeer`]: the other end of a protocol's connection, in a test's hand.

use std::net::SocketAddr;
use std::time::Duration;

use polyloop_core::{
    Address, CloseReason, Connection, DriveError, ErrorReport, Failure, Protocol, Transport,
};
use polyloop_sim::SimLoop;

use crate::Cuts;
use crate::side::Side;
use crate::stage::Stage;
use crate::wire::Ending;

/// The other end of a protocol's connection: what it sends the protocol receives, and what
/// the protocol writes it [has received](Self::received).
///
/// Each method returns when the protocol, and whatever it has spawned, has nothing left to do
/// but to wait; timers are waited for by [`advance`](Self::advance) alone. A close takes the
/// millisecond after which a connection looks whether its peer's system has everything.
///
/// What the protocol reports (an error of a callback, a panic of a task) and the test does not
/// take by [`reports`](Self::reports) fails the test when the peer is dropped (TEST-04).
///
/// ```
/// use std::time::Duration;
/// use polyloop_core::{Failure, Protocol, TimerKey, Transport};
/// use polyloop_testing::TestPeer;
///
/// /// Says what it thinks of silence.
/// struct Impatient;
///
/// impl Protocol for Impatient {
///     fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
///         transport.set_timer(TimerKey::new("greeting"), Duration::from_secs(30));
///         Ok(())
///     }
///     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
///         Ok(())
///     }
///     fn timer_fired(&mut self, transport: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
///         transport.write(b"well?")?;
///         transport.close();
///         Ok(())
///     }
/// }
///
/// let mut peer = TestPeer::of(Impatient);
/// peer.advance(Duration::from_secs(29));
/// assert!(peer.received().is_empty());
/// peer.advance(Duration::from_secs(1));
/// assert_eq!(peer.received(), b"well?");
/// assert!(peer.lost().is_some_and(|reason| reason.is_clean()));
/// ```
///
/// # Panics
/// Every method, inside of a loop's run: a test that awaits has a loop already, and no need of
/// this one. And where what the protocol does never comes to an end.
pub struct TestPeer<P: Protocol> {
    side: Side<P>,
    stage: Stage,
}

impl<P: Protocol> TestPeer<P> {
    /// Connects `protocol`.
    ///
    /// # Panics
    /// If its `connection_made` fails; [`connect`](Self::connect) tells that.
    #[track_caller]
    pub fn of(protocol: P) -> Self {
        match Self::connect(|_| protocol) {
            Ok(peer) => peer,
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects the protocol that `make` makes, for one that needs its loop: to spawn, to
    /// connect, to tell the time. An error is what a client's connect would say.
    #[track_caller]
    pub fn connect(make: impl FnOnce(&SimLoop) -> P) -> Result<Self, DriveError> {
        let stage = Stage::new();
        let protocol = make(stage.lp());
        let ends = [4321, 1234].map(|port| Address::from(SocketAddr::from(([127, 0, 0, 1], port))));
        let side = Side::new(&stage, ends, protocol);
        let side = side.inspect_err(|_| drop(stage.take_reports()))?;
        let peer = Self { side, stage };
        peer.settle();
        Ok(peer)
    }

    /// Sends the bytes in one piece. They are read when the protocol reads, and lost if it is
    /// gone.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.send_in(&Cuts::Whole, bytes);
    }

    /// Sends the bytes in pieces, and lets the protocol see to each before the next one comes.
    #[track_caller]
    pub fn send_in(&mut self, cuts: &Cuts, bytes: &[u8]) {
        for piece in cuts.pieces(bytes) {
            self.side.wire.send(piece);
            self.settle();
        }
    }

    /// Ends this side: the protocol's `eof_received` is called once it has read the rest.
    #[track_caller]
    pub fn send_eof(&mut self) {
        if self.side.wire.peer_ended().is_none() {
            self.side.wire.end(Ending::Clean);
        }
        self.settle();
    }

    /// Resets the connection. What was not read is lost.
    #[track_caller]
    pub fn reset(&mut self) {
        self.side.wire.end(Ending::Reset);
        self.settle();
    }

    /// Takes what the protocol has sent since this was last called.
    pub fn received(&mut self) -> Vec<u8> {
        self.side.wire.take_written()
    }

    /// Takes `bytes` more of what the protocol writes, then no more: it is told to pause when
    /// its write buffer is over the high mark, as with a peer that does not read.
    #[track_caller]
    pub fn take_only(&mut self, bytes: usize) {
        // The largest number is for no limit.
        self.side.wire.set_room(bytes.min(usize::MAX - 1));
        self.settle();
    }

    /// Takes whatever the protocol writes, as from the beginning.
    #[track_caller]
    pub fn take_all(&mut self) {
        self.side.wire.set_room(usize::MAX);
        self.settle();
    }

    /// How many bytes of what was sent the protocol has not read: it has paused reading.
    pub fn unread(&self) -> usize {
        self.side.wire.unread()
    }

    /// Whether the protocol has ended its sending side, or all of the connection.
    pub fn got_eof(&self) -> bool {
        self.side.wire.finished()
    }

    /// Whether the protocol has left by a reset: it aborted, or failed, or went without having
    /// read what was sent.
    pub fn got_reset(&self) -> bool {
        self.side.wire.gone() == Some(Ending::Reset)
    }

    /// The reason that the protocol was told, once its connection is lost.
    pub fn lost(&self) -> Option<CloseReason> {
        self.side.lost().clone()
    }

    /// Lets time pass. Timers fire in the order they are due, each at its own time.
    #[track_caller]
    pub fn advance(&mut self, time: Duration) {
        self.stage.advance(time);
        self.settle();
    }

    /// Asks the protocol, or has it do something. An error is what [`Connection::call`] says,
    /// as when the connection is lost.
    #[track_caller]
    pub fn call<R, F>(&mut self, f: F) -> Result<R, Failure>
    where
        F: FnOnce(&mut P, &mut dyn Transport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let answer = self.stage.wait(self.side.connection.call(f));
        self.settle();
        answer
    }

    /// The connection, as code outside of the protocol has it. What is asked of it is done in
    /// the next call of this peer's.
    pub fn connection(&self) -> Connection<P> {
        self.side.connection.clone()
    }

    /// The loop that the protocol is on.
    pub fn protocols_loop(&self) -> &SimLoop {
        self.stage.lp()
    }

    /// Takes what was reported since this was last called.
    pub fn reports(&mut self) -> Vec<ErrorReport> {
        self.stage.take_reports()
    }

    #[track_caller]
    fn settle(&self) {
        self.stage.settle(&[&self.side]);
    }
}

impl<P: Protocol> Drop for TestPeer<P> {
    fn drop(&mut self) {
        self.stage.expect_no_reports();
    }
}

impl<P: Protocol> std::fmt::Debug for TestPeer<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestPeer")
            .field("connection", &self.side.connection)
            .field("unread", &self.unread())
            .finish_non_exhaustive()
    }
}
