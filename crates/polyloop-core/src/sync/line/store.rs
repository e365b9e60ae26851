//! [`Store`]: where tokens lie that nobody waits for.

use std::collections::VecDeque;

pub(in crate::sync) trait Store<T>: Send {
    /// Puts a token in front, where it came from.
    fn put_front(&mut self, token: T);

    /// Puts a token behind the others.
    fn put_back(&mut self, token: T);

    fn take(&mut self) -> Option<T>;

    fn len(&self) -> usize;
}

impl<T: Send> Store<T> for VecDeque<T> {
    fn put_front(&mut self, token: T) {
        self.push_front(token);
    }

    fn put_back(&mut self, token: T) {
        self.push_back(token);
    }

    fn take(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn len(&self) -> usize {
        Self::len(self)
    }
}

/// Tokens that are all alike: a number, so that any number of them costs the same. More
/// than fit into it are as good as that many.
pub(in crate::sync) struct Count(pub(in crate::sync) usize);

impl Count {
    pub(super) fn add(&mut self, tokens: usize) {
        self.0 = self.0.saturating_add(tokens);
    }
}

impl Store<()> for Count {
    fn put_front(&mut self, (): ()) {
        self.add(1);
    }

    fn put_back(&mut self, (): ()) {
        self.add(1);
    }

    fn take(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }

    fn len(&self) -> usize {
        self.0
    }
}
