//! What each operation may allocate, on every loop: counted, and held against what
//! the runtime itself allocates for the same in the same process.
//!
//! A wrapper costs system calls, memory and allocations long before it costs
//! throughput, and of these allocations can be counted exactly. So the budgets are a
//! test: one that grows is a regression, whatever the machine is doing.
//!
//! There is one test function, because what is counted is counted on every thread of
//! the process.
//! `cargo test -p polyloop-tests --test allocation_budget -- --nocapture` shows the
//! table.

#![cfg(any(feature = "tokio", feature = "smol", feature = "async-std"))]

mod connections;
mod datagrams;
mod meter;
mod metered_loop;
mod promises;
mod raw;
mod sheet;

use polyloop::AnyLoop;
use polyloop_core::backend::MainBackend;
use polyloop_core::{Loop, MainLoop, Udp};

use metered_loop::MeteredLoop;
use raw::Raw;
use sheet::Sheet;

#[test]
fn no_operation_allocates_more_than_its_budget() {
    polyloop_tests::within_deadline(|| {
        let mut sheet = Sheet::default();
        #[cfg(feature = "tokio")]
        {
            let lp = polyloop::TokioLoop::new().unwrap();
            both("tokio", &lp, &raw::Tokio, &mut sheet);
            let lp = polyloop::TokioLoop::current_thread().unwrap();
            both("tokio, one thread", &lp, &raw::Tokio, &mut sheet);
        }
        #[cfg(feature = "smol")]
        both("smol", &polyloop::SmolLoop::new(), &raw::Smol, &mut sheet);
        #[cfg(feature = "async-std")]
        both(
            "async-std",
            &polyloop::AsyncStdLoop::new(),
            &raw::AsyncStd,
            &mut sheet,
        );
        print!("{sheet}");
        let over = sheet.over_budget();
        assert!(over.is_empty(), "over budget:\n{over}");
    });
}

/// The loop itself, and the same as an [`AnyLoop`], which adds nothing.
fn both<L>(name: &str, lp: &L, raw: &impl Raw, sheet: &mut Sheet)
where
    L: MainLoop + MainBackend + Udp + Into<AnyLoop>,
{
    one(name, lp.clone(), raw, sheet);
    let metered = MeteredLoop(lp.clone());
    (metered.run(connections::staying(&metered, raw, sheet))).unwrap();
    let any: AnyLoop = lp.clone().into();
    one(&format!("{name}, as AnyLoop"), any, raw, sheet);
}

fn one<L: MainLoop + MainBackend + Udp>(name: &str, lp: L, raw: &impl Raw, sheet: &mut Sheet) {
    sheet.begin(name);
    let lp = MeteredLoop(lp);
    lp.run(operations(&lp, raw, sheet)).unwrap();
}

async fn operations<L: Loop + Udp>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    promises::measure(lp, raw, sheet).await;
    connections::measure(lp, raw, sheet).await;
    datagrams::measure(lp, sheet).await;
}
