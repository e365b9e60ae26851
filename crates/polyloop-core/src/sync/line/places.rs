//! [`Places`]: a line that anybody may leave, from any place in it.
//!
//! Joining, leaving and serving the first take the same few steps however long it is, and
//! its length is always known: a queue counts those who wait at every `put`.

use slab::Slab;

pub(super) struct Places<W> {
    entries: Slab<Entry<W>>,
    first: usize,
    last: usize,
    /// How many have joined so far.
    joined: u64,
}

struct Entry<W> {
    waiter: W,
    /// Tells this one from others who stood in the same place before and after.
    ticket: u64,
    before: usize,
    behind: usize,
}

/// Where somebody stands. Good until they are served or leave, and harmless afterwards.
#[derive(Clone, Copy)]
pub(super) struct Place {
    key: usize,
    ticket: u64,
}

/// No neighbour.
const END: usize = usize::MAX;

impl<W> Places<W> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Slab::new(),
            first: END,
            last: END,
            joined: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Joins at the end.
    pub(super) fn join(&mut self, waiter: W) -> Place {
        let ticket = self.joined;
        self.joined += 1;
        let key = self.entries.insert(Entry {
            waiter,
            ticket,
            before: self.last,
            behind: END,
        });
        match self.entries.get_mut(self.last) {
            Some(last) => last.behind = key,
            None => self.first = key,
        }
        self.last = key;
        Place { key, ticket }
    }

    /// Leaves, unless served before.
    pub(super) fn leave(&mut self, place: Place) -> Option<W> {
        let stands = self.entries.get(place.key)?.ticket == place.ticket;
        stands.then(|| self.remove(place.key))
    }

    /// The first is served, and leaves.
    pub(super) fn serve(&mut self) -> Option<W> {
        (self.first != END).then(|| self.remove(self.first))
    }

    fn remove(&mut self, key: usize) -> W {
        let entry = self.entries.remove(key);
        match self.entries.get_mut(entry.before) {
            Some(before) => before.behind = entry.behind,
            None => self.first = entry.behind,
        }
        match self.entries.get_mut(entry.behind) {
            Some(behind) => behind.before = entry.before,
            None => self.last = entry.before,
        }
        entry.waiter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_leaves_is_not_served_and_the_rest_keeps_its_order() {
        let mut line = Places::new();
        let places: Vec<_> = (0..6).map(|n| line.join(n)).collect();
        for n in [0, 3, 5] {
            assert_eq!(line.leave(places[n]), Some(n));
            assert_eq!(line.leave(places[n]), None);
        }
        assert_eq!(line.len(), 3);
        line.join(6);
        let served: Vec<_> = std::iter::from_fn(|| line.serve()).collect();
        assert_eq!(served, [1, 2, 4, 6]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn a_place_that_was_given_up_is_not_its_next_holders() {
        let mut line = Places::new();
        let old = line.join("first");
        assert_eq!(line.serve(), Some("first"));
        let new = line.join("second");
        assert_eq!(line.leave(old), None);
        assert_eq!(line.leave(new), Some("second"));
        assert_eq!(line.serve(), None);
    }
}
