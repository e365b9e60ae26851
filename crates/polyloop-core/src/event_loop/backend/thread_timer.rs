//! [`ThreadTimer`]: timers without a runtime.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::event_loop::backend::Timer;
use crate::sync::primitive::PoisonError;
use crate::sync::primitive::process::{Mutex, MutexGuard, thread};

/// A timer for a runtime that has none, or has none any more. By the system's clock, on
/// one thread for the whole program, which lives for as long as somebody waits.
#[derive(Debug)]
pub struct ThreadTimer {
    deadline: Instant,
    /// Its place in the list, while it waits.
    place: Option<Place>,
}

/// Two timers may have one deadline.
type Place = (Instant, u64);

struct List {
    next: u64,
    waiting: BTreeMap<Place, Waker>,
    thread: Option<thread::Thread>,
}

static LIST: Mutex<List> = Mutex::new(List {
    next: 0,
    waiting: BTreeMap::new(),
    thread: None,
});

fn list() -> MutexGuard<'static, List> {
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ThreadTimer {
    /// A timer that is ready at `deadline`.
    pub fn at(deadline: Instant) -> Self {
        Self {
            deadline,
            place: None,
        }
    }

    fn leave(&mut self) -> Option<Waker> {
        let place = self.place.take()?;
        list().waiting.remove(&place)
    }

    fn wait(&mut self, waker: Waker) {
        let mut list = list();
        list.next += 1;
        let place = (self.deadline, list.next);
        self.place = Some(place);
        list.waiting.insert(place, waker);
        let is_first = list.waiting.first_key_value().map(|(first, _)| *first) == Some(place);
        match &list.thread {
            Some(thread) if is_first => thread.unpark(),
            Some(_) => {}
            None => {
                let thread = thread::Builder::new().name("polyloop timers".to_owned());
                // A system without a thread for it: whoever waits looks again and again.
                if let Ok(started) = thread.spawn(work) {
                    list.thread = Some(started.thread().clone());
                    return;
                }
                let waker = list.waiting.remove(&place);
                drop(list);
                waker.into_iter().for_each(Waker::wake);
            }
        }
    }
}

/// What the thread does until nobody waits.
fn work() {
    loop {
        let mut list = list();
        let now = Instant::now();
        let due = list
            .waiting
            .first_entry()
            .filter(|first| first.key().0 <= now);
        if let Some(due) = due {
            let waker = due.remove();
            drop(list);
            waker.wake();
            continue;
        }
        let Some(((next, _), _)) = list.waiting.first_key_value() else {
            list.thread = None;
            return;
        };
        let pause = next.saturating_duration_since(now);
        drop(list);
        thread::park_timeout(pause);
    }
}

impl Future for ThreadTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let old = self.leave();
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        self.wait(cx.waker().clone());
        drop(old);
        Poll::Pending
    }
}

impl Timer for ThreadTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
        if let Some(waker) = self.leave() {
            self.wait(waker);
        }
    }
}

impl Drop for ThreadTimer {
    fn drop(&mut self) {
        drop(self.leave());
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use super::*;
    use crate::event_loop::backend::park;

    #[test]
    fn it_is_never_early_and_may_be_moved_while_somebody_waits() {
        let begun = Instant::now();
        let ms = Duration::from_millis;
        park::wait(ThreadTimer::at(begun + ms(5)));
        assert!(begun.elapsed() >= ms(5));
        // Far away, and moved near by another thread than the one that waits.
        let timer =
            crate::sync::primitive::Mutex::new(Box::pin(ThreadTimer::at(begun + ms(600_000))));
        crate::sync::primitive::thread::scope(|scope| {
            scope.spawn(|| {
                while timer.lock().unwrap().place.is_none() {
                    crate::sync::primitive::thread::yield_now();
                }
                timer.lock().unwrap().as_mut().reset(begun + ms(20));
            });
            park::wait(std::future::poll_fn(|cx| {
                timer.lock().unwrap().as_mut().poll(cx)
            }));
        });
        assert!(begun.elapsed() >= ms(20));
    }

    #[test]
    fn one_that_is_dropped_is_forgotten() {
        let far = Instant::now() + Duration::from_secs(600);
        let mut timer = Box::pin(ThreadTimer::at(far));
        assert!(
            timer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        let place = timer.place.unwrap();
        assert!(list().waiting.contains_key(&place));
        drop(timer);
        assert!(!list().waiting.contains_key(&place));
        let past = pin!(ThreadTimer::at(Instant::now()));
        assert!(
            past.poll(&mut Context::from_waker(Waker::noop()))
                .is_ready()
        );
    }
}
