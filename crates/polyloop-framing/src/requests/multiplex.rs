//! [`Multiplex`]: answers that bear the number of their request.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

use polyloop_core::{Deferred, Failure, Resolver};

use super::{AskError, Unasked};

/// Requests that are answered in any order, each by its number.
///
/// A number stays in use until its answer has come, also where nobody waits for that any
/// more (dropped, cancelled, timed out): a late answer is thrown away, and never taken for
/// that of another request. A protocol that can tell its peer to stop looks at
/// [`abandoned`](Self::abandoned), and [forgets](Self::forget) what the peer will not answer
/// then.
///
/// ```
/// use polyloop_core::{Deferred, Failure};
/// use polyloop_framing::Multiplex;
///
/// let mut asked = Multiplex::new();
/// let (one, two): (Deferred<&str>, Deferred<&str>) = (asked.ask(1)?, asked.ask(2)?);
/// assert!(asked.ask(1).is_err());
/// asked.answer(&2, "of the second")?;
/// drop(one);
/// assert_eq!(asked.abandoned().collect::<Vec<_>>(), [&1]);
/// asked.answer(&1, "too late")?;
/// assert!(asked.answer(&1, "twice").is_err());
/// # drop(two);
/// # Ok::<(), Failure>(())
/// ```
#[derive(Debug)]
pub struct Multiplex<K, A> {
    asked: HashMap<K, Resolver<A>>,
    limit: usize,
}

impl<K: Eq + Hash + Debug, A: Send> Multiplex<K, A> {
    /// Nothing asked yet.
    pub fn new() -> Self {
        Self {
            asked: HashMap::new(),
            limit: usize::MAX,
        }
    }

    /// How many requests may wait for their answers: any number unless set.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Takes down a request of that number, which is sent next: a promise for its answer.
    pub fn ask(&mut self, id: K) -> Result<Deferred<A>, AskError> {
        if self.asked.contains_key(&id) {
            return Err(AskError::InUse {
                id: format!("{id:?}"),
            });
        }
        if self.asked.len() >= self.limit {
            return Err(AskError::TooMany { limit: self.limit });
        }
        let (resolver, answer) = Deferred::new();
        self.asked.insert(id, resolver);
        Ok(answer)
    }

    /// Gives this answer to the request of that number.
    pub fn answer(&mut self, id: &K, answer: A) -> Result<(), Unasked> {
        let resolver = self.take(id)?;
        // Nobody may wait for it any more.
        drop(resolver.resolve(answer));
        Ok(())
    }

    /// The request of that number has failed.
    pub fn reject(&mut self, id: &K, failure: impl Into<Failure>) -> Result<(), Unasked> {
        let resolver = self.take(id)?;
        drop(resolver.reject(failure));
        Ok(())
    }

    fn take(&mut self, id: &K) -> Result<Resolver<A>, Unasked> {
        self.asked.remove(id).ok_or_else(|| Unasked::Id {
            id: format!("{id:?}"),
        })
    }

    /// The peer will not answer that one. False if it is none, or was answered.
    pub fn forget(&mut self, id: &K) -> bool {
        self.asked.remove(id).is_some()
    }

    /// Whether the number is in use: its request is not answered yet.
    pub fn is_outstanding(&self, id: &K) -> bool {
        self.asked.contains_key(id)
    }

    /// Those that are not answered and that nobody waits for any more, in no order.
    pub fn abandoned(&self) -> impl Iterator<Item = &K> {
        let abandoned = |(id, resolver): (_, &Resolver<A>)| resolver.is_abandoned().then_some(id);
        self.asked.iter().filter_map(abandoned)
    }

    /// Nothing is answered any more: all fail with this. What is left when it is dropped
    /// fails without a reason.
    pub fn fail_all(&mut self, failure: &Failure) {
        for (_, resolver) in self.asked.drain() {
            drop(resolver.reject(failure.clone()));
        }
    }

    /// How many the peer has yet to answer.
    pub fn len(&self) -> usize {
        self.asked.len()
    }

    /// Whether the peer has answered everything.
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

impl<K: Eq + Hash + Debug, A: Send> Default for Multiplex<K, A> {
    fn default() -> Self {
        Self::new()
    }
}
