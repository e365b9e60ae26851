//! [`ReadinessCallback`]: readiness for code that is called back, as asyncio's `add_reader`
//! and `add_writer` have it.
//!
//! Each callback is a task that waits as any other would, so it keeps nobody else from
//! waiting for the same descriptor.

use std::any::type_name;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, Waker};

use super::interest::Interest;
use super::watch::{Source, Watch};
use super::watched::Watched;
use crate::event_loop::lifecycle::Rejected;
use crate::event_loop::task;
use crate::event_loop::timers::yield_now;
use crate::promise::Promise as _;
use crate::promise::discard::wake;
use crate::promise::failure::{Failure, catch};
use crate::sync::primitive::{Arc, Mutex, lock};

/// What [`Watch::add_reader`] and [`Watch::add_writer`] give: the callback is made for as
/// long as this is there.
#[must_use = "the callback ends when this is dropped; say that it goes on with `detach()`"]
pub struct ReadinessCallback {
    /// `None` once it was detached.
    life: Option<Arc<Life>>,
}

/// Whether the callback is still to be made, and who waits to make it.
struct Life(Mutex<Stage>);

enum Stage {
    Waiting(Option<Waker>),
    Over,
}

impl Life {
    fn is_over(&self) -> bool {
        matches!(*lock(&self.0), Stage::Over)
    }

    /// Whether it is over; otherwise this waker is told.
    fn is_over_or_tells(&self, waker: &Waker) -> bool {
        match &mut *lock(&self.0) {
            Stage::Over => true,
            Stage::Waiting(Some(known)) => {
                known.clone_from(waker);
                false
            }
            Stage::Waiting(nobody) => {
                *nobody = Some(waker.clone());
                false
            }
        }
    }

    /// False if it was over already.
    fn end(&self) -> bool {
        let stage = std::mem::replace(&mut *lock(&self.0), Stage::Over);
        match stage {
            Stage::Over => false,
            Stage::Waiting(waker) => {
                if let Some(waker) = waker {
                    wake(waker);
                }
                true
            }
        }
    }
}

impl ReadinessCallback {
    /// Ends the callback: it is not begun again, and its closure and its hold on the
    /// descriptor go at the loop's next turn. Works anywhere, inside of the callback, too. A
    /// call that another thread is in goes on to its end. False if it had ended already, with
    /// its loop or by an error.
    pub fn remove(self) -> bool {
        self.life.as_ref().is_some_and(|life| life.end())
    }

    /// Whether it is still made.
    pub fn is_active(&self) -> bool {
        self.life.as_ref().is_some_and(|life| !life.is_over())
    }

    /// Lets the callback be made until the loop ends, or the descriptor fails.
    pub fn detach(mut self) {
        self.life = None;
    }
}

impl Drop for ReadinessCallback {
    fn drop(&mut self) {
        if let Some(life) = &self.life {
            life.end();
        }
    }
}

impl fmt::Debug for ReadinessCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadinessCallback")
            .field("active", &self.is_active())
            .finish()
    }
}

/// Ends the life with the task, whatever ended that.
struct EndOnDrop(Arc<Life>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[track_caller]
pub(super) fn add<L, T, F>(
    lp: &L,
    watched: &Watched<L, T>,
    interest: Interest,
    mut callback: F,
) -> Result<ReadinessCallback, Rejected<F>>
where
    L: Watch,
    T: Source,
    F: FnMut(&T) + Send + 'static,
{
    let state = lp.state();
    if let Err(closed) = state.check_open() {
        return Err(Rejected {
            call: callback,
            closed,
        });
    }
    let life = Arc::new(Life(Mutex::new(Stage::Waiting(None))));
    let ends = EndOnDrop(life.clone());
    let (watched, state) = (watched.clone(), state.clone());
    let task = task::spawn(lp, async move {
        let life = &ends.0;
        loop {
            let mut ready = pin!(watched.ready(interest));
            let seen = poll_fn(|cx| {
                if life.is_over_or_tells(cx.waker()) {
                    return Poll::Ready(None);
                }
                ready.as_mut().poll(cx).map(Some)
            });
            match seen.await {
                None => return,
                Some(Err(error)) => {
                    let failure = Failure::new(error);
                    state.report("a watched descriptor failed; its callback ends", &failure);
                    return;
                }
                Some(Ok(())) => {}
            }
            let made = catch(|| {
                callback(watched.get_ref());
                Ok(())
            });
            if let Err(failure) = made {
                let of = type_name::<F>();
                state.report_often("a readiness callback panicked", of, &failure);
            }
            yield_now().await;
        }
    });
    task.detach();
    Ok(ReadinessCallback { life: Some(life) })
}
