//! Signals that a test raises on a host.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{Failure, Lifecycle, ShutdownPhase, Signal, Signals, Spawner, Timers};
use polyloop_sim::{Sim, SimLoop};

use crate::within_a_minute;

type Notes = Arc<Mutex<Vec<String>>>;

/// A program that notes its beat every second, and what else it is given to do.
fn beating(sim: &Sim, notes: &Notes, begin: impl Fn(&SimLoop, &Notes) + Send + Sync + 'static) {
    let notes = notes.clone();
    sim.host("server").on_boot(move |lp| {
        begin(&lp, &notes);
        let notes = notes.clone();
        async move {
            loop {
                lp.sleep(Duration::from_secs(1)).await;
                notes.lock().unwrap().push("beat".to_owned());
            }
        }
    });
}

fn pass(sim: &Sim, seconds: u64) {
    let clock = sim.host("clock");
    sim.run(async { clock.sleep(Duration::from_secs(seconds)).await })
        .unwrap();
}

fn taken(notes: &Notes) -> Vec<String> {
    std::mem::take(&mut notes.lock().unwrap())
}

#[test]
fn a_signal_that_nobody_asked_for_ends_the_programs_of_its_host() {
    within_a_minute(|| {
        let (sim, notes) = (Sim::new(1), Notes::default());
        beating(&sim, &notes, |_, _| {});
        sim.after(Duration::from_millis(1500), |sim| {
            // This one says nothing by default.
            sim.raise("server", Signal::WINCH);
        });
        sim.after(Duration::from_millis(2500), |sim| {
            sim.raise("server", Signal::TERM);
            assert!(!sim.is_up("server"));
        });
        pass(&sim, 10);
        assert_eq!(taken(&notes), ["beat", "beat"]);
        // A further one finds nobody, and the host boots as after any crash.
        sim.raise("server", Signal::KILL);
        sim.restart("server");
        pass(&sim, 1);
        assert!(sim.is_up("server"));
    });
}

#[test]
fn the_first_stops_a_host_in_good_order_and_the_second_ends_it() {
    within_a_minute(|| {
        for second in [false, true] {
            let (sim, notes) = (Sim::new(2), Notes::default());
            let hold = Arc::new(Mutex::new(None));
            beating(&sim, &notes, move |lp, notes| {
                *hold.lock().unwrap() = Some(lp.stop_on_signals().unwrap());
                let (lp, notes) = (lp.clone(), notes.clone());
                lp.clone()
                    .on_shutdown(ShutdownPhase::Before, move || async move {
                        lp.sleep(Duration::from_secs(2)).await;
                        notes.lock().unwrap().push("in good order".to_owned());
                        Ok::<_, Failure>(())
                    });
            });
            sim.after(Duration::from_millis(500), |sim| {
                sim.raise("server", Signal::TERM);
            });
            if second {
                sim.after(Duration::from_millis(600), |sim| {
                    sim.raise("server", Signal::INT);
                    assert!(!sim.is_up("server"));
                });
            }
            pass(&sim, 20);
            let told = taken(&notes).contains(&"in good order".to_owned());
            assert_eq!(told, !second);
        }
    });
}

#[test]
fn a_host_that_is_stopped_by_a_signal_goes_on_by_another() {
    within_a_minute(|| {
        let (sim, notes) = (Sim::new(3), Notes::default());
        beating(&sim, &notes, |_, _| {});
        sim.after(Duration::from_millis(500), |sim| {
            sim.raise("server", Signal::STOP);
        });
        let seen = notes.clone();
        sim.after(Duration::from_secs(10), move |sim| {
            assert!(!sim.is_up("server"));
            assert!(taken(&seen).is_empty());
            sim.raise("server", Signal::CONT);
        });
        pass(&sim, 12);
        assert!(!taken(&notes).is_empty());
    });
}

#[test]
fn a_handler_goes_with_the_program_that_added_it() {
    within_a_minute(|| {
        let (sim, notes) = (Sim::new(4), Notes::default());
        let boots = Arc::new(Mutex::new(0));
        beating(&sim, &notes, move |lp, notes| {
            *boots.lock().unwrap() += 1;
            let (notes, boot) = (notes.clone(), *boots.lock().unwrap());
            lp.add_signal_handler(Signal::HUP, move || {
                notes.lock().unwrap().push(format!("boot {boot} told"));
            })
            .unwrap();
        });
        sim.after(Duration::from_millis(100), |sim| sim.restart("server"));
        sim.after(Duration::from_millis(200), |sim| {
            sim.raise("server", Signal::HUP);
        });
        pass(&sim, 1);
        assert!(taken(&notes).contains(&"boot 2 told".to_owned()));
    });
}

#[test]
fn a_stream_of_a_host_that_crashes_ends() {
    within_a_minute(|| {
        let sim = Sim::new(5);
        let server = sim.host("server");
        let mut signals = server.signals([Signal::USR1]).unwrap();
        let clock = sim.host("clock");
        sim.after(Duration::from_secs(1), |sim| {
            sim.raise("server", Signal::TERM);
        });
        let last = clock.spawn(async move { signals.next().await });
        let last = sim.run(last).unwrap().unwrap();
        assert_eq!(last, None);
    });
}
