//! Virtual time, and the wall clocks beside it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use polyloop_core::{Calls, MainLoop, Promise, Spawner, Timers, yield_now};
use polyloop_sim::{Scheduler, Sim, SimLoop};

use crate::within_a_minute;

const MS: Duration = Duration::from_millis(1);

#[test]
fn time_jumps_and_each_callback_sees_its_own_deadline() {
    within_a_minute(|| {
        let sim = Sim::new(4);
        let lp = sim.local();
        let begun = lp.now();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let dues = [1, 5, 5, 7, 3_600_000, 40_000_000];
        for due in dues {
            let (clock, seen) = (lp.clone(), seen.clone());
            lp.call_later(due * MS, move || {
                seen.lock().unwrap().push(clock.now() - begun);
            })
            .unwrap();
        }
        let last = lp.clone();
        sim.run(async move { last.sleep(40_000_001 * MS).await })
            .unwrap();
        assert_eq!(*seen.lock().unwrap(), dues.map(|due| due * MS));
        assert_eq!(sim.elapsed(), 40_000_001 * MS);
    });
}

#[test]
fn all_hosts_have_one_monotonic_clock() {
    within_a_minute(|| {
        let sim = Sim::new(4);
        let (a, b) = (sim.host("a"), sim.host("b"));
        sim.run(async move {
            let begun = b.now();
            a.sleep(Duration::from_secs(5)).await;
            assert_eq!(b.now() - begun, Duration::from_secs(5));
        })
        .unwrap();
    });
}

#[test]
fn a_wall_clock_may_be_set_back_and_timers_do_not_care() {
    within_a_minute(|| {
        let day = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        let sim = Sim::builder().seed(1).wall_time(day(10_000)).build();
        let (a, b) = (sim.host("a"), sim.host("b"));
        assert_eq!(a.wall_time(), day(10_000));
        sim.run(async move {
            let (setter, begun) = (a.clone(), a.now());
            a.sim().after(Duration::from_secs(1), move |_| {
                setter.set_wall_time(day(9_000));
            });
            a.sleep(Duration::from_secs(3)).await;
            assert_eq!(a.now() - begun, Duration::from_secs(3));
            assert_eq!(a.wall_time(), day(9_000) + Duration::from_secs(2));
            assert_eq!(b.wall_time(), day(10_000) + Duration::from_secs(3));
        })
        .unwrap();
    });
}

#[test]
fn a_task_that_is_busy_for_long_keeps_no_timer_from_coming() {
    within_a_minute(|| {
        for scheduler in Scheduler::ALL {
            let sim = Sim::builder().seed(9).scheduler(*scheduler).build();
            let lp = sim.local();
            let busy = lp.clone();
            sim.run(async move {
                let busy = busy.spawn(async {
                    loop {
                        yield_now().await;
                    }
                });
                lp.sleep(20 * MS).await;
                assert!(busy.cancel("enough"));
                assert!(busy.await.is_err());
            })
            .unwrap();
            assert!(sim.elapsed() >= 20 * MS, "{scheduler}");
        }
    });
}

#[test]
fn a_loop_runs_again_where_it_stopped() {
    within_a_minute(|| {
        let lp = SimLoop::new();
        for round in 1..=3 {
            let inner = lp.clone();
            lp.run(async move { inner.sleep(Duration::from_secs(1)).await })
                .unwrap();
            assert_eq!(lp.sim().elapsed(), round * Duration::from_secs(1));
        }
    });
}
