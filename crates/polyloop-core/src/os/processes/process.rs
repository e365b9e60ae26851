//! [`Process`]: a child that a protocol is driven with, from outside.

use std::fmt;
use std::task::Waker;

use thiserror::Error;

use super::reaper::Kin;
use super::{ProcessEnd, ProcessProtocol, ProcessSignalError, ProcessTransport};
use crate::os::signal::Signal;
use crate::promise::deferred::Deferred;
use crate::promise::discard::{Guarded, discard, wake};
use crate::promise::failure::{Failure, catch};
use crate::sync::Event;
use crate::sync::primitive::{Arc, Mutex, lock};

/// A child process and the protocol that is driven with it: what
/// [`Processes::spawn_process`](crate::Processes::spawn_process) gives. Clones are the same
/// one; dropping it leaves both alone.
pub struct Process<P: ProcessProtocol> {
    pub(super) shared: Arc<Shared<P>>,
}

/// What its handles and its driver share.
pub(super) struct Shared<P> {
    kin: Arc<Kin>,
    mailbox: Mutex<Mailbox<P>>,
    ended: Event,
}

struct Mailbox<P> {
    letters: Vec<Letter<P>>,
    driver: Option<Waker>,
    end: Option<ProcessEnd>,
}

/// What is to be done on the driver's task. Without a protocol it is too late.
type Letter<P> = Guarded<Job<P>>;

type Job<P> =
    Box<dyn FnOnce(Option<(&mut P, &mut ProcessTransport)>) -> Result<(), Failure> + Send>;

impl<P> Shared<P> {
    pub(super) fn new(kin: Arc<Kin>) -> Arc<Self> {
        Arc::new(Self {
            kin,
            mailbox: Mutex::new(Mailbox {
                letters: Vec::new(),
                driver: None,
                end: None,
            }),
            ended: Event::new(),
        })
    }

    /// What has been posted; later posts wake `waker`.
    pub(super) fn letters(&self, waker: &Waker) -> Vec<Letter<P>> {
        let mut mailbox = lock(&self.mailbox);
        let known = mailbox.driver.as_ref();
        let old = if known.is_some_and(|known| known.will_wake(waker)) {
            None
        } else {
            mailbox.driver.replace(waker.clone())
        };
        let letters = std::mem::take(&mut mailbox.letters);
        drop(mailbox);
        discard(old);
        letters
    }

    /// All is over.
    pub(super) fn end(&self, end: ProcessEnd) {
        let mut mailbox = lock(&self.mailbox);
        mailbox.end = Some(end);
        let (late, waker) = (std::mem::take(&mut mailbox.letters), mailbox.driver.take());
        drop(mailbox);
        discard(waker);
        for letter in late {
            // Nobody is there to be told of an error.
            let _ = letter.into_inner()(None);
        }
        self.ended.set();
    }
}

impl<P: ProcessProtocol> Process<P> {
    /// Its number. Once it has ended, that may be another's.
    pub fn id(&self) -> u32 {
        self.shared.kin.id()
    }

    /// Sends it a signal. One that has ended is an error of its own (PROC-07).
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessSignalError> {
        self.shared.kin.signal(signal)
    }

    /// Ends it by `SIGKILL`, which it can't refuse.
    pub fn kill(&self) -> Result<(), ProcessSignalError> {
        self.signal(Signal::KILL)
    }

    /// Runs `f` between two callbacks and promises its result. Fails with [`ProcessLost`] if
    /// all is over. A panic in `f` fails the promise, and is otherwise one of a callback's.
    pub fn call<F, R>(&self, f: F) -> Deferred<R>
    where
        F: FnOnce(&mut P, &mut ProcessTransport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let (resolver, promise) = Deferred::new();
        self.post(Box::new(move |target| {
            let Some((protocol, process)) = target else {
                discard(f);
                let _ = resolver.reject(Failure::new(ProcessLost));
                return Ok(());
            };
            match catch(|| Ok(f(protocol, process))) {
                Ok(value) => {
                    // Nobody may be waiting for it.
                    discard(resolver.resolve(value));
                    Ok(())
                }
                Err(failure) => {
                    let _ = resolver.reject(failure.clone());
                    Err(failure)
                }
            }
        }));
        promise
    }

    fn post(&self, letter: Job<P>) {
        let mut mailbox = lock(&self.shared.mailbox);
        if mailbox.end.is_some() {
            drop(mailbox);
            // Nobody is there to be told of an error.
            let _ = letter(None);
            return;
        }
        mailbox.letters.push(Guarded::new(letter));
        let waker = mailbox.driver.clone();
        drop(mailbox);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Waits until all is over: the child has ended and its pipes are closed, or the loop's
    /// run is at its end. The protocol has been told by then.
    ///
    /// Cancel safe.
    pub async fn ended(&self) -> ProcessEnd {
        loop {
            let _ = self.shared.ended.wait().await;
            if let Some(end) = lock(&self.shared.mailbox).end {
                return end;
            }
        }
    }
}

impl<P: ProcessProtocol> Clone for Process<P> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<P: ProcessProtocol> fmt::Debug for Process<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("id", &self.id())
            .field("status", &self.shared.kin.status())
            .finish_non_exhaustive()
    }
}

/// A call came too late: the child's protocol has gone.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the process has ended, and its protocol has gone, before the call was made")]
#[non_exhaustive]
pub struct ProcessLost;
