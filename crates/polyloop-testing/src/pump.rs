//! [`Pump`]: two protocols that talk to each other, one step at a time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use polyloop_core::{
    Address, CloseReason, Connection, DriveError, ErrorReport, Failure, Protocol, Transport,
};
use thiserror::Error;

use crate::Cuts;
use crate::side::Side;
use crate::stage::Stage;
use crate::wire::{Ending, Wire};

/// Two protocols, connected: what one writes the other receives, when the test says so.
///
/// Nothing moves by itself. A [`step`](Self::step) moves one piece in each direction; what was
/// written is delivered before an end (TEST-07), and neither protocol is called while the
/// other's callback runs (TEST-08). [`flush`](Self::flush) steps until there is nothing to move.
///
/// ```
/// # use polyloop_core::{Failure, Protocol, Transport};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
/// #         t.write(data)?;
/// #         Ok(())
/// #     }
/// # }
/// use polyloop_testing::{Cuts, Pump};
///
/// #[derive(Default)]
/// struct Asker { answer: Vec<u8> }
///
/// impl Protocol for Asker {
///     fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
///         transport.write(b"anybody there?")?;
///         Ok(())
///     }
///     fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
///         self.answer.extend_from_slice(data);
///         Ok(())
///     }
/// }
///
/// let mut pump = Pump::new(Asker::default(), Echo)?;
/// pump.cut(Cuts::Every(3));
/// pump.flush()?;
/// assert_eq!(pump.call_first(|asker, _| asker.answer.clone())?, b"anybody there?");
/// # Ok::<(), Failure>(())
/// ```
///
/// # Panics
/// Every method, inside of a loop's run; and when it is dropped, if something was reported that
/// the test has not taken by [`reports`](Self::reports).
pub struct Pump<A: Protocol, B: Protocol> {
    first: Side<A>,
    second: Side<B>,
    /// From the first to the second, and back.
    there: Direction,
    back: Direction,
    stage: Stage,
    cuts: Cuts,
}

/// A pump that went on moving data was stopped.
#[derive(Clone, Debug, Error)]
#[error("the two protocols still had something to say to each other after {steps} steps")]
#[non_exhaustive]
pub struct Unsettled {
    /// So many steps were taken.
    pub steps: usize,
}

impl From<Unsettled> for Failure {
    #[track_caller]
    fn from(error: Unsettled) -> Self {
        Self::new(error)
    }
}

/// So many steps a flush takes before it gives up.
const STEPS: usize = 100_000;

/// What is on its way.
#[derive(Default)]
struct Direction(VecDeque<Vec<u8>>);

impl Direction {
    /// Takes what was written since, and moves a piece of it. False if there was nothing to
    /// move.
    fn step(&mut self, from: &Wire, to: &Wire, cuts: &Cuts) -> bool {
        let written = from.take_written();
        let pieces = cuts.pieces(&written);
        self.0.extend(pieces.into_iter().map(<[u8]>::to_vec));
        if from.gone() == Some(Ending::Reset) && to.peer_ended() != Some(Ending::Reset) {
            // It overtakes what is on its way.
            self.0.clear();
            to.end(Ending::Reset);
            return true;
        }
        if let Some(piece) = self.0.pop_front() {
            to.send(&piece);
            return true;
        }
        if from.finished() && to.peer_ended().is_none() {
            to.end(Ending::Clean);
            return true;
        }
        false
    }
}

impl<A: Protocol, B: Protocol> Pump<A, B> {
    /// Connects the two. Both have been told so, and nothing has been delivered. An error is
    /// that of a `connection_made`.
    #[track_caller]
    pub fn new(first: A, second: B) -> Result<Self, DriveError> {
        let stage = Stage::new();
        let [one, other] =
            [4321, 1234].map(|port| Address::from(SocketAddr::from(([127, 0, 0, 1], port))));
        let sides = Side::new(&stage, [one.clone(), other.clone()], first)
            .and_then(|first| Ok((first, Side::new(&stage, [other, one], second)?)));
        let (first, second) = sides.inspect_err(|_| drop(stage.take_reports()))?;
        Ok(Self {
            first,
            second,
            there: Direction::default(),
            back: Direction::default(),
            stage,
            cuts: Cuts::Whole,
        })
    }

    /// From here on, what is taken from a protocol at a step is cut like that.
    pub fn cut(&mut self, cuts: Cuts) {
        self.cuts = cuts;
    }

    /// Moves a piece in each direction, or an end where no data is left, and lets both
    /// protocols see to it. False if there was nothing to move.
    #[track_caller]
    pub fn step(&mut self) -> bool {
        let (first, second) = (&self.first.wire, &self.second.wire);
        let there = self.there.step(first, second, &self.cuts);
        let back = self.back.step(second, first, &self.cuts);
        self.settle();
        there || back
    }

    /// Steps until nothing moves; the answer is how many steps it took.
    #[track_caller]
    pub fn flush(&mut self) -> Result<usize, Unsettled> {
        for steps in 0..STEPS {
            if !self.step() {
                return Ok(steps);
            }
        }
        Err(Unsettled { steps: STEPS })
    }

    /// Cuts the line: both sides see a reset, and what was on its way is lost.
    #[track_caller]
    pub fn cut_line(&mut self) {
        for wire in [&self.first.wire, &self.second.wire] {
            wire.end(Ending::Reset);
        }
        self.there = Direction::default();
        self.back = Direction::default();
        self.settle();
    }

    /// Lets time pass, and moves nothing.
    #[track_caller]
    pub fn advance(&mut self, time: Duration) {
        self.stage.advance(time);
        self.settle();
    }

    /// Whether both have been told that the connection is lost.
    pub fn is_over(&self) -> bool {
        self.first.lost().is_some() && self.second.lost().is_some()
    }

    /// The reasons that the first and the second were told, once it is lost for them.
    pub fn lost(&self) -> (Option<CloseReason>, Option<CloseReason>) {
        (self.first.lost().clone(), self.second.lost().clone())
    }

    /// Asks the first protocol, or has it do something; see [`Connection::call`].
    #[track_caller]
    pub fn call_first<R, F>(&mut self, f: F) -> Result<R, Failure>
    where
        F: FnOnce(&mut A, &mut dyn Transport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let answer = self.stage.wait(self.first.connection.call(f));
        self.settle();
        answer
    }

    /// Asks the second protocol, or has it do something; see [`Connection::call`].
    #[track_caller]
    pub fn call_second<R, F>(&mut self, f: F) -> Result<R, Failure>
    where
        F: FnOnce(&mut B, &mut dyn Transport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let answer = self.stage.wait(self.second.connection.call(f));
        self.settle();
        answer
    }

    /// Both connections, as code outside of the protocols has them. What is asked of them is
    /// done in the next call of this pump's.
    pub fn connections(&self) -> (Connection<A>, Connection<B>) {
        (
            self.first.connection.clone(),
            self.second.connection.clone(),
        )
    }

    /// Takes what was reported since this was last called.
    pub fn reports(&mut self) -> Vec<ErrorReport> {
        self.stage.take_reports()
    }

    #[track_caller]
    fn settle(&self) {
        self.stage.settle(&[&self.first, &self.second]);
    }
}

impl<A: Protocol, B: Protocol> Drop for Pump<A, B> {
    fn drop(&mut self) {
        self.stage.expect_no_reports();
    }
}

impl<A: Protocol, B: Protocol> std::fmt::Debug for Pump<A, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pump")
            .field("first", &self.first.connection)
            .field("second", &self.second.connection)
            .field("cuts", &self.cuts)
            .finish_non_exhaustive()
    }
}
