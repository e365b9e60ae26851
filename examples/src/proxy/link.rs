//! What the two sides of a forwarded connection share, and the accounts of what is
//! on its way between them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polyloop_core::{Bytes, Flow, Transport, TransportHandle};

/// A side is read from until this many bytes are on their way to the other's task.
/// It lets small messages pass without a pause for each.
pub const READ_AHEAD: usize = 16 * 1024;

/// What went through a proxy.
#[derive(Debug, Default)]
pub struct ProxyStats {
    forwarded: AtomicU64,
    peak: AtomicUsize,
    links: AtomicUsize,
}

impl ProxyStats {
    /// Bytes forwarded, both ways together.
    pub fn forwarded(&self) -> u64 {
        self.forwarded.load(Ordering::Relaxed)
    }

    /// The most that one direction of one connection ever held, in bytes.
    pub fn peak_buffered(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// How many clients are, or are being, connected to the target.
    pub fn links(&self) -> usize {
        self.links.load(Ordering::Relaxed)
    }
}

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Client,
    Target,
}

impl Which {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Target,
            Self::Target => Self::Client,
        }
    }
}

/// Two connections and what is on its way between them. The lock is held for a few
/// assignments at a time.
#[derive(Debug)]
pub(super) struct Link {
    ends: Mutex<Ends>,
    stats: Arc<ProxyStats>,
}

#[derive(Debug, Default)]
struct Ends {
    client: End,
    target: End,
}

#[derive(Debug, Default)]
struct End {
    handle: Option<TransportHandle>,
    lost: bool,
    /// Bytes posted to this end's task and not yet written to its transport.
    posted: usize,
    /// Bytes in its write buffer, when it last said so. Since then it can only have
    /// become less.
    buffered: usize,
    /// The write buffer is over its high mark, so `resume_writing` will come.
    full: bool,
    /// The other end is not read from because of this one.
    holds_back: bool,
}

impl Ends {
    fn end(&mut self, which: Which) -> &mut End {
        match which {
            Which::Client => &mut self.client,
            Which::Target => &mut self.target,
        }
    }
}

impl Link {
    pub(super) fn new(stats: Arc<ProxyStats>) -> Arc<Self> {
        stats.links.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            ends: Mutex::new(Ends::default()),
            stats,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An end stands. False if the other one is lost already.
    pub(super) fn made(&self, which: Which, handle: TransportHandle) -> bool {
        let mut ends = self.lock();
        ends.end(which).handle = Some(handle);
        !ends.end(which.other()).lost
    }

    /// An end is lost. Gives back the other one, if that stands.
    pub(super) fn lost(&self, which: Which) -> Option<TransportHandle> {
        let mut ends = self.lock();
        let end = ends.end(which);
        end.lost = true;
        end.handle = None;
        ends.end(which.other()).handle.clone()
    }

    pub(super) fn handle(&self, which: Which) -> Option<TransportHandle> {
        self.lock().end(which).handle.clone()
    }

    /// Whether an end is not read from, because of the other one.
    pub(super) fn is_held_back(&self, which: Which) -> bool {
        self.lock().end(which.other()).holds_back
    }

    /// Sends `data` to an end. False if no more should be read until it says so.
    pub(super) fn forward(self: &Arc<Self>, to: Which, data: &[u8]) -> bool {
        let (handle, go_on) = {
            let mut ends = self.lock();
            let end = ends.end(to);
            // Lost already: then the reader is about to hear of it, too.
            let Some(handle) = end.handle.clone() else {
                return false;
            };
            end.posted += data.len();
            let held = end.posted + end.buffered;
            end.holds_back = end.full || end.posted >= READ_AHEAD;
            self.stats.peak.fetch_max(held, Ordering::Relaxed);
            (handle, !end.holds_back)
        };
        let count = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.stats.forwarded.fetch_add(count, Ordering::Relaxed);
        let data = Bytes::copy_from_slice(data);
        let link = self.clone();
        handle.post(move |transport| {
            link.deliver(to, transport, &data);
            Ok(())
        });
        go_on
    }

    /// Runs on the task of the end that sends.
    fn deliver(&self, to: Which, transport: &mut dyn Transport, data: &[u8]) {
        // An error says that this end is ending; its loss will reach the other one.
        let flow = transport.write(data);
        let mut ends = self.lock();
        let end = ends.end(to);
        end.posted -= data.len();
        end.full = flow == Ok(Flow::Pause);
        self.settle(ends, to, transport);
    }

    /// The write buffer of an end is down at its low mark.
    pub(super) fn drained(&self, to: Which, transport: &mut dyn Transport) {
        let mut ends = self.lock();
        ends.end(to).full = false;
        self.settle(ends, to, transport);
    }

    /// Lets the other end be read from again, if there is room.
    ///
    /// Somebody always comes by here after a pause: either bytes are still posted, or
    /// the buffer is full and will be drained, or this is the moment.
    fn settle(&self, mut ends: MutexGuard<'_, Ends>, to: Which, transport: &mut dyn Transport) {
        let end = ends.end(to);
        end.buffered = transport.write_buffer_size();
        let held = end.posted + end.buffered;
        self.stats.peak.fetch_max(held, Ordering::Relaxed);
        if !end.holds_back || end.full || end.posted > 0 {
            return;
        }
        end.holds_back = false;
        let source = ends.end(to.other()).handle.clone();
        drop(ends);
        if let Some(source) = source {
            source.post(|transport| {
                transport.resume_reading();
                Ok(())
            });
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stats.links.fetch_sub(1, Ordering::Relaxed);
    }
}
