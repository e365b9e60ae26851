//! What the doubles do, and that they find what they are for: TEST-01 to TEST-08.

use std::time::{Duration, Instant};

use polyloop_core::{
    Calls as _, CloseReason, Failure, Flow, MainLoop as _, Protocol, TimerKey, Transport,
    WriteError,
};
use polyloop_sim::SimLoop;
use polyloop_testing::{Cuts, Events, Pump, TestPeer, Unsettled, check_cuts};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Answers with what it gets, but for some words.
#[derive(Default)]
struct Echo {
    pauses: usize,
}

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        match data {
            b"close" => transport.close(),
            b"abort" => transport.abort(),
            b"fail" => return Err(Failure::message("asked for")),
            b"panic" => panic!("asked for"),
            data => {
                if transport.write(data)? == Flow::Pause {
                    transport.pause_reading();
                }
            }
        }
        Ok(())
    }

    fn pause_writing(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.pauses += 1;
        Ok(())
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.resume_reading();
        Ok(())
    }
}

#[test]
fn a_protocol_answers_in_three_lines() {
    let mut peer = TestPeer::of(Echo::default());
    peer.send(b"hello");
    assert_eq!(peer.received(), b"hello");
    assert!(peer.received().is_empty() && peer.lost().is_none() && !peer.got_eof());
}

/// TEST-05: after a close, nothing is recorded, and each end is told as a socket tells it.
#[test]
fn test_05() {
    let mut peer = TestPeer::of(Echo::default());
    peer.send(b"a");
    peer.send(b"close");
    let reason = peer.lost().expect("it closed");
    assert!(reason.is_clean() && peer.got_eof() && !peer.got_reset());
    assert_eq!(peer.received(), b"a");
    peer.send(b"b");
    peer.send_eof();
    assert!(peer.received().is_empty());
    assert!(peer.call(|_, _| ()).is_err());

    let mut peer = TestPeer::of(Echo::default());
    peer.send(b"abort");
    assert!(peer.got_reset());
    assert!(matches!(peer.lost(), Some(CloseReason::Aborted)));

    let mut peer = TestPeer::of(Echo::default());
    peer.reset();
    let lost = peer.lost().expect("it was reset");
    assert!(lost.to_string().contains("reset"), "{lost}");

    let mut peer = TestPeer::of(Echo::default());
    peer.send_eof();
    assert!(peer.lost().is_some_and(|reason| reason.is_clean()));

    let mut peer = TestPeer::of(Echo::default());
    let refused = peer.call(|_, transport| {
        transport.close();
        transport.write(b"late")
    });
    assert_eq!(refused.expect("it was called"), Err(WriteError::Closing));
    assert!(peer.received().is_empty());
}

/// A peer that does not read: the write buffer fills, the protocol pauses, and is resumed.
#[test]
fn back_pressure() {
    let mut peer = TestPeer::of(Echo::default());
    peer.take_only(10);
    let much = vec![7; 100 * 1024];
    peer.send(&much);
    assert_eq!(peer.received(), vec![7; 10]);
    assert_eq!(peer.call(|echo, _| echo.pauses).expect("it lives"), 1);
    peer.send(b"held");
    assert_eq!(peer.unread(), 4);
    peer.take_all();
    assert_eq!(peer.received().len(), much.len() - 10 + 4);
    assert_eq!(peer.unread(), 0);
}

/// TEST-04: an error in a callback is treated as a real loop treats it, and fails the test if
/// it does not look.
#[test]
fn test_04() {
    for word in [&b"fail"[..], b"panic"] {
        let mut peer = TestPeer::of(Echo::default());
        peer.send(word);
        let reports = peer.reports();
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(reports[0].to_string().contains("asked for"));
        assert!(peer.got_reset());
        assert!(matches!(peer.lost(), Some(CloseReason::Error(_))));
    }
    let unseen = std::panic::catch_unwind(|| {
        let mut peer = TestPeer::of(Echo::default());
        peer.send(b"fail");
    });
    let told = unseen.expect_err("the report was not looked at");
    let told = told.downcast_ref::<String>().expect("a text");
    assert!(
        told.contains("asked for") && told.contains("reports"),
        "{told}"
    );
}

/// Puts down when its timers fire.
struct Clock(Events<(u64, Duration)>, Option<Instant>);

impl Protocol for Clock {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        for number in [3, 1, 2] {
            transport.set_timer(TimerKey::numbered("tick", number), seconds(number));
        }
        self.1 = Some(transport.now());
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        let since = self.1.map_or(Duration::MAX, |then| transport.now() - then);
        self.0.push((key.number(), since));
        Ok(())
    }
}

/// TEST-01, TEST-02: what is due is called in the order of the deadlines, and each call sees
/// its own one as the time.
#[test]
fn test_01_and_02() {
    let fired = Events::new();
    let mut peer = TestPeer::of(Clock(fired.clone(), None));
    peer.advance(seconds(60));
    let fired = fired.take();
    let numbers: Vec<u64> = fired.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    for (number, since) in fired {
        assert_eq!(since.as_secs(), number);
        assert!(since.subsec_millis() == 0, "{since:?}");
    }
}

/// TEST-03: calls without a delay that are made meanwhile are made within the same advance,
/// and so is what they ask for.
#[test]
fn test_03() {
    fn again(lp: SimLoop, calls: Events<u32>, left: u32) {
        calls.push(left);
        if left > 0 {
            let next = lp.clone();
            let asked = lp.call_soon(move || again(next, calls, left - 1));
            assert!(asked.is_ok());
        }
    }

    let calls = Events::new();
    let mut peer = TestPeer::of(Echo::default());
    let (lp, seen) = (peer.protocols_loop().clone(), calls.clone());
    let first = lp.clone();
    let asked = lp.call_later(seconds(1), move || again(first, seen, 100));
    assert!(asked.is_ok());
    peer.advance(Duration::from_millis(999));
    assert!(calls.take().is_empty());
    peer.advance(Duration::from_millis(1));
    assert_eq!(calls.take().len(), 101);
}

/// TEST-03: one that asks for itself for ever is found out instead of hanging the test.
#[test]
fn a_call_without_an_end_is_reported() {
    fn again(lp: &SimLoop) {
        let next = lp.clone();
        // Refused once the loop has gone.
        let _ = lp.call_soon(move || again(&next));
    }

    let found = std::panic::catch_unwind(|| {
        let mut peer = TestPeer::of(Echo::default());
        again(peer.protocols_loop());
        peer.advance(seconds(3600));
    });
    let told = found.expect_err("it never ends");
    let told = told.downcast_ref::<String>().map_or("", String::as_str);
    assert!(told.contains("turns"), "{told:?}");
}

/// Says something, and closes.
struct Parting(&'static [u8]);

impl Protocol for Parting {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.write(self.0)?;
        transport.close();
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

/// Puts down what comes, and how it ends.
struct Listener(Events<String>);

impl Protocol for Listener {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.0.push(data.escape_ascii().to_string());
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.0.push(reason.to_string());
    }
}

/// TEST-07, TEST-08: data moves when it is pumped, in pieces as wanted, and comes before the
/// end; then both have been told.
#[test]
fn test_07_and_08() {
    let heard = Events::new();
    let mut pump = Pump::new(Parting(b"so long"), Listener(heard.clone())).expect("they connect");
    pump.cut(Cuts::Every(3));
    assert!(heard.take().is_empty());
    assert!(pump.step());
    assert_eq!(heard.take(), ["so "]);
    assert!(!pump.is_over());
    pump.flush().expect("it ends");
    let heard = heard.take();
    assert_eq!(heard[..2], ["lon", "g"]);
    assert!(pump.is_over());
    let (first, second) = pump.lost();
    assert!(first.is_some_and(|reason| reason.is_clean()));
    assert_eq!(
        second.map(|reason| reason.to_string()).as_ref(),
        heard.last()
    );
    assert!(!pump.step());
}

#[test]
fn a_line_that_is_cut_resets_both_sides() {
    let mut pump = Pump::new(Echo::default(), Echo::default()).expect("they connect");
    pump.cut_line();
    assert!(pump.is_over());
    let (first, second) = pump.lost();
    for reason in [first, second] {
        assert!(matches!(reason, Some(CloseReason::Error(_))), "{reason:?}");
    }
}

#[test]
fn an_abort_is_a_reset_on_the_other_side() {
    let mut pump = Pump::new(Echo::default(), Echo::default()).expect("they connect");
    pump.call_first(|_, transport| transport.abort())
        .expect("it lives");
    pump.flush().expect("it ends");
    let (first, second) = pump.lost();
    assert!(matches!(first, Some(CloseReason::Aborted)), "{first:?}");
    assert!(second.is_some_and(|reason| reason.to_string().contains("reset")));
}

/// Two that answer each other for ever are found out.
#[test]
fn a_talk_without_an_end_is_an_error() {
    let mut pump = Pump::new(Echo::default(), Echo::default()).expect("they connect");
    pump.call_first(|_, transport| transport.write(b"x").map(drop))
        .expect("it lives")
        .expect("it writes");
    let Unsettled { steps, .. } = pump.flush().expect_err("they never end");
    assert!(steps > 1000);
}

#[test]
fn a_protocol_that_fails_at_once_is_an_error_of_connect() {
    struct Never;
    impl Protocol for Never {
        fn connection_made(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
            Err(Failure::message("not today"))
        }
        fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
            Ok(())
        }
    }

    let error = TestPeer::connect(|_| Never).expect_err("it refuses");
    assert!(error.to_string().contains("not today"), "{error}");
    let error = Pump::new(Never, Never).expect_err("it refuses");
    assert!(error.to_string().contains("not today"), "{error}");
}

/// Takes each read for a message, as one does before the first long line.
struct Hasty(Events<Vec<u8>>);

impl Protocol for Hasty {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.0.push(data.to_vec());
        Ok(())
    }
}

#[test]
fn a_protocol_that_trusts_in_pieces_is_found_out() {
    let found = std::panic::catch_unwind(|| check_cuts(b"one\ntwo\n", Hasty));
    let told = found.expect_err("it was found out");
    let told = told.downcast_ref::<String>().expect("a text");
    assert!(told.contains("Every(1)"), "{told}");
}

/// Lines; what comes while reading is paused is understood like the rest.
struct Lines {
    rest: Vec<u8>,
    seen: Events<String>,
}

impl Protocol for Lines {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        for &byte in data {
            if byte != b'\n' {
                self.rest.push(byte);
                continue;
            }
            let line = String::from_utf8_lossy(&self.rest).into_owned();
            self.rest.clear();
            if line == "quit" {
                transport.write(b"bye")?;
                transport.close();
                return Ok(());
            }
            self.seen.push(line);
        }
        Ok(())
    }
}

#[test]
fn one_that_does_not_is_not() {
    let lines = |seen| Lines {
        rest: Vec::new(),
        seen,
    };
    check_cuts(b"one\ntwo\n\nquit\nnever\n", lines);
    check_cuts(b"", lines);
    check_cuts("a longer line, and more\n".repeat(100).as_bytes(), lines);
}

#[test]
fn cuts_lose_nothing() {
    let bytes: Vec<u8> = (0..=255).collect();
    for cuts in [
        Cuts::Whole,
        Cuts::Every(0),
        Cuts::Every(7),
        Cuts::Every(1000),
        Cuts::At(vec![300, 5, 0, 5, 256, 17]),
        Cuts::Seeded(9),
    ] {
        let pieces = cuts.pieces(&bytes);
        assert_eq!(pieces.concat(), bytes, "{cuts:?}");
        assert!(pieces.iter().all(|piece| !piece.is_empty()), "{cuts:?}");
        assert!(cuts.pieces(b"").is_empty(), "{cuts:?}");
    }
}

/// Inside of a loop there is a loop already, and a sentence says so.
#[test]
fn inside_of_a_loop_it_says_what_is_wrong() {
    let told = std::panic::catch_unwind(|| {
        let lp = SimLoop::new();
        lp.run(async { drop(TestPeer::of(Echo::default())) })
    });
    let told = told.expect_err("there is a loop already");
    let told = told.downcast_ref::<String>().expect("a text");
    assert!(told.contains("ordinary tests"), "{told}");
}
