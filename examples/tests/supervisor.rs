//! The supervisor keeps a program running, and leaves nothing behind.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use polyloop::AnyLoop;
use polyloop_core::{Backoff, Failure, MainLoop, OutputPipe, RetryPolicy as _};
use polyloop_examples::supervisor::{GaveUp, supervise};

/// Runs `test` on each real loop, for two minutes at most.
fn on_each_real_loop(test: fn(&'static str)) {
    for name in AnyLoop::available_real() {
        let (done, finished) = mpsc::channel();
        let running = std::thread::spawn(move || {
            test(name);
            let _ = done.send(());
        });
        match finished.recv_timeout(Duration::from_secs(120)) {
            Err(RecvTimeoutError::Timeout) => panic!("not done within two minutes on {name}"),
            _ => running.join().unwrap(),
        }
    }
}

/// The program, killed when dropped.
struct Running(Child);

impl Running {
    fn start(lp: &str, script: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_supervisor"))
            .args(["--loop", lp, "--", "sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_program_that_fails_is_started_again_and_one_that_succeeds_is_not() {
    on_each_real_loop(|name| {
        let mark = Mark::new(name);
        // The second time the file is there.
        let script = format!(
            "echo begins; test -e {path} && echo done && exit 0; touch {path}; exit 1",
            path = mark.0.display()
        );
        let mut program = Running::start(name, &script);
        let mut said = String::new();
        let mut output = program.0.stdout.take().expect("its output is piped");
        output.read_to_string(&mut said).expect("text");
        assert_eq!(said, "begins\nbegins\ndone\n", "{name}");
        assert!(program.0.wait().unwrap().success(), "{name}");
    });
}

#[test]
fn a_program_is_ended_with_its_supervisor() {
    on_each_real_loop(|name| {
        let mut program = Running::start(name, "echo $$; exec sleep 1000");
        let output = program.0.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(output).lines();
        let child = lines.next().expect("a line").expect("text");
        assert!(kill("TERM", &program.0.id().to_string()));
        assert!(program.0.wait().unwrap().success(), "{name}");
        // Signal 0 asks whether it is there.
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if !kill("0", &child) {
                break;
            }
            assert!(Instant::now() < deadline, "{name} has left {child} behind");
        }
    });
}

#[test]
fn one_that_fails_too_often_is_given_up() {
    on_each_real_loop(|name| {
        let lp = AnyLoop::by_name(name).unwrap();
        let intervals = Backoff::exponential()
            .initial(Duration::from_millis(1))
            .give_up_on(|_| true);
        let lines = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = lines.clone();
        let command = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", "echo out; printf err >&2; exit 9"]);
            shell
        };
        let ended = lp
            .run(supervise(&lp, command, intervals, move |pipe, line| {
                noted.lock().unwrap().push((pipe, line.to_owned()));
            }))
            .unwrap();
        let gave_up: Failure = ended.unwrap_err();
        let status = gave_up.downcast_ref::<GaveUp>().map(|error| error.status);
        assert_eq!(status.and_then(|status| status.code()), Some(9), "{name}");
        let mut lines = lines.lock().unwrap().clone();
        lines.sort_by_key(|(pipe, _)| pipe.descriptor());
        let expected = [
            (OutputPipe::Stdout, "out".to_owned()),
            (OutputPipe::Stderr, "err".to_owned()),
        ];
        assert_eq!(lines, expected, "{name}");
    });
}

/// Sends a signal, and says whether somebody was there to get it.
fn kill(signal: &str, process: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("kill -{signal} {process}")]);
    let sent = shell.stderr(Stdio::null()).status();
    sent.expect("a shell").success()
}

/// A file that is not there yet, and goes with this.
struct Mark(PathBuf);

impl Mark {
    fn new(name: &str) -> Self {
        let file = format!("polyloop-supervisor-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
