//! A bench session: it starts subjects and the load generator, has them take turns and
//! collects what it reads off them.

mod allocations;
mod bench;
mod contest;
mod cores;
mod instructions;
mod machine;
mod memory;
mod pace;
mod process;
mod programs;
mod python;
mod simulating;
mod stage;
mod syscalls;
mod turns;

use std::time::Instant;

use clap::Parser;

use crate::options::{Options, selects};
use crate::report::{self, Row};
use crate::suites::{LoopKind, Suite, Work};
use bench::Bench;
use contest::Contest;
use cores::Cores;
pub(crate) use machine::Machine;
use pace::Pace;
use programs::Programs;

/// Connections whose two ends are in one program, where memory is measured.
const WITHIN: u64 = 2000;

/// Measures polyloop against hand-written programs.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Program {
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run() -> Result<(), String> {
    let options = Program::parse().options;
    // A path that can't be written is no news to wait minutes for.
    let outputs = report::Outputs::create(&options)?;
    let began = Instant::now();
    let bench = Bench {
        cores: Cores::choose(),
        pace: Pace::of(&options),
        programs: Programs::find(&options)?,
        instructions: options.instructions,
        no_strace: syscalls::missing(),
        no_valgrind: instructions::missing(),
    };
    let machine = machine::describe(&bench.cores);
    eprintln!("{machine}");
    if let Some(why) = &bench.no_strace {
        eprintln!("system calls are not measured: {why}");
    }
    let contests = contests(&options);
    if contests.is_empty() {
        return Err("none of these suites runs on any of these loops".to_owned());
    }
    let mut rows: Vec<Row> = Vec::new();
    for (number, (suite, on)) in contests.iter().enumerate() {
        eprint!(
            "[{:2}/{}] {:10} {:10} ",
            number + 1,
            contests.len(),
            suite.name(),
            on.name()
        );
        let started = Instant::now();
        let found = figures(&Contest::new(&bench, *suite, *on))?;
        let took = started.elapsed().as_secs_f64();
        eprintln!("{took:4.1} s  {}", report::in_short(&found));
        rows.extend(found);
    }
    outputs.write(&machine, &rows)?;
    println!("{}", report::tables(&rows));
    println!(
        "{machine}\n{} figures in {:.0} s",
        rows.len(),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The suites on their loops, as the options select them.
fn contests(options: &Options) -> Vec<(Suite, LoopKind)> {
    let suite_wanted = |suite: &Suite| {
        let filters = &options.filters;
        filters.is_empty() || filters.iter().any(|text| selects(text, suite.name()))
    };
    let loop_wanted = |on: &LoopKind| {
        let loops = &options.loops;
        loops.is_empty() || loops.iter().any(|name| name == on.name())
    };
    let suites = Suite::ALL.into_iter().filter(suite_wanted);
    suites
        .flat_map(|suite| LoopKind::ALL.into_iter().map(move |on| (suite, on)))
        .filter(|(suite, on)| loop_wanted(on) && suite.runs_on(*on))
        .collect()
}

/// All the figures that come of a contest.
fn figures(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    if let Work::Idle(connections) = contest.suite.work() {
        return memory::measure(contest, connections);
    }
    if contest.suite == Suite::TlsIdle {
        return memory::measure_within(contest, WITHIN);
    }
    if let Work::Simulation(_) | Work::PlainSimulation(_) = contest.suite.work() {
        return simulating::measure(contest);
    }
    let mut rows = turns::measure(contest)?;
    rows.extend(allocations::measure(contest)?);
    rows.extend(syscalls::measure(contest)?);
    let strays = contest.bench.pace.insists && !turns::is_steady(&rows);
    if contest.bench.instructions || strays {
        rows.extend(instructions::measure(contest)?);
    }
    Ok(rows)
}
