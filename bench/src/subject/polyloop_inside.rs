//! What a polyloop program does without the network, written once.

use std::hint::black_box;

use std::sync::Arc;
use std::time::Duration;

use polyloop::{
    Address, Connection, Deferred, Failure, Loop, Processes, Promise, Protocol, Server, Transport,
    TransportHandle, Udp,
};

use super::control::Control;
use super::crowd::{Round, SESSIONS, batches};
use super::{moving, process, tls, tls_by_hand, udp_echo, unix_ping, waiters};
use crate::suites::{Subject, Suite};

/// Runs in a task of the loop, as the hand-written programs do.
pub(super) async fn run<L: Loop + Udp + Processes>(
    lp: L,
    suite: Suite,
    subject: Subject,
    control: Control,
) -> Result<(), String> {
    let task = lp.spawn(obey(lp.clone(), suite, subject, control));
    task.await.map_err(|failure| failure.to_string())?
}

async fn obey<L: Loop + Udp + Processes>(
    lp: L,
    suite: Suite,
    subject: Subject,
    control: Control,
) -> Result<(), String> {
    match (suite, subject) {
        (Suite::Spawn, _) => control.obey(|n| spawn(lp.clone(), n)).await,
        (Suite::CallLater, _) => control.obey(|n| call_later(lp.clone(), n)).await,
        (Suite::MovedCalls, _) => control.obey(|n| moved_calls(lp.clone(), n)).await,
        (Suite::ZeroDelay, Subject::PolyloopSleep) => {
            control.obey(|n| zero_sleep(lp.clone(), n)).await;
        }
        (Suite::ZeroDelay, _) => control.obey(|n| zero_delay(lp.clone(), n)).await,
        (Suite::Chain10, Subject::Polyloop) => control.obey(chain).await,
        (Suite::Waiters, subject) => {
            let standing = if subject == Subject::Source {
                100
            } else {
                20_000
            };
            let crowd = waiters::Crowd::new(connection(&lp).await?, standing);
            control
                .obey(|n| {
                    crowd.join(n);
                    std::future::ready(())
                })
                .await;
        }
        (Suite::Call, _) => {
            let connection = connection(&lp).await?;
            control.obey(|n| call(connection.clone(), n)).await;
        }
        (Suite::BrokerWakes, _) => {
            let round = Arc::new(Round::default());
            let (_server, sessions) = sessions(&lp, &round).await?;
            control.obey(|n| wake_all(&round, &sessions, n)).await;
        }
        (Suite::Closing, _) => {
            let server = lp.serve("127.0.0.1:0", || Counter(0)).await;
            let server = server.map_err(|error| error.to_string())?;
            let address = server.local_addr();
            control.obey(|n| close(&lp, &address, n)).await;
        }
        (Suite::UdpEcho, _) => {
            let client = udp_echo::polyloop(&lp)?;
            control.obey(|n| udp_echo::ask(&client, n)).await;
        }
        (Suite::UnixPing, _) => {
            let client = unix_ping::Client::new(unix_ping::polyloop(&lp).await?);
            control.obey(|n| unix_ping::ask(&client, n)).await;
        }
        (Suite::TlsStream | Suite::TlsPing | Suite::TlsHandshakes | Suite::TlsIdle, _) => {
            let served = tls::OnLoop::serve(&lp).await?;
            let done = tls_by_hand::obey(suite, control, || served.connect()).await;
            done.map_err(|error| error.to_string())?;
        }
        (Suite::Process, _) => control.obey(|n| process::start(&lp, n)).await,
        _ => control.obey(deferred).await,
    }
    Ok(())
}

async fn spawn<L: Loop>(lp: L, operations: u64) {
    for operation in 0..operations {
        let joined = lp.spawn(async move { black_box(operation) }).await;
        assert_eq!(joined.ok(), Some(operation));
    }
}

async fn call_later<L: Loop>(lp: L, operations: u64) {
    let mut calls = Vec::with_capacity(usize::try_from(operations).unwrap_or_default());
    for operation in 0..operations {
        let delay = Duration::from_millis(60_000 + operation % 1000);
        let call = lp.call_later(delay, move || {
            black_box(operation);
        });
        calls.push(call.unwrap_or_else(|rejected| panic!("{}", rejected.closed)));
    }
    // So that they are armed, whatever that takes.
    polyloop::yield_now().await;
    for call in calls {
        assert!(call.cancel());
    }
    polyloop::yield_now().await;
}

async fn moved_calls<L: Loop>(lp: L, operations: u64) {
    let calls: Vec<_> = (0..moving::CALLS)
        .map(|number| {
            let call = lp.call_later(moving::at_first(number), || ());
            call.unwrap_or_else(|rejected| panic!("{}", rejected.closed))
        })
        .collect();
    // So that they are armed.
    polyloop::yield_now().await;
    for operation in 0..operations {
        assert!(calls[moving::which(operation)].reset(moving::to(operation)));
    }
    for call in calls {
        assert!(call.cancel());
    }
    polyloop::yield_now().await;
}

async fn zero_delay<L: Loop>(lp: L, operations: u64) {
    for operation in 0..operations {
        let (resolver, called) = Deferred::new();
        let call = lp.call_later(Duration::ZERO, move || {
            let _ = resolver.resolve(operation);
        });
        assert!(call.is_ok());
        assert_eq!(called.await.ok(), Some(operation));
    }
}

async fn zero_sleep<L: Loop>(lp: L, operations: u64) {
    for _ in 0..operations {
        lp.sleep(Duration::ZERO).await;
    }
}

async fn deferred(operations: u64) {
    for operation in 0..operations {
        let (resolver, deferred) = Deferred::new();
        assert!(resolver.resolve(black_box(operation)).is_ok());
        assert_eq!(deferred.await.ok(), Some(operation));
    }
}

async fn chain(operations: u64) {
    for operation in 0..operations {
        let (resolver, deferred) = Deferred::new();
        assert!(resolver.resolve(black_box(operation)).is_ok());
        let chained = deferred
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)))
            .then(|value| Ok(black_box(value + 1)));
        assert_eq!(chained.await.ok(), Some(operation + 10));
    }
}

/// A session of a broker, less the broker.
struct Session(Arc<Round>);

impl Protocol for Session {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }

    fn woken(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.0.done();
        Ok(())
    }
}

async fn sessions<L: Loop>(
    lp: &L,
    round: &Arc<Round>,
) -> Result<(Server<Counter>, Vec<TransportHandle>), String> {
    let server = lp.serve("127.0.0.1:0", || Counter(0)).await;
    let server = server.map_err(|error| error.to_string())?;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        let own = round.clone();
        let session = lp.connect(server.local_addr(), move || Session(own.clone()));
        sessions.push(session.await.map_err(|error| error.to_string())?.handle());
    }
    Ok((server, sessions))
}

async fn wake_all(round: &Round, sessions: &[TransportHandle], operations: u64) {
    for _ in 0..operations.div_ceil(sessions.len() as u64) {
        round.begin(sessions.len());
        for session in sessions {
            session.wake();
        }
        round.end().await;
    }
}

async fn close<L: Loop>(lp: &L, address: &Address, operations: u64) {
    for batch in batches(operations) {
        let mut connections = Vec::new();
        for _ in 0..batch {
            let connected = lp.connect(address, || Counter(0)).await;
            connections.push(connected.expect("a connection"));
        }
        for connection in &connections {
            connection.close();
        }
        for connection in &connections {
            connection.closed().await;
        }
    }
}

/// Counts the calls it gets.
pub(super) struct Counter(u64);

impl Protocol for Counter {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

async fn connection<L: Loop>(lp: &L) -> Result<Connection<Counter>, String> {
    let server = lp
        .serve("127.0.0.1:0", || Counter(0))
        .await
        .map_err(|error| error.to_string())?;
    lp.connect(server.local_addr(), || Counter(0))
        .await
        .map_err(|error| error.to_string())
}

async fn call(connection: Connection<Counter>, operations: u64) {
    for _ in 0..operations {
        let count = connection.call(|protocol, _| {
            protocol.0 += 1;
            protocol.0
        });
        assert!(count.await.is_ok());
    }
}
