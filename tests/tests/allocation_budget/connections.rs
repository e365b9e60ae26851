//! Connections: accepting and connecting, reading and writing, and calls from
//! outside.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use polyloop_core::{Deferred, Failure, Loop, Protocol, Server, TimerKey, Transport};

use crate::meter::{TIMES, count, count_beside};
use crate::metered_loop::bytes_of_last_started;
use crate::raw::{Does, Raw};
use crate::sheet::Budget::{AtMost, RawPlus};
use crate::sheet::Sheet;

pub(crate) async fn measure<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    echoing(lp, raw, sheet).await;
    reading(lp, raw, sheet).await;
    accepting(lp, raw, sheet).await;
    connecting(lp, raw, sheet).await;
    from_outside(lp, sheet).await;
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// Counts what comes.
struct Sink(Arc<AtomicUsize>);

impl Protocol for Sink {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.0.fetch_add(data.len(), Ordering::SeqCst);
        Ok(())
    }
}

/// Sets its timer when it is asked to: by itself it would fire any number of times while
/// whoever counts has no turn on a busy machine.
struct Ticking(Arc<AtomicUsize>);

impl Protocol for Ticking {
    fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        transport.set_timer(TimerKey::new("tick"), Duration::from_micros(1));
        Ok(())
    }

    fn timer_fired(&mut self, _: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn echoing<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    async fn count_at(address: SocketAddr) -> u64 {
        beside(move || {
            let mut client = connect(address);
            count_beside(|| echo(&mut client))
        })
        .await
    }
    let (address, _serving) = raw.serve(Does::Echo);
    let reference = count_at(address).await;
    let server = lp.serve("127.0.0.1:0", || Echo).await.unwrap();
    let counted = count_at(address_of(&server)).await;
    sheet.enter("read, callback, write", RawPlus(0), counted, reference);
    server.close();
}

async fn reading<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    async fn count_at(address: SocketAddr, received: Arc<AtomicUsize>) -> u64 {
        beside(move || {
            let mut client = connect(address);
            count_beside(|| {
                let before = received.load(Ordering::SeqCst);
                client.write_all(&[7; 64]).unwrap();
                until(|| received.load(Ordering::SeqCst) == before + 64);
            })
        })
        .await
    }
    let received = Arc::new(AtomicUsize::new(0));
    let (address, _serving) = raw.serve(Does::Count(received.clone()));
    let reference = count_at(address, received).await;
    let received = Arc::new(AtomicUsize::new(0));
    let sink = received.clone();
    let factory = move || Sink(sink.clone());
    let server = lp.serve("127.0.0.1:0", factory).await.unwrap();
    let counted = count_at(address_of(&server), received).await;
    sheet.enter("read and callback", RawPlus(0), counted, reference);
    server.close();
}

async fn accepting<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    async fn count_at(address: SocketAddr) -> u64 {
        beside(move || count_beside(|| echo(&mut connect(address)))).await
    }
    let (address, _serving) = raw.serve(Does::Echo);
    let reference = count_at(address).await;
    let server = lp.serve("127.0.0.1:0", || Echo).await.unwrap();
    let counted = count_at(address_of(&server)).await;
    sheet.enter("accept, echo, lose", RawPlus(0), counted, reference);
    server.close();
}

/// A connection that has nothing to do is its task: it holds no buffer, and its runtime
/// keeps the room that its future takes for as long as it lasts. Asked of the loops
/// themselves: an `AnyLoop` has room for the largest stream of those that are compiled in.
pub(crate) async fn staying<L: Loop, R: Raw>(lp: &L, _: &R, sheet: &mut Sheet) {
    let server = lp.serve("127.0.0.1:0", || Echo).await.unwrap();
    let address = address_of(&server);
    let task = beside(move || {
        echo(&mut connect(address));
        bytes_of_last_started()
    })
    .await;
    // Of one connection, where the sheet has what many operations come to.
    let counted = task as u64 * TIMES;
    let budget = AtMost(R::CONNECTION_TASK);
    sheet.enter("bytes of a connection's task", budget, counted, None);
    server.close();
}

async fn connecting<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // One that sends ends the thread.
            if stream.read(&mut [0]).unwrap_or(0) > 0 {
                break;
            }
        }
    });
    let reference = count(async || raw.connect_and_close(address).await).await;
    let counted = count(async || {
        let connection = lp.connect(address, || Echo).await.unwrap();
        connection.close();
        black_box(connection.closed().await);
    })
    .await;
    // The endpoint's text; the mailbox, and the promise that `connection_made` settles;
    // `close` in the mailbox; the promise of `closed`, and the list of those who wait;
    // the timer for what is on its way when the connection is closed.
    sheet.enter("connect, close, lose", RawPlus(7), counted, reference);
    connect(address).write_all(b"end").unwrap();
    peer.join().unwrap();
}

async fn from_outside<L: Loop>(lp: &L, sheet: &mut Sheet) {
    let fired = Arc::new(AtomicUsize::new(0));
    let ticks = fired.clone();
    let factory = move || Ticking(ticks.clone());
    let server = lp.serve("127.0.0.1:0", factory).await.unwrap();
    let address = address_of(&server);
    let counted = beside(move || {
        let mut client = connect(address);
        count_beside(|| {
            let before = fired.load(Ordering::SeqCst);
            client.write_all(b"x").unwrap();
            until(|| fired.load(Ordering::SeqCst) > before);
        })
    })
    .await;
    sheet.enter("connection timer", AtMost(0), counted, None);
    server.close();
    server.drained().await;

    let server = lp.serve("127.0.0.1:0", || Echo).await.unwrap();
    let connection = lp.connect(server.local_addr(), || Echo).await.unwrap();
    let counted = count(async || {
        let n: u64 = black_box(1);
        black_box(connection.call(move |_, _| n).await.unwrap());
    })
    .await;
    // The closure, and the promise for its result.
    sheet.enter("connection.call", AtMost(2), counted, None);
    connection.abort();
    server.close();

    let woken = Arc::new(AtomicUsize::new(0));
    let wakes = woken.clone();
    let factory = move || Sleeper(wakes.clone());
    let server = lp.serve("127.0.0.1:0", || Echo).await.unwrap();
    let connection = lp.connect(server.local_addr(), factory).await.unwrap();
    let handle = connection.handle();
    let counted = beside(move || {
        count_beside(|| {
            let before = woken.load(Ordering::SeqCst);
            // The second finds the first on its way, or is a wake of its own.
            handle.wake();
            handle.wake();
            until(|| woken.load(Ordering::SeqCst) > before);
        })
    })
    .await;
    sheet.enter("wake", AtMost(0), counted, None);
    connection.abort();
    server.close();
}

/// Counts its wakes.
struct Sleeper(Arc<AtomicUsize>);

impl Protocol for Sleeper {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }

    fn woken(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn address_of<P: Protocol>(server: &Server<P>) -> SocketAddr {
    server.local_addr().as_ip().unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

fn echo(client: &mut TcpStream) {
    client.write_all(&[7; 64]).unwrap();
    client.read_exact(&mut [0; 64]).unwrap();
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// Runs `work` on a thread of its own while the loop runs.
pub(crate) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (resolver, done) = Deferred::new();
    let thread = std::thread::spawn(move || drop(resolver.resolve(work())));
    let value = done.await.expect("the thread does not panic");
    thread.join().unwrap();
    value
}
