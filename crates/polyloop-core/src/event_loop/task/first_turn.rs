//! Which tasks are in their first turn, for the report of those that did not end.
//!
//! A task enters its loop's [table](super::table) when it is first suspended, so the table
//! can't name one that blocks its thread before. Here each thread says what it is at: it
//! costs a first turn four stores, and no lock.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::Location;

use crate::event_loop::state::LoopId;
use crate::sync::primitive::process::{AtomicU64, Mutex, MutexGuard, Ordering, thread_local};
use crate::sync::primitive::{Arc, PoisonError, Weak};

/// What one thread is at. Only that thread writes it; 0 stands for nothing.
#[derive(Default)]
struct Seat {
    on: AtomicU64,
    /// The address of a [`Location`], by which the list of places knows it.
    place: AtomicU64,
}

/// What all threads know together.
struct Hall {
    seats: Vec<Weak<Seat>>,
    /// Every place that a task was spawned at, by its address: as many as the program has
    /// calls of `spawn`.
    places: BTreeMap<u64, &'static Location<'static>>,
}

static HALL: Mutex<Hall> = Mutex::new(Hall {
    seats: Vec::new(),
    places: BTreeMap::new(),
});

fn hall() -> MutexGuard<'static, Hall> {
    HALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread's own view.
struct Here {
    seat: Arc<Seat>,
    /// Places that this thread has entered in the list, each where its address says.
    entered: [Cell<u64>; 64],
}

thread_local! {
    static HERE: Here = Here::new();
}

impl Here {
    fn new() -> Self {
        let seat = Arc::default();
        let mut hall = hall();
        hall.seats.retain(|seat| seat.strong_count() > 0);
        hall.seats.push(Arc::downgrade(&seat));
        Self {
            seat,
            entered: [const { Cell::new(0) }; 64],
        }
    }

    fn enter(&self, place: &'static Location<'static>) -> u64 {
        let address = std::ptr::from_ref(place).addr();
        let entered = &self.entered[address / align_of::<Location<'_>>() % self.entered.len()];
        let address = address as u64;
        if entered.get() != address {
            hall().places.insert(address, place);
            entered.set(address);
        }
        address
    }
}

/// This thread is at a first turn until this is dropped.
pub(super) struct FirstTurn {
    /// What it was at before: a turn may run others inside.
    outer: (u64, u64),
}

impl FirstTurn {
    #[inline]
    pub(super) fn begin(on: LoopId, place: &'static Location<'static>) -> Self {
        // A thread that is about to end says nothing any more.
        let outer = HERE.try_with(|here| {
            let place = here.enter(place);
            let seat = &here.seat;
            let outer = (
                seat.on.load(Ordering::Relaxed),
                seat.place.load(Ordering::Relaxed),
            );
            seat.on.store(on.number(), Ordering::Relaxed);
            seat.place.store(place, Ordering::Relaxed);
            outer
        });
        Self {
            outer: outer.unwrap_or_default(),
        }
    }
}

impl Drop for FirstTurn {
    #[inline]
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| {
            here.seat.on.store(self.outer.0, Ordering::Relaxed);
            here.seat.place.store(self.outer.1, Ordering::Relaxed);
        });
    }
}

/// Where the tasks of a loop were spawned that are in their first turn, as far as one can
/// see from another thread.
pub(crate) fn places(on: LoopId) -> Vec<&'static Location<'static>> {
    let hall = hall();
    let seats = hall.seats.iter().filter_map(Weak::upgrade);
    seats
        .filter(|seat| seat.on.load(Ordering::Relaxed) == on.number())
        .filter_map(|seat| {
            let place = seat.place.load(Ordering::Relaxed);
            hall.places.get(&place).copied()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::state::LoopState;

    #[test]
    fn a_turn_inside_a_turn_gives_way_to_the_outer_one() {
        let (one, other) = (LoopState::new("one", ()), LoopState::new("other", ()));
        let (here, there) = (Location::caller(), {
            #[track_caller]
            fn place() -> &'static Location<'static> {
                Location::caller()
            }
            place()
        });
        let outer = FirstTurn::begin(one.id(), here);
        assert_eq!(places(one.id()), [here]);
        let inner = FirstTurn::begin(other.id(), there);
        assert_eq!(
            (places(one.id()), places(other.id())),
            (vec![], vec![there])
        );
        drop(inner);
        assert_eq!(places(one.id()), [here]);
        drop(outer);
        assert!(places(one.id()).is_empty());
    }

    #[test]
    fn threads_that_have_ended_leave_nothing_behind() {
        let state = LoopState::new("ended", ());
        let id = state.id();
        for _ in 0..8 {
            let turn = move || drop(FirstTurn::begin(id, Location::caller()));
            crate::sync::primitive::thread::spawn(turn).join().unwrap();
        }
        let dead = || {
            hall()
                .seats
                .iter()
                .filter(|seat| seat.strong_count() == 0)
                .count()
        };
        drop(Here::new());
        assert!(dead() <= 1, "{} seats of threads that have ended", dead());
    }
}
