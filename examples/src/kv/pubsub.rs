//! Channels: who is subscribed to what, and how a message reaches them.

use std::collections::HashMap;

use polyloop_core::{Bytes, Flow, TransportHandle};

use super::reply::Replies;

/// The subscribers of every channel that has any.
///
/// A subscriber is known by its [`TransportHandle`]: a message is put into the
/// mailboxes of their connections, and each connection's own task sends it. So
/// whoever publishes never waits for whoever reads.
#[derive(Debug, Default)]
pub(super) struct Channels {
    subscribers: HashMap<Box<[u8]>, HashMap<u64, TransportHandle>>,
}

impl Channels {
    /// False if the client was subscribed already.
    pub(super) fn subscribe(
        &mut self,
        channel: &[u8],
        client: u64,
        handle: &TransportHandle,
    ) -> bool {
        let subscribers = match self.subscribers.get_mut(channel) {
            Some(subscribers) => subscribers,
            None => self.subscribers.entry(channel.into()).or_default(),
        };
        subscribers.insert(client, handle.clone()).is_none()
    }

    pub(super) fn unsubscribe(&mut self, channel: &[u8], client: u64) {
        if let Some(subscribers) = self.subscribers.get_mut(channel) {
            subscribers.remove(&client);
            if subscribers.is_empty() {
                self.subscribers.remove(channel);
            }
        }
    }

    /// Sends `message` to the subscribers of `channel`, and says how many they are.
    ///
    /// One that has more than its limit waiting is cut off: the alternatives are to
    /// hold back everybody else, or memory without bound.
    pub(super) fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let Some(subscribers) = self.subscribers.get_mut(channel) else {
            return 0;
        };
        let mut reply = Replies::default();
        reply.array(3);
        reply.bulk(b"message");
        reply.bulk(channel);
        reply.bulk(message);
        // One payload, shared by all.
        let payload = Bytes::copy_from_slice(reply.bytes());
        let mut reached = 0;
        subscribers.retain(|_, handle| match handle.write(payload.clone()) {
            Ok(Flow::Continue) => {
                reached += 1;
                true
            }
            Ok(Flow::Pause) => {
                handle.abort();
                false
            }
            // Its connection is ending; it leaves when that is done.
            Err(_) => true,
        });
        if subscribers.is_empty() {
            self.subscribers.remove(channel);
        }
        reached
    }
}
