//! A panic or an error in any callback ends that one connection, with that error as
//! its reason; the server lives on.

use std::sync::{Arc, Mutex};

use polyloop::test as polyloop_test;
use polyloop_core::{
    CloseReason, Connection, Failure, FailureKind, Flow, Loop, OnEof, Protocol, Server, TimerKey,
    Transport,
};
use polyloop_tests::{Log, Recorder};

/// Where a protocol is to fail.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Made,
    Data,
    Eof,
    PauseWriting,
    ResumeWriting,
    Timer,
    Lost,
}

const ALL: [At; 7] = [
    At::Made,
    At::Data,
    At::Eof,
    At::PauseWriting,
    At::ResumeWriting,
    At::Timer,
    At::Lost,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Panic,
    Error,
}

struct Faulty {
    at: At,
    how: How,
    reasons: Arc<Mutex<Vec<CloseReason>>>,
}

impl Faulty {
    fn reached(&self, place: At) -> Result<(), Failure> {
        if self.at != place {
            return Ok(());
        }
        match self.how {
            How::Panic => panic!("planted panic at {place:?}"),
            How::Error => Err(Failure::message(format!("planted error at {place:?}"))),
        }
    }
}

impl Protocol for Faulty {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        if self.at == At::Timer {
            transport.set_timer(TimerKey::new("fault"), std::time::Duration::from_millis(1));
        }
        self.reached(At::Made)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.reached(At::Data)?;
        if matches!(self.at, At::PauseWriting | At::ResumeWriting) {
            // Over any watermark, and over what the system takes at once.
            let much = vec![0; 256 * 1024];
            while transport.write(&much)? == Flow::Continue {}
        } else {
            transport.write(data)?;
        }
        Ok(())
    }

    fn eof_received(&mut self, _: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.reached(At::Eof)?;
        Ok(OnEof::Close)
    }

    fn pause_writing(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.reached(At::PauseWriting)
    }

    fn resume_writing(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.reached(At::ResumeWriting)
    }

    fn timer_fired(&mut self, _: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
        self.reached(At::Timer)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.reasons.lock().unwrap().push(reason);
        // It has no error to return, so it can only panic.
        assert!(self.at != At::Lost, "planted panic at Lost");
    }
}

/// A server that resets at once may be seen to do so while connecting: that is
/// `None`.
async fn connect<L: Loop>(
    lp: &L,
    server: &Server<Faulty>,
    client: Recorder,
) -> Option<Connection<Recorder>> {
    let mut client = Some(client);
    let factory = move || client.take().expect("one connection");
    match lp.connect(server.local_addr(), factory).await {
        Ok(connection) => Some(connection),
        Err(error) => {
            assert_eq!(
                error.io_kind(),
                std::io::ErrorKind::ConnectionReset,
                "{error}"
            );
            None
        }
    }
}

#[polyloop_test]
async fn a_fault_ends_its_own_connection_alone<L: Loop>(lp: L) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = reports.clone();
    lp.set_error_hook(move |report| seen.lock().unwrap().push(report.to_string()));

    for how in [How::Panic, How::Error] {
        for at in ALL {
            let reasons = Arc::new(Mutex::new(Vec::new()));
            let faulty_reasons = reasons.clone();
            let faulty = lp
                .serve("127.0.0.1:0", move || Faulty {
                    at,
                    how,
                    reasons: faulty_reasons.clone(),
                })
                .await
                .unwrap();
            // A connection that nothing happens on, and that must go on.
            let bystander_log = Log::new();
            let log = bystander_log.clone();
            let Some(bystander) = connect(&lp, &faulty, Recorder::new(&log)).await else {
                assert!(matches!(at, At::Made | At::Timer), "{at:?}");
                faulty.close();
                continue;
            };

            let log = Log::new();
            let client_log = log.clone();
            let victim = Recorder::greeting(&client_log, b"x");
            let Some(victim) = connect(&lp, &faulty, victim).await else {
                assert!(matches!(at, At::Made | At::Timer), "{at:?}");
                faulty.close();
                continue;
            };
            if matches!(at, At::Eof | At::Lost) {
                log.until(&lp, |log| !log.bytes().is_empty()).await;
                victim
                    .call(|_, transport| transport.write_eof())
                    .await
                    .unwrap()
                    .unwrap();
            }
            if at == At::Timer {
                // It has fired on the bystander, too, and on nobody else.
                bystander.closed().await;
            }
            let seen_by_client = victim.closed().await;

            while reasons.lock().unwrap().is_empty() {
                lp.sleep(std::time::Duration::from_millis(1)).await;
            }
            let reason = reasons.lock().unwrap()[0].clone();
            if at == At::Lost {
                assert!(reason.is_clean(), "{how:?} at {at:?}: {reason}");
            } else {
                let failure = reason.error().expect("the planted fault").clone();
                let kind = match how {
                    How::Panic => FailureKind::Panicked,
                    How::Error => FailureKind::Error,
                };
                assert_eq!(failure.kind(), kind, "{how:?} at {at:?}");
                assert!(
                    failure.text().contains(&format!("at {at:?}")),
                    "{how:?} at {at:?}: {failure}"
                );
                // The peer can tell it from a clean end.
                assert!(!seen_by_client.is_clean(), "{how:?} at {at:?}");
            }
            let reported = reports.lock().unwrap().join("\n");
            assert!(
                reported.contains(&format!("at {at:?}")),
                "{how:?} at {at:?} was not reported: {reported}"
            );

            if !matches!(at, At::Made | At::Timer) {
                // The bystander still has its connection, and the server takes more.
                assert!(!bystander.is_lost(), "{how:?} at {at:?}");
                let another = lp
                    .connect(faulty.local_addr(), || Recorder::new(&Log::new()))
                    .await
                    .unwrap();
                another.abort();
            }
            faulty.close();
            bystander.abort();
            faulty.drained().await;
        }
    }
}

#[polyloop_test]
async fn a_failed_connection_made_fails_the_connect<L: Loop>(lp: L) {
    lp.set_error_hook(|_| {});
    let server = lp
        .serve("127.0.0.1:0", || Recorder::new(&Log::new()))
        .await
        .unwrap();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let client_reasons = reasons.clone();
    let error = lp
        .connect(server.local_addr(), move || Faulty {
            at: At::Made,
            how: How::Error,
            reasons: client_reasons.clone(),
        })
        .await
        .unwrap_err();
    assert!(error.to_string().contains("planted error"), "{error}");
    // It was made, so it is lost: once.
    while reasons.lock().unwrap().is_empty() {
        lp.sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(reasons.lock().unwrap().len(), 1);
}

#[polyloop_test]
async fn a_panicking_call_fails_its_promise_and_its_connection<L: Loop>(lp: L) {
    lp.set_error_hook(|_| {});
    let server = lp
        .serve("127.0.0.1:0", || Recorder::new(&Log::new()))
        .await
        .unwrap();
    let connection = lp
        .connect(server.local_addr(), || Recorder::new(&Log::new()))
        .await
        .unwrap();
    let failure = connection
        .call(|_, _| -> u32 { panic!("planted") })
        .await
        .unwrap_err();
    assert!(failure.is_panicked(), "{failure}");
    let reason = connection.closed().await;
    assert!(reason.error().is_some_and(Failure::is_panicked), "{reason}");
    // Later calls say why they can't be made.
    let failure = connection.call(|_, _| 1).await.unwrap_err();
    assert!(
        failure
            .downcast_ref::<polyloop_core::ConnectionLost>()
            .is_some(),
        "{failure}"
    );
}

#[polyloop_test]
async fn a_factory_that_panics_costs_one_connection<L: Loop>(lp: L) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = reports.clone();
    lp.set_error_hook(move |report| seen.lock().unwrap().push(report.to_string()));
    let mut built = 0;
    let server = lp
        .serve("127.0.0.1:0", move || {
            built += 1;
            assert!(built > 1, "planted panic");
            Recorder::greeting(&Log::new(), b"here")
        })
        .await
        .unwrap();
    let log = Log::new();
    let first_log = log.clone();
    let first = lp
        .connect(server.local_addr(), move || Recorder::new(&first_log))
        .await
        .unwrap();
    first.closed().await;
    assert!(log.bytes().is_empty());
    let second_log = log.clone();
    let _second = lp
        .connect(server.local_addr(), move || Recorder::new(&second_log))
        .await
        .unwrap();
    log.until(&lp, |log| log.bytes() == b"here").await;
    assert!(reports.lock().unwrap().join("\n").contains("planted panic"));
}

#[polyloop_test]
async fn calls_behind_one_that_ends_the_connection_say_that_it_is_lost<L: Loop>(lp: L) {
    let server = lp
        .serve("127.0.0.1:0", || Recorder::new(&Log::new()))
        .await
        .unwrap();
    let connection = lp
        .connect(server.local_addr(), || Recorder::new(&Log::new()))
        .await
        .unwrap();
    // Posted from the connection's own task, so that it finds both at once.
    let own = connection.clone();
    let behind = connection
        .call(move |_, _| {
            own.abort();
            own.call(|_, _| 1)
        })
        .await
        .unwrap();
    let failure = behind.await.unwrap_err();
    assert!(
        failure
            .downcast_ref::<polyloop_core::ConnectionLost>()
            .is_some(),
        "{failure}"
    );
}
