//! Echo servers on tor-rtcompat.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::StreamExt as _;
use futures_util::task::SpawnExt as _;
use tor_rtcompat::async_std::AsyncStdNativeTlsRuntime;
use tor_rtcompat::smol::SmolNativeTlsRuntime;
use tor_rtcompat::tokio::TokioNativeTlsRuntime;
use tor_rtcompat::{NetStreamListener as _, Runtime, TcpListenOptions, ToplevelBlockOn as _};

use super::echo::spawn_echo;
use super::tokio_runtime;

pub(crate) fn run(suite: &str, on: &str) -> Result<(), String> {
    match on {
        "smol" => {
            let runtime = SmolNativeTlsRuntime::create().map_err(|error| error.to_string())?;
            runtime.clone().block_on(serve(runtime, suite))
        }
        "async-std" => {
            let runtime = AsyncStdNativeTlsRuntime::create().map_err(|error| error.to_string())?;
            runtime.clone().block_on(serve(runtime, suite))
        }
        on => {
            let tokio = tokio_runtime(on)?;
            let runtime = TokioNativeTlsRuntime::from(tokio.handle().clone());
            let suite = suite.to_owned();
            // In a task, as the others have it.
            let task = tokio.spawn(async move { serve(runtime, &suite).await });
            tokio.block_on(task).map_err(|error| error.to_string())?
        }
    }
}

async fn serve<R: Runtime>(runtime: R, suite: &str) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = runtime
        .listen(&address, &TcpListenOptions::default())
        .await
        .map_err(|error| error.to_string())?;
    polyloop_bench::announce(listener.local_addr().map_err(|error| error.to_string())?);
    let mut incoming = listener.incoming();
    while let Some(accepted) = incoming.next().await {
        let (stream, _) = accepted.map_err(|error| error.to_string())?;
        spawn_echo!(suite, stream, |echo| runtime.spawn(echo))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}
