//! [`Side`]: one protocol, its connection, and what has become of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polyloop_core::{
    Address, CloseReason, Connection, DriveError, Loop as _, Peer, Promise as _, Protocol,
    ProtocolFactory, Spawner as _,
};

use crate::stage::{Progress, Stage};
use crate::wire::Wire;

pub(crate) struct Side<P: Protocol> {
    pub(crate) wire: Wire,
    pub(crate) connection: Connection<P>,
    lost: Arc<Mutex<Option<CloseReason>>>,
}

impl<P: Protocol> Side<P> {
    /// Connects the protocol, whose `connection_made` has been called then.
    pub(crate) fn new(
        stage: &Stage,
        [local, peer]: [Address; 2],
        protocol: P,
    ) -> Result<Self, DriveError> {
        let (wire, stream) = Wire::new(local, peer.clone());
        let lp = stage.lp();
        let connection = stage.wait(lp.drive(stream, peer, Once(Some(protocol))))?;
        let lost = Arc::new(Mutex::new(None));
        let (watched, slot) = (connection.handle(), lost.clone());
        lp.spawn(async move {
            let reason = watched.closed().await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        })
        .detach();
        Ok(Self {
            wire,
            connection,
            lost,
        })
    }

    pub(crate) fn lost(&self) -> MutexGuard<'_, Option<CloseReason>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Protocol> Progress for Side<P> {
    fn steps(&self) -> u64 {
        self.wire.steps() + u64::from(self.lost().is_some())
    }

    fn has_just_ended(&self) -> bool {
        self.wire.see_end() && self.lost().is_none()
    }
}

/// Gives its protocol away once.
struct Once<P>(Option<P>);

impl<P: Protocol> ProtocolFactory for Once<P> {
    type Protocol = P;

    fn build_protocol(&mut self, _: &Peer) -> Option<P> {
        self.0.take()
    }
}
