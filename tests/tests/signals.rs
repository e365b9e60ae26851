//! Signals as the system delivers them, to processes of their own on each real loop.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use polyloop::AnyLoop;
use polyloop_tests::within_deadline;
use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_polyloop-test-signals");

/// The program, ready for signals; killed when dropped.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command, lp: &str) -> Self {
        let mut child = command
            .env("POLYLOOP_LOOP", lp)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut this = Self { child, output };
        assert_eq!(this.line(), "ready", "{lp}");
        this
    }

    fn role(role: &str, lp: &str) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg(role);
        Self::start(command, lp)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn send(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process ID");
        kill_process(Pid::from_raw(id).expect("not 0"), signal).expect("it is there");
    }

    fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_each_real_loop(test: fn(&'static str)) {
    for name in AnyLoop::available_real() {
        within_deadline(move || test(name));
    }
}

/// SIG-01: the hook has run, and whoever started the program sees which signal it was.
#[test]
fn the_first_signal_ends_the_program_in_good_order() {
    on_each_real_loop(|lp| {
        for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15)] {
            let mut program = Running::role("polite", lp);
            program.send(signal);
            assert_eq!(program.line(), "stopped in good order", "{lp}");
            assert_eq!(program.ended().signal(), Some(number), "{lp}");
        }
    });
}

/// SIG-01: also where the loop is stuck, and whichever of the two it is.
#[test]
fn the_second_signal_ends_the_program_at_once() {
    on_each_real_loop(|lp| {
        for (second, number) in [(Signal::INT, 2), (Signal::TERM, 15)] {
            let mut program = Running::role("stuck", lp);
            program.send(Signal::TERM);
            assert_eq!(program.line(), "stuck", "{lp}");
            program.send(second);
            assert_eq!(program.ended().signal(), Some(number), "{lp}");
        }
    });
}

/// SIG-03: what ended a process before a handler was added ends it when that is removed.
#[test]
fn a_handler_that_is_removed_leaves_the_default_behind() {
    on_each_real_loop(|lp| {
        let mut program = Running::role("restored", lp);
        program.send(Signal::USR1);
        assert_eq!(program.ended().signal(), Some(10), "{lp}");
    });
}

/// SIG-02: from outside, while the loop has nothing to do.
#[test]
fn a_signal_from_outside_wakes_an_idle_loop() {
    on_each_real_loop(|lp| {
        let mut program = Running::role("told", lp);
        for _ in 0..3 {
            program.send(Signal::HUP);
            assert_eq!(program.line(), "SIGHUP", "{lp}");
        }
    });
}

/// SIG-05: as a shell does for what it starts in the background.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_is_ignored_from_the_start_stays_ignored() {
    on_each_real_loop(|lp| {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' INT; exec \"$0\" polite", PROGRAM]);
        let mut program = Running::start(command, lp);
        program.send(Signal::INT);
        program.send(Signal::INT);
        program.send(Signal::TERM);
        assert_eq!(program.line(), "stopped in good order", "{lp}");
        assert_eq!(program.ended().signal(), Some(15), "{lp}");
    });
}
