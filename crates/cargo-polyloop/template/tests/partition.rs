//! The network breaks while server and client talk: simulated, under many seeds.

use std::time::Duration;

use my_library::{Order, Tally, add, serve};

use polyloop::sim::{Link, Seeds};
use polyloop::{Failure, SimLoop};

/// As often as it takes.
const ALWAYS: u32 = u32::MAX;

/// Two hosts, 30 ms apart; for ten seconds, from a moment that the seed tells, nothing gets
/// from one to the other. Meanwhile three orders of 5 are sent, each by `send`.
async fn ten_seconds_apart<F>(lp: SimLoop, send: F) -> Result<(), Failure>
where
    F: AsyncFn(&SimLoop, u64) -> Result<(), Failure>,
{
    let sim = lp.sim();
    let tally = Tally::default();
    let _server = serve(&sim.host("server"), "0.0.0.0:7000", tally.clone()).await?;
    sim.default_link(Link::new().latency(Duration::from_millis(30)));
    let client = sim.host("client");
    let breaks = sim.elapsed() + Duration::from_millis(sim.random_in(0..400));
    sim.at(breaks, |sim| sim.partition("client", "server"));
    sim.at(breaks + Duration::from_secs(10), |sim| {
        sim.heal("client", "server");
    });
    for number in 0..3 {
        send(&client, number).await?;
    }
    assert_eq!(tally.total(), 15, "three orders of 5");
    Ok(())
}

#[polyloop::test(sim, seeds = 200)]
async fn a_partition_counts_nothing_twice(lp: SimLoop) -> Result<(), Failure> {
    let send = async |client: &SimLoop, number| {
        let order = Order { number, amount: 5 };
        add(client, "server:7000", order, ALWAYS).await?;
        Ok(())
    };
    ten_seconds_apart(lp, send).await
}

/// Why an order has a number: who takes a new one for each attempt pays twice, where the
/// order arrives and its answer does not. The simulation finds when.
#[test]
fn a_new_number_for_each_attempt_is_found_out() {
    let found = Seeds::first(200).find(|lp| {
        let send = async |client: &SimLoop, number: u64| {
            for attempt in 0.. {
                let order = Order {
                    number: number + 1000 * attempt,
                    amount: 5,
                };
                if add(client, "server:7000", order, 1).await.is_ok() {
                    break;
                }
            }
            Ok(())
        };
        ten_seconds_apart(lp, send)
    });
    let found = found.expect("a seed fails");
    assert!(found.error.contains("three orders of 5"), "{found}");
}
