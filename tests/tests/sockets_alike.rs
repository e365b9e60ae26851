//! What a socket answers is the same on each loop, the simulated one included: errors
//! of addresses that no stream leads to, and what is left of a connection that has ended.
//!
//! The answers are those of Linux, whose numbers the simulation gives.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use polyloop::test as polyloop_test;
use polyloop_core::{ListenOptions, Listener as _, Loop, Tcp, TcpOptions};

/// Longer than anything takes on a loopback, and too short for a connect to give up.
const MOMENT: Duration = Duration::from_millis(300);

fn said<T>(result: &io::Result<T>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => match error.raw_os_error() {
            Some(code) => format!("{:?} ({code})", error.kind()),
            None => format!("{:?}", error.kind()),
        },
    }
}

/// Port 9 of that address, where nobody listens.
fn discard(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 9)
}

async fn connect_said<L: Loop>(lp: &L, ip: &str) -> String {
    let connect = lp.connect_tcp(discard(ip), &TcpOptions::default()).await;
    said(&connect)
}

fn bind_said<L: Loop>(lp: &L, ip: &str, v6_only: bool) -> String {
    let options = ListenOptions::default().v6_only(v6_only);
    said(&lp.bind_tcp(SocketAddr::new(ip.parse().unwrap(), 0), &options))
}

#[polyloop_test]
async fn addresses_that_no_stream_leads_to<L: Loop>(lp: L) {
    let mut answers = String::new();
    for ip in [
        "0.0.0.0",
        "224.0.0.1",
        "239.1.2.3",
        "255.255.255.255",
        "127.255.255.255",
        "::",
        "ff02::1",
        "ff0e::1",
        "fe80::1",
        "::ffff:127.0.0.1",
        "::ffff:224.0.0.1",
        "::ffff:0.0.0.0",
        "::ffff:255.255.255.255",
    ] {
        let _ = writeln!(answers, "{ip}: {}", connect_said(&lp, ip).await);
    }
    assert_eq!(
        answers,
        "\
0.0.0.0: ConnectionRefused (111)
224.0.0.1: NetworkUnreachable (101)
239.1.2.3: NetworkUnreachable (101)
255.255.255.255: NetworkUnreachable (101)
127.255.255.255: NetworkUnreachable (101)
::: ConnectionRefused (111)
ff02::1: NetworkUnreachable (101)
ff0e::1: NetworkUnreachable (101)
fe80::1: InvalidInput (22)
::ffff:127.0.0.1: ConnectionRefused (111)
::ffff:224.0.0.1: NetworkUnreachable (101)
::ffff:0.0.0.0: ConnectionRefused (111)
::ffff:255.255.255.255: NetworkUnreachable (101)
"
    );
}

#[polyloop_test]
async fn addresses_to_listen_on<L: Loop>(lp: L) {
    let mut answers = String::new();
    for ip in [
        "0.0.0.0",
        "127.0.0.1",
        "127.9.9.9",
        "224.0.0.1",
        "255.255.255.255",
        "127.255.255.255",
        "192.0.2.1",
        "::",
        "::1",
        "ff02::1",
        "fe80::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:224.0.0.1",
        "::ffff:0.0.0.0",
        "::ffff:192.0.2.1",
    ] {
        let (alone, dual) = (bind_said(&lp, ip, true), bind_said(&lp, ip, false));
        let _ = writeln!(answers, "{ip}: {alone}, dual {dual}");
    }
    assert_eq!(
        answers,
        "\
0.0.0.0: ok, dual ok
127.0.0.1: ok, dual ok
127.9.9.9: ok, dual ok
224.0.0.1: ok, dual ok
255.255.255.255: ok, dual ok
127.255.255.255: ok, dual ok
192.0.2.1: AddrNotAvailable (99), dual AddrNotAvailable (99)
::: ok, dual ok
::1: ok, dual ok
ff02::1: InvalidInput (22), dual InvalidInput (22)
fe80::1: InvalidInput (22), dual InvalidInput (22)
2001:db8::1: AddrNotAvailable (99), dual AddrNotAvailable (99)
::ffff:127.0.0.1: InvalidInput (22), dual ok
::ffff:224.0.0.1: InvalidInput (22), dual ok
::ffff:0.0.0.0: InvalidInput (22), dual ok
::ffff:192.0.2.1: InvalidInput (22), dual AddrNotAvailable (99)
"
    );
}

type Pair<L> = (<L as Tcp>::TcpStream, <L as Tcp>::TcpStream);

async fn pair<L: Loop>(lp: &L) -> Pair<L> {
    let address = "127.0.0.1:0".parse().unwrap();
    let mut listener = lp.bind_tcp(address, &ListenOptions::default()).unwrap();
    let near = lp
        .connect_tcp(
            listener.local_addr().unwrap().as_ip().unwrap(),
            &TcpOptions::default(),
        )
        .await
        .unwrap();
    let (far, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
    (near, far)
}

fn reset<S: polyloop_core::Stream>(stream: S) {
    stream.reset_on_drop().unwrap();
}

/// What a stream still answers.
async fn left<S: polyloop_core::Stream>(stream: &mut S, asked: &[&str]) -> String {
    let mut answers = Vec::new();
    for ask in asked {
        let answer = match *ask {
            "read" => {
                let read = stream.read(&mut [0; 8]).await;
                read.as_ref()
                    .map_or_else(|_| said(&read), |n| format!("{n} bytes"))
            }
            "write" => said(&stream.write(b"x").await),
            "close" => said(&stream.close().await),
            "peer" => said(&stream.peer_addr()),
            "local" => said(&stream.local_addr()),
            "nodelay" => said(&stream.nodelay()),
            "set nodelay" => said(&stream.set_nodelay(true)),
            other => panic!("{other}"),
        };
        answers.push(format!("{ask}: {answer}"));
    }
    answers.join(", ")
}

/// A pair, one end of which `end` does something with; then what the other still answers
/// before and after that has got there.
async fn after<L: Loop>(
    lp: &L,
    before: &[&str],
    end: impl AsyncFnOnce(L::TcpStream),
    asked: &[&str],
) -> String {
    let (mut near, far) = pair(lp).await;
    end(far).await;
    if before.is_empty() {
        lp.sleep(MOMENT).await;
        return left(&mut near, asked).await;
    }
    let first = left(&mut near, before).await;
    lp.sleep(MOMENT).await;
    format!("{first}; then {}", left(&mut near, asked).await)
}

#[polyloop_test]
async fn what_is_left_after_a_reset<L: Loop>(lp: L) {
    let resets = async |far| reset(far);
    let all = [
        "peer", "local", "nodelay", "close", "read", "read", "write", "close", "peer",
    ];
    assert_eq!(
        after(&lp, &[], resets, &all).await,
        "peer: NotConnected (107), local: ok, nodelay: ok, close: ok, \
         read: ConnectionReset (104), read: 0 bytes, write: BrokenPipe (32), close: ok, \
         peer: NotConnected (107)"
    );
    assert_eq!(
        after(&lp, &[], resets, &["write", "read", "write", "close"]).await,
        "write: ConnectionReset (104), read: 0 bytes, write: BrokenPipe (32), close: ok"
    );
    let ends_and_resets = async |mut far: L::TcpStream| {
        far.close().await.unwrap();
        lp.sleep(MOMENT).await;
        reset(far);
    };
    assert_eq!(
        after(
            &lp,
            &[],
            ends_and_resets,
            &["peer", "read", "write", "close"]
        )
        .await,
        "peer: NotConnected (107), read: 0 bytes, write: BrokenPipe (32), close: ok"
    );
    let writes_and_resets = async |mut far: L::TcpStream| {
        far.write_all(b"abc").await.unwrap();
        lp.sleep(MOMENT).await;
        reset(far);
    };
    assert_eq!(
        after(
            &lp,
            &[],
            writes_and_resets,
            &["read", "read", "read", "write"]
        )
        .await,
        "read: 3 bytes, read: ConnectionReset (104), read: 0 bytes, write: BrokenPipe (32)"
    );
}

#[polyloop_test]
async fn what_is_left_after_the_end<L: Loop>(lp: L) {
    let ends = async |far| drop(far);
    // What is written to a peer that is gone is answered with a reset.
    assert_eq!(
        after(
            &lp,
            &["read", "peer", "write"],
            ends,
            &["read", "write", "close", "peer"]
        )
        .await,
        "read: 0 bytes, peer: ok, write: ok; \
         then read: 0 bytes, write: BrokenPipe (32), close: ok, peer: NotConnected (107)"
    );
    assert_eq!(
        after(
            &lp,
            &["read", "close"],
            ends,
            &["peer", "local", "close", "read", "write"]
        )
        .await,
        "read: 0 bytes, close: ok; then peer: NotConnected (107), local: ok, close: ok, \
         read: 0 bytes, write: BrokenPipe (32)"
    );
}
