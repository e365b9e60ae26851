//! How far down each row stands.
//!
//! A row is as far below the one before it as its time is later, in the unit of this
//! trace's own latencies; but never so close that two labels meet, and never so far
//! that nothing is on the screen: then the gap is cut short and labelled. The page's
//! script does the same again with the rows that are left when something is hidden.

use std::time::Duration;

use super::super::clock;
use super::picture::{Mark, Picture, Shape};

/// Above the first row.
pub(super) const TOP: f64 = 26.0;
/// How far apart two rows are whose times differ by a typical latency.
pub(super) const SPREAD: f64 = 44.0;
/// How far apart two rows are at most; what is longer is a gap.
pub(super) const GAP: f64 = 66.0;
/// Above the row that an arrow or a band ends at.
pub(super) const ROOM_AT_END: f64 = 5.0;

/// A time that was cut short.
#[derive(Debug, PartialEq)]
pub(super) struct Gap {
    /// Its middle.
    pub(super) y: f64,
    pub(super) label: String,
}

pub(super) struct Layout {
    /// The height of each row; of those that nothing is shown at, the height of the
    /// shown one before.
    pub(super) rows: Vec<f64>,
    /// The rows that something is shown at.
    pub(super) used: Vec<usize>,
    pub(super) gaps: Vec<Gap>,
    pub(super) height: f64,
}

/// The room that a mark needs above its first row.
pub(super) fn room(mark: &Mark) -> f64 {
    match mark.shape {
        Shape::Tick { .. } => 7.0,
        Shape::Dot { .. } => 16.0,
        Shape::Flag { .. } => 24.0,
        Shape::Arrow { .. } | Shape::Band { .. } | Shape::Stroke { .. } => 22.0,
    }
}

/// What a typical latency is in this trace.
pub(super) fn unit(picture: &Picture) -> Duration {
    let mut latencies: Vec<Duration> = picture
        .marks
        .iter()
        .filter(|mark| matches!(mark.shape, Shape::Arrow { .. }))
        .map(|mark| picture.rows[mark.until].saturating_sub(picture.rows[mark.row]))
        .filter(|latency| !latency.is_zero())
        .collect();
    latencies.sort_unstable();
    match latencies.get(latencies.len() / 2) {
        Some(median) => *median,
        None => Duration::from_millis(1),
    }
}

/// With those marks shown that are shown at first.
pub(super) fn lay_out(picture: &Picture) -> Layout {
    let mut rooms: Vec<Option<f64>> = vec![None; picture.rows.len()];
    let mut claim = |row: usize, room: f64| {
        if let Some(claimed) = rooms.get_mut(row) {
            *claimed = Some(claimed.unwrap_or(0.0).max(room));
        }
    };
    for mark in picture.marks.iter().filter(|mark| mark.kind.shown()) {
        claim(mark.row, room(mark));
        claim(mark.until, ROOM_AT_END);
    }
    let unit = unit(picture).as_nanos() as f64;
    let mut layout = Layout {
        rows: Vec::with_capacity(rooms.len()),
        used: Vec::new(),
        gaps: Vec::new(),
        height: TOP,
    };
    let mut before: Option<Duration> = None;
    for (row, room) in rooms.iter().enumerate() {
        if let Some(room) = *room {
            let at = picture.rows[row];
            let passed = at.saturating_sub(before.unwrap_or(at));
            let wanted = passed.as_nanos() as f64 / unit * SPREAD;
            let step = room.max(wanted.min(GAP));
            if wanted > GAP * 1.5 {
                layout.gaps.push(Gap {
                    y: layout.height + step / 2.0,
                    label: clock::about(passed),
                });
            }
            layout.height += step;
            layout.used.push(row);
            before = Some(at);
        }
        layout.rows.push(layout.height);
    }
    layout.height += TOP;
    layout
}
