//! `#[polyloop::main]` and `POLYLOOP_LOOP`, in real processes.
//!
//! This is a program of its own instead of a set of tests: started with the name of
//! one of the programs below in `PROGRAM`, it is that program; otherwise it starts
//! itself as each of them and looks at what comes out.

use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use polyloop::AnyLoop;

mod prints_its_loop {
    use polyloop::{AnyLoop, Failure, Lifecycle};

    #[polyloop::main]
    pub(super) async fn main(lp: AnyLoop) -> Result<(), Failure> {
        polyloop::spawn(async {})?.await?;
        println!("{}", lp.name());
        Ok(())
    }
}

mod takes_nothing {
    use polyloop::Lifecycle;

    /// Documented, as a `main` may be.
    #[polyloop::main]
    pub(super) async fn main() {
        match polyloop::current() {
            Ok(lp) => println!("{}", lp.name()),
            Err(error) => println!("{error}"),
        }
    }
}

mod generic {
    use polyloop::Loop;

    #[polyloop::main(crate = "polyloop")]
    pub(super) async fn main<L: Loop>(lp: L) {
        println!("{}", lp.name());
    }
}

mod fails {
    #[polyloop::main]
    pub(super) async fn main() -> Result<(), String> {
        Err("no luck".to_owned())
    }
}

mod exits_with_seven {
    use std::process::ExitCode;

    #[polyloop::main]
    pub(super) async fn main() -> ExitCode {
        ExitCode::from(7)
    }
}

mod stops_itself {
    use polyloop::{AnyLoop, Failure, Lifecycle};

    #[polyloop::main]
    pub(super) async fn main(lp: AnyLoop) -> Result<(), Failure> {
        lp.stop().map_err(Failure::new)?;
        std::future::pending().await
    }
}

mod runs_inside_of_itself {
    use std::process::ExitCode;

    #[polyloop::main]
    pub(super) async fn main() -> ExitCode {
        super::prints_its_loop::main()
    }
}

#[cfg(feature = "tokio")]
mod pinned_to_tokio {
    use polyloop::{Lifecycle, TokioLoop};

    #[polyloop::main(tokio)]
    pub(super) async fn main(lp: TokioLoop) {
        println!("{}", lp.name());
    }
}

#[cfg(feature = "smol")]
mod pinned_to_smol {
    use polyloop::Loop;

    #[polyloop::main(smol)]
    pub(super) async fn main(lp: impl Loop) {
        println!("{}", lp.name());
    }
}

#[cfg(feature = "async-std")]
mod pinned_to_async_std {
    use polyloop::{AnyLoop, Lifecycle};

    #[polyloop::main(async_std)]
    pub(super) async fn main(lp: AnyLoop) {
        println!("{}", lp.name());
    }
}

#[cfg(feature = "sim")]
mod pinned_to_sim {
    use polyloop::{Lifecycle, SimLoop};

    #[polyloop::main(sim)]
    pub(super) async fn main(lp: SimLoop) {
        println!("{}", lp.name());
    }
}

type Program = fn() -> ExitCode;

const PROGRAMS: &[(&str, Program)] = &[
    ("prints_its_loop", prints_its_loop::main),
    ("takes_nothing", takes_nothing::main),
    ("generic", generic::main),
    ("fails", fails::main),
    ("exits_with_seven", exits_with_seven::main),
    ("stops_itself", stops_itself::main),
    ("runs_inside_of_itself", runs_inside_of_itself::main),
    #[cfg(feature = "tokio")]
    ("pinned_to_tokio", pinned_to_tokio::main),
    #[cfg(feature = "smol")]
    ("pinned_to_smol", pinned_to_smol::main),
    #[cfg(feature = "async-std")]
    ("pinned_to_async_std", pinned_to_async_std::main),
    #[cfg(feature = "sim")]
    ("pinned_to_sim", pinned_to_sim::main),
];

fn main() -> ExitCode {
    if let Ok(wanted) = std::env::var("PROGRAM") {
        let program = PROGRAMS.iter().find(|(name, _)| *name == wanted);
        return program.map_or(ExitCode::from(99), |(_, program)| program());
    }
    // Runners ask every test program for a list.
    if !std::env::args().any(|argument| argument == "--list") {
        look_at_them_all();
    }
    ExitCode::SUCCESS
}

fn look_at_them_all() {
    let Some(preferred) = AnyLoop::available().first() else {
        return without_any_loop();
    };
    for program in ["prints_its_loop", "takes_nothing", "generic"] {
        prints(program, None, preferred);
        prints(program, Some(""), preferred);
        for name in AnyLoop::available() {
            prints(program, Some(name), name);
            prints(program, Some(&name.to_uppercase().replace('-', "_")), name);
        }
    }
    // A pin is not overridden, whatever else is compiled in.
    for (program, _) in PROGRAMS {
        if let Some(word) = program.strip_prefix("pinned_to_") {
            prints(program, None, &word.replace('_', "-"));
            for other in AnyLoop::available() {
                prints(program, Some(other), &word.replace('_', "-"));
            }
            prints(program, Some("libuv"), &word.replace('_', "-"));
        }
    }
    refuses(
        "prints_its_loop",
        Some("libuv"),
        &["POLYLOOP_LOOP", "\"libuv\"", preferred],
    );
    for missing in ["async-std", "smol", "tokio", "sim"] {
        if !AnyLoop::available().contains(&missing) {
            let feature = format!("feature \"{missing}\"");
            refuses(
                "prints_its_loop",
                Some(missing),
                &["POLYLOOP_LOOP", &feature],
            );
        }
    }
    refuses("fails", None, &["no luck"]);
    refuses("stops_itself", None, &[preferred, "stopped before"]);
    refuses("runs_inside_of_itself", None, &[preferred, "from inside"]);
    let output = start("exits_with_seven", None);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
}

fn without_any_loop() {
    for (program, _) in PROGRAMS {
        refuses(program, None, &["no loop is compiled in", "tokio"]);
    }
}

fn prints(program: &str, variable: Option<&str>, expected: &str) {
    let output = start(program, variable);
    assert!(output.status.success(), "{program}: {output:?}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        printed.trim(),
        expected,
        "{program} {variable:?}: {output:?}"
    );
    println!("{program}, POLYLOOP_LOOP {variable:?}: {}", printed.trim());
}

/// Exit code 1, and the reason on standard error, without a panic.
fn refuses(program: &str, variable: Option<&str>, because: &[&str]) {
    let output = start(program, variable);
    assert_eq!(output.status.code(), Some(1), "{program}: {output:?}");
    let printed = String::from_utf8_lossy(&output.stderr);
    for part in because {
        assert!(
            printed.contains(part),
            "{program}: no {part:?} in {printed:?}"
        );
    }
    assert!(!printed.contains("panicked"), "{program}: {printed}");
    println!("{program}, POLYLOOP_LOOP {variable:?}: {}", printed.trim());
}

fn start(program: &str, variable: Option<&str>) -> Output {
    const DEADLINE: Duration = Duration::from_secs(60);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env("PROGRAM", program)
        .env_remove("POLYLOOP_LOOP")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(name) = variable {
        command.env("POLYLOOP_LOOP", name);
    }
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    // What it prints fits into a pipe, so it does not wait for a reader.
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > DEADLINE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{program} did not end within {DEADLINE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}
