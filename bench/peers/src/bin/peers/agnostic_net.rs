//! Echo servers on agnostic-net.

use agnostic_net::runtime::RuntimeLite;
use agnostic_net::{Net, TcpListener as _};

use super::echo::spawn_echo;
use super::tokio_runtime;

pub(crate) fn run(suite: &str, on: &str) -> Result<(), String> {
    let suite = suite.to_owned();
    if on == "smol" {
        return smol::block_on(smol::spawn(async move {
            serve::<agnostic_net::smol::Net>(&suite).await
        }));
    }
    let tokio = tokio_runtime(on)?;
    let task = tokio.spawn(async move { serve::<agnostic_net::tokio::Net>(&suite).await });
    tokio.block_on(task).map_err(|error| error.to_string())?
}

async fn serve<N: Net>(suite: &str) -> Result<(), String> {
    let listener = polyloop_bench::listener().map_err(|error| error.to_string())?;
    let listener = N::TcpListener::try_from(listener).map_err(|error| error.to_string())?;
    polyloop_bench::announce(listener.local_addr().map_err(|error| error.to_string())?);
    loop {
        let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
        spawn_echo!(suite, stream, N::Runtime::spawn_detach);
    }
}
