//! FRAME: lines, and what a protocol that is called with frames may do in a callback.

use futures_util::AsyncWriteExt;
use polyloop_core::{MainLoop, TimerKey, Upgrade};
use polyloop_framing::{FrameError, Lines};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    Flag, Frames, Handshake, Journal, fed, feed, framed, quiet, record, run, until,
};

const LIMIT: usize = 8;

fn short() -> Lines {
    Lines::crlf().limit(LIMIT)
}

/// Cut at every byte; empty ones; other delimiters.
pub fn frame_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let sent = b"one\r\n\r\ntw\ro\r\r\n\nend\r\n";
        for cut in 0..sent.len() {
            let journal = Journal::new();
            let (one, other) = sent.split_at(cut);
            let frames = Frames::new(Lines::default(), &journal);
            let (connection, _peer) = framed(&lp, frames, &[one, other]).await?;
            until(&lp, "the lines", || journal.names().len() == 4).await?;
            let expected = ["one", "", "tw\\ro\\r", "\\nend"];
            ensure_eq!(journal.names(), expected, "cut at {cut}");
            connection.abort();
        }
        let sent: [&[u8]; 3] = [b"a--", b"-b---", b"-c--d---"];
        let journal = Journal::new();
        let frames = Frames::new(Lines::new("---")?, &journal);
        let (connection, _peer) = framed(&lp, frames, &sent).await?;
        until(&lp, "the lines", || journal.names().len() == 3).await?;
        ensure_eq!(journal.names(), ["a", "b", "-c--d"], "by dashes");
        connection.abort();
        let sent: [&[u8]; 3] = [b"a\r", b"\nb\nc\r\r\n", b"\n\r\n"];
        let journal = Journal::new();
        let frames = Frames::new(Lines::lf_or_crlf(), &journal);
        let (connection, _peer) = framed(&lp, frames, &sent).await?;
        until(&lp, "the lines", || journal.names().len() == 5).await?;
        ensure_eq!(journal.names(), ["a", "b", "c\\r", "", ""], "by either");
        connection.abort();
        ensure!(Lines::new("").is_err(), "an empty delimiter");
        Ok(())
    })
}

/// With its delimiter, and before there is one.
pub fn frame_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let bad: [&[u8]; 3] = [b"123456789\r\n", b"123456789", b"12345678\r."];
        for sent in bad {
            let journal = Journal::new();
            let pieces = [b"12345678\r\n", sent];
            let frames = Frames::new(short(), &journal);
            let (connection, _peer) = fed(&lp, frames, &pieces).await?;
            let reason = connection.closed().await;
            let refused = format!("refused: {}", sent.escape_ascii());
            ensure_eq!(
                journal.names(),
                ["12345678", &refused, "lost"],
                "the frames"
            );
            let error = reason.error().and_then(|f| f.downcast_ref::<FrameError>());
            ensure!(
                matches!(error, Some(FrameError::TooLong { limit: LIMIT, .. })),
                "it ended with {reason}"
            );
        }
        Ok(())
    })
}

/// Also where both are looked at together.
pub fn frame_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let pieces: [&[u8]; 3] = [b"1234567", b"8\r", b"\n12345678\r"];
        let journal = Journal::new();
        let frames = Frames::new(short(), &journal);
        let (connection, _peer) = fed(&lp, frames, &pieces).await?;
        quiet(&lp).await;
        ensure_eq!(journal.names(), ["12345678"], "when half of one was there");
        feed(&connection, b"\n").await;
        until(&lp, "the second", || journal.names().len() == 2).await?;
        ensure_eq!(journal.names(), ["12345678", "12345678"], "with the rest");
        connection.abort();
        Ok(())
    })
}

/// In one piece, and with its beginning in an earlier one.
pub fn frame_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for begin in ["", "12345"] {
            let behind = "678901234\r\nnot\r\nthese";
            let journal = Journal::new();
            let frames = Frames::new(short(), &journal).refused(|_, _, _| Ok(()));
            let pieces = [format!("ok\r\n{begin}"), behind.to_owned()];
            let pieces: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
            let (connection, _peer) = fed(&lp, frames, &pieces).await?;
            until(&lp, "both", || journal.names().len() == 2).await?;
            quiet(&lp).await;
            let refused = format!("refused: {begin}{}", behind.escape_default());
            ensure_eq!(journal.names(), ["ok", &refused], "the frames");
            connection.abort();
        }
        Ok(())
    })
}

/// For good and for so many bytes, within one piece and over several. Raw bytes come as they
/// are cut, which is nobody's choice.
pub fn frame_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let switching = |journal: &Journal| {
            let mut raw = Vec::new();
            Frames::new(short(), journal).frame(move |_, lines, frame| {
                match frame {
                    b"raw" => lines.set_raw(true),
                    b"raw 4" => lines.raw_for(4),
                    _ => {}
                }
                raw.extend_from_slice(frame);
                if raw.ends_with(b"enough") {
                    lines.set_raw(false);
                }
                Ok(())
            })
        };
        let journal = Journal::new();
        let pieces: [&[u8]; 3] = [b"a\r\nraw\r\nb\r\nand c", b"d\r\n", b"enough"];
        let (connection, _peer) = fed(&lp, switching(&journal), &pieces).await?;
        let raw = "b\\r\\nand cd\\r\\nenough";
        until(&lp, "the raw bytes", || joined(&journal, 2, 0) == raw).await?;
        ensure_eq!(journal.names()[..2], ["a", "raw"], "before them");
        feed(&connection, b"e\r\n").await;
        until(&lp, "a line", || journal.has("e")).await?;
        ensure_eq!(joined(&journal, 2, 1), raw, "for good");
        connection.abort();
        let journal = Journal::new();
        let pieces: [&[u8]; 2] = [b"raw 4\r\n\r\nxyline\r\nraw 4\r\n1", b"234line\r\n"];
        let (connection, _peer) = fed(&lp, switching(&journal), &pieces).await?;
        until(&lp, "all", || journal.count("line") == 2).await?;
        let expected = "raw 4|\\r\\nxy|line|raw 4|1234|line";
        let told = journal.names().join("|").replace("1|234", "1234");
        ensure_eq!(told, expected, "for so many bytes");
        connection.abort();
        Ok(())
    })
}

/// The frames in between, as if they had come at once.
fn joined(journal: &Journal, first: usize, but_last: usize) -> String {
    let names = journal.names();
    let end = names.len().saturating_sub(but_last).max(first);
    names
        .get(first..end)
        .map_or_else(String::new, <[_]>::concat)
}

/// Gracefully and at once, with whole and unfinished ones behind it.
pub fn frame_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for abort in [false, true] {
            let journal = Journal::new();
            let frames = Frames::new(short(), &journal).frame(move |t, _, frame| {
                match frame {
                    b"last" if abort => t.abort(),
                    b"last" => t.close(),
                    _ => {}
                }
                Ok(())
            });
            let pieces: [&[u8]; 2] = [b"fir", b"st\r\nlast\r\nmore\r\nand half"];
            let (connection, peer) = fed(&lp, frames, &pieces).await?;
            drop(peer);
            connection.closed().await;
            until(&lp, "the end", || journal.has("lost")).await?;
            ensure_eq!(journal.names(), ["first", "last", "lost"], "the frames");
        }
        Ok(())
    })
}

/// By whomever it is resumed; and the peer's end comes behind what was held.
pub fn frame_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let frames = Frames::new(short(), &journal).frame(|t, _, frame| {
            if frame == b"pause" {
                t.pause_reading();
            }
            Ok(())
        });
        let pieces: [&[u8]; 2] = [b"a\r\npause\r\nb\r\npause\r\nc\r\npau", b"se\r\nd\r\n"];
        let (connection, mut peer) = fed(&lp, frames, &pieces).await?;
        peer.close().await?;
        quiet(&lp).await;
        ensure_eq!(journal.names(), ["a", "pause"], "before any resume");
        connection.call(|_, t| t.resume_reading()).await?;
        until(&lp, "the second", || journal.has("b")).await?;
        quiet(&lp).await;
        ensure_eq!(journal.names(), ["a", "pause", "b", "pause"], "after one");
        // Paused and resumed at once is as if nothing had been.
        connection
            .call(|_, t| {
                t.resume_reading();
                t.pause_reading();
                t.set_timer(TimerKey::new("nothing"), std::time::Duration::ZERO);
            })
            .await?;
        quiet(&lp).await;
        ensure_eq!(journal.names().len(), 4, "frames while paused");
        connection.call(|_, t| t.resume_reading()).await?;
        until(&lp, "the third", || journal.count("pause") == 3).await?;
        connection.call(|_, t| t.resume_reading()).await?;
        until(&lp, "the end", || journal.has("lost")).await?;
        let expected = ["a", "pause", "b", "pause", "c", "pause", "d", "eof", "lost"];
        ensure_eq!(journal.names(), expected, "all");
        Ok(())
    })
}

/// The layer's first byte, and records, in one segment with the line; then a line slipped in
/// there, and half of one that was there before.
pub fn frame_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let tls = Upgrade::new(&lp, Handshake::AsToldBy(Flag::new()));
        let upgrading = |journal: &Journal| {
            let tls = tls.clone();
            Frames::new(Lines::default(), journal).frame(move |t, _, line| {
                if line == b"upgrade" {
                    t.upgrade(&tls, b"")?;
                }
                Ok(())
            })
        };
        let journal = Journal::new();
        let sent = [b"upgrade\r\nw".to_vec(), record(b"secure\r\n")].concat();
        let (connection, _peer) = framed(&lp, upgrading(&journal), &[&sent]).await?;
        until(&lp, "the line", || journal.has("secure")).await?;
        ensure_eq!(
            journal.names(),
            ["upgrade", "upgraded", "secure"],
            "it was told"
        );
        connection.abort();

        let journal = Journal::new();
        let sent = b"upgrade\r\nslipped in\r\n";
        let (connection, _peer) = framed(&lp, upgrading(&journal), &[sent]).await?;
        let reason = connection.closed().await.to_string();
        ensure!(
            reason.contains("no handshake with"),
            "the reason is {reason}"
        );
        ensure_eq!(journal.names(), ["upgrade", "lost"], "it was told");

        let journal = Journal::new();
        let sent = b"whole\r\nhalf of a li";
        let (connection, mut peer) = framed(&lp, upgrading(&journal), &[sent]).await?;
        until(&lp, "the line", || journal.has("whole")).await?;
        connection
            .call(|_, t| t.read_ahead(b""))
            .await?
            .unwrap_err();
        let asked = tls.clone();
        connection
            .call(move |_, t| t.upgrade(&asked, b""))
            .await??;
        peer.write_all(&[b"w".to_vec(), record(b"ne\r\n")].concat())
            .await?;
        let reason = connection.closed().await;
        let failure = reason.error().and_then(|failure| failure.downcast_ref());
        ensure!(
            matches!(failure, Some(FrameError::Unfinished { partial }) if partial == b"half of a li"),
            "the reason is {reason:?}"
        );
        ensure_eq!(journal.names(), ["whole", "lost"], "it was told");
        Ok(())
    })
}
