//! The examples in the simulation: right under a thousand seeds of trouble each, and
//! with a mistake planted in them found out.

use std::sync::Arc;
use std::time::Duration;

use polyloop::sim::trace::{Event, Record};
use polyloop::sim::{Builder, Seeds, Sim, SimLoop};
use polyloop_core::{
    Address, Endpoint, Failure, ListenOptions, Loop as _, TcpOptions, WriteLimits,
};
use polyloop_examples::chat::{self, ChatOptions, Room};
use polyloop_examples::kv::{self, KvOptions};
use polyloop_examples::proxy;
use polyloop_framing::Framed;
use polyloop_tests::simulated::mistaken::{BackgroundChat, Resumes};
use polyloop_tests::simulated::{self, Setting, Trouble, World};
use polyloop_tests::within_deadline;

const SEEDS: u64 = 1000;

/// How many clients, and how much each of them does: lines, requests, bytes.
type Size = (usize, usize);

/// Two who listen hear two others in the same order, even if a fifth one crashes.
const CHAT: Size = (5, 4);
const KV: Size = (2, 16);
const PROXY: Size = (1, 64 * 1024);

/// Longer than any of them takes; a scenario that hangs ends here, with a report.
fn builder() -> Builder {
    Sim::builder().time_limit(Duration::from_secs(3600))
}

fn seeds(name: &str) -> Seeds {
    Seeds::first(SEEDS)
        .builder(builder())
        .each_scheduler()
        .each_pace()
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

async fn right_chat(lp: &SimLoop) -> Result<Address, Failure> {
    let server = chat::serve(lp, every(7000), ChatOptions::default()).await?;
    Ok(server.local_addr())
}

async fn background_chat(lp: &SimLoop) -> Result<Address, Failure> {
    let room = Arc::new(Room::new());
    let on = lp.clone();
    let factory = move || Framed::new(BackgroundChat::new(on.clone(), room.clone()));
    Ok(lp.serve(every(7000), factory).await?.local_addr())
}

async fn run_chat(
    lp: SimLoop,
    (clients, lines): Size,
    serve: impl AsyncFnOnce(&SimLoop) -> Result<Address, Failure>,
) -> Result<(), Failure> {
    let mut world = World::new(lp.sim(), clients, trouble(&lp));
    simulated::chat(&mut world, lines, serve).await
}

#[test]
fn a_chat_loses_nothing_and_keeps_the_order() {
    within_deadline(|| {
        seeds("a_chat_loses_nothing_and_keeps_the_order")
            .check(|lp| run_chat(lp, CHAT, right_chat));
    });
}

#[test]
fn an_unordered_broadcast_is_found() {
    within_deadline(|| {
        let run = |lp, size| run_chat(lp, size, background_chat);
        is_found("an_unordered_broadcast_is_found", CHAT, run, "heard");
    });
}

/// Small, so that the replies of a few requests are too many for once.
fn narrow() -> ListenOptions {
    ListenOptions::new()
        .write_limits(WriteLimits::with_high(4096))
        .tcp(TcpOptions::new().send_buffer_size(Some(4096)))
}

async fn right_kv(lp: &SimLoop) -> Result<Address, Failure> {
    let factory = kv::sessions(lp, KvOptions::default());
    let server = lp.serve_with(every(6379), narrow(), factory).await?;
    Ok(server.local_addr())
}

async fn forgetful_kv(lp: &SimLoop) -> Result<Address, Failure> {
    let mut sessions = kv::sessions(lp, KvOptions::default());
    let factory = move || Resumes::only_reads_on(sessions());
    let server = lp.serve_with(every(6379), narrow(), factory).await?;
    Ok(server.local_addr())
}

async fn run_kv(
    lp: SimLoop,
    (clients, requests): Size,
    serve: impl AsyncFnOnce(&SimLoop) -> Result<Address, Failure>,
) -> Result<(), Failure> {
    let mut world = World::new(lp.sim(), clients, trouble(&lp));
    simulated::kv(&mut world, requests, serve).await
}

#[test]
fn a_kv_server_answers_everything_in_order() {
    within_deadline(|| {
        seeds("a_kv_server_answers_everything_in_order").check(|lp| run_kv(lp, KV, right_kv));
    });
}

#[test]
fn a_lost_wake_up_is_found() {
    within_deadline(|| {
        let run = |lp, size| run_kv(lp, size, forgetful_kv);
        is_found("a_lost_wake_up_is_found", KV, run, "reads from");
    });
}

async fn right_proxy(lp: &SimLoop, setting: Setting) -> Result<Address, Failure> {
    let sides = proxy::sides(lp, setting.target, setting.connect, setting.stats);
    let server = lp
        .serve_with(setting.listen, setting.accepted, sides)
        .await?;
    Ok(server.local_addr())
}

async fn impatient_proxy(lp: &SimLoop, setting: Setting) -> Result<Address, Failure> {
    let mut sides = proxy::sides(lp, setting.target, setting.connect, setting.stats);
    let factory = move || Resumes::only_when_empty(sides());
    let server = lp
        .serve_with(setting.listen, setting.accepted, factory)
        .await?;
    Ok(server.local_addr())
}

async fn run_proxy(
    lp: SimLoop,
    (clients, bytes): Size,
    serve: impl AsyncFnOnce(&SimLoop, Setting) -> Result<Address, Failure>,
) -> Result<(), Failure> {
    // And the target.
    let mut world = World::new(lp.sim(), clients + 1, trouble(&lp));
    simulated::proxy(&mut world, bytes, serve).await
}

#[test]
fn a_proxy_passes_everything_on_within_its_watermarks() {
    within_deadline(|| {
        seeds("a_proxy_passes_everything_on_within_its_watermarks")
            .check(|lp| run_proxy(lp, PROXY, right_proxy));
    });
}

#[test]
fn a_missed_resume_is_found() {
    within_deadline(|| {
        let run = |lp, size| run_proxy(lp, size, impatient_proxy);
        is_found("a_missed_resume_is_found", PROXY, run, "reads from");
    });
}

/// A mistake is found under one of the seeds, and what is said of it contains `text`. Then
/// the scenario is made smaller until it is found no more: the last run that showed it is
/// short enough to be read.
fn is_found<F>(name: &str, whole: Size, run: impl Fn(SimLoop, Size) -> F, text: &str)
where
    F: Future<Output = Result<(), Failure>>,
{
    let find = |size| {
        let found = seeds(name).find(|lp| run(lp, size))?;
        found.error.contains(text).then_some(found)
    };
    let mut found = find(whole).expect("the mistake is found under one of the seeds");
    let mut size = whole;
    while let Some((smaller, shorter)) = smaller(size)
        .into_iter()
        .find_map(|smaller| Some((smaller, find(smaller)?)))
    {
        (size, found) = (smaller, shorter);
    }
    println!("found with {size:?}: {found}");
    let turn = |record: &&Record| matches!(record.event, Event::TaskPolled { .. });
    let told = found.trace.records.iter().filter(|record| !turn(record));
    assert!(told.count() < 400, "{}", found.trace);
}

/// Fewer clients, or less for each of them to do.
fn smaller((clients, amount): Size) -> Vec<Size> {
    let mut smaller = Vec::new();
    if clients > 1 {
        smaller.push((clients - 1, amount));
    }
    if amount > 1 {
        smaller.push((clients, amount / 2));
    }
    smaller
}
