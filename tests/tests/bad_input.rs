//! Bad input gets a typed error that names what was given, on every loop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use polyloop::test as polyloop_test;
use polyloop_core::{
    Calls, ConnectError, ConnectOptions, Lifecycle, ListenError, Loop, LoopClosed, Promise,
    TcpOptions, Timers,
};
use polyloop_tests::{Log, Recorder};

fn silent() -> Recorder {
    Recorder::new(&Log::new())
}

/// A port that nobody listens on: it was free a moment ago.
fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[polyloop_test]
async fn an_unparsable_address<L: Loop>(lp: L) {
    for text in [
        "",
        "nowhere",
        "127.0.0.1",
        "127.0.0.1:http",
        "127.0.0.1:99999",
        "::1:80",
    ] {
        let error = lp.connect(text, silent).await.unwrap_err();
        assert!(matches!(error, ConnectError::Endpoint(_)), "{error:?}");
        assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        assert!(error.to_string().contains("expected host:port"), "{error}");
        let error = lp.serve(text, silent).await.unwrap_err();
        assert!(matches!(error, ListenError::Endpoint(_)), "{error:?}");
        assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
    }
}

#[polyloop_test(loops(real))]
async fn a_port_in_use<L: Loop>(lp: L) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = lp.serve(address, silent).await.unwrap_err();
    let ListenError::InUse {
        address: named,
        source,
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(*named, address);
    assert_eq!(source.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[polyloop_test(loops(real))]
async fn a_closed_port<L: Loop>(lp: L) {
    let address = closed_port();
    let error = lp.connect(address, silent).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    assert_eq!(error.io_kind(), io::ErrorKind::ConnectionRefused);
    let (tried, reason) = &error.attempts()[0];
    assert_eq!(*tried, address);
    assert!(
        reason.raw_os_error().is_some(),
        "{reason:?} has the system's code"
    );
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[polyloop_test]
async fn an_unreachable_address<L: Loop>(lp: L) {
    // The broadcast address of the loopback network: no stream can reach it, and
    // nothing is sent to find out.
    let error = lp.connect("127.255.255.255:9", silent).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("127.255.255.255:9"), "{error}");
}

#[polyloop_test]
async fn a_name_that_does_not_exist<L: Loop>(lp: L) {
    // RFC 6761: no resolver has a name below `invalid`.
    let error = lp
        .connect("no-such-host.invalid:80", silent)
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Dns { .. }), "{error:?}");
    assert!(
        error.to_string().contains("no-such-host.invalid:80"),
        "{error}"
    );
    let error = lp
        .serve("no-such-host.invalid:0", silent)
        .await
        .unwrap_err();
    assert!(matches!(error, ListenError::Dns { .. }), "{error:?}");
}

#[polyloop_test]
async fn a_local_address_that_is_not_here<L: Loop>(lp: L) {
    let server = lp.serve("127.0.0.1:0", silent).await.unwrap();
    // Documentation addresses are on no machine (RFC 5737).
    let local: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let options = ConnectOptions::new().tcp(TcpOptions::new().local_address(Some(local)));
    let error = lp
        .connect_with(server.local_addr(), options, silent)
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Bind { .. }), "{error:?}");
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}

#[polyloop_test(loops(real))]
async fn a_connect_that_takes_too_long<L: Loop>(lp: L) {
    // A backlog of one that nobody accepts from: once it is full, the system answers
    // no further connect.
    let options = polyloop_core::ListenOptions::new().backlog(0);
    let full =
        polyloop_core::net::socket::listen("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let address = full.local_addr().unwrap();
    let mut fillers = Vec::new();
    let limit = Duration::from_millis(300);
    let error = loop {
        let options = ConnectOptions::new().timeout(Some(limit));
        match lp.connect_with(address, options, silent).await {
            Ok(filler) => fillers.push(filler),
            Err(error) => break error,
        }
        assert!(fillers.len() < 64, "the backlog never fills");
    };
    assert!(
        matches!(error, ConnectError::TimedOut { limit: Some(l), .. } if l == limit),
        "{error:?}"
    );
    assert_eq!(error.io_kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.to_string().contains("300ms"), "{error}");
}

#[polyloop_test]
async fn a_zero_duration<L: Loop>(lp: L) {
    // One turn each: many of them take no time to speak of, and none hangs.
    for _ in 0..1000 {
        lp.sleep(Duration::ZERO).await;
    }
    let (resolver, made) = polyloop_core::Deferred::new();
    lp.call_later(Duration::ZERO, move || resolver.resolve(()).unwrap())
        .unwrap();
    made.await.unwrap();
    // A limit of zero takes only what is there.
    let there = polyloop_core::Deferred::resolved(7);
    assert_eq!(there.timeout(&lp, Duration::ZERO).await.unwrap(), 7);
    let (_resolver, never) = polyloop_core::Deferred::<()>::new();
    assert!(
        never
            .timeout(&lp, Duration::ZERO)
            .await
            .unwrap_err()
            .is_timed_out()
    );
    // Nor is anything begun for it, whether or not the system would be done at once.
    let server = lp.serve("127.0.0.1:0", silent).await.unwrap();
    let options = ConnectOptions::new().timeout(Some(Duration::ZERO));
    let error = lp
        .connect_with(server.local_addr(), options, silent)
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
    lp.sleep(Duration::from_millis(5)).await;
    assert_eq!(server.connection_count(), 0);
}

#[polyloop_test]
async fn a_huge_duration<L: Loop>(lp: L) {
    for huge in [
        Duration::MAX,
        Duration::from_secs(u64::MAX / 2),
        Duration::from_secs(500 * 365 * 24 * 3600),
    ] {
        let sleeping = lp.spawn(lp.sleep(huge));
        let call = lp.call_later(huge, || panic!("it came")).unwrap();
        lp.sleep(Duration::from_millis(5)).await;
        assert!(!sleeping.is_done());
        assert!(call.is_pending());
        assert!(call.cancel());
        assert!(sleeping.cancel("enough"));
        assert!(sleeping.await.unwrap_err().is_cancelled());
        let ready = polyloop_core::Deferred::resolved(1);
        assert_eq!(ready.timeout(&lp, huge).await.unwrap(), 1);
    }
}

#[polyloop_test]
async fn watermarks_the_wrong_way_round<L: Loop>(_lp: L) {
    let error = polyloop_core::WriteLimits::new(10, 20).unwrap_err();
    assert!(error.to_string().contains("20 bytes"), "{error}");
    assert!(error.to_string().contains("10 bytes"), "{error}");
}

/// What each loop says when it is closed, by name and by type.
#[test]
fn use_after_close() {
    polyloop_tests::within_deadline(|| {
        for name in polyloop::AnyLoop::available() {
            let lp = polyloop::AnyLoop::by_name(name).unwrap();
            lp.close().unwrap();
            lp.close().unwrap();
            assert!(lp.is_closed());

            let rejected = lp.call_soon(|| ()).unwrap_err();
            assert!(rejected.to_string().contains(name), "{rejected}");
            // The closure comes back.
            (rejected.call)();
            assert!(lp.call_later(Duration::from_secs(1), || ()).is_err());

            let error = polyloop_core::MainLoop::run(&lp, async {}).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.to_string().contains("closed"), "{error}");

            // What is awaited elsewhere says so as well.
            let other = polyloop::AnyLoop::by_name(name).unwrap();
            polyloop_core::MainLoop::run(&other, async {
                let failure = polyloop_core::Spawner::spawn(&lp, async { 1 })
                    .await
                    .unwrap_err();
                assert!(failure.downcast_ref::<LoopClosed>().is_some(), "{failure}");
                let failure = polyloop_core::Threads::run_in_thread(&lp, || 1)
                    .await
                    .unwrap_err();
                assert!(failure.downcast_ref::<LoopClosed>().is_some(), "{failure}");
                let error = lp.serve("127.0.0.1:0", silent).await.unwrap_err();
                assert!(matches!(error, ListenError::Closed(_)), "{error}");
                let error = lp.connect("127.0.0.1:1", silent).await.unwrap_err();
                assert!(matches!(error, ConnectError::Closed(_)), "{error}");
            })
            .unwrap();
        }
    });
}

/// Every loop inside every loop: refused, and the outer one carries on.
#[test]
fn run_inside_run() {
    polyloop_tests::within_deadline(|| {
        use polyloop_core::{MainLoop, RunError, Spawner};
        for outer_name in polyloop::AnyLoop::available() {
            for inner_name in polyloop::AnyLoop::available() {
                let outer = polyloop::AnyLoop::by_name(outer_name).unwrap();
                let inner = polyloop::AnyLoop::by_name(inner_name).unwrap();
                let answer = outer
                    .run(async {
                        let error = inner.run(async {}).unwrap_err();
                        assert!(matches!(error, RunError::Nested { .. }), "{error:?}");
                        assert!(error.to_string().contains(inner_name), "{error}");
                        assert!(error.to_string().contains(outer_name), "{error}");
                        // From a task and from a callback, too.
                        let second = inner.clone();
                        let refused = outer.spawn(async move { second.run(async {}).is_err() });
                        assert!(refused.await.unwrap());
                        let (resolver, called) = polyloop_core::Deferred::new();
                        outer
                            .call_soon(move || {
                                resolver.resolve(inner.run(async {}).is_err()).unwrap();
                            })
                            .unwrap();
                        assert!(called.await.unwrap());
                        outer.sleep(Duration::from_millis(1)).await;
                        "carries on"
                    })
                    .unwrap();
                assert_eq!(answer, "carries on");
            }
        }
    });
}

#[test]
fn an_unknown_loop() {
    polyloop_tests::within_deadline(|| {
        let error = polyloop::AnyLoop::by_name("libuv").unwrap_err().to_string();
        assert!(error.contains("libuv"), "{error}");
        for name in polyloop::AnyLoop::available() {
            assert!(error.contains(name), "{error}");
        }
    });
}

#[test]
fn running_out_of_descriptors_while_accepting() {
    polyloop_tests::within_deadline(|| {
        use std::io::{Read, Write};
        for name in polyloop::AnyLoop::available_real() {
            let peer = env!("CARGO_BIN_EXE_polyloop-test-peer");
            let mut child = polyloop_tests::Child::start(peer, &["few-descriptors", name]);
            let address = child.address();
            let connect = || {
                let stream = std::net::TcpStream::connect(address).unwrap();
                stream
                    .set_read_timeout(Some(Duration::from_secs(30)))
                    .unwrap();
                stream
            };
            let begun = Instant::now();
            let mut crowd: Vec<_> = (0..100).map(|_| connect()).collect();
            let report = child.line();
            assert!(report.contains(&address.to_string()), "{name}: {report}");
            assert!(report.contains("files"), "{name}: {report}");
            // Those who are in are served while others wait.
            let echo = |stream: &mut std::net::TcpStream| {
                stream.write_all(b"x").unwrap();
                let mut answer = [0];
                stream.read_exact(&mut answer).unwrap();
                assert_eq!(&answer, b"x");
            };
            echo(&mut crowd[0]);
            // When descriptors come free the listener goes on.
            let mut last = crowd.pop().unwrap();
            drop(crowd);
            echo(&mut last);
            echo(&mut connect());
            // It rests for a second after each report, and says nothing meanwhile.
            let most = begun.elapsed().as_secs() + 1;
            let more = child.stop();
            let told = 1 + more.len() as u64;
            assert!(told <= most, "{name}: {told} reports: {report}, {more:?}");
        }
    });
}
