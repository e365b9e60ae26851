//! ERR: failures.

use std::error::Error;
use std::fmt;
use std::io;

use polyloop_core::{CloseReason, Deferred, Failure, FailureKind, MainLoop, Promise};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::run;

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the outer\ntext")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// An error whose text panics, or fails.
#[derive(Debug)]
struct Rude(bool);

impl fmt::Display for Rude {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!self.0, "rude");
        Err(fmt::Error)
    }
}

impl Error for Rude {}

fn io_error() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the inner text")
}

/// One line, whatever the text holds; a plain message has a name as well.
pub fn err_01<L: MainLoop>(_make: &dyn Fn() -> L) -> Verdict {
    let short = Failure::new(Outer(io_error())).to_string();
    ensure_eq!(short, "Outer: the outer text", "an error's message");
    let short = Failure::message("a\nb").to_string();
    ensure!(
        !short.contains('\n') && short.contains(": a b"),
        "a message: {short}"
    );
    let whole = format!("{:#}", Failure::new(Outer(io_error())));
    ensure!(
        whole.contains("the inner text"),
        "the chain is not in {whole:?}"
    );
    Ok(())
}

/// An error whose formatting panics or fails, alone and as a source.
pub fn err_02<L: MainLoop>(_make: &dyn Fn() -> L) -> Verdict {
    for panics in [true, false] {
        for failure in [
            Failure::new(Rude(panics)),
            Failure::from(io::Error::other(Rude(panics))),
        ] {
            for text in [
                format!("{failure}"),
                format!("{failure:#}"),
                format!("{failure:?}"),
            ] {
                ensure!(!text.is_empty(), "no text");
            }
        }
    }
    Ok(())
}

/// By type, through the sources, and by kind.
pub fn err_03<L: MainLoop>(_make: &dyn Fn() -> L) -> Verdict {
    let failure = Failure::new(Outer(io_error()));
    ensure!(
        failure.downcast_ref::<Outer>().is_some(),
        "not found by its type"
    );
    ensure!(
        failure.downcast_ref::<io::Error>().is_some(),
        "its source was not found"
    );
    ensure!(
        failure.downcast_ref::<fmt::Error>().is_none(),
        "found what is not there"
    );
    ensure_eq!(
        failure.io_kind(),
        Some(io::ErrorKind::TimedOut),
        "the io kind"
    );
    ensure_eq!(failure.kind(), FailureKind::Error, "the kind");
    Ok(())
}

/// Through promises, boxes and `Failure::new`.
pub fn err_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let first = Failure::new(io_error());
        ensure!(
            Failure::new(first.clone()).ptr_eq(&first),
            "wrapping it again nests it"
        );
        let boxed: Box<dyn Error + Send + Sync> = Box::new(first.clone());
        ensure!(Failure::from(boxed).ptr_eq(&first), "unboxing it nests it");
        ensure!(
            !Failure::new(io_error()).ptr_eq(&first),
            "another of the same text is the same"
        );
        let raised = Deferred::<u8>::failed(first.clone())
            .or_else(Err)
            .then(Ok)
            .await;
        ensure!(
            raised.is_err_and(|raised| raised.ptr_eq(&first)),
            "raised again, it is another"
        );
        Ok(())
    })
}

/// The place is that of the first making, behind links and clones.
pub fn err_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let (failure, line) = (Failure::new(io_error()), line!());
        let passed = Deferred::<u8>::failed(failure)
            .then(Ok)
            .or_else(|failure| Err(Failure::new(failure)))
            .await
            .err()
            .ok_or_else(|| Fault::new("no failure came"))?;
        ensure_eq!(passed.location().line(), line, "the line");
        ensure_eq!(passed.location().file(), file!(), "the file");
        ensure!(passed.source().is_some(), "its source is gone");
        Ok(())
    })
}

/// Clean, aborted, and an error that can be asked for.
pub fn err_07<L: MainLoop>(_make: &dyn Fn() -> L) -> Verdict {
    let failed = CloseReason::Error(Failure::new(io_error()));
    let judge = |reason: &CloseReason| (reason.is_clean(), reason.error().is_some());
    ensure_eq!(judge(&CloseReason::Clean), (true, false), "a clean end");
    ensure_eq!(judge(&CloseReason::Aborted), (false, false), "an abort");
    ensure_eq!(judge(&failed), (false, true), "an error");
    ensure!(
        failed.to_string().contains("the inner text"),
        "its text: {failed}"
    );
    Ok(())
}

/// A failure of each kind, with sources and without, whatever backtraces are captured.
pub fn err_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let parsing = "x".parse::<u8>().err().map(std::io::Error::other);
        let wrapped = parsing.map_or_else(Failure::broken, Failure::new);
        let panicked = lp.spawn(async { panic!("on purpose") }).await.err();
        let panicked: Failure = panicked.unwrap_or_else(Failure::broken);
        for (failure, expected) in [
            (Failure::message("plain"), "Error: plain (at "),
            (Failure::cancelled("enough"), "Cancelled: enough (at "),
            (panicked, "Panicked: on purpose (at "),
            (wrapped, "Error: invalid digit found in string (at "),
        ] {
            let line = format!("{failure:?}");
            ensure!(line.starts_with(expected), "not as expected: {line}");
            ensure_eq!(line.lines().count(), 1, "lines of {line}");
        }
        Ok(())
    })
}
