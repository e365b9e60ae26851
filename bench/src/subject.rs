//! A subject: a process that runs one program on one loop and is measured.
//!
//! It is started as `… subject SUITE LOOP SUBJECT` and speaks lines: it says
//! `listening ADDRESS` or `ready`, and then answers what [`control`] describes. The
//! end of its input ends it, so it can't outlive whoever started it.

mod async_std_raw;
pub(crate) mod control;
mod crowd;
mod futures_raw;
mod lines;
pub(crate) mod listener;
mod moving;
pub(crate) mod plain;
mod polyloop_inside;
mod polyloop_servers;
mod process;
pub(crate) mod simulated;
pub(crate) mod simulation;
mod smol_raw;
mod tls;
mod tls_by_hand;
mod tokio_raw;
mod udp_echo;
mod unix_ping;
mod waiters;

use polyloop::{AnyLoop, AsyncStdLoop, MainLoop, Processes, SmolLoop, TokioLoop, Udp};

use crate::suites::{LoopKind, Subject, Suite, Work, named};
use control::{AllocationCount, Control};

/// Runs the subject that the arguments name: suite, loop, subject.
pub(crate) fn run(arguments: &[String], allocations: AllocationCount) -> Result<(), String> {
    let [suite, on, subject] = arguments else {
        return Err(format!("expected SUITE LOOP SUBJECT, got {arguments:?}"));
    };
    let suite = named("suite", &Suite::ALL, Suite::name, suite)?;
    let on = named("loop", &LoopKind::ALL, LoopKind::name, on)?;
    let subject = named("subject", &Subject::ALL, Subject::name, subject)?;
    let control = prepare(allocations)?;
    // A control is the reference once more.
    let subject = match subject {
        Subject::Control => suite.subjects(on).0,
        other => other,
    };
    match (subject, on) {
        (Subject::Raw, LoopKind::Tokio | LoopKind::TokioCurrentThread) => {
            tokio_raw::run(suite, on, control)
        }
        (Subject::Raw, LoopKind::Smol) => smol_raw::run(suite, control),
        (Subject::Raw, LoopKind::AsyncStd) => async_std_raw::run(suite, control),
        (Subject::RuntimeSockets, LoopKind::Smol) => smol_raw::run_on_own_sockets(suite),
        (Subject::RuntimeSockets, LoopKind::AsyncStd) => async_std_raw::run_on_own_sockets(suite),
        (Subject::Polyloop | Subject::Unrecorded, LoopKind::Sim) => {
            simulated::run(suite, subject, control)
        }
        (Subject::Polyloop | Subject::PolyloopSleep | Subject::Source, on) => match on {
            LoopKind::Tokio => polyloop(tokio()?, suite, subject, control),
            LoopKind::TokioCurrentThread => polyloop(tokio_ct()?, suite, subject, control),
            LoopKind::Smol => polyloop(SmolLoop::new(), suite, subject, control),
            LoopKind::AsyncStd => polyloop(AsyncStdLoop::new(), suite, subject, control),
            LoopKind::Sim => Err(unknown(subject, on)),
        },
        (Subject::AnyLoop, on) => {
            let lp = match on {
                LoopKind::Tokio => AnyLoop::from(tokio()?),
                LoopKind::TokioCurrentThread => AnyLoop::from(tokio_ct()?),
                LoopKind::Smol => AnyLoop::from(SmolLoop::new()),
                LoopKind::AsyncStd => AnyLoop::from(AsyncStdLoop::new()),
                LoopKind::Sim => return Err(unknown(subject, on)),
            };
            polyloop(lp, suite, subject, control)
        }
        (subject, on) => Err(unknown(subject, on)),
    }
}

fn unknown(subject: Subject, on: LoopKind) -> String {
    format!(
        "{} on {} is not a subject of this program",
        subject.name(),
        on.name()
    )
}

/// What every subject does before anything else.
pub(crate) fn prepare(allocations: AllocationCount) -> Result<Control, String> {
    rlimit::increase_nofile_limit(u64::MAX)
        .map_err(|error| format!("the limit of open files: {error}"))?;
    Ok(Control::start(allocations))
}

fn tokio() -> Result<TokioLoop, String> {
    TokioLoop::new().map_err(|error| format!("the tokio loop: {error}"))
}

fn tokio_ct() -> Result<TokioLoop, String> {
    TokioLoop::current_thread().map_err(|error| format!("the tokio loop: {error}"))
}

fn polyloop<L: MainLoop + Udp + Processes>(
    lp: L,
    suite: Suite,
    subject: Subject,
    control: Control,
) -> Result<(), String> {
    let on = lp.clone();
    let outcome = match suite.work() {
        Work::Inside => lp.run(polyloop_inside::run(on, suite, subject, control)),
        _ => lp.run(polyloop_servers::run(on, suite)),
    };
    outcome.map_err(|error| error.to_string())?
}
