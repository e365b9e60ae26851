//! Free functions that act on the current loop.
//!
//! They are a convenience for programs: a library takes its loop as a value. Each
//! is the method of the same name, behind one more `Result`: the outer one says
//! whether there was a loop, and what is inside is what the method returns. The
//! loop is looked up in the call, not when a returned future is first polled.

use std::future::Future;
use std::time::{Duration, Instant};

use polyloop_core::{
    Calls, ConnectError, Connected, Deferred, DelayedCall, IntoEndpoint, ListenError, Loop,
    ProtocolFactory, Rejected, Server, Sleep, Spawner, Task, Threads, Timers,
};

use crate::current::{NoCurrentLoop, find};
use crate::{AnyLoop, AnyTimer};

/// [`Spawner::spawn`] on the current loop.
///
/// ```
/// # use polyloop::{AnyLoop, Failure, MainLoop};
/// async fn sum() -> Result<u32, Failure> {
///     let left = polyloop::spawn(async { 20 })?;
///     let right = polyloop::spawn(async { 22 })?;
///     Ok(left.await? + right.await?)
/// }
/// # for name in AnyLoop::available() {
/// #     assert_eq!(AnyLoop::by_name(name)?.run(sum())??, 42);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> Result<Task<AnyLoop, F::Output>, NoCurrentLoop>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Ok(find("spawn")?.spawn(future))
}

/// [`Timers::sleep`] on the current loop: `polyloop::sleep(duration)?.await`.
pub fn sleep(duration: Duration) -> Result<Sleep<AnyTimer>, NoCurrentLoop> {
    Ok(find("sleep")?.sleep(duration))
}

/// [`Timers::now`] of the current loop.
pub fn now() -> Result<Instant, NoCurrentLoop> {
    Ok(find("now")?.now())
}

/// [`Calls::call_soon`] on the current loop. The outer error is the lack of a loop,
/// the inner one a loop that is closed.
#[track_caller]
pub fn call_soon<F>(call: F) -> Result<Result<DelayedCall, Rejected<F>>, NoCurrentLoop>
where
    F: FnOnce() + Send + 'static,
{
    Ok(find("call_soon")?.call_soon(call))
}

/// [`Calls::call_later`] on the current loop. The outer error is the lack of a loop,
/// the inner one a loop that is closed.
#[track_caller]
pub fn call_later<F>(
    delay: Duration,
    call: F,
) -> Result<Result<DelayedCall, Rejected<F>>, NoCurrentLoop>
where
    F: FnOnce() + Send + 'static,
{
    Ok(find("call_later")?.call_later(delay, call))
}

/// [`Threads::run_in_thread`] on the current loop.
#[track_caller]
pub fn run_in_thread<F, T>(work: F) -> Result<Deferred<T>, NoCurrentLoop>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Ok(find("run_in_thread")?.run_in_thread(work))
}

/// [`Loop::connect`] on the current loop: `polyloop::connect(endpoint, factory)?.await?`.
#[track_caller]
pub fn connect<E, F>(
    endpoint: E,
    factory: F,
) -> Result<impl Future<Output = Result<Connected<F>, ConnectError>> + Send, NoCurrentLoop>
where
    E: IntoEndpoint,
    F: ProtocolFactory,
{
    let lp = find("connect")?;
    let endpoint = endpoint.into_endpoint();
    Ok(async move { lp.connect(endpoint?, factory).await })
}

/// [`Loop::serve`] on the current loop: `polyloop::serve(endpoint, factory)?.await?`.
#[track_caller]
pub fn serve<E, F>(
    endpoint: E,
    factory: F,
) -> Result<impl Future<Output = Result<Server<F::Protocol>, ListenError>> + Send, NoCurrentLoop>
where
    E: IntoEndpoint,
    F: ProtocolFactory,
{
    let lp = find("serve")?;
    let endpoint = endpoint.into_endpoint();
    Ok(async move { lp.serve(endpoint?, factory).await })
}

/// [`Watch::watch`](crate::Watch::watch) on the current loop. The outer error is the lack of a
/// loop, the inner one says what is wrong with the descriptor, or that the loop watches none.
#[cfg(unix)]
pub fn watch<T: crate::os::Source>(
    source: T,
) -> Result<Result<crate::Watched<AnyLoop, T>, crate::WatchError>, NoCurrentLoop> {
    Ok(crate::Watch::watch(&find("watch")?, source))
}

/// [`Udp::bind_udp`](crate::Udp::bind_udp) on the current loop. The outer error is the lack of
/// a loop, the inner one that of the socket.
#[cfg(unix)]
pub fn bind_udp(
    address: std::net::SocketAddr,
    options: &crate::UdpOptions,
) -> Result<Result<crate::AnyUdpSocket, crate::UdpError>, NoCurrentLoop> {
    Ok(crate::Udp::bind_udp(&find("bind_udp")?, address, options))
}

/// [`Udp::connect_udp`](crate::Udp::connect_udp) on the current loop. The outer error is the
/// lack of a loop, the inner one that of the socket.
#[cfg(unix)]
pub fn connect_udp(
    peer: std::net::SocketAddr,
    options: &crate::UdpOptions,
) -> Result<Result<crate::AnyUdpSocket, crate::UdpError>, NoCurrentLoop> {
    Ok(crate::Udp::connect_udp(
        &find("connect_udp")?,
        peer,
        options,
    ))
}

/// [`Signals::signals`](crate::Signals::signals) on the current loop. The outer error is the
/// lack of a loop, the inner one says which signal can't be caught.
#[cfg(unix)]
pub fn signals(
    signals: impl IntoIterator<Item = crate::Signal>,
) -> Result<Result<crate::SignalStream, crate::SignalError>, NoCurrentLoop> {
    Ok(crate::Signals::signals(&find("signals")?, signals))
}

/// [`Processes::spawn_child`](crate::Processes::spawn_child) on the current loop. The outer
/// error is the lack of a loop, the inner one says why the program can't be started.
#[cfg(unix)]
pub fn spawn_child(
    command: &mut std::process::Command,
) -> Result<Result<crate::Child<AnyLoop>, crate::ProcessError>, NoCurrentLoop> {
    Ok(crate::Processes::spawn_child(
        &find("spawn_child")?,
        command,
    ))
}
