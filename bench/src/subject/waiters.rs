//! Many who wait for the same thing, and one more who comes and goes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use polyloop::Connection;
use polyloop::sync::{Event, Queue};

use super::polyloop_inside::Counter;

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Everything there is to wait for, and those who stand there already.
#[derive(Clone)]
pub(super) struct Crowd {
    places: Places,
    _standing: Arc<std::sync::Mutex<Vec<Waiting>>>,
}

#[derive(Clone)]
struct Places {
    connection: Connection<Counter>,
    full: Queue<u64>,
    empty: Queue<u64>,
    event: Event,
}

impl Places {
    /// One more of each kind, who has begun to wait.
    fn wait(&self) -> [Waiting; 4] {
        let connection = self.connection.clone();
        let (full, item, told) = (self.full.clone(), self.empty.get(), self.event.wait());
        let mut waiting: [Waiting; 4] = [
            Box::pin(async move { drop(connection.closed().await) }),
            Box::pin(async move { full.put(1).await }),
            Box::pin(async { drop(item.await) }),
            Box::pin(async { drop(told.await) }),
        ];
        for one in &mut waiting {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(one.as_mut().poll(&mut cx).is_pending());
        }
        waiting
    }
}

impl Crowd {
    pub(super) fn new(connection: Connection<Counter>, standing: usize) -> Self {
        let places = Places {
            connection,
            full: Queue::bounded(1),
            empty: Queue::unbounded().with_max_waiters(1_000_000),
            event: Event::new(),
        };
        assert!(places.full.try_put(0).is_ok());
        let standing = (0..standing).flat_map(|_| places.wait()).collect();
        Self {
            places,
            _standing: Arc::new(std::sync::Mutex::new(standing)),
        }
    }

    pub(super) fn join(&self, operations: u64) {
        for _ in 0..operations {
            drop(self.places.wait());
        }
    }
}
