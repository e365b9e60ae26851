//! PROC: what a process protocol is told, and in what order.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::AsyncReadExt as _;
use polyloop_core::{
    Failure, MainLoop, OutputPipe, ProcessEnd, ProcessProtocol, ProcessTransport, Processes, Signal,
};

use super::children::shell;
use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Reports, pattern, run, until};

/// Notes what it is told, and keeps what it receives.
struct Notes {
    journal: Journal,
    /// From its output, and from its errors.
    received: Arc<Mutex<(Vec<u8>, Vec<u8>)>>,
    /// Written at the start, and the input closed.
    input: Vec<u8>,
}

impl Notes {
    fn new(journal: &Journal, input: &[u8]) -> Self {
        Self {
            journal: journal.clone(),
            received: Arc::default(),
            input: input.to_vec(),
        }
    }
}

impl ProcessProtocol for Notes {
    fn process_started(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
        self.journal.note("started");
        if !self.input.is_empty() {
            process.write(&std::mem::take(&mut self.input))?;
            process.close_input();
            let refused = process.write(b"more");
            if refused.is_ok() {
                self.journal.note("written after the close");
            }
        }
        Ok(())
    }

    fn output_received(
        &mut self,
        _: &mut ProcessTransport,
        pipe: OutputPipe,
        data: &[u8],
    ) -> Result<(), Failure> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, name) = match pipe {
            OutputPipe::Stdout => (&mut received.0, "output"),
            OutputPipe::Stderr => (&mut received.1, "errors"),
        };
        if place.is_empty() {
            self.journal.note(name);
        }
        place.extend_from_slice(data);
        Ok(())
    }

    fn output_ended(&mut self, _: &mut ProcessTransport, pipe: OutputPipe) -> Result<(), Failure> {
        self.journal.note(match pipe {
            OutputPipe::Stdout => "output ended",
            OutputPipe::Stderr => "errors ended",
        });
        Ok(())
    }

    fn process_exited(
        &mut self,
        process: &mut ProcessTransport,
        status: ExitStatus,
    ) -> Result<(), Failure> {
        self.journal.note("exited");
        if process.status() != Some(status) {
            self.journal.note("another status");
        }
        Ok(())
    }

    fn process_ended(&mut self, _: ProcessEnd) {
        self.journal.note("ended");
    }
}

/// More than any pipe holds goes through, and comes back by both outputs at once.
pub fn proc_01<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let sent = pattern(1 << 20);
        let journal = Journal::new();
        let notes = Notes::new(&journal, &sent);
        let received = notes.received.clone();
        let end = lp
            .spawn_process(&mut shell("tee /dev/stderr"), notes)?
            .ended()
            .await;
        ensure!(
            end.status().is_some_and(|status| status.success()),
            "it ended with {end}"
        );
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(received.0 == sent, "standard output differs");
        ensure!(received.1 == sent, "standard error differs");
        ensure!(
            !journal
                .names()
                .iter()
                .any(|name| name == "written after the close"),
            "a write after the close was accepted"
        );
        Ok(())
    })
}

/// Each once; and a handle is told that it is too late.
pub fn proc_02<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let script = "echo out; echo err >&2; exit 3";
        let process = lp.spawn_process(&mut shell(script), Notes::new(&journal, b"in"))?;
        let end = process.ended().await;
        ensure_eq!(
            end.status().and_then(|status| status.code()),
            Some(3),
            "the code"
        );
        let names = journal.names();
        ensure_eq!(names.first().map(String::as_str), Some("started"), "first");
        ensure_eq!(names.last().map(String::as_str), Some("ended"), "last");
        let mut sorted = names;
        sorted.sort_unstable();
        let expected = [
            "ended",
            "errors",
            "errors ended",
            "exited",
            "output",
            "output ended",
            "started",
        ];
        ensure_eq!(sorted, expected, "what was told");
        let late = process.call(|_, _| ()).await;
        ensure!(late.is_err(), "a call after the end was made");
        Ok(())
    })
}

/// A child of the child has the pipe, and writes when its parent is long gone.
pub fn proc_03<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let script = "exec 3<&0; (read _ <&3; echo late) & exit 0";
        let mut notes = Notes::new(&journal, b"");
        notes.input.clear();
        let process = lp.spawn_process(&mut shell(script), notes)?;
        until(&lp, "the exit", || {
            journal.names().iter().any(|name| name == "exited")
        })
        .await?;
        ensure!(
            !journal.names().iter().any(|name| name == "ended"),
            "it has ended with a pipe open: {:?}",
            journal.names()
        );
        process.call(|_, process| process.write(b"now\n")).await??;
        process.ended().await;
        let names = journal.names();
        let order: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| ["exited", "output", "ended"].contains(name))
            .collect();
        ensure_eq!(order, ["exited", "output", "ended"], "the order");
        Ok(())
    })
}

/// Fails in its first output.
struct Fails;

impl ProcessProtocol for Fails {
    fn output_received(
        &mut self,
        _: &mut ProcessTransport,
        _: OutputPipe,
        _: &[u8],
    ) -> Result<(), Failure> {
        Err("fails on purpose".into())
    }
}

/// By the transport, by dropping a child, and by dropping one that is to be killed; a
/// protocol that fails ends its child.
pub fn proc_08<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        // It ends when its input does, which is closed, too.
        let process = lp.spawn_process(&mut shell("cat; exit 6"), Notes::new(&journal, b""))?;
        process.call(|_, process| process.close()).await?;
        let code = process.ended().await.status().and_then(|s| s.code());
        ensure_eq!(code, Some(6), "the code of what was closed");

        for kills in [false, true] {
            let mut child =
                lp.spawn_child(Command::new("sleep").arg("1000").stdout(Stdio::piped()))?;
            child.kill_on_drop(kills);
            let (id, output) = (child.id(), child.stdout.take());
            let Some(mut output) = output else {
                return Err(Fault::new("a piped output is not there"));
            };
            let gone = Flag::new();
            let noted = gone.clone();
            let watching = lp.spawn(async move {
                let ended = output.read(&mut [0]).await;
                noted.set();
                ended
            });
            drop(child);
            if !kills {
                crate::probe::quiet(&lp).await;
                ensure!(!gone.is_set(), "a child that was dropped was ended");
                let mut kill = shell(&format!("kill {id}"));
                let status = lp.spawn_child(&mut kill)?.wait().await?;
                ensure!(status.success(), "it is not there to be killed");
            }
            ensure_eq!(watching.await??, 0, "what came of its output");
        }

        let reports = Reports::of(&lp);
        let mut script = shell("echo; exec sleep 1000");
        let failing = lp.spawn_process(&mut script, Fails)?;
        let end = failing.ended().await;
        ensure_eq!(
            end.status().and_then(|status| status.signal()),
            Some(Signal::KILL.as_raw()),
            "the end of a child whose protocol failed"
        );
        ensure_eq!(reports.mentioning("on purpose"), 1, "reports of it");
        Ok(())
    })
}

/// Where a protocol resumes reading, which it has paused at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resumes {
    Exited,
    InputDrained,
    InputLost,
}

struct Paused {
    at: Resumes,
    notes: Notes,
}

impl Paused {
    fn has_come(&self, at: Resumes, process: &mut ProcessTransport) {
        if self.at == at {
            process.resume_reading();
        }
    }
}

impl ProcessProtocol for Paused {
    fn process_started(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
        process.pause_reading();
        if self.at != Resumes::Exited {
            process.write(&pattern(300_000))?;
        }
        Ok(())
    }

    fn output_received(
        &mut self,
        process: &mut ProcessTransport,
        pipe: OutputPipe,
        data: &[u8],
    ) -> Result<(), Failure> {
        self.notes.output_received(process, pipe, data)
    }

    fn process_exited(
        &mut self,
        process: &mut ProcessTransport,
        _: ExitStatus,
    ) -> Result<(), Failure> {
        self.has_come(Resumes::Exited, process);
        Ok(())
    }

    fn input_drained(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
        self.has_come(Resumes::InputDrained, process);
        Ok(())
    }

    fn input_lost(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
        self.has_come(Resumes::InputLost, process);
        Ok(())
    }
}

/// Once the child has ended, has taken all of its input, or wants no more of it. Nothing
/// else happens that would have its pipes looked at.
pub fn proc_11<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for (at, script) in [
            (Resumes::Exited, "echo out"),
            (Resumes::InputDrained, "echo out; exec cat >/dev/null"),
            (Resumes::InputLost, "echo out; exec <&-; exec sleep 1000"),
        ] {
            let notes = Notes::new(&Journal::new(), b"");
            let received = notes.received.clone();
            let process = lp.spawn_process(&mut shell(script), Paused { at, notes })?;
            let what = format!("what was written before reading was resumed: {at:?}");
            until(&lp, &what, || {
                let received = received.lock().unwrap_or_else(PoisonError::into_inner);
                received.0 == b"out\n"
            })
            .await?;
            if at != Resumes::Exited {
                process.kill()?;
            }
            process.ended().await;
        }
        Ok(())
    })
}
