//! The mailbox of an endpoint: what the world outside asks of it.

use std::net::SocketAddr;
use std::task::Waker;

use super::DatagramTransport;
use crate::net::udp::{DatagramSocket, SendError};
use crate::promise::crowd::{Crowd, tell};
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::discard::{Guarded, wake};
use crate::sync::primitive::{Arc, Mutex, lock};

/// A call with the protocol, or with `None` once the endpoint has stopped.
pub(super) type Closure<P> = Box<dyn FnOnce(Option<(&mut P, &mut dyn DatagramTransport)>) + Send>;

/// The same, let go of with care.
pub(super) type Call<P> = Guarded<Closure<P>>;

/// The socket, as whoever is outside needs it.
pub(super) trait Outlet: Send + Sync {
    fn send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError>;
    fn send(&self, data: &[u8]) -> Result<(), SendError>;
}

impl<S: DatagramSocket> Outlet for S {
    fn send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        self.try_send_to(data, to)
    }

    fn send(&self, data: &[u8]) -> Result<(), SendError> {
        self.try_send(data)
    }
}

pub(super) struct Mailbox<P> {
    inner: Mutex<Inner<P>>,
    pub(super) local: Option<SocketAddr>,
}

struct Inner<P> {
    calls: Vec<Call<P>>,
    closing: bool,
    /// `None` once it has stopped: a handle keeps no descriptor.
    outlet: Option<Arc<dyn Outlet>>,
    driver: Option<Waker>,
    waiting: Crowd<Resolver<()>>,
}

/// What the driver finds.
pub(super) struct Mail<P> {
    pub(super) calls: Vec<Call<P>>,
    pub(super) closing: bool,
}

impl<P> Mailbox<P> {
    pub(super) fn new(outlet: Arc<dyn Outlet>, local: Option<SocketAddr>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                calls: Vec::new(),
                closing: false,
                outlet: Some(outlet),
                driver: None,
                waiting: Crowd::default(),
            }),
            local,
        }
    }

    /// Takes what was asked for; from here on this waker is told.
    pub(super) fn take(&self, waker: &Waker) -> Mail<P> {
        let mut inner = lock(&self.inner);
        let old = match &mut inner.driver {
            Some(known) if known.will_wake(waker) => None,
            driver => driver.replace(waker.clone()),
        };
        let mail = Mail {
            calls: std::mem::take(&mut inner.calls),
            closing: inner.closing,
        };
        drop(inner);
        // A task may go with it.
        drop(old);
        mail
    }

    /// Gives the call back if the endpoint has stopped.
    pub(super) fn post(&self, call: Call<P>) -> Option<Call<P>> {
        let mut inner = lock(&self.inner);
        if inner.outlet.is_none() {
            return Some(call);
        }
        inner.calls.push(call);
        let driver = inner.driver.clone();
        drop(inner);
        if let Some(driver) = driver {
            wake(driver);
        }
        None
    }

    pub(super) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closing = true;
        let driver = inner.driver.clone();
        drop(inner);
        if let Some(driver) = driver {
            wake(driver);
        }
    }

    /// The socket to send by, as long as nobody has closed.
    pub(super) fn outlet(&self) -> Result<Arc<dyn Outlet>, SendError> {
        let inner = lock(&self.inner);
        match &inner.outlet {
            Some(outlet) if !inner.closing => Ok(outlet.clone()),
            _ => Err(SendError::Closed),
        }
    }

    pub(super) fn has_stopped(&self) -> bool {
        lock(&self.inner).outlet.is_none()
    }

    pub(super) fn stopped(&self) -> Deferred<()> {
        let mut inner = lock(&self.inner);
        if inner.outlet.is_none() {
            return Deferred::resolved(());
        }
        let (promise, left) = inner.waiting.wait();
        drop(inner);
        drop(left);
        promise
    }

    /// It has stopped: lets go of the socket and tells everybody.
    pub(super) fn stop(&self) {
        let mut inner = lock(&self.inner);
        let outlet = inner.outlet.take();
        let driver = inner.driver.take();
        let calls = std::mem::take(&mut inner.calls);
        let waiting = inner.waiting.leave();
        drop(inner);
        drop((outlet, driver));
        for call in calls {
            call.into_inner()(None);
        }
        tell(waiting);
    }
}
