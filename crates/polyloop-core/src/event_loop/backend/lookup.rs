//! Asking the operating system for the addresses of a name.
//!
//! On threads of its own: on those of blocking work a question would wait behind whatever
//! fills them, and a program that blocks much could connect to nobody (LOOP-46). A thread
//! lives for as long as there are questions, so an idle program has none.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dns_lookup::{AddrInfoHints, LookupErrorKind, getaddrinfo};
use socket2::{Domain, Type};

use crate::event_loop::names::{Families, Query, SocketType};
use crate::promise::deferred::{Deferred, Resolver};
use crate::sync::primitive::PoisonError;
use crate::sync::primitive::process::{Mutex, MutexGuard, thread};

/// How many questions are asked at the same time, by the whole program. One that nobody
/// answers takes half a minute; the others are not to wait for it.
const AT_ONCE: usize = 16;

pub(super) type Answer = io::Result<Vec<SocketAddr>>;

struct Question {
    query: Query,
    resolver: Resolver<Answer>,
}

#[derive(Default)]
struct Desk {
    threads: usize,
    waiting: VecDeque<Question>,
}

static DESK: Mutex<Desk> = Mutex::new(Desk {
    threads: 0,
    waiting: VecDeque::new(),
});

fn desk() -> MutexGuard<'static, Desk> {
    DESK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Promises the addresses of a name, in the order of the system's resolver.
pub(super) fn ask(query: Query) -> Deferred<Answer> {
    let (resolver, answer) = Deferred::new();
    let mut desk = desk();
    desk.waiting.push_back(Question { query, resolver });
    let more = desk.threads < AT_ONCE;
    desk.threads += usize::from(more);
    drop(desk);
    if more {
        let thread = thread::Builder::new().name("polyloop lookup".to_owned());
        if let Err(error) = thread.spawn(work) {
            no_thread(&error);
        }
    }
    answer
}

/// What a thread does until no question waits.
fn work() {
    loop {
        let question = {
            let mut desk = desk();
            let question = desk.waiting.pop_front();
            desk.threads -= usize::from(question.is_none());
            question
        };
        let Some(question) = question else {
            return;
        };
        // Settling wakes whoever waits, and that is code of others.
        let _ = catch_unwind(AssertUnwindSafe(|| question.answer()));
    }
}

/// The system has no thread. If none is at work either, nobody will answer.
fn no_thread(error: &io::Error) {
    let mut desk = desk();
    desk.threads -= 1;
    let lost = match desk.threads {
        0 => std::mem::take(&mut desk.waiting),
        _ => VecDeque::new(),
    };
    drop(desk);
    for question in lost {
        let error = io::Error::new(
            error.kind(),
            format!("no thread to look up {}: {error}", question.query.host()),
        );
        // Nobody may be waiting any more; then nobody wants the answer.
        let _ = question.resolver.resolve(Err(error));
    }
}

impl Question {
    fn answer(self) {
        if self.resolver.is_abandoned() {
            return;
        }
        // Nobody may be waiting any more; then nobody wants the answer.
        let _ = self.resolver.resolve(look_up(&self.query));
    }
}

/// What the system says. That it knows no such name or address is an empty answer, whichever
/// of its many numbers for that it gives.
fn look_up(query: &Query) -> Answer {
    let family = match query.families() {
        Families::OnlyV4 => Domain::IPV4.into(),
        Families::OnlyV6 => Domain::IPV6.into(),
        _ => 0,
    };
    let hints = AddrInfoHints {
        address: family,
        socktype: match query.socket_type() {
            SocketType::Stream => Type::STREAM.into(),
            SocketType::Datagram => Type::DGRAM.into(),
        },
        ..AddrInfoHints::default()
    };
    match getaddrinfo(Some(query.host()), None, Some(hints)) {
        Ok(found) => found.map(|info| Ok(info?.sockaddr)).collect(),
        Err(error) => match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => Ok(Vec::new()),
            // There is the name, and it has addresses of another family.
            LookupErrorKind::Family | LookupErrorKind::Unknown if family != 0 => Ok(Vec::new()),
            _ => Err(error.into()),
        },
    }
}
