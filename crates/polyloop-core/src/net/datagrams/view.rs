//! [`View`]: the transport as a callback sees it, for the time of that callback.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::DatagramTransport;
use crate::event_loop::calls::after;
use crate::net::udp::{DatagramSocket, SendError, UdpSettings};
use crate::protocol::connection::alarm::Alarm;
use crate::protocol::connection::timers::Timers;
use crate::protocol::timer_key::TimerKey;

/// Timers, and what wakes the task for them: made when the first is set.
#[derive(Default)]
pub(super) struct Clockwork {
    pub(super) timers: Timers,
    pub(super) alarm: Alarm,
}

pub(super) struct View<'a, S> {
    pub(super) socket: &'a S,
    pub(super) clockwork: &'a mut Option<Box<Clockwork>>,
    pub(super) closing: &'a mut bool,
    /// The loop's clock.
    pub(super) clock: &'a dyn Fn() -> Instant,
}

impl<S: DatagramSocket> DatagramTransport for View<'_, S> {
    fn send_to(&mut self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        if *self.closing {
            return Err(SendError::Closed);
        }
        self.socket.try_send_to(data, to)
    }

    fn send(&mut self, data: &[u8]) -> Result<(), SendError> {
        if *self.closing {
            return Err(SendError::Closed);
        }
        self.socket.try_send(data)
    }

    fn settings(&self) -> &dyn UdpSettings {
        self.socket
    }

    fn close(&mut self) {
        *self.closing = true;
    }

    fn is_closing(&self) -> bool {
        *self.closing
    }

    fn now(&self) -> Instant {
        (self.clock)()
    }

    fn set_timer(&mut self, key: TimerKey, delay: Duration) {
        let deadline = after(self.now(), delay);
        self.clockwork
            .get_or_insert_default()
            .timers
            .set(key, deadline);
    }

    fn cancel_timer(&mut self, key: TimerKey) -> bool {
        let clockwork = self.clockwork.as_mut();
        clockwork.is_some_and(|clockwork| clockwork.timers.cancel(key))
    }
}
