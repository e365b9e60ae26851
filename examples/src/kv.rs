//! A small network *library*: a key-value server that speaks RESP2, the protocol of
//! Redis. `redis-cli` and `redis-benchmark` are clients of it.
//!
//! **This is the pattern for a library on polyloop.** Nothing here knows which
//! runtime it is on:
//!
//! * it depends on `polyloop-core` alone, names no runtime, and has no feature for
//!   one; the loop comes in as a value, `serve<L: Loop>(lp: &L, …)`;
//! * the protocol's rules are plain code without any I/O, tested without any:
//!   `resp` (bytes to requests), `store` (keys), `commands` (requests to
//!   replies), `pubsub` (channels);
//! * one thin [`Session`] joins them to a connection, and decides what back-pressure
//!   means: a client that does not read its replies is not read from;
//! * time is the loop's: [`Timers::now`](polyloop_core::Timers::now) and
//!   [`Calls::call_later`](polyloop_core::Calls::call_later), never
//!   `Instant::now()`. So tests may run it in virtual time;
//! * the tests take the loop as a type parameter and run on all of them.
//!
//! ```
//! use polyloop_core::{Failure, Loop};
//! use polyloop_examples::kv::KvServer;
//!
//! /// Runs on any loop.
//! async fn serve<L: Loop>(lp: &L) -> Result<(), Failure> {
//!     let server = KvServer::serve(lp, "127.0.0.1:0").await?;
//!     println!("listening on {}", server.local_addr());
//!     server.closed().await;
//!     Ok(())
//! }
//! ```

mod commands;
mod glob;
mod inline;
mod integer;
mod pubsub;
mod reply;
mod resp;
mod server;
mod session;
mod store;

pub use resp::{ProtocolError, Request, RequestLimits, RequestParser, Requests};
pub use server::{KvOptions, KvServer, sessions};
pub use session::Session;
