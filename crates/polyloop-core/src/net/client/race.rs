//! The race between addresses (RFC 8305).

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::attempt::attempt;
use crate::event_loop::calls::after;
use crate::net::drive::Reached;
use crate::net::{ConnectOptions, Loop, Tcp};
use crate::protocol::address::Address;

/// Alternates the families, beginning with the resolver's first choice (CLI-08).
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    if addresses.iter().all(|a| a.is_ipv6() == first_is_v6) {
        return addresses.into();
    }
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = VecDeque::new();
    while !first.is_empty() || !second.is_empty() {
        mixed.extend(first.pop_front());
        mixed.extend(second.pop_front());
    }
    mixed
}

type Attempt<'a, L> =
    Pin<Box<dyn Future<Output = io::Result<Reached<<L as Tcp>::TcpStream>>> + Send + 'a>>;

/// Attempts side by side: the next starts when the last has taken its time, or at
/// once when one fails; the first success wins and the others are dropped, which
/// closes their sockets (CLI-06, CLI-07, CLI-09).
pub(super) struct Race<'a, L: Loop> {
    lp: &'a L,
    options: &'a ConnectOptions,
    waiting: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, Attempt<'a, L>)>,
    failed: Vec<(Address, io::Error)>,
    stagger: Option<Pin<Box<L::Timer>>>,
}

impl<'a, L: Loop> Race<'a, L> {
    pub(super) fn new(lp: &'a L, options: &'a ConnectOptions) -> Self {
        Self {
            lp,
            options,
            waiting: VecDeque::new(),
            running: Vec::new(),
            failed: Vec::new(),
            stagger: None,
        }
    }

    /// The addresses to try, in the resolver's order.
    pub(super) fn enter(&mut self, addresses: Vec<SocketAddr>) {
        self.waiting = interleave(addresses);
    }

    /// An attempt has failed.
    pub(super) fn lost(&mut self, address: Address, error: io::Error) {
        self.failed.push((address, error));
    }

    /// The attempts that have failed, and why.
    pub(super) fn into_failed(self) -> Vec<(Address, io::Error)> {
        self.failed
    }

    /// `None` when every attempt has failed.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Reached<L::TcpStream>, Address)>> {
        loop {
            let mut start_next = self.running.is_empty();
            let mut index = 0;
            while index < self.running.len() {
                let (address, attempt) = &mut self.running[index];
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(reached)) => {
                        let address = (*address).into();
                        self.running.clear();
                        return Poll::Ready(Some((reached, address)));
                    }
                    Poll::Ready(Err(error)) => {
                        self.failed.push(((*address).into(), error));
                        drop(self.running.remove(index));
                        start_next = true;
                    }
                    Poll::Pending => index += 1,
                }
            }
            if let Some(stagger) = &mut self.stagger
                && stagger.as_mut().poll(cx).is_ready()
            {
                start_next = true;
            }
            if !start_next {
                return Poll::Pending;
            }
            self.stagger = None;
            let Some(address) = self.waiting.pop_front() else {
                if self.running.is_empty() {
                    return Poll::Ready(None);
                }
                return Poll::Pending;
            };
            let (lp, options) = (self.lp, self.options);
            self.running
                .push((address, Box::pin(attempt(lp, address, &options.tcp))));
            if !self.waiting.is_empty() {
                let at = after(lp.state().now(), options.attempt_delay);
                self.stagger = Some(Box::pin(lp.timer(at)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_from_the_resolvers_first_choice() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mixed = interleave(vec![
            address("[::1]:1"),
            address("[::2]:1"),
            address("[::3]:1"),
            address("127.0.0.1:1"),
        ]);
        assert_eq!(
            mixed,
            [
                address("[::1]:1"),
                address("127.0.0.1:1"),
                address("[::2]:1"),
                address("[::3]:1"),
            ]
        );
    }
}
