//! PROC: children for code that awaits: how they are started and end.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use polyloop_core::{
    Child, Interest, MainLoop, ProcessError, ProcessSignalError, Processes, Signal,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{run, until};

/// What a shell makes of `script`.
pub(super) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// What `script` prints.
async fn printed<L: Processes>(lp: &L, command: &mut Command) -> Verdict<String> {
    let child = lp.spawn_child(command.stdout(Stdio::piped()))?;
    let output = child.wait_with_output().await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A code, a signal that it sends itself, and one that comes from here.
pub fn proc_04<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let status = lp.spawn_child(&mut shell("exit 7"))?.wait().await?;
        ensure_eq!(
            (status.code(), status.signal()),
            (Some(7), None),
            "`exit 7`"
        );
        let child = lp.spawn_child(&mut shell("kill -TERM $$"))?;
        let status = child.wait().await?;
        let killed = (None, Some(Signal::TERM.as_raw()));
        ensure_eq!((status.code(), status.signal()), killed, "its own SIGTERM");
        ensure_eq!(child.wait().await?, status, "the second wait");
        ensure_eq!(child.try_wait(), Some(status), "a look afterwards");
        let child = lp.spawn_child(Command::new("sleep").arg("1000"))?;
        ensure_eq!(child.try_wait(), None, "a look while it runs");
        child.kill()?;
        let status = child.wait().await?;
        ensure_eq!(status.signal(), Some(Signal::KILL.as_raw()), "a kill");
        Ok(())
    })
}

/// No such program, no such directory, no program; and one that is closed.
pub fn proc_05<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    fn check<L: Processes>(
        started: Result<Child<L>, ProcessError>,
        kind: io::ErrorKind,
        names: &str,
    ) -> Verdict {
        let Err(error) = started else {
            return Err(crate::fault::Fault::new(format!("{names} was started")));
        };
        ensure_eq!(error.kind(), kind, "{names}");
        let text = error.to_string();
        ensure!(text.contains(names), "{names} is not named: {text}");
        Ok(())
    }
    run(make, async |lp| {
        let missing = lp.spawn_child(&mut Command::new("no-such-program-here"));
        check(missing, io::ErrorKind::NotFound, "no-such-program-here")?;
        let nowhere = lp.spawn_child(shell("true").current_dir("/no/such/directory"));
        check(nowhere, io::ErrorKind::NotFound, "/no/such/directory")?;
        let no_program = lp.spawn_child(&mut Command::new("/etc/passwd"));
        check(no_program, io::ErrorKind::PermissionDenied, "/etc/passwd")
    })?;
    let lp = make();
    lp.close()?;
    let closed = lp.spawn_child(&mut shell("true"));
    ensure!(
        matches!(closed, Err(ProcessError::Closed(_))),
        "a closed loop: {closed:?}"
    );
    Ok(())
}

/// As it is, with more, and without.
pub fn proc_06<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let path = std::env::var("PATH").unwrap_or_default();
        let say = "echo \"$PATH/$POLYLOOP_MORE\"";
        let inherited = printed(&lp, shell(say).env("POLYLOOP_MORE", "more")).await?;
        ensure_eq!(inherited.trim_end(), format!("{path}/more"), "with more");
        let mut bare = Command::new("/bin/sh");
        bare.args(["-c", "echo \"<$HOME>\""]).env_clear();
        ensure_eq!(printed(&lp, &mut bare).await?.trim_end(), "<>", "without");
        Ok(())
    })
}

/// Before its end it is sent; afterwards it is refused, also where it has not been waited
/// for.
pub fn proc_07<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let child = lp.spawn_child(Command::new("sleep").arg("1000"))?;
        let refused = child.signal(Signal::from_raw(4711));
        ensure!(
            matches!(refused, Err(ProcessSignalError::Refused { .. })),
            "signal 4711: {refused:?}"
        );
        child.signal(Signal::TERM)?;
        let status = child.wait().await?;
        let late = child.signal(Signal::TERM);
        ensure!(
            matches!(late, Err(ProcessSignalError::Exited { status: told, .. }) if told == status),
            "after its end: {late:?}"
        );
        let unwaited = lp.spawn_child(&mut shell("exit 0"))?;
        until(&lp, "the end of a child that nobody waits for", || {
            matches!(unwaited.kill(), Err(ProcessSignalError::Exited { .. }))
        })
        .await
    })
}

/// Started outside of the run, and over by then; dropped; and many at once.
pub fn proc_09<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let early = lp.spawn_child(&mut shell("exit 4"))?;
    std::thread::sleep(Duration::from_millis(50));
    let inner = lp.clone();
    lp.run(async move {
        ensure_eq!(early.wait().await?.code(), Some(4), "the early one");
        let dropped = inner.spawn_child(&mut shell("exit 5"))?.id();
        let mut many = Vec::new();
        for code in 0..20 {
            many.push((
                code,
                inner.spawn_child(&mut shell(&format!("exit {code}")))?,
            ));
        }
        for (code, child) in many {
            ensure_eq!(child.wait().await?.code(), Some(code), "one of many");
        }
        if cfg!(target_os = "linux") {
            let entry = std::path::PathBuf::from(format!("/proc/{dropped}"));
            until(&inner, "the one that was dropped is reaped", || {
                !entry.exists()
            })
            .await?;
        }
        Ok(())
    })?
}

/// While the loop has sockets and pipes open, a child sees what it sees without any loop:
/// whoever started this process may have left it some, too.
pub fn proc_10<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    fn numbers(listed: &str) -> BTreeSet<u32> {
        listed
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect()
    }
    let mut list = Command::new("ls");
    list.arg("/dev/fd")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let before = numbers(&String::from_utf8_lossy(&list.output()?.stdout));
    ensure!(
        before.is_superset(&BTreeSet::from([0, 1, 2])),
        "`ls` says {before:?}"
    );
    run(make, async |lp| {
        let server = std::net::TcpListener::bind("127.0.0.1:0")?;
        let (reader, _writer) = io::pipe()?;
        let _watched = lp.watch(reader)?;
        let _other = lp.spawn_child(Command::new("sleep").arg("0.1").stdin(Stdio::piped()))?;
        let seen = numbers(&printed(&lp, &mut list).await?);
        ensure_eq!(seen, before, "its descriptors");
        drop(server);
        Ok(())
    })
}

/// One that ends by itself, and one that is killed when it is dropped.
pub fn proc_12<L: MainLoop + Processes>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let inner = lp.clone();
    let (mut ends, mut stays) = lp.run(async move {
        let ends = inner.spawn_child(Command::new("cat").stdin(Stdio::piped()))?;
        let stays = inner.spawn_child(Command::new("sleep").arg("1000").stdout(Stdio::piped()))?;
        Ok::<_, Fault>((ends, stays))
    })??;
    lp.close()?;
    ensure_eq!(ends.try_wait(), None, "a look while it runs");
    ends.stdin = None;
    let timers = make();
    let inner = timers.clone();
    timers.run(async move {
        until(&inner, "the end of the first", || ends.try_wait().is_some()).await?;
        let status = ends.wait().await?;
        ensure!(status.success(), "it ended with {status}");
        let late = ends.kill();
        ensure!(
            matches!(late, Err(ProcessSignalError::Exited { .. })),
            "a signal after the end: {late:?}"
        );
        let output = stays.stdout.take();
        stays.kill_on_drop(true);
        drop(stays);
        let Some(output) = output else {
            return Err(Fault::new("a piped output is not there"));
        };
        // Its loop is closed, so the pipe is asked directly.
        let output = inner.watch(std::fs::File::from(output.as_fd().try_clone_to_owned()?))?;
        let read = |mut output: &std::fs::File| output.read(&mut [0]);
        ensure_eq!(output.io(Interest::Readable, read).await?, 0, "the output");
        Ok(())
    })?
}
