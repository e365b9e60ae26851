//! [`check_cuts`]: whatever the cuts and pauses, a protocol understands the same.

use std::fmt::Debug;

use polyloop_core::Protocol;

use crate::{Cuts, Events, TestPeer};

/// So many places are cut one by one; of a longer text, as many are drawn.
const PLACES: usize = 256;

/// So many ways to cut everywhere are drawn, each with and without pauses.
const SEEDS: u64 = 32;

/// What came of the bytes.
#[derive(PartialEq)]
struct Outcome<E> {
    events: Vec<E>,
    written: Vec<u8>,
    /// The reason, as text, and `None` if the connection outlived the peer's end.
    end: Option<String>,
}

/// Fails unless the protocols that `make` makes understand `bytes` in the same way however
/// they are cut, and whenever reading is paused meanwhile: the same events, the same bytes
/// written, the same end. The peer ends its side behind them.
///
/// The bytes come whole, byte by byte, cut in two at each place (or 256 of them), and cut
/// in 32 drawn ways, these also with a pause of reading between two pieces.
///
/// ```
/// use polyloop_core::{Failure, Protocol, Transport};
/// use polyloop_testing::{Events, check_cuts};
///
/// /// Numbers, each in two bytes.
/// struct Numbers { half: Option<u8>, seen: Events<u16> }
///
/// impl Protocol for Numbers {
///     fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
///         for &byte in data {
///             match self.half.take() {
///                 Some(high) => self.seen.push(u16::from_be_bytes([high, byte])),
///                 None => self.half = Some(byte),
///             }
///         }
///         Ok(())
///     }
/// }
///
/// check_cuts(b"\0\x01\x02\x03", |seen| Numbers { half: None, seen });
/// ```
///
/// # Panics
/// At the first difference, with the cuts that made it. That is the test. What the protocols
/// report is no difference: bytes that are wrong may end in an error, as long as they always do.
#[track_caller]
pub fn check_cuts<E, P, M>(bytes: &[u8], make: M)
where
    E: Debug + PartialEq,
    P: Protocol,
    M: Fn(Events<E>) -> P,
{
    let whole = outcome(bytes, &Cuts::Whole, None, &make);
    let check = |cuts: &Cuts, pauses: Option<u64>| {
        let other = outcome(bytes, cuts, pauses, &make);
        assert!(
            other == whole,
            "cut {cuts:?}{}, the bytes are understood in another way\n  whole: {}\n  cut:   {}",
            match pauses {
                Some(_) => " and paused between pieces",
                None => "",
            },
            whole.told(),
            other.told(),
        );
    };
    check(&Cuts::Every(1), None);
    let mut random = fastrand::Rng::with_seed(0);
    let mut places: Vec<usize> = (1..bytes.len()).collect();
    if places.len() > PLACES {
        random.shuffle(&mut places);
        places.truncate(PLACES);
    }
    for place in places {
        check(&Cuts::At(vec![place]), None);
    }
    for seed in 0..SEEDS {
        check(&Cuts::Seeded(seed), None);
        check(&Cuts::Seeded(seed), Some(seed));
    }
}

fn outcome<E, P: Protocol>(
    bytes: &[u8],
    cuts: &Cuts,
    pausing: Option<u64>,
    make: impl Fn(Events<E>) -> P,
) -> Outcome<E> {
    let events = Events::new();
    let mut written = Vec::new();
    let mut end = None;
    // A `connection_made` that fails does so whatever the bytes are.
    if let Ok(mut peer) = TestPeer::connect(|_| make(events.clone())) {
        let mut random = pausing.map(fastrand::Rng::with_seed);
        for piece in cuts.pieces(bytes) {
            let paused = random.as_mut().is_some_and(fastrand::Rng::bool);
            // A connection that is lost has nothing to pause.
            if paused {
                let _ = peer.call(|_, transport| transport.pause_reading());
            }
            peer.send(piece);
            if paused {
                let _ = peer.call(|_, transport| transport.resume_reading());
            }
        }
        peer.send_eof();
        written = peer.received();
        end = peer.lost().map(|reason| reason.to_string());
        drop(peer.reports());
    }
    Outcome {
        events: events.take(),
        written,
        end,
    }
}

impl<E: Debug> Outcome<E> {
    fn told(&self) -> String {
        format!(
            "{:?}, wrote \"{}\", {}",
            self.events,
            self.written.escape_ascii(),
            match &self.end {
                Some(reason) => format!("ended: {reason}"),
                None => "is still there".to_owned(),
            }
        )
    }
}
