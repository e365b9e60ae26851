//! `AnyLoop` is a loop: what it wraps does everything through it.
//!
//! `#[polyloop::test]` hands each loop that is compiled in over as an `AnyLoop`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::backend::{Backend, Timer};
use polyloop::{
    AnyLoop, Calls, Deferred, Failure, Lifecycle, ListenOptions, Listener, Loop, MainLoop, Promise,
    Protocol, Resolve, Spawner, Stream, Tcp, TcpOptions, Threads, Timers, Transport,
};

#[polyloop::test]
async fn tasks(lp: AnyLoop) -> Result<(), Failure> {
    let sum = lp.spawn(async { 20 }).await? + lp.spawn(async { 22 }).await?;
    assert_eq!(sum, 42);

    let stuck = lp.spawn(std::future::pending::<()>());
    assert!(!stuck.is_done());
    assert!(stuck.cancel("enough"));
    assert!(stuck.await.unwrap_err().is_cancelled());

    let panicking = lp.spawn(async { panic!("on purpose") });
    let failure: Failure = panicking.await.unwrap_err();
    assert!(failure.is_panicked() && failure.text().contains("on purpose"));

    assert_eq!(lp.run_in_thread(|| 6 * 7).await?, 42);
    Ok(())
}

#[polyloop::test]
async fn a_detached_task_runs_on(lp: AnyLoop) -> Result<(), Failure> {
    let (resolver, done) = Deferred::new();
    let clock = lp.clone();
    lp.spawn(async move {
        clock.sleep(Duration::from_millis(5)).await;
        resolver.resolve("done").unwrap();
    })
    .detach();
    assert_eq!(done.await?, "done");
    Ok(())
}

#[polyloop::test]
async fn timers(lp: AnyLoop) -> Result<(), Failure> {
    let start = lp.now();
    lp.sleep(Duration::from_millis(5)).await;
    assert!(lp.now() - start >= Duration::from_millis(5));
    lp.sleep(Duration::ZERO).await;

    let (resolver, called) = Deferred::new();
    lp.call_later(Duration::from_millis(5), move || {
        resolver.resolve(1).unwrap();
    })?;
    assert_eq!(called.await?, 1);
    Ok(())
}

#[polyloop::test]
async fn a_timer_can_be_moved(lp: AnyLoop) {
    const FAR: Duration = Duration::from_secs(3600);
    let start = lp.now();
    let mut timer = std::pin::pin!(lp.timer(start + FAR));
    timer.as_mut().reset(start + Duration::from_millis(5));
    timer.as_mut().await;
    assert!(lp.now() - start >= Duration::from_millis(5));
    timer.as_mut().reset(lp.now() + Duration::from_millis(5));
    timer.await;
    assert!(lp.now() - start >= Duration::from_millis(10));
}

#[polyloop::test]
async fn names_are_resolved(lp: AnyLoop) -> io::Result<()> {
    let found = lp.resolve("127.0.0.1", 80).await?;
    assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 80))]);
    Ok(())
}

#[polyloop::test]
async fn streams(lp: AnyLoop) -> io::Result<()> {
    let mut listener = lp.bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), &ListenOptions::new())?;
    let address = listener.local_addr()?.as_ip().unwrap();
    let options = TcpOptions::new();
    let (client, accepted) = futures_util::join!(
        lp.connect_tcp(address, &options),
        poll_fn(|cx| listener.poll_accept(cx))
    );
    let (mut client, (server, peer)) = (client?, accepted?);
    assert_eq!(Stream::peer_addr(&client)?, address);
    assert_eq!(Stream::local_addr(&client)?, peer);
    client.set_keepalive(true)?;
    assert!(client.keepalive()?);
    client.set_nodelay(false)?;
    assert!(!client.nodelay()?);

    client.write_all(b"ping").await?;
    client.flush().await?;
    client.close().await?;
    {
        let mut server = server;
        let mut got = Vec::new();
        server.read_to_end(&mut got).await?;
        assert_eq!(got, b"ping");
        server.reset_on_drop()?;
    }
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    Ok(())
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// Sends what it is made with and keeps what comes back.
struct Client {
    sends: &'static [u8],
    got: Vec<u8>,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.write(self.sends)?;
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.got.extend_from_slice(data);
        if self.got == self.sends {
            transport.close();
        }
        Ok(())
    }
}

#[polyloop::test]
async fn an_echo(lp: AnyLoop) -> Result<(), Failure> {
    let server = lp.serve("127.0.0.1:0", || Echo).await?;
    let client = lp
        .connect(server.local_addr(), || Client {
            sends: b"hello",
            got: Vec::new(),
        })
        .await?;
    assert!(client.closed().await.is_clean());
    server.close();
    server.drained().await;
    Ok(())
}

#[polyloop::test]
async fn it_is_current_and_the_same(lp: AnyLoop) -> Result<(), Failure> {
    let current = AnyLoop::current()?;
    assert_eq!(current.name(), lp.name());
    assert!(std::sync::Arc::ptr_eq(current.state(), lp.state()));
    let in_task = lp.spawn(async { AnyLoop::current() }).await??;
    assert!(std::sync::Arc::ptr_eq(in_task.state(), lp.state()));
    Ok(())
}

#[polyloop::test]
async fn it_does_not_run_inside_of_itself(lp: AnyLoop) {
    let error = lp.run(async {}).unwrap_err().to_string();
    assert!(error.contains("from inside"), "{error}");
}

#[test]
fn it_prints_what_it_is() {
    for name in AnyLoop::available() {
        let lp = AnyLoop::by_name(name).unwrap();
        assert!(format!("{lp:?}").contains(name), "{lp:?}");
    }
}

/// A simulated loop has them, too: the same calls, and no socket of the system's below.
#[cfg(unix)]
#[polyloop::test]
async fn datagrams(lp: AnyLoop) -> Result<(), Failure> {
    use polyloop::{DatagramSocket, MulticastInterface, SendError, Udp, UdpOptions, UdpSettings};

    let here: SocketAddr = "127.0.0.1:0".parse()?;
    let far = lp.bind_udp(here, &UdpOptions::new())?;
    let to = far.local_addr()?;
    let near = lp.connect_udp(to, &UdpOptions::new().local_address(Some(here)))?;
    assert_eq!(near.peer_addr(), Some(to));
    assert_eq!(near.socket().is_none(), lp.name() == "sim");
    near.writable().await?;
    poll_fn(|cx| near.poll_writable(cx)).await?;
    near.try_send(b"a")?;
    near.send(b"b").await?;
    near.send_to(b"c", to).await?;
    let mut buffer = [0; 8];
    for expected in [b"a", b"b", b"c"] {
        let (length, from) = far.recv_from(&mut buffer).await?;
        assert_eq!(
            (&buffer[..length], from),
            (&expected[..], near.local_addr()?)
        );
    }
    far.send_to(b"d", near.local_addr()?).await?;
    assert_eq!(near.recv(&mut buffer).await?, 1);
    let long = near.try_send(&vec![0; 70_000]);
    assert!(matches!(long, Err(SendError::TooLong { .. })), "{long:?}");

    far.set_broadcast(true)?;
    far.set_ttl(9)?;
    far.set_multicast_ttl(3)?;
    far.set_multicast_loop(false)?;
    assert!(far.broadcast()? && !far.multicast_loop()?);
    assert_eq!((far.ttl()?, far.multicast_ttl()?), (9, 3));
    let loopback = MulticastInterface::Address(std::net::Ipv4Addr::LOCALHOST);
    far.set_multicast_interface(loopback)?;
    assert_eq!(far.multicast_interface()?, loopback);
    let group = "239.255.71.3".parse()?;
    far.join_multicast(group, loopback)?;
    far.leave_multicast(group, loopback)?;
    assert!(far.leave_multicast(group, loopback).is_err());

    let theirs = std::net::UdpSocket::bind(here)?;
    assert_eq!(lp.adopt_udp(theirs).is_err(), lp.name() == "sim");
    Ok(())
}

#[cfg(unix)]
#[polyloop::test]
async fn descriptors(lp: AnyLoop) -> Result<(), Failure> {
    use polyloop::{Interest, Watch, WatchError};
    use std::io::{Read as _, Write as _};

    let (reader, mut writer) = io::pipe()?;
    let watched = lp.watch(reader);
    if lp.name() == "sim" {
        let error = watched.unwrap_err();
        assert!(matches!(error, WatchError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains("sim"), "{error}");
        return Ok(());
    }
    assert!(polyloop::watch(io::pipe()?.0)?.is_ok());
    let pipe = watched?;
    let read = |mut pipe: &io::PipeReader| pipe.read(&mut [0; 16]);
    let reading = pipe.io(Interest::Readable, read);
    writer.write_all(b"abc")?;
    assert_eq!(reading.await?, 3);

    let (resolver, called) = Deferred::new();
    let mut resolver = Some(resolver);
    let callback = lp.add_reader(&pipe, move |pipe| {
        let got = read(pipe).unwrap_or_default();
        if let Some(resolver) = resolver.take() {
            let _ = resolver.resolve(got);
        }
    })?;
    writer.write_all(b"de")?;
    assert_eq!(called.await?, 2);
    callback.remove();
    Ok(())
}
