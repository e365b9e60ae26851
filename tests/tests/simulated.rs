//! The examples in the simulation: right under a thousand seeds of trouble each, and
//! with a mistake planted in them found out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use polyloop::sim::{Builder, Counterexample, Seeds, Sim, SimLoop};
use polyloop_core::{Endpoint, Failure, ListenOptions, Loop as _, TcpOptions, WriteLimits};
use polyloop_examples::chat::{self, ChatOptions, Room};
use polyloop_examples::kv::{self, KvOptions};
use polyloop_examples::proxy;
use polyloop_tests::simulated::mistaken::{BackgroundChat, Resumes};
use polyloop_tests::simulated::{self, Setting, Trouble, World};
use polyloop_tests::within_deadline;

const SEEDS: u64 = 1000;

/// Longer than any of them takes; a scenario that hangs ends here, with a report.
fn builder() -> Builder {
    Sim::builder().time_limit(Duration::from_secs(3600))
}

fn seeds(name: &str) -> Seeds {
    Seeds::first(SEEDS)
        .builder(builder())
        .named(name)
        .package(env!("CARGO_PKG_NAME"))
}

/// Each third seed makes another kind of trouble.
fn trouble(lp: &SimLoop) -> Trouble {
    match lp.sim().seed() % 3 {
        0 => Trouble::Latency,
        1 => Trouble::Partitions,
        _ => Trouble::Crash,
    }
}

fn every(port: u16) -> Endpoint {
    Endpoint::every_interface(port)
}

async fn right_chat(lp: &SimLoop) -> Result<SocketAddr, Failure> {
    let server = chat::serve(lp, every(7000), ChatOptions::default()).await?;
    Ok(server.local_addr())
}

async fn background_chat(lp: &SimLoop) -> Result<SocketAddr, Failure> {
    let room = Arc::new(Room::new());
    let on = lp.clone();
    let factory = move || BackgroundChat::new(on.clone(), room.clone());
    Ok(lp.serve(every(7000), factory).await?.local_addr())
}

async fn run_chat(
    lp: SimLoop,
    serve: impl AsyncFnOnce(&SimLoop) -> Result<SocketAddr, Failure>,
) -> Result<(), Failure> {
    let mut world = World::new(lp.sim(), 3, trouble(&lp));
    simulated::chat(&mut world, 4, serve).await
}

#[test]
fn a_chat_loses_nothing_and_keeps_the_order() {
    within_deadline(|| {
        seeds("a_chat_loses_nothing_and_keeps_the_order").check(|lp| run_chat(lp, right_chat));
    });
}

#[test]
fn an_unordered_broadcast_is_found() {
    within_deadline(|| {
        let found =
            seeds("an_unordered_broadcast_is_found").find(|lp| run_chat(lp, background_chat));
        readable(found, "heard");
    });
}

/// Small, so that the replies of a few requests are too many for once.
fn narrow() -> ListenOptions {
    ListenOptions::new()
        .write_limits(WriteLimits::with_high(4096))
        .tcp(TcpOptions::new().send_buffer_size(Some(4096)))
}

async fn right_kv(lp: &SimLoop) -> Result<SocketAddr, Failure> {
    let factory = kv::sessions(lp, KvOptions::default());
    let server = lp.serve_with(every(6379), narrow(), factory).await?;
    Ok(server.local_addr())
}

async fn forgetful_kv(lp: &SimLoop) -> Result<SocketAddr, Failure> {
    let mut sessions = kv::sessions(lp, KvOptions::default());
    let factory = move || Resumes::only_reads_on(sessions());
    let server = lp.serve_with(every(6379), narrow(), factory).await?;
    Ok(server.local_addr())
}

async fn run_kv(
    lp: SimLoop,
    serve: impl AsyncFnOnce(&SimLoop) -> Result<SocketAddr, Failure>,
) -> Result<(), Failure> {
    let mut world = World::new(lp.sim(), 2, trouble(&lp));
    simulated::kv(&mut world, 16, serve).await
}

#[test]
fn a_kv_server_answers_everything_in_order() {
    within_deadline(|| {
        seeds("a_kv_server_answers_everything_in_order").check(|lp| run_kv(lp, right_kv));
    });
}

#[test]
fn a_lost_wake_up_is_found() {
    within_deadline(|| {
        let found = seeds("a_lost_wake_up_is_found").find(|lp| run_kv(lp, forgetful_kv));
        readable(found, "reads from");
    });
}

async fn right_proxy(lp: &SimLoop, setting: Setting) -> Result<SocketAddr, Failure> {
    let sides = proxy::sides(lp, setting.target, setting.connect, setting.stats);
    let server = lp
        .serve_with(setting.listen, setting.accepted, sides)
        .await?;
    Ok(server.local_addr())
}

async fn impatient_proxy(lp: &SimLoop, setting: Setting) -> Result<SocketAddr, Failure> {
    let mut sides = proxy::sides(lp, setting.target, setting.connect, setting.stats);
    let factory = move || Resumes::only_when_empty(sides());
    let server = lp
        .serve_with(setting.listen, setting.accepted, factory)
        .await?;
    Ok(server.local_addr())
}

async fn run_proxy(
    lp: SimLoop,
    serve: impl AsyncFnOnce(&SimLoop, Setting) -> Result<SocketAddr, Failure>,
) -> Result<(), Failure> {
    let mut world = World::new(lp.sim(), 2, trouble(&lp));
    simulated::proxy(&mut world, 64 * 1024, serve).await
}

#[test]
fn a_proxy_passes_everything_on_within_its_watermarks() {
    within_deadline(|| {
        seeds("a_proxy_passes_everything_on_within_its_watermarks")
            .check(|lp| run_proxy(lp, right_proxy));
    });
}

#[test]
fn a_missed_resume_is_found() {
    within_deadline(|| {
        let found = seeds("a_missed_resume_is_found").find(|lp| run_proxy(lp, impatient_proxy));
        readable(found, "reads from");
    });
}

/// A mistake was found, what is said of it contains `text`, and the run is short enough
/// to be read.
fn readable(found: Option<Counterexample>, text: &str) {
    let found = found.expect("the mistake is found under one of the seeds");
    println!("{found}");
    assert!(found.error.contains(text), "{}", found.error);
    // Without the turns of tasks, which the picture leaves out, too.
    assert!(
        found.trace.records.len() < 4000,
        "{}",
        found.trace.records.len()
    );
}
