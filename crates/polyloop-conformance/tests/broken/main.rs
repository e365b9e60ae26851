//! The checks can fail: each test breaks one thing in a loop, below or above core,
//! and the check for it says so. The same check passes on the loop unbroken.

mod faulty_abilities;
mod faulty_loop;
mod faulty_stream;
#[cfg(unix)]
mod faulty_udp;
#[cfg(unix)]
mod faulty_watcher;
mod few_threads;

use std::time::Duration;

use faulty_loop::{Fault, FaultyLoop};
#[cfg(unix)]
use polyloop_conformance::abilities;
use polyloop_conformance::probe::{Event, Journal};
use polyloop_conformance::{Outcome, Runner, Status};
use polyloop_core::CloseReason;

/// With all abilities.
fn whole<M>(runner: Runner<FaultyLoop, M>) -> Runner<FaultyLoop, M>
where
    M: Fn() -> FaultyLoop + Send + Sync + 'static,
{
    #[cfg(unix)]
    let runner = runner.with(abilities::watch()).with(abilities::udp());
    runner
}

/// The check of `id` fails with `fault`, and passes without.
fn breaks(fault: Fault, id: &str) {
    let sound = whole(Runner::new("sound", || FaultyLoop::new(None)));
    let status = sound.run_one(id).expect("a known ID").status;
    assert_eq!(status, Status::Pass, "{id} on the loop unbroken");
    // A fault may also show as a check that never ends.
    let faulty = whole(Runner::new("faulty", move || FaultyLoop::new(Some(fault))))
        .deadline(Duration::from_secs(3));
    let status = faulty.run_one(id).expect("a known ID").status;
    assert!(
        matches!(status, Status::Fail(_)),
        "{fault:?} went unnoticed by {id}: {status}"
    );
}

macro_rules! broken {
    ($($name:ident: $fault:ident => $($id:literal),+;)*) => {$(
        #[test]
        fn $name() {
            $(breaks(Fault::$fault, $id);)+
        }
    )*};
}

broken! {
    a_timer_that_is_early: EarlyTimers => "LOOP-15";
    a_clock_that_steps_back: ClockStepsBack => "LOOP-30";
    a_spawn_that_polls_at_once: PollsInsideSpawn => "LOOP-35";
    blocking_work_on_the_caller: BlocksTheCaller => "LOOP-27", "LOOP-28";
    blocking_work_that_is_lost: LosesBlockingWork => "LOOP-29", "LOOP-39";
    a_loop_that_hides_that_nobody_runs_it: HidesThatNobodyRuns => "LOOP-38", "LOOP-42";
    names_that_wait_for_a_thread: LooksUpOnFewThreads => "LOOP-46";
    turns_that_nobody_asked_for: PollsUnwoken => "LOOP-44";
    a_loop_that_panics_when_it_is_dropped: RudeWhenDropped => "LOOP-45";
    tasks_that_never_run: LosesTasks => "LOOP-09", "LOOP-12", "LOOP-23";
    a_value_that_is_lost: LosesValues => "CORO-04", "CORO-06", "PROM-39";
    a_task_that_is_never_done: NeverFinished => "PROM-19", "PROM-37";
    a_task_that_is_done_too_soon: AlwaysFinished => "CORO-05", "PROM-25", "PROM-30";
    an_abort_seen_as_a_clean_end: NoReset => "TRAN-09";
    a_half_close_that_is_swallowed: NoHalfClose => "TRAN-14";
    a_writer_without_back_pressure: TakesEverything => "TRAN-05", "TRAN-16", "TRAN-20", "PROD-08";
    bytes_in_the_wrong_order: SwapsBytes => "TRAN-01", "TRAN-04";
    bytes_sent_twice: RepeatsBytes => "TRAN-01", "PROTO-10";
    bytes_that_are_lost: LosesBytes => "TRAN-24", "TRAN-26";
    a_reset_seen_as_a_clean_end: HidesResets => "PROTO-04";
    an_end_seen_as_a_reset: ResetsAtEof => "TRAN-17", "PROTO-03", "TRAN-01";
    bytes_on_their_way_that_count_as_there: ConfirmsEverything => "TRAN-34";
    a_break_that_nobody_is_told_of: HidesBreaks => "PROTO-15";
    parts_that_are_lost: LosesParts => "TRAN-40";
    no_delay_left_off: NoDelayOff => "TRAN-27";
    options_that_do_nothing: IgnoresOptions => "TRAN-28";
    addresses_the_wrong_way_round: SwapsAddresses => "TRAN-29", "TRAN-30";
    a_port_that_stays_zero: HidesThePort => "SERV-01";
    connections_lost_in_the_queue: DropsConnections => "SERV-11";
    a_busy_address_that_is_taken: MovesBusyPorts => "SERV-06", "FACT-07";
    a_local_address_that_is_ignored: IgnoresLocalAddress => "CLI-11";
    a_refusal_of_the_wrong_kind: WrongRefusal => "CLI-03";
    a_task_that_ends_with_its_handle: CancelsDroppedTasks => "BACK-01";
    a_task_that_never_begins: LosesTasks => "BACK-01";
    a_value_that_a_runtime_loses: LosesValues => "BACK-02";
    a_handle_that_panics_for_none: PanicsForNone => "BACK-02";
    a_run_that_spins: SpinsInRun => "BACK-03";
    a_timer_that_stays_ready: StaysReady => "BACK-04";
    a_timer_that_cannot_be_moved: UnmovableTimers => "BACK-04", "BACK-05";
    a_timer_that_forgets_who_waits: ForgetsWhoWaits => "BACK-05";
    one_thread_for_all_blocking_work: OneBlockingThread => "BACK-06";
    a_lookup_that_blocks: LooksUpAtOnce => "BACK-07", "DNS-01";
    sockets_that_block: BlockingSockets => "BACK-08";
    a_read_that_spins: SpinningReads => "BACK-09";
    a_connect_that_does_not_wait: HastyConnects => "BACK-10";
    descriptors_left_behind: LeavesDescriptors => "BACK-11";
    threads_left_behind: LeavesThreads => "BACK-12";
    a_loop_that_its_state_forgets: ForgetsItsState => "BACK-21";
    a_state_that_finds_another_loop: FindsAnother => "BACK-21";
}

#[cfg(unix)]
broken! {
    a_wait_that_spins: SpinningWatches => "WATCH-01";
    directions_mixed_up: MixesDirections => "WATCH-02";
    a_wait_that_forgets_all_but_one: OneWaiter => "WATCH-03";
    a_runtime_wanted_on_the_thread: WatchesOnlyInside => "WATCH-07";
    refusals_without_a_reason: HidesReasons => "WATCH-08";
    a_registration_that_stays: WatchesForEver => "WATCH-10";
    empty_datagrams_lost: LosesEmptyDatagrams => "UDP-01";
    datagrams_that_are_cut: CutsDatagrams => "UDP-02";
    a_long_datagram_that_is_cut: SendsCutDatagrams => "UDP-03";
    a_connected_socket_that_sends_to_anybody: SendsToAnybody => "UDP-05";
    a_refusal_that_is_hidden: HidesRefusals => "UDP-06", "DGRAM-04";
    datagrams_that_are_queued: QueuesDatagrams => "UDP-07";
    room_that_nobody_is_told_of: HidesRoom => "UDP-13";
    broadcast_without_leave: BroadcastsAlways => "UDP-08";
    sources_mixed_up: MixesUpSources => "DGRAM-02";
}

#[test]
fn a_stream_that_gives_single_bytes_breaks_nothing() {
    let legal = whole(Runner::new("single bytes", || {
        FaultyLoop::new(Some(Fault::SingleBytes))
    }));
    let outcomes = legal.run_all();
    let failed = outcomes
        .iter()
        .filter(|outcome| matches!(outcome.status, Status::Fail(_)))
        .map(|outcome| format!("{}: {}", outcome.id, outcome.status));
    assert_eq!(failed.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn while_the_basics_do_not_hold_nothing_else_is_tried() {
    let faulty = whole(Runner::new("faulty", || {
        FaultyLoop::new(Some(Fault::CancelsDroppedTasks))
    }));
    let outcomes = faulty.run_all();
    let failed = |outcome: &&Outcome| matches!(outcome.status, Status::Fail(_));
    let mut named = 0;
    for outcome in outcomes.iter().filter(failed) {
        let text = outcome.status.to_string();
        assert!(
            text.contains("has to detach the future"),
            "{}: {text}",
            outcome.id
        );
        named += 1;
    }
    assert!(
        named > 200,
        "only {named} checks say why they were not tried"
    );
}

fn journal(events: &[Event]) -> Journal {
    let journal = Journal::new();
    events.iter().cloned().for_each(|event| journal.push(event));
    journal
}

#[test]
fn a_life_out_of_order_is_noticed() {
    use Event::{Data, Eof, Made, Pause, Resume};
    let data = || Data(vec![1]);
    let lost = || Event::Lost(CloseReason::Clean);
    let sound = [Made, data(), Pause, Resume, data(), Eof, lost()];
    assert!(journal(&sound).is_one_whole_life().is_ok());
    for broken in [
        vec![Made, data()],
        vec![Made, lost(), lost()],
        vec![Made, lost(), data()],
        vec![data(), Made, lost()],
        vec![Made, Made, lost()],
        vec![Made, Eof, data(), lost()],
        vec![Made, Eof, Eof, lost()],
        vec![Made, Pause, Pause, lost()],
        vec![Made, Resume, lost()],
    ] {
        let verdict = journal(&broken).is_one_whole_life();
        assert!(verdict.is_err(), "{broken:?} passed as a whole life");
    }
}
