//! Models of connections, servers and client services, over a network of buffers.

mod connections;
mod network;
mod servers;
mod services;

use std::future::Future;

use super::Loop as _;
use super::server::Server;
use crate::event_loop::models::model_loop::ModelLoop;
use crate::event_loop::run;
use crate::promise::failure::Failure;
use crate::protocol::transport::Transport;
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::{Arc, Mutex, lock};

/// What became of the connections of one side.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    /// Protocols that have been made, whether their connection came to be or not.
    built: usize,
    made: usize,
    lost: Vec<CloseReason>,
    /// Protocols that have been dropped.
    dropped: usize,
    data: Vec<u8>,
}

impl Book {
    fn protocol(&self) -> Noting {
        lock(&self.0).built += 1;
        Noting {
            book: self.clone(),
            lost: false,
        }
    }

    fn made(&self) -> usize {
        lock(&self.0).made
    }

    fn lost(&self) -> usize {
        lock(&self.0).lost.len()
    }

    /// Protocols that are there still.
    fn alive(&self) -> usize {
        let entries = lock(&self.0);
        entries.built - entries.dropped
    }

    fn data(&self) -> Vec<u8> {
        lock(&self.0).data.clone()
    }
}

/// A protocol that notes what happens to it, and that the loss comes once and last.
struct Noting {
    book: Book,
    lost: bool,
}

impl Protocol for Noting {
    fn connection_made(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        assert!(!self.lost);
        lock(&self.book.0).made += 1;
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        assert!(!self.lost);
        lock(&self.book.0).data.extend_from_slice(data);
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        assert!(!std::mem::replace(&mut self.lost, true), "lost twice");
        lock(&self.book.0).lost.push(reason);
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        lock(&self.book.0).dropped += 1;
    }
}

const PORT: &str = "127.0.0.1:7";

/// Runs `main` on a loop with a server, whose connections go into `book`.
fn with_server<F: Future<Output = ()>>(
    book: &Book,
    main: impl FnOnce(ModelLoop, Server<Noting>) -> F,
) {
    let lp = ModelLoop::new();
    let its = book.clone();
    run(&lp, async {
        let server = lp.serve(PORT, move || its.protocol()).await.unwrap();
        main(lp.clone(), server).await;
    })
    .unwrap();
    assert_eq!(book.made(), book.lost(), "of the server's connections");
    assert_eq!(book.alive(), 0, "of the server's protocols");
}
