//! Echo servers on async-rs, which has no listener of its own: the runtime's reactor
//! says when to accept, and async-rs takes over from there.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use ::async_rs::traits::{Executor as _, Reactor as _, RuntimeKit};
use ::async_rs::{Runtime, SmolRuntime, TokioRuntime};
use async_io::Async;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::echo::spawn_echo;
use super::tokio_runtime;

pub(crate) fn run(suite: &str, on: &str) -> Result<(), String> {
    let listener = polyloop_bench::listener().map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let suite = suite.to_owned();
    let outcome = if on == "smol" {
        smol::block_on(smol::spawn(async move {
            let listener = Async::new_nonblocking(listener)?;
            polyloop_bench::announce(address);
            serve(&SmolRuntime::smol(), &suite, async || {
                listener.read_with(TcpListener::accept).await
            })
            .await
        }))
    } else {
        let tokio = tokio_runtime(on)?;
        let runtime = TokioRuntime::tokio_with_handle(tokio.handle().clone());
        let task = tokio.spawn(async move {
            let listener = AsyncFd::with_interest(listener, Interest::READABLE)?;
            polyloop_bench::announce(address);
            serve(&runtime, &suite, async || {
                listener
                    .async_io(Interest::READABLE, TcpListener::accept)
                    .await
            })
            .await
        });
        tokio.block_on(task).map_err(|error| error.to_string())?
    };
    outcome.map_err(|error: io::Error| error.to_string())
}

async fn serve<K: RuntimeKit>(
    runtime: &Runtime<K>,
    suite: &str,
    accept: impl AsyncFn() -> io::Result<(TcpStream, SocketAddr)>,
) -> io::Result<()> {
    loop {
        let (stream, _) = accept().await?;
        stream.set_nonblocking(true)?;
        let stream = runtime.register(stream)?;
        spawn_echo!(suite, stream, |echo| drop(runtime.spawn(echo)));
    }
}
