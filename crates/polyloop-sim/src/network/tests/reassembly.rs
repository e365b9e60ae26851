//! Segments that come in any order, twice, and overlapping.

use bytes::Bytes;

use super::rig::pattern;
use crate::network::incoming::{Arrival, Incoming};

#[test]
fn overlapping_segments_in_any_order_make_the_stream() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let data = pattern(rng.usize(1..5_000));
        let len = data.len() as u64;
        let mut pieces = Vec::new();
        let mut from = 0;
        while from < data.len() {
            let to = (from + rng.usize(1..400)).min(data.len());
            // Each reaches back into the one before it, or further.
            let begins = from - rng.usize(0..=from.min(500));
            pieces.push((begins as u64, Bytes::copy_from_slice(&data[begins..to])));
            from = to;
        }
        pieces.extend(pieces.clone());
        rng.shuffle(&mut pieces);
        let mut incoming = Incoming::new(data.len(), 1460);
        assert_eq!(incoming.fin(len), Arrival::Repeat, "the end came first");
        for (offset, piece) in pieces {
            incoming.data(offset, piece);
        }
        assert!(incoming.has_ended(), "seed {seed}");
        assert!(!incoming.has_gap());
        let mut got = vec![0; data.len() + 1];
        assert_eq!(incoming.read(&mut got), data.len());
        assert!(got[..data.len()] == data, "seed {seed}");
    }
}

#[test]
fn what_is_beyond_the_window_is_not_taken() {
    let mut incoming = Incoming::new(10, 1460);
    assert_eq!(
        incoming.data(0, Bytes::from_static(b"twelve bytes")),
        Arrival::New
    );
    assert_eq!(incoming.unread(), 10);
    assert_eq!(
        incoming.data(10, Bytes::from_static(b"es")),
        Arrival::Repeat
    );
    assert_eq!(incoming.expected(), 10);
}
