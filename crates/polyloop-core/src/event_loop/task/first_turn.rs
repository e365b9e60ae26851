//! Which tasks are in their first turn, for the report of those that did not end.
//!
//! A task enters its loop's [table](super::table) when it is first suspended, so the table
//! can't name one that blocks its thread before. Here each thread says what it is at: it
//! costs a first turn two stores, and no lock.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::Location;

use crate::event_loop::state::LoopId;
use crate::sync::primitive::PoisonError;
use crate::sync::primitive::process::{AtomicU64, Mutex, MutexGuard, Ordering, thread_local};

/// What one thread is at. Only that thread writes it.
#[derive(Default)]
struct Seat {
    /// 0 stands for nothing.
    on: AtomicU64,
    /// The address of a [`Location`], by which the list of places knows it: of the last
    /// turn, if this is none.
    place: AtomicU64,
}

/// What all threads know together.
struct Hall {
    /// As many as there were threads at one time: that of a thread which has ended is
    /// given to another.
    seats: Vec<&'static Seat>,
    empty: Vec<&'static Seat>,
    /// Every place that a task was spawned at, by its address: as many as the program has
    /// calls of `spawn`.
    places: BTreeMap<u64, &'static Location<'static>>,
}

static HALL: Mutex<Hall> = Mutex::new(Hall {
    seats: Vec::new(),
    empty: Vec::new(),
    places: BTreeMap::new(),
});

fn hall() -> MutexGuard<'static, Hall> {
    HALL.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Where this thread sits. Without a destructor it is reached at once.
    static SEAT: Cell<Option<&'static Seat>> = const { Cell::new(None) };
    static SITTING: Sitting = const { Sitting };
    /// Places that this thread has entered in the list, each where its address says.
    static ENTERED: [Cell<u64>; 64] = const { [const { Cell::new(0) }; 64] };
}

/// Gives the thread's seat back when the thread ends.
struct Sitting;

impl Drop for Sitting {
    fn drop(&mut self) {
        if let Some(seat) = SEAT.take() {
            seat.on.store(0, Ordering::Relaxed);
            hall().empty.push(seat);
        }
    }
}

/// A seat for this thread. One that is about to end gets none, and says nothing any more.
#[cold]
fn sit_down() -> Option<&'static Seat> {
    SITTING.try_with(|_| ()).ok()?;
    let mut hall = hall();
    let seat = hall.empty.pop().unwrap_or_else(|| {
        let seat: &'static Seat = Box::leak(Box::default());
        hall.seats.push(seat);
        seat
    });
    SEAT.set(Some(seat));
    Some(seat)
}

/// This thread is at a first turn until this is dropped.
pub(super) struct FirstTurn {
    seat: &'static Seat,
    /// What it was at before: a turn may run others inside.
    outer: (u64, u64),
}

impl FirstTurn {
    /// None on a thread that is about to end.
    #[inline]
    pub(super) fn begin(on: LoopId, place: &'static Location<'static>) -> Option<Self> {
        let seat = SEAT.get().or_else(sit_down)?;
        let outer = (
            seat.on.load(Ordering::Relaxed),
            seat.place.load(Ordering::Relaxed),
        );
        // Most turns begin where the last one did.
        if outer.1 != std::ptr::from_ref(place).addr() as u64 {
            move_to(seat, place);
        }
        seat.on.store(on.number(), Ordering::Relaxed);
        Some(Self { seat, outer })
    }
}

#[inline(never)]
fn move_to(seat: &Seat, place: &'static Location<'static>) {
    let address = std::ptr::from_ref(place).addr();
    ENTERED.with(|entered| {
        let entered = &entered[address / align_of::<Location<'_>>() % entered.len()];
        if entered.replace(address as u64) != address as u64 {
            hall().places.insert(address as u64, place);
        }
    });
    seat.place.store(address as u64, Ordering::Relaxed);
}

impl Drop for FirstTurn {
    #[inline]
    fn drop(&mut self) {
        self.seat.on.store(self.outer.0, Ordering::Relaxed);
        if self.outer.0 != 0 {
            self.seat.place.store(self.outer.1, Ordering::Relaxed);
        }
    }
}

/// Where the tasks of a loop were spawned that are in their first turn, as far as one can
/// see from another thread.
pub(crate) fn places(on: LoopId) -> Vec<&'static Location<'static>> {
    let hall = hall();
    (hall.seats.iter())
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
    fn who_sits_down_next_gets_the_seat_of_a_thread_that_has_ended() {
        let state = LoopState::new("ended", ());
        let id = state.id();
        let seat_of = |spawned: crate::sync::primitive::thread::JoinHandle<Option<usize>>| {
            spawned.join().unwrap()
        };
        let mut seats = Vec::new();
        for _ in 0..8 {
            let turn = move || {
                drop(FirstTurn::begin(id, Location::caller()));
                SEAT.get().map(|seat| std::ptr::from_ref(seat).addr())
            };
            seats.push(seat_of(crate::sync::primitive::thread::spawn(turn)));
        }
        seats.sort_unstable();
        seats.dedup();
        // Other tests have threads that come and go, too.
        assert!(seats[0].is_some() && seats.len() < 8, "{seats:?}");
        assert!(places(id).is_empty());
    }
}
