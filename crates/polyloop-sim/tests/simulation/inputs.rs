//! What makes no sense, or is far too large.

use std::time::{Duration, SystemTime};

use polyloop_core::{Loop, MainLoop, Promise as _, Resolve, Tcp, TcpOptions, Threads, Timers};
use polyloop_sim::{Fault, FaultKind, FaultRate, Link, Pace, Sim};

use crate::{Silent, panic_of, within_a_minute};

const YEAR: Duration = Duration::from_secs(31_536_000);

#[test]
fn a_share_is_a_number_from_0_to_1() {
    for wrong in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        let links: [fn(f64) -> Link; 3] = [
            |share| Link::new().loss(share),
            |share| Link::new().reorder(share),
            |share| Link::new().reset(share),
        ];
        for link in links {
            let text = panic_of(|| link(wrong));
            assert!(text.contains(&wrong.to_string()), "{text}");
            assert!(text.contains("from 0 to 1"), "{text}");
        }
        let text = panic_of(|| Sim::new(1).chance(wrong));
        assert!(text.contains("from 0 to 1"), "{text}");
    }
}

#[test]
fn a_link_carries_something() {
    let text = panic_of(|| Link::new().bandwidth(Some(0)));
    assert!(text.contains("bandwidth of 0"), "{text}");
    let text = panic_of(|| Link::new().segment(0));
    assert!(text.contains("segments of 0 bytes"), "{text}");
}

#[test]
fn a_link_may_come_before_its_hosts() {
    let sim = Sim::new(1);
    sim.link(
        "near",
        "far",
        Link::new().latency(Duration::from_millis(300)),
    );
    let near = sim.host("near");
    let lp = near.clone();
    let took = near
        .run(async move {
            let address = lp.resolve("far", 7).await.unwrap()[0];
            let before = lp.now();
            let refused = lp.connect_tcp(address, &TcpOptions::default()).await;
            assert!(refused.is_err());
            lp.now() - before
        })
        .unwrap();
    // There and back, and what the links' jitter adds.
    assert!(took >= Duration::from_millis(600), "{took:?}");
    // What can be no name of a host is none of one to come.
    let text = panic_of(|| sim.link("near", "10.0.0.7", Link::new()));
    assert!(text.contains("\"10.0.0.7\""), "{text}");
    // A fault that would hit nobody is still a mistake.
    let text = panic_of(|| sim.partition("near", "fra"));
    assert!(
        text.contains("no host \"fra\"") && text.contains("far"),
        "{text}"
    );
}

#[test]
fn drawn_faults_have_time_between_them() {
    let sim = Sim::new(1);
    let rate = FaultRate::new(FaultKind::Reset, Duration::ZERO, Duration::ZERO);
    let text = panic_of(|| sim.draw_faults(rate));
    assert!(text.contains("every 0ns"), "{text}");
}

#[test]
fn a_host_has_a_name_that_leads_to_it() {
    let sim = Sim::new(1);
    for name in [
        "",
        "localhost",
        "LocalHost",
        "10.0.0.7",
        "::1",
        "a.",
        "a\nb",
        "two words",
        "a\u{a0}b",
        "a..b",
        "\u{378}",
        "１０.0.0.7",
        "ｌｏｃａｌｈｏｓｔ",
        "db:5432",
        "10.0.0.7:80",
        "[::1]",
        &"long".repeat(64),
    ] {
        let text = panic_of(|| sim.host(name));
        assert!(text.contains(&format!("{name:?}")), "{text}");
        assert!(text.contains("; expected a name"), "{text}");
    }
    for name in ["db-1.example.org", "under_score", "<b>", "ü☃"] {
        assert_eq!(sim.host(name).host_name(), name);
    }
}

#[test]
fn a_name_of_any_script_leads_to_its_host() {
    let sim = Sim::new(1);
    let [known, other] = ["Bücher", "例え.テスト"].map(|name| sim.host(name));
    for same in ["bücher", "BÜCHER", "xn--bcher-kva", "Bu\u{308}cher"] {
        assert_eq!(sim.host(same).id(), known.id(), "{same}");
    }
    sim.partition("bücher", "例え。テスト");
    sim.heal("xn--bcher-kva", "xn--r8jz45g.xn--zckzah");
    sim.run(async move {
        let address = other.resolve("BÜCHER", 7).await.unwrap()[0];
        let _server = known.serve(address, || Silent).await.unwrap();
        other.connect("bücher:7", || Silent).await.unwrap();
        known.resolve("例え。テスト.", 7).await.unwrap();
    })
    .unwrap();
}

#[test]
fn a_fault_between_a_host_and_itself_would_hit_nobody() {
    let sim = Sim::new(1);
    let host = sim.host("one").id();
    let faults: [fn(&Sim); 4] = [
        |sim| sim.partition("one", "one"),
        |sim| sim.cut("one", "one"),
        |sim| sim.hold("one", "one"),
        |sim| sim.link("one", "one", Link::new()),
    ];
    for fault in faults {
        let text = panic_of(|| fault(&sim));
        assert!(
            text.contains("\"one\"") && text.contains("isolate"),
            "{text}"
        );
    }
    let later = Fault::Partition { a: host, b: host };
    let text = panic_of(|| sim.fault_at(YEAR, later));
    assert!(text.contains("both ends"), "{text}");
    sim.heal("one", "one");
}

#[test]
fn a_link_may_take_longer_than_anybody_waits() {
    within_a_minute(|| {
        for link in [
            Link::new().latency(Duration::MAX),
            Link::new().jitter(Duration::MAX),
            Link::new()
                .latency(Duration::MAX)
                .jitter(Duration::MAX)
                .bandwidth(Some(1)),
            Link::new().bandwidth(Some(1)),
            Link::new().loss(1.0),
        ] {
            for pace in Pace::ALL {
                let sim = Sim::builder().seed(1).link(link.clone()).pace(*pace);
                let sim = sim.build();
                let (server, client) = (sim.host("server"), sim.host("client"));
                let link = link.clone();
                sim.run(async move {
                    let _server = server.serve("0.0.0.0:7", || Silent).await.unwrap();
                    let failed = client.connect("server:7", || Silent).await;
                    let text = failed.unwrap_err().to_string();
                    assert!(text.contains("30s"), "{text}, with {link:?}, {pace}");
                })
                .unwrap();
            }
        }
    });
}

#[test]
fn work_on_a_thread_may_take_longer_than_anybody_waits() {
    within_a_minute(|| {
        for least in [Duration::ZERO, Duration::MAX] {
            let lp = Sim::builder()
                .seed(1)
                .thread_time(least..=Duration::MAX)
                .build_loop();
            let clock = lp.clone();
            lp.run(async move {
                clock.sleep(Duration::from_secs(1)).await;
                let work = clock.run_in_thread(|| 5);
                let given_up = work.timeout(&clock, Duration::from_secs(60)).await;
                assert!(given_up.unwrap_err().is_timed_out(), "{least:?}");
            })
            .unwrap();
        }
    });
}

#[test]
fn waits_and_clocks_may_be_as_large_as_they_come() {
    within_a_minute(|| {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX as u64);
        let sim = Sim::builder()
            .seed(1)
            .patience(Duration::MAX)
            .thread_grace(Duration::MAX)
            .wall_time(far)
            .build();
        let lp = sim.local();
        sim.run(async move {
            assert_eq!(lp.run_in_thread(|| 5).await.unwrap(), 5);
            lp.sleep(Duration::from_secs(1)).await;
            assert!(lp.wall_time() >= far);
        })
        .unwrap();
    });
    let second = Duration::from_secs(1);
    let text = panic_of(|| Sim::builder().thread_time(2 * second..=second));
    assert!(text.contains("2s..=1s"), "{text}");
}

#[test]
fn time_has_an_end() {
    within_a_minute(|| {
        let sim = Sim::builder().seed(1).time_limit(Duration::MAX).build();
        let lp = sim.local();
        let (server, client) = (sim.host("server"), sim.host("client"));
        // Shortly before the end there is still a network.
        sim.run(async move {
            lp.sleep(60 * YEAR).await;
            let _server = server.serve("0.0.0.0:7", || Silent).await.unwrap();
            client.connect("server:7", || Silent).await.unwrap();
        })
        .unwrap();
        let lp = sim.local();
        let text = panic_of(|| {
            sim.run(async move { lp.sleep(1_000 * YEAR).await })
                .unwrap();
        });
        assert!(text.contains("virtual time"), "{text}");
        let lp = sim.local();
        sim.run(async move { lp.sleep(Duration::from_secs(1)).await })
            .unwrap();
        // What is planned for later than that does not happen, and keeps nobody from it.
        sim.at(Duration::MAX, |_| ());
        let lp = sim.local();
        sim.run(async move { lp.sleep(Duration::from_secs(1)).await })
            .unwrap();
    });
}
