//! The program as it is typed: on the library that it makes, and where it can't do anything.
//!
//! What is built goes where everything else does, so that it is built once; nothing comes
//! from the network.

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The checkout that this is a part of.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// `cargo …` in a folder.
fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    configured(env!("CARGO"), folder, arguments)
}

/// `cargo polyloop …` in a folder.
fn polyloop(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = configured(env!("CARGO_BIN_EXE_cargo-polyloop"), folder, &["polyloop"]);
    command.args(arguments);
    command
}

fn configured(program: &str, folder: &Path, arguments: &[&str]) -> Command {
    // This test's program lies in target/debug/deps.
    let target = env::current_exe().unwrap();
    let target = target.ancestors().nth(3).unwrap().to_owned();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env("CARGO", env!("CARGO"))
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("GITHUB_STEP_SUMMARY")
        .env_remove("RUSTFLAGS");
    for variable in [
        "POLYLOOP_SEED",
        "POLYLOOP_SEEDS",
        "POLYLOOP_FIRST_SEED",
        "POLYLOOP_TRACE",
    ] {
        command.env_remove(variable);
    }
    command
}

fn text(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(error)
    )
}

/// How long a command may take: most of them build something.
const DEADLINE: Duration = Duration::from_secs(600);

/// Runs a command to its end, or to that of its time.
fn ended(command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Read beside it: who writes more than a pipe holds would never end.
    let readers = [
        reading(child.stdout.take().unwrap()),
        reading(child.stderr.take().unwrap()),
    ];
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > DEADLINE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{command:?} did not end within {DEADLINE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    };
    let [stdout, stderr] = readers.map(|reader| reader.join().unwrap());
    Output {
        status,
        stdout,
        stderr,
    }
}

fn reading(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut read = Vec::new();
        pipe.read_to_end(&mut read).unwrap();
        read
    })
}

/// What a command that must succeed prints.
fn succeeds(command: &mut Command) -> String {
    let output = ended(command);
    let text = text(&output);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

/// What a command that must fail prints.
fn fails(command: &mut Command) -> String {
    let output = ended(command);
    let text = text(&output);
    assert_eq!(
        output.status.code().map(|code| code != 0),
        Some(true),
        "{text}"
    );
    assert!(!text.contains("panicked at crates"), "{text}");
    text
}

/// A library as `new` makes it, with the versions of everything that are here already.
fn generated() -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let checkout = root();
    let checkout = checkout.to_str().unwrap();
    let told = succeeds(&mut polyloop(
        scratch.path(),
        &["new", "hello-loops", "--path", checkout],
    ));
    assert!(told.contains("cargo polyloop test"), "{told}");
    let library = scratch.path().join("hello-loops");
    fs::copy(root().join("Cargo.lock"), library.join("Cargo.lock")).unwrap();
    (scratch, library)
}

/// A line of the matrix, as words.
fn line<'a>(matrix: &'a str, test: &str) -> Vec<&'a str> {
    let line = matrix
        .lines()
        .find(|line| line.trim_start().starts_with(test));
    let line = line.unwrap_or_else(|| panic!("{test} is not in {matrix}"));
    line.split_whitespace().skip(1).collect()
}

#[test]
fn a_new_library_passes_on_every_loop_and_a_failure_comes_with_the_way_back() {
    let (_scratch, library) = generated();
    succeeds(&mut cargo(&library, &["fmt", "--check"]));
    let clippy = ["clippy", "--all-targets", "--", "-D", "warnings"];
    succeeds(&mut cargo(&library, &clippy));

    let files = [
        "test", "--html", "m.html", "--json", "m.json", "--junit", "m.xml",
    ];
    let told = succeeds(polyloop(&library, &files).env("GITHUB_STEP_SUMMARY", "summary.md"));
    assert_eq!(line(&told, "orders_are_added_up"), ["pass"; 4]);
    assert_eq!(line(&told, "a_partition_counts_nothing_twice"), ["pass"]);
    for loop_name in ["tokio", "smol", "async_std"] {
        assert_eq!(line(&told, "the_same_order_counts_once").len(), 4);
        assert!(told.contains(&format!("{loop_name:9}  2 pass")), "{told}");
    }
    let read = |file: &str| fs::read_to_string(library.join(file)).unwrap();
    assert!(read("m.html").contains("nothing fails"));
    let json: serde_json::Value = serde_json::from_str(&read("m.json")).unwrap();
    let loops = &json[0]["loops"];
    let all = serde_json::json!(["tokio", "smol", "async_std", "sim", "plain"]);
    assert_eq!(*loops, all);
    assert!(read("m.xml").contains("failures=\"0\""));
    assert!(read("summary.md").contains("`orders_are_added_up` | ✓ | ✓ | ✓ | ✓ |"));

    // Without the numbers orders are counted twice: only the partition shows it.
    let server = library.join("src/server.rs");
    let right = fs::read_to_string(&server).unwrap();
    let wrong = right.replace(
        "entry(order.number).or_insert(order.amount)",
        "entry(order.number).and_modify(|sum| *sum += order.amount).or_insert(order.amount)",
    );
    assert_ne!(right, wrong);
    fs::write(&server, wrong).unwrap();
    let told = fails(&mut polyloop(&library, &["test", "partition_counts"]));
    assert!(
        told.contains("FAIL a_partition_counts_nothing_twice on sim"),
        "{told}"
    );
    let again = told
        .lines()
        .find(|line| line.contains(" --test partition -- --exact "));
    let again = again
        .unwrap_or_else(|| panic!("no command in {told}"))
        .trim();
    let (seed, call) = again.split_once(" cargo ").unwrap();
    let seed = seed.strip_prefix("POLYLOOP_SEED=").unwrap();
    let arguments: Vec<&str> = call.split(' ').collect();
    let told = fails(cargo(&library, &arguments).env("POLYLOOP_SEED", seed));
    assert!(told.contains("three orders of 5"), "{told}");
    assert!(told.contains("1 failed"), "{told}");

    let told = succeeds(&mut polyloop(
        &library,
        &["test", "added", "--loop", "smol"],
    ));
    assert!(told.contains("smol       1 pass"), "{told}");
    assert!(!told.contains("tokio "), "{told}");
    let nowhere = ["test", "nowhere", "--loop", "smol"];
    let told = fails(&mut polyloop(&library, &nowhere));
    assert!(told.contains("\"nowhere\" among those on smol"), "{told}");
}

#[test]
fn what_cannot_be_done_is_told_in_a_sentence() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let told = fails(&mut polyloop(here, &["test"]));
    assert!(
        told.contains("there is no Cargo.toml in this folder"),
        "{told}"
    );
    let told = fails(&mut polyloop(here, &["new", "Hello World"]));
    assert!(told.contains("can't be called \"Hello World\""), "{told}");
    let told = fails(&mut polyloop(here, &["new", "x", "--path", "."]));
    assert!(told.contains("no checkout of polyloop"), "{told}");
    fs::create_dir(here.join("taken")).unwrap();
    let told = fails(&mut polyloop(here, &["new", "taken"]));
    assert!(told.contains("is there already"), "{told}");
    let told = fails(&mut polyloop(here, &["test", "--loop", "tokyo"]));
    assert!(told.contains("the loops are tokio, smol"), "{told}");
    let told = fails(&mut polyloop(here, &["test", "--no-such-thing"]));
    assert!(told.contains("--no-such-thing"), "{told}");
}

#[test]
fn a_package_without_such_tests_or_without_that_loop_is_told_so() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let manifest = "[package]\nname = \"bare\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [features]\none = []\n[workspace]\n";
    fs::write(here.join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(here.join("src")).unwrap();
    let library = |text: &str| fs::write(here.join("src/lib.rs"), text).unwrap();
    library("#[test]\nfn plain() {}\n");
    let told = fails(&mut polyloop(here, &["test"]));
    assert!(
        told.contains("bare has no tests under #[polyloop::test]"),
        "{told}"
    );
    let told = fails(&mut polyloop(here, &["test", "--features-sets", "two"]));
    assert!(
        told.contains("bare has no feature \"two\"; it has one"),
        "{told}"
    );
    let told = fails(&mut polyloop(here, &["test", "--package", "other"]));
    assert!(
        told.contains("no package \"other\" here; there is bare"),
        "{told}"
    );

    // As the attribute names them.
    library("#[cfg(test)]\nmod a {\n    #[test]\n    fn smol() {}\n}\n");
    let told = fails(&mut polyloop(here, &["test", "--loop", "async-std"]));
    assert!(told.contains("no test runs on async_std with"), "{told}");
    assert!(told.contains("there is smol"), "{told}");

    // What does not compile is the compiler's to tell; which set it was, ours.
    library("compile_error!(\"no\");");
    let told = fails(&mut polyloop(
        here,
        &["test", "--features-sets", "one;none"],
    ));
    assert!(
        told.contains("do not build with the features one"),
        "{told}"
    );

    // A test that takes its process down is a failure like any.
    library(
        "#[cfg(test)]\nmod a {\n    #[test]\n    fn smol() { std::process::abort() }\n    \
         #[test]\n    fn tokio() {}\n}\n",
    );
    let told = fails(&mut polyloop(here, &["test"]));
    assert_eq!(line(&told, "a "), ["pass", "FAIL"]);
    assert!(told.contains("its process ended with signal"), "{told}");
}

/// A stand-in for polyloop, with its features alone, and tests called as the attribute calls
/// them: what is asked here is cargo's part.
#[test]
fn a_set_of_features_that_takes_a_loop_away_is_found() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let write = |file: &str, text: &str| {
        let path = here.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let stand_in = "[package]\nname = \"polyloop\"\nversion = \"9.0.0\"\nedition = \"2024\"\n\
                    [features]\ntokio = []\nsmol = []\n";
    write("polyloop/Cargo.toml", stand_in);
    write("polyloop/src/lib.rs", "");
    let manifest = "[package]\nname = \"switching\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [features]\nsmol = [\"polyloop/smol\"]\ntokio = [\"polyloop/tokio\"]\n\
                    [dependencies]\npolyloop = { path = \"polyloop\" }\n[workspace]\n";
    write("Cargo.toml", manifest);
    let library = |condition: &str| {
        let text = "#[cfg(test)]\nmod a {\n    #[cfg(CONDITION)]\n    #[test]\n    fn smol() {}\n    \
                    #[cfg(feature = \"tokio\")]\n    #[test]\n    fn tokio() {}\n}\n";
        write("src/lib.rs", &text.replace("CONDITION", condition));
    };
    library("feature = \"smol\"");
    let told = succeeds(&mut polyloop(here, &["features"]));
    assert!(told.contains("no features: tests on no loop"), "{told}");
    assert!(
        told.contains("the features smol, tokio: tests on tokio, smol"),
        "{told}"
    );
    library("all(feature = \"smol\", not(feature = \"tokio\"))");
    let told = fails(&mut polyloop(here, &["features"]));
    assert!(
        told.contains("FAIL a::smol runs with the features smol, and not"),
        "{told}"
    );
}
