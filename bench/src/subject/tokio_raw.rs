//! The best programs written by hand on tokio.

use std::future::{Future as _, poll_fn};
use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_channel::oneshot;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::control::Control;
use super::crowd::{Round, SESSIONS, Session, batches, wake_all};
use super::lines::{LineCollector, READ};
use super::{listener, moving, process, tls_by_hand, udp_echo, unix_ping};
use crate::suites::{LoopKind, Suite, Work};

pub(super) fn run(suite: Suite, on: LoopKind, control: Control) -> Result<(), String> {
    let mut builder = match on {
        LoopKind::TokioCurrentThread => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| format!("the tokio runtime: {error}"))?;
    // In a task, so that the multi-thread runtime has it on a worker.
    let task = match suite.work() {
        Work::Inside => runtime.spawn(inside(suite, control)),
        _ => runtime.spawn(serve(suite)),
    };
    runtime
        .block_on(task)
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

async fn serve(suite: Suite) -> io::Result<()> {
    let listener = TcpListener::from_std(listener::bind()?)?;
    listener::announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        match suite {
            Suite::Lines => drop(tokio::spawn(echo_lines(stream))),
            Suite::Stream => drop(tokio::spawn(echo(stream, vec![0; READ]))),
            Suite::Idle => drop(tokio::spawn(echo(stream, [0; 64]))),
            _ => drop(tokio::spawn(echo(stream, [0; 1024]))),
        }
    }
}

async fn echo(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    mut buffer: impl AsMut<[u8]>,
) {
    let buffer = buffer.as_mut();
    while let Ok(read @ 1..) = stream.read(buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn echo_lines(mut stream: TcpStream) {
    let mut lines = LineCollector::new();
    while let Ok(read @ 1..) = stream.read(lines.room()).await {
        let Some(whole) = lines.collect(read) else {
            return;
        };
        if !whole.is_empty() && stream.write_all(whole).await.is_err() {
            return;
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
        Suite::BrokerWakes => {
            let round = Arc::new(Round::default());
            let (sessions, _peers) = sessions(&round).await?;
            control
                .obey(|operations| wake_all(&round, &sessions, operations))
                .await;
        }
        Suite::Closing => {
            let address = serve_until_the_end()?;
            control.obey(|operations| close(address, operations)).await;
        }
        Suite::UdpEcho => {
            let (server, client) = udp_echo::pair()?;
            let (server, client) = (UdpSocket::from_std(server)?, UdpSocket::from_std(client)?);
            tokio::spawn(serve_datagrams(server));
            control.obey(|operations| ask(&client, operations)).await;
        }
        Suite::UnixPing => {
            let (server, client) = unix_ping::pair()?;
            let (server, client) = (UnixStream::from_std(server)?, UnixStream::from_std(client)?);
            tokio::spawn(echo(server, [0; 1024]));
            let client = unix_ping::Client::new(client);
            control.obey(|n| ping(&client, n)).await;
        }
        Suite::Process => control.obey(start).await,
        Suite::TlsStream | Suite::TlsPing | Suite::TlsHandshakes | Suite::TlsIdle => {
            tls_by_hand::on_tokio(suite, control).await?;
        }
        _ => control.obey(oneshot).await,
    }
    Ok(())
}

async fn ping(client: &unix_ping::Client<UnixStream>, operations: u64) {
    let (mut stream, mut answer) = (client.take(), [0; unix_ping::DATA.len()]);
    for _ in 0..operations {
        let sent = stream.write_all(&unix_ping::DATA).await;
        sent.expect("the server reads");
        stream.read_exact(&mut answer).await.expect("it answers");
    }
    client.give_back(stream);
}

async fn start(operations: u64) {
    for _ in 0..operations {
        let ended = tokio::process::Command::new(process::PROGRAM)
            .status()
            .await;
        assert!(ended.is_ok_and(|status| status.success()));
    }
}

async fn serve_datagrams(server: UdpSocket) {
    let mut buffer = [0; 1024];
    while let Ok((length, from)) = server.recv_from(&mut buffer).await {
        if server.send_to(&buffer[..length], from).await.is_err() {
            return;
        }
    }
}

async fn ask(client: &UdpSocket, operations: u64) {
    let mut answer = [0; 1024];
    for _ in 0..operations {
        client
            .send(&udp_echo::DATA)
            .await
            .expect("room for a datagram");
        let received = client.recv(&mut answer).await;
        assert_eq!(received.ok(), Some(udp_echo::DATA.len()));
    }
}

/// Sessions on their sockets, and the other ends.
async fn sessions(round: &Arc<Round>) -> io::Result<(Vec<Arc<Session>>, Vec<TcpStream>)> {
    let listener = TcpListener::from_std(listener::bind()?)?;
    let (mut sessions, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..SESSIONS {
        peers.push(TcpStream::connect(listener.local_addr()?).await?);
        let (mut stream, _) = listener.accept().await?;
        let session = Session::new(round);
        sessions.push(session.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 64];
            session
                .run(|cx| {
                    Pin::new(&mut stream)
                        .poll_read(cx, &mut ReadBuf::new(&mut buffer))
                        .map(drop)
                })
                .await;
        });
    }
    Ok((sessions, peers))
}

/// Reads from each connection until its other side has ended.
fn serve_until_the_end() -> io::Result<std::net::SocketAddr> {
    let listener = TcpListener::from_std(listener::bind()?)?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while let Ok(1..) = stream.read(&mut [0; 64]).await {} });
        }
    });
    Ok(address)
}

async fn close(address: std::net::SocketAddr, operations: u64) {
    for batch in batches(operations) {
        let round = Arc::new(Round::default());
        let mut streams = Vec::new();
        for _ in 0..batch {
            streams.push(TcpStream::connect(address).await.expect("a connection"));
        }
        round.begin(streams.len());
        for mut stream in streams {
            let round = round.clone();
            tokio::spawn(async move {
                let _ = stream.shutdown().await;
                while let Ok(1..) = stream.read(&mut [0; 64]).await {}
                drop(stream);
                round.done();
            });
        }
        round.end().await;
    }
}

async fn spawn(operations: u64) {
    for operation in 0..operations {
        let joined = tokio::spawn(async move { black_box(operation) }).await;
        assert_eq!(joined.ok(), Some(operation));
    }
}

async fn call_later(operations: u64) {
    let armed = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::with_capacity(usize::try_from(operations).unwrap_or_default());
    for operation in 0..operations {
        let armed = armed.clone();
        tasks.push(tokio::spawn(async move {
            let sleep = tokio::time::sleep(Duration::from_millis(60_000 + operation % 1000));
            armed.fetch_add(1, Ordering::Relaxed);
            sleep.await;
            black_box(operation);
        }));
    }
    while armed.load(Ordering::Relaxed) < operations {
        tokio::task::yield_now().await;
    }
    for task in &tasks {
        task.abort();
    }
    // They are gone once the runtime has had its turn.
    for task in tasks {
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }
}

async fn moved_calls(operations: u64) {
    let mut sleeps: Vec<_> = (0..moving::CALLS)
        .map(|number| Box::pin(tokio::time::sleep(moving::at_first(number))))
        .collect();
    // So that they are armed.
    poll_fn(|cx| {
        let ready = sleeps
            .iter_mut()
            .any(|sleep| sleep.as_mut().poll(cx).is_ready());
        assert!(!ready);
        Poll::Ready(())
    })
    .await;
    for operation in 0..operations {
        let deadline = tokio::time::Instant::now() + moving::to(operation);
        sleeps[moving::which(operation)].as_mut().reset(deadline);
    }
}

async fn zero_delay(operations: u64) {
    for _ in 0..operations {
        tokio::task::yield_now().await;
    }
}

/// The same on every runtime.
pub(super) async fn oneshot(operations: u64) {
    for operation in 0..operations {
        let (sender, receiver) = oneshot::channel();
        assert!(sender.send(black_box(operation)).is_ok());
        assert_eq!(receiver.await, Ok(operation));
    }
}

type Job = Box<dyn FnOnce(&mut u64, &mut TcpStream) + Send>;

/// A connection that runs the closures it is sent, and its other end.
async fn connection() -> io::Result<(mpsc::UnboundedSender<Job>, TcpStream)> {
    let listener = TcpListener::from_std(listener::bind()?)?;
    let peer = TcpStream::connect(listener.local_addr()?).await?;
    let (mut stream, _) = listener.accept().await?;
    let (sender, mut jobs) = mpsc::unbounded_channel::<Job>();
    tokio::spawn(async move {
        let mut count = 0;
        let mut buffer = [0; 1024];
        poll_fn(|cx| {
            while let Poll::Ready(job) = jobs.poll_recv(cx) {
                match job {
                    Some(job) => job(&mut count, &mut stream),
                    None => return Poll::Ready(()),
                }
            }
            Pin::new(&mut stream)
                .poll_read(cx, &mut ReadBuf::new(&mut buffer))
                .map(drop)
        })
        .await;
    });
    Ok((sender, peer))
}

async fn call(jobs: mpsc::UnboundedSender<Job>, operations: u64) {
    for _ in 0..operations {
        let (sender, receiver) = oneshot::channel();
        let sent = jobs.send(Box::new(move |count, _| {
            *count += 1;
            let _ = sender.send(*count);
        }));
        assert!(sent.is_ok() && receiver.await.is_ok());
    }
}
