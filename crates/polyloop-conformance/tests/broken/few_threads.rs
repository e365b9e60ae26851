//! Blocking work on four threads for the whole process, look-ups of names among it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use polyloop_core::{Deferred, Query};

type Work = Box<dyn FnOnce() + Send>;

pub(crate) fn run(work: Work) {
    static QUEUE: OnceLock<mpsc::Sender<Work>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let (queue, waiting) = mpsc::channel::<Work>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..4 {
            let waiting = waiting.clone();
            thread::spawn(move || {
                loop {
                    let next = waiting.lock().expect("no panic under it").recv();
                    next.expect("the queue is kept")();
                }
            });
        }
        queue
    });
    queue.send(work).expect("the threads go on");
}

pub(crate) async fn look_up(query: Query) -> io::Result<Vec<SocketAddr>> {
    let (resolver, answer) = Deferred::new();
    run(Box::new(move || {
        let found = (query.host(), 0).to_socket_addrs();
        let _ = resolver.resolve(found.map(Iterator::collect));
    }));
    answer
        .await
        .unwrap_or_else(|lost| Err(io::Error::other(lost)))
}
