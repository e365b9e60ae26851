//! [`Pipeline`]: answers in the order of their requests.

use std::collections::VecDeque;

use polyloop_core::{Deferred, Failure, Resolver};

use super::{AskError, Unasked};

/// Requests that are answered in their order.
///
/// A promise that nobody waits for any more (dropped, cancelled, timed out) keeps its place:
/// the peer will answer it all the same, and the answer is thrown away instead of going to
/// the next.
///
/// ```
/// use polyloop_core::{CloseReason, Deferred, Failure, Transport};
/// use polyloop_framing::{Encoder as _, FrameProtocol, Lines, Pipeline};
///
/// /// Asks a server that answers each line with one.
/// struct Client { lines: Lines, asked: Pipeline<String> }
///
/// impl Client {
///     fn ask(&mut self, transport: &mut dyn Transport, question: &str) -> Result<Deferred<String>, Failure> {
///         let answer = self.asked.ask()?;
///         self.lines.send(transport, question)?;
///         Ok(answer)
///     }
/// }
///
/// impl FrameProtocol for Client {
///     type Codec = Lines;
///     fn codec(&mut self) -> &mut Lines { &mut self.lines }
///     fn frame_received(&mut self, _: &mut dyn Transport, line: &[u8]) -> Result<(), Failure> {
///         Ok(self.asked.answer(String::from_utf8_lossy(line).into_owned())?)
///     }
///     fn connection_lost(&mut self, reason: CloseReason) {
///         self.asked.fail_all(&Failure::message(format!("the server went: {reason}")));
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Pipeline<A> {
    asked: VecDeque<Resolver<A>>,
    limit: usize,
}

impl<A: Send> Pipeline<A> {
    /// Nothing asked yet.
    pub fn new() -> Self {
        Self {
            asked: VecDeque::new(),
            limit: usize::MAX,
        }
    }

    /// How many requests may wait for their answers: any number unless set. What waits
    /// longer holds memory on both sides.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Takes down a request, which is sent next: a promise for its answer.
    pub fn ask(&mut self) -> Result<Deferred<A>, AskError> {
        if self.asked.len() >= self.limit {
            return Err(AskError::TooMany { limit: self.limit });
        }
        let (resolver, answer) = Deferred::new();
        self.asked.push_back(resolver);
        Ok(answer)
    }

    /// Gives this answer to the oldest request.
    pub fn answer(&mut self, answer: A) -> Result<(), Unasked> {
        let resolver = self.asked.pop_front().ok_or(Unasked::Nothing)?;
        // Nobody may wait for it any more.
        drop(resolver.resolve(answer));
        Ok(())
    }

    /// The oldest request has failed; the others are still to be answered.
    pub fn reject(&mut self, failure: impl Into<Failure>) -> Result<(), Unasked> {
        let resolver = self.asked.pop_front().ok_or(Unasked::Nothing)?;
        drop(resolver.reject(failure));
        Ok(())
    }

    /// Nothing is answered any more: all fail with this. What is left when it is dropped
    /// fails without a reason.
    pub fn fail_all(&mut self, failure: &Failure) {
        for resolver in self.asked.drain(..) {
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

impl<A: Send> Default for Pipeline<A> {
    fn default() -> Self {
        Self::new()
    }
}
