//! Echo servers on async-rs, which has no listener of its own: the runtime's accepts,
//! and async-rs takes over from there.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use ::async_rs::traits::{Executor as _, Reactor as _, RuntimeKit};
use ::async_rs::{Runtime, SmolRuntime, TokioRuntime};
use async_io::Async;

use super::echo::spawn_echo;
use super::tokio_runtime;

pub(crate) fn run(suite: &str, on: &str) -> Result<(), String> {
    let listener = polyloop_bench::listener().map_err(|error| error.to_string())?;
    let suite = suite.to_owned();
    let outcome = if on == "smol" {
        smol::block_on(smol::spawn(async move {
            let acceptor = Acceptor::Smol(Async::new_nonblocking(listener)?);
            serve(SmolRuntime::smol(), suite, acceptor).await
        }))
    } else {
        let tokio = tokio_runtime(on)?;
        let runtime = TokioRuntime::tokio_with_handle(tokio.handle().clone());
        let task = tokio.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            serve(runtime, suite, Acceptor::Tokio(listener)).await
        });
        tokio.block_on(task).map_err(|error| error.to_string())?
    };
    outcome.map_err(|error| error.to_string())
}

enum Acceptor {
    Smol(Async<TcpListener>),
    Tokio(tokio::net::TcpListener),
}

impl Acceptor {
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match self {
            Self::Smol(listener) => listener.read_with(TcpListener::accept).await,
            Self::Tokio(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((stream.into_std()?, peer))
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Smol(listener) => listener.get_ref().local_addr(),
            Self::Tokio(listener) => listener.local_addr(),
        }
    }
}

async fn serve<K: RuntimeKit + Send + Sync + 'static>(
    runtime: Runtime<K>,
    suite: String,
    acceptor: Acceptor,
) -> io::Result<()> {
    polyloop_bench::announce(acceptor.local_addr()?);
    loop {
        let (stream, _) = acceptor.accept().await?;
        // async-rs leaves that to its user.
        stream.set_nonblocking(true)?;
        let stream = runtime.register(stream)?;
        spawn_echo!(suite.as_str(), stream, |echo| drop(runtime.spawn(echo)));
    }
}
