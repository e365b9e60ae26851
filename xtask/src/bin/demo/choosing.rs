//! The ways of choosing a loop, each tried for each loop.
//!
//! What a loop calls itself could be wrong, so the thread that its tasks run on is
//! looked at, too: each runtime names its threads after itself.

use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use polyloop::{AnyLoop, AsyncStdLoop, DefaultLoop, SmolLoop, TokioLoop};
use polyloop_core::Failure;

use crate::probe::{self, Probe};

const VARIABLE: &str = "POLYLOOP_LOOP";

/// A choice, and what came of it.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) way: &'static str,
    pub(crate) asked: String,
    pub(crate) got: String,
    pub(crate) thread: String,
}

/// Tries every way, and fails at the first choice that is not followed.
pub(crate) fn run(deadline: Duration) -> Result<Vec<Choice>, String> {
    let mut choices = Vec::new();
    let mut note = |way, asked: &str, expected, got: Result<Probe, String>| {
        let choice = check(way, asked, expected, got)?;
        println!("  by {way}: {asked} -> {}, ok", choice.got);
        choices.push(choice);
        Ok::<(), String>(())
    };

    let way = "type";
    let got = probe::run(TokioLoop::new, deadline);
    note(way, "TokioLoop", "tokio", got)?;
    let got = probe::run(|| Ok::<_, Failure>(SmolLoop::new()), deadline);
    note(way, "SmolLoop", "smol", got)?;
    let got = probe::run(|| Ok::<_, Failure>(AsyncStdLoop::new()), deadline);
    note(way, "AsyncStdLoop", "async-std", got)?;

    // All three features are on in this program, so the documented order decides.
    let default: fn() -> Result<DefaultLoop, _> = polyloop::default_loop;
    let got = probe::run(default, deadline);
    note("feature", "all three", "async-std", got)?;

    for name in ["tokio", "smol", "async-std"] {
        let asked = format!("features = [{name:?}]");
        note("feature", &asked, name, chosen_by_feature(name))?;
    }

    for name in ["tokio", "smol", "async-std"] {
        let asked = format!("{VARIABLE}={name}");
        note("environment", &asked, name, chosen_by_child(name, deadline))?;
    }
    for name in ["tokio", "smol", "async-std"] {
        let got = probe::run(move || AnyLoop::by_name(name), deadline);
        note("name", &format!("by_name({name:?})"), name, got)?;
    }
    unknown_names(deadline)?;
    println!("  an unknown name is refused, with those that are compiled in");
    Ok(choices)
}

fn check(
    way: &'static str,
    asked: &str,
    expected: &str,
    got: Result<Probe, String>,
) -> Result<Choice, String> {
    let probe = got.map_err(|problem| format!("choosing by {way}, {asked}: {problem}"))?;
    if probe.name != expected || !probe.thread.starts_with(expected) {
        return Err(format!(
            "choosing by {way}, {asked}: expected {expected}, got {probe}"
        ));
    }
    Ok(Choice {
        way,
        asked: asked.to_owned(),
        got: probe.name,
        thread: probe.thread,
    })
}

/// What a program chooses that is built with that feature alone.
fn chosen_by_feature(name: &str) -> Result<Probe, String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "run",
            "--package",
            "xtask",
            "--bin",
            "polyloop-default-loop",
        ])
        .args(["--features", &format!("default-loop,{name}")])
        .args((!cfg!(debug_assertions)).then_some("--release"))
        .env_remove(VARIABLE)
        // It is building, and that should be seen.
        .stderr(Stdio::inherit());
    answer_of(cargo)
}

/// What a child process with that environment chooses.
fn chosen_by_child(name: &str, deadline: Duration) -> Result<Probe, String> {
    let program = env::current_exe().map_err(|error| format!("where am I? {error}"))?;
    let mut child = Command::new(program);
    // The child keeps the deadline itself.
    child
        .args(["--deadline", &deadline.as_secs().to_string(), "chosen"])
        .env(VARIABLE, name);
    answer_of(child)
}

fn answer_of(mut command: Command) -> Result<Probe, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("the child process did not start: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    match Probe::parse(&stdout) {
        Some(probe) if output.status.success() => Ok(probe),
        _ => Err(format!(
            "the child process ended with {} and said: {}{}",
            output.status,
            stdout.trim(),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// The child's part.
pub(crate) fn report_chosen(deadline: Duration) -> Result<(), String> {
    println!("{}", probe::run(AnyLoop::from_env, deadline)?);
    Ok(())
}

/// A name that no loop has must not quietly give another one.
fn unknown_names(deadline: Duration) -> Result<(), String> {
    let by_name = match AnyLoop::by_name("libuv") {
        Ok(lp) => return Err(format!("by_name(\"libuv\") gave {lp:?}")),
        Err(error) => error.to_string(),
    };
    let by_environment = match chosen_by_child("libuv", deadline) {
        Ok(probe) => return Err(format!("{VARIABLE}=libuv gave {probe}")),
        Err(problem) => problem,
    };
    for problem in [by_name, by_environment] {
        for word in ["libuv", "tokio", "smol", "async-std"] {
            if !problem.contains(word) {
                return Err(format!(
                    "the refusal of \"libuv\" does not name {word}: {problem}"
                ));
            }
        }
    }
    Ok(())
}
