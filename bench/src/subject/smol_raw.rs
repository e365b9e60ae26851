//! The best programs written by hand on smol.

use std::hint::black_box;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_channel::Sender;
use async_io::Async;
use futures_channel::oneshot;

use super::control::Control;
use super::futures_raw::{Job, connection_with_jobs, echo, echo_lines, moved_calls};
use super::lines::READ;
use super::listener;
use super::{process, tls_by_hand, tokio_raw, udp_echo, unix_ping};
use crate::suites::{Suite, Work};

pub(super) fn run(suite: Suite, control: Control) -> Result<(), String> {
    let task = match suite.work() {
        Work::Inside => smol::spawn(inside(suite, control)),
        _ => smol::spawn(serve(suite)),
    };
    smol::block_on(task).map_err(|error| error.to_string())
}

/// On smol's own sockets.
pub(super) fn run_on_own_sockets(suite: Suite) -> Result<(), String> {
    let task = smol::spawn(serve_on_own_sockets(suite));
    smol::block_on(task).map_err(|error| error.to_string())
}

async fn serve_on_own_sockets(suite: Suite) -> io::Result<()> {
    let listener = smol::net::TcpListener::try_from(listener::bind()?)?;
    listener::announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        match suite {
            Suite::Lines => smol::spawn(echo_lines(stream)).detach(),
            Suite::Stream => smol::spawn(echo(stream, vec![0; READ])).detach(),
            Suite::Idle => smol::spawn(echo(stream, [0; 64])).detach(),
            _ => smol::spawn(echo(stream, [0; 1024])).detach(),
        }
    }
}

async fn serve(suite: Suite) -> io::Result<()> {
    let listener = Async::new_nonblocking(listener::bind()?)?;
    listener::announce(listener.get_ref().local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        match suite {
            Suite::Lines => smol::spawn(echo_lines(stream)).detach(),
            Suite::Stream => smol::spawn(echo(stream, vec![0; READ])).detach(),
            Suite::Idle => smol::spawn(echo(stream, [0; 64])).detach(),
            _ => smol::spawn(echo(stream, [0; 1024])).detach(),
        }
    }
}

async fn inside(suite: Suite, control: Control) -> io::Result<()> {
    match suite {
        Suite::Spawn => control.obey(spawn).await,
        Suite::CallLater => control.obey(call_later).await,
        Suite::MovedCalls => control.obey(moved_calls).await,
        Suite::ZeroDelay => control.obey(zero_delay).await,
        Suite::Call => {
            let (jobs, _peer) = connection().await?;
            control
                .obey(|operations| call(jobs.clone(), operations))
                .await;
        }
        Suite::UdpEcho => {
            let (server, client) = udp_echo::pair()?;
            let server = Async::new_nonblocking(server)?;
            let client = Async::new_nonblocking(client)?;
            smol::spawn(udp_echo::serve_by_hand(server)).detach();
            control
                .obey(|operations| udp_echo::ask_by_hand(&client, operations))
                .await;
        }
        Suite::UnixPing => {
            let (server, client) = unix_ping::pair()?;
            let server = Async::new_nonblocking(server)?;
            smol::spawn(unix_ping::serve_by_hand(server)).detach();
            let client = unix_ping::Client::new(Async::new_nonblocking(client)?);
            control.obey(|n| unix_ping::ask(&client, n)).await;
        }
        Suite::Process => control.obey(process::start_by_hand).await,
        Suite::TlsStream | Suite::TlsPing | Suite::TlsHandshakes | Suite::TlsIdle => {
            let (serving, dialling) = tls_by_hand::on_async_io()?;
            smol::spawn(serve_securely(serving, suite)).detach();
            dialling.obey(suite, control).await?;
        }
        _ => control.obey(tokio_raw::oneshot).await,
    }
    Ok(())
}

async fn serve_securely(serving: tls_by_hand::Serving, suite: Suite) {
    while let Ok(served) = serving.next(suite).await {
        smol::spawn(served).detach();
    }
}

async fn spawn(operations: u64) {
    for operation in 0..operations {
        let joined = smol::spawn(async move { black_box(operation) }).await;
        assert_eq!(joined, operation);
    }
}

async fn call_later(operations: u64) {
    let armed = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::with_capacity(usize::try_from(operations).unwrap_or_default());
    for operation in 0..operations {
        let armed = armed.clone();
        tasks.push(smol::spawn(async move {
            let sleep = smol::Timer::after(Duration::from_millis(60_000 + operation % 1000));
            armed.fetch_add(1, Ordering::Relaxed);
            sleep.await;
            black_box(operation);
        }));
    }
    while armed.load(Ordering::Relaxed) < operations {
        smol::future::yield_now().await;
    }
    for task in tasks {
        assert!(task.cancel().await.is_none());
    }
}

async fn zero_delay(operations: u64) {
    for _ in 0..operations {
        smol::future::yield_now().await;
    }
}

/// A connection that runs the closures it is sent, and its other end.
async fn connection() -> io::Result<(Sender<Job<Async<TcpStream>>>, Async<TcpStream>)> {
    let listener = Async::new_nonblocking(listener::bind()?)?;
    let peer = Async::<TcpStream>::connect(listener.get_ref().local_addr()?).await?;
    let (stream, _) = listener.accept().await?;
    let (sender, jobs) = async_channel::unbounded();
    smol::spawn(connection_with_jobs(stream, jobs)).detach();
    Ok((sender, peer))
}

async fn call(jobs: Sender<Job<Async<TcpStream>>>, operations: u64) {
    for _ in 0..operations {
        let (sender, receiver) = oneshot::channel();
        let sent = jobs.try_send(Box::new(move |count, _| {
            *count += 1;
            let _ = sender.send(*count);
        }));
        assert!(sent.is_ok() && receiver.await.is_ok());
    }
}
