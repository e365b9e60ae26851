//! The pending calls, and where each has its place.
//!
//! A call has exactly one: in the line of those for the next pass, among the deadlines,
//! or in the pass that is being made. Moving it takes it from there to another, also
//! while its pass goes on; so it is made once, at its new time.

use std::collections::VecDeque;
use std::panic::Location;
use std::task::Waker;
use std::time::Instant;

use slab::Slab;

use super::PendingCall;
use super::deadlines::Deadlines;
use crate::promise::discard::Guarded;

/// Names one call for good: slots are used again, sequence numbers are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    slot: usize,
    seq: u64,
}

pub(crate) enum Work {
    /// A user's call.
    Call(Guarded<Box<dyn FnOnce() + Send>>),
    /// Somebody of core's who waits in a task, and takes it back when it goes.
    Wake(Waker),
}

#[derive(Default)]
pub(super) struct Pending {
    entries: Slab<Entry>,
    soon: VecDeque<Key>,
    /// How many keys in `soon` are of calls that have left the line.
    left_soon: usize,
    timed: Deadlines<(Instant, u64)>,
    next_seq: u64,
    /// With fewer entries than this, memory is given back.
    shrink_below: usize,
}

/// Room for so many calls is kept: what comes a thousand at a time comes again.
pub(super) const FEW: usize = 1024;

/// Fewer that have left the line are not worth a walk.
const FEW_LEFT: usize = 64;

struct Entry {
    seq: u64,
    /// `None`: the next pass.
    due: Option<Instant>,
    place: Place,
    work: Work,
    location: &'static Location<'static>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the line for the next pass.
    Soon,
    /// Among the deadlines: at its own or, if that was moved to later, at an earlier
    /// one. When that one comes up, it is put where it belongs.
    Timed,
    /// In the pass that is being made.
    Pass,
}

impl Pending {
    pub(super) fn push(
        &mut self,
        due: Option<Instant>,
        work: Work,
        location: &'static Location<'static>,
    ) -> Key {
        let seq = self.next_seq;
        self.next_seq += 1;
        let grows = self.entries.len() == self.entries.capacity();
        let slot = self.entries.insert(Entry {
            seq,
            due,
            place: match due {
                None => Place::Soon,
                Some(_) => Place::Timed,
            },
            work,
            location,
        });
        if grows {
            self.shrink_below = shrink_below(self.entries.capacity());
        }
        let key = Key { slot, seq };
        match due {
            None => self.soon.push_back(key),
            Some(due) => self.timed.insert(slot, (due, seq)),
        }
        key
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn holds(&self, key: Key) -> bool {
        self.entries
            .get(key.slot)
            .is_some_and(|entry| entry.seq == key.seq)
    }

    /// Users' calls, in the order they are due.
    pub(super) fn list(&self) -> Vec<PendingCall> {
        let mut entries: Vec<&Entry> = self
            .entries
            .iter()
            .map(|(_, entry)| entry)
            .filter(|entry| matches!(entry.work, Work::Call(_)))
            .collect();
        entries.sort_by_key(|entry| (entry.due, entry.seq));
        entries
            .into_iter()
            .map(|entry| PendingCall {
                deadline: entry.due,
                location: entry.location,
            })
            .collect()
    }

    /// Takes a call out, from wherever it has its place.
    pub(super) fn remove(&mut self, key: Key) -> Option<Work> {
        self.holds(key).then(|| self.remove_at(key.slot))
    }

    /// Takes all of users' calls out.
    pub(super) fn remove_calls(&mut self) -> Vec<Work> {
        let calls: Vec<usize> = self
            .entries
            .iter()
            .filter(|(_, entry)| matches!(entry.work, Work::Call(_)))
            .map(|(slot, _)| slot)
            .collect();
        calls.into_iter().map(|slot| self.remove_at(slot)).collect()
    }

    fn remove_at(&mut self, slot: usize) -> Work {
        let entry = self.entries.remove(slot);
        match entry.place {
            Place::Soon => self.leave_soon(),
            Place::Timed => self.timed.remove(slot),
            Place::Pass => {}
        }
        self.shrink_if_few();
        entry.work
    }

    #[inline]
    fn shrink_if_few(&mut self) {
        if self.entries.len() < self.shrink_below {
            self.shrink();
        }
    }

    /// Gives back what a crowd of calls took that has gone. A call keeps its slot, so those
    /// below it stay until it goes, too: then this looks again.
    #[cold]
    fn shrink(&mut self) {
        let (left, before) = (self.entries.len(), self.entries.capacity());
        self.entries.shrink_to_fit();
        let slots = self.entries.capacity();
        self.timed.shrink_to(slots);
        self.soon.shrink_to(FEW.max(2 * self.soon.len()));
        self.shrink_below = if slots <= before / 2 {
            shrink_below(slots)
        } else {
            // Once half of these have gone, and at last with the last one.
            left.div_ceil(2)
        };
    }

    /// Takes a call out that is still in the pass.
    pub(super) fn take(&mut self, key: Key) -> Option<Work> {
        let there = self.holds(key) && self.entries[key.slot].place == Place::Pass;
        there.then(|| self.remove_at(key.slot))
    }

    /// Gives a call that is in here another deadline.
    pub(super) fn move_to(&mut self, key: Key, due: Instant) {
        let entry = &mut self.entries[key.slot];
        entry.due = Some(due);
        match std::mem::replace(&mut entry.place, Place::Timed) {
            Place::Timed => {
                // A later deadline leaves the place where it is. An idle timeout that
                // is pushed back at every read thus costs nothing here.
                if due < self.timed.key(key.slot).0 {
                    self.timed.change(key.slot, (due, key.seq));
                }
            }
            Place::Soon => {
                self.timed.insert(key.slot, (due, key.seq));
                self.leave_soon();
            }
            Place::Pass => self.timed.insert(key.slot, (due, key.seq)),
        }
    }

    /// A call has left the line for the next pass. Its key goes once such keys are the
    /// greater part, so that calls which are made and cancelled all day do not pile up.
    fn leave_soon(&mut self) {
        self.left_soon += 1;
        if self.left_soon > FEW_LEFT && self.left_soon > self.soon.len() / 2 {
            let entries = &self.entries;
            self.soon.retain(|key| is_soon(entries, *key));
            self.left_soon = 0;
        }
    }

    /// Takes the line for the next pass into the pass.
    pub(super) fn take_soon(&mut self, batch: &mut Vec<Key>) {
        for key in self.soon.drain(..) {
            if is_soon(&self.entries, key) {
                self.entries[key.slot].place = Place::Pass;
                batch.push(key);
            }
        }
        self.left_soon = 0;
    }

    /// Takes what is due into the pass. Gives back when something is due next.
    pub(super) fn take_due(&mut self, now: Instant, batch: &mut Vec<Key>) -> Option<Instant> {
        while let Some(((at, seq), slot)) = self.timed.first() {
            let entry = &mut self.entries[slot];
            let due = entry.due.unwrap_or(at);
            if due > at {
                self.timed.change(slot, (due, seq));
            } else if due > now {
                return Some(due);
            } else {
                self.timed.remove(slot);
                entry.place = Place::Pass;
                batch.push(Key { slot, seq });
            }
        }
        None
    }
}

/// An eighth of the room, so that what comes and goes is not moved all the time.
fn shrink_below(room: usize) -> usize {
    if room > FEW { room / 8 } else { 0 }
}

fn is_soon(entries: &Slab<Entry>, key: Key) -> bool {
    entries
        .get(key.slot)
        .is_some_and(|entry| entry.seq == key.seq && entry.place == Place::Soon)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn push(pending: &mut Pending, due: Option<Instant>) -> Key {
        let call = Work::Call(Guarded::new(Box::new(|| ())));
        pending.push(due, call, Location::caller())
    }

    #[test]
    fn calls_that_are_cancelled_or_moved_leave_nothing_behind() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        let hour = Duration::from_secs(3600);
        let soon = push(&mut pending, None);
        let timed = push(&mut pending, Some(now + hour));
        for _ in 0..10_000 {
            for due in [None, Some(now + 2 * hour)] {
                let key = push(&mut pending, due);
                assert!(pending.remove(key).is_some());
                assert!(pending.remove(key).is_none());
            }
            let moved = push(&mut pending, None);
            pending.move_to(moved, now + hour);
            assert!(pending.remove(moved).is_some());
            for factor in [2, 1, 3, 0] {
                pending.move_to(timed, now + factor * hour);
            }
        }
        assert_eq!(pending.timed.len(), 1);
        assert!(pending.soon.len() < 200, "{} in line", pending.soon.len());
        assert_eq!(pending.entries.len(), 2);
        assert!(pending.holds(soon) && pending.holds(timed));
    }

    /// The most that there is room for of anything.
    fn room(pending: &Pending) -> usize {
        let entries = pending.entries.capacity();
        entries
            .max(pending.soon.capacity())
            .max(pending.timed.capacity())
    }

    #[test]
    fn a_crowd_that_has_gone_gives_its_memory_back() {
        const CROWD: usize = 100_000;
        let hour = Duration::from_secs(3600);
        for in_a_pass in [false, true] {
            let (mut pending, now) = (Pending::default(), Instant::now());
            let first = push(&mut pending, Some(now + 2 * hour));
            let mut crowd: Vec<Key> = (0..CROWD)
                .map(|number| push(&mut pending, (number % 2 == 0).then_some(now + hour)))
                .collect();
            assert!(room(&pending) >= CROWD);
            if in_a_pass {
                crowd.clear();
                pending.take_soon(&mut crowd);
                pending.take_due(now + hour, &mut crowd);
                assert!(crowd.iter().all(|key| pending.take(*key).is_some()));
            } else {
                assert!(crowd.iter().all(|key| pending.remove(*key).is_some()));
            }
            assert!(room(&pending) <= 2 * FEW, "room for {}", room(&pending));
            assert!(pending.remove(first).is_some());
            assert!(room(&pending) <= 2 * FEW, "room for {}", room(&pending));
        }
    }

    #[test]
    fn a_call_above_the_crowd_holds_its_memory_until_it_goes() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        let crowd: Vec<Key> = (0..10_000).map(|_| push(&mut pending, Some(now))).collect();
        let last = push(&mut pending, Some(now));
        for key in crowd {
            pending.remove(key);
            assert!(pending.holds(last));
        }
        assert!(pending.remove(last).is_some());
        assert!(room(&pending) <= FEW, "room for {}", room(&pending));
        // What comes and goes meets no walk.
        for _ in 0..FEW {
            let key = push(&mut pending, None);
            assert!(pending.remove(key).is_some());
        }
        assert!(pending.is_empty());
    }

    #[test]
    fn a_call_moved_in_its_pass_leaves_it_for_its_new_place() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        let moved = [push(&mut pending, None), push(&mut pending, Some(now))];
        let stays = push(&mut pending, Some(now));
        let mut batch = Vec::new();
        pending.take_soon(&mut batch);
        assert_eq!(pending.take_due(now, &mut batch), None);
        assert_eq!(batch, [moved[0], moved[1], stays]);
        let later = now + Duration::from_millis(5);
        for key in moved {
            pending.move_to(key, later);
            assert!(
                pending.take(key).is_none(),
                "it is not of this pass any more"
            );
        }
        assert!(pending.take(stays).is_some());
        batch.clear();
        assert_eq!(pending.take_due(now, &mut batch), Some(later));
        assert_eq!(pending.take_due(later, &mut batch), None);
        assert_eq!(batch, moved);
        assert!(moved.iter().all(|key| pending.take(*key).is_some()));
        assert!(pending.is_empty());
    }
}
