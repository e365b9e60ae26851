//! Lookup over lines as bad as one likes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use polyloop::sim::{Link, SimLoop};
use polyloop::{Failure, Spawner, Timers};
use polyloop_examples::lookup::{self, LookupError, Names};

fn names() -> Names {
    Names::new([("answer", "42")])
}

/// Half of what is sent is lost, or comes late, or twice: six questions are enough, mostly,
/// and what is told is right or that there was no answer.
#[polyloop::test(sim, seeds = 100)]
async fn a_bad_line_takes_longer_and_changes_nothing(lp: SimLoop) -> Result<(), Failure> {
    const QUESTIONS: usize = 20;

    let sim = lp.sim();
    let bad = Link::new().latency(Duration::from_millis(40)).loss(0.25);
    sim.default_link(bad.jitter(Duration::from_millis(400)).duplicate(0.25));
    let server = sim.host("server");
    let address = SocketAddr::new(sim.addresses("server")[0], 53);
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 53));
    let _server = lookup::serve(&server, any, names())?;
    let mut silent = 0;
    for _ in 0..QUESTIONS {
        match lookup::look_up(&sim.host("client"), address, "answer").await {
            Ok(answer) => assert_eq!(answer, b"42"),
            Err(failure) => match failure.downcast_ref() {
                Some(LookupError::Silence { tries: 6, .. }) => silent += 1,
                _ => return Err(failure),
            },
        }
    }
    assert!(
        silent <= 2,
        "{silent} of {QUESTIONS} questions had no answer"
    );
    Ok(())
}

/// At first nobody is there, then nothing gets through, and then there is an answer.
#[polyloop::test(sim, seeds = 20)]
async fn a_server_that_comes_late_is_found(lp: SimLoop) -> Result<(), Failure> {
    let sim = lp.sim().clone();
    let (server, client) = (sim.host("server"), sim.host("client"));
    let address = SocketAddr::new(sim.addresses("server")[0], 53);
    let asks = client.clone();
    let answer = client.spawn(async move { lookup::look_up(&asks, address, "answer").await });
    lp.sleep(Duration::from_secs(1)).await;
    sim.partition("server", "client");
    let _server = lookup::serve(&server, (Ipv4Addr::UNSPECIFIED, 53).into(), names())?;
    lp.sleep(Duration::from_secs(2)).await;
    sim.heal("server", "client");
    assert_eq!(answer.await??, b"42");

    sim.isolate("server");
    let silence = lookup::look_up(&client, address, "answer")
        .await
        .unwrap_err();
    let expected = LookupError::Silence {
        server: address,
        tries: 6,
    };
    assert_eq!(silence.downcast_ref(), Some(&expected));
    Ok(())
}
