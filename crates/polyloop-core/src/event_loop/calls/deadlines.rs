//! The order of deadlines: a heap in which each call has one place, and can be found
//! there. So a call that is moved or cancelled leaves nothing behind, and the heap is
//! never larger than the calls in it are many.

/// How many stand below each. With four the heap is half as deep as with two, and
/// those that are compared lie side by side.
const BRANCHES: usize = 4;

/// Slots, the least key first. `K` is small and copied.
pub(crate) struct Deadlines<K> {
    heap: Vec<Node<K>>,
    /// Where each slot stands in the heap; of slots that don't, nothing is said.
    places: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Node<K> {
    key: K,
    slot: usize,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            places: Vec::new(),
        }
    }
}

impl<K: Copy + Ord> Deadlines<K> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// For how many keys or slots there is room.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.heap.capacity().max(self.places.capacity())
    }

    /// Gives back memory, down to room for so many slots; none above is in here.
    pub(crate) fn shrink_to(&mut self, slots: usize) {
        self.places.truncate(slots);
        self.places.shrink_to(slots);
        self.heap.shrink_to(slots);
    }

    /// The least key, and whose it is.
    pub(crate) fn first(&self) -> Option<(K, usize)> {
        self.heap.first().map(|node| (node.key, node.slot))
    }

    /// The key of a slot that is in here.
    pub(crate) fn key(&self, slot: usize) -> K {
        self.heap[self.places[slot]].key
    }

    /// Takes in a slot that is not in here.
    pub(crate) fn insert(&mut self, slot: usize, key: K) {
        if self.places.len() <= slot {
            self.places.resize(slot + 1, 0);
        }
        let node = Node { key, slot };
        self.heap.push(node);
        self.settle(self.heap.len() - 1, node);
    }

    /// Gives a slot that is in here another key.
    pub(crate) fn change(&mut self, slot: usize, key: K) {
        self.settle(self.places[slot], Node { key, slot });
    }

    /// Takes out a slot that is in here.
    pub(crate) fn remove(&mut self, slot: usize) {
        let at = self.places[slot];
        if let Some(last) = self.heap.pop()
            && at < self.heap.len()
        {
            self.settle(at, last);
        }
    }

    /// Puts a node where it belongs. The place `at` is free for it, or for those that
    /// make way.
    fn settle(&mut self, mut at: usize, node: Node<K>) {
        while at > 0 {
            let above = (at - 1) / BRANCHES;
            if self.heap[above].key <= node.key {
                break;
            }
            self.put(at, self.heap[above]);
            at = above;
        }
        loop {
            let first = at * BRANCHES + 1;
            let below = first..self.heap.len().min(first + BRANCHES);
            let Some(least) = below.min_by_key(|below| self.heap[*below].key) else {
                break;
            };
            if node.key <= self.heap[least].key {
                break;
            }
            self.put(at, self.heap[least]);
            at = least;
        }
        self.put(at, node);
    }

    fn put(&mut self, at: usize, node: Node<K>) {
        self.heap[at] = node;
        self.places[node.slot] = at;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_agrees_with_a_sorted_set_whatever_is_done_to_it() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut deadlines = Deadlines::default();
        let mut known: Vec<Option<u64>> = vec![None; 200];
        let mut sorted = BTreeSet::new();
        for step in 0..20_000 {
            let slot = random.usize(..known.len());
            // Its number makes each key another one, as a call's does.
            let key = random.u64(..1_000) * 100_000 + step;
            match (known[slot], random.bool()) {
                (None, _) => {
                    deadlines.insert(slot, key);
                    known[slot] = Some(key);
                    sorted.insert((key, slot));
                }
                (Some(old), true) => {
                    assert_eq!(deadlines.key(slot), old);
                    deadlines.change(slot, key);
                    sorted.remove(&(old, slot));
                    known[slot] = Some(key);
                    sorted.insert((key, slot));
                }
                (Some(old), false) => {
                    deadlines.remove(slot);
                    sorted.remove(&(old, slot));
                    known[slot] = None;
                }
            }
            assert_eq!(deadlines.first(), sorted.first().copied());
            assert_eq!(deadlines.heap.len(), sorted.len());
        }
        while let Some((key, slot)) = deadlines.first() {
            assert_eq!(sorted.pop_first(), Some((key, slot)));
            deadlines.remove(slot);
        }
        assert!(sorted.is_empty());
    }

    thread_local! {
        static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// A key that counts how often one is compared.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Counted(usize);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARED.set(COMPARED.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    #[test]
    fn a_move_takes_a_few_comparisons_however_many_there_were() {
        const CALLS: usize = 10_000;
        // Seven levels, each with four below and one above.
        const MOST: usize = 7 * (BRANCHES + 1);

        let mut deadlines = Deadlines::default();
        for slot in 0..CALLS {
            deadlines.insert(slot, Counted(CALLS + slot));
        }
        for round in 0..CALLS {
            let slot = round * 7 % CALLS;
            for key in [0, 3 * CALLS] {
                COMPARED.set(0);
                deadlines.change(slot, Counted(key));
                assert!(COMPARED.get() <= MOST, "{} comparisons", COMPARED.get());
            }
        }
        assert_eq!(deadlines.heap.len(), CALLS);
    }
}
