//! FRAME: netstrings and length prefixes, and what becomes of what is no frame.

use std::num::NonZero;

use futures_util::AsyncWriteExt;
use polyloop_core::MainLoop;
use polyloop_framing::{
    Encoder as _, FixedSize, FrameError, LengthPrefixed, Lines, Netstrings, SendError,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Frames, Journal, fed, feed, framed, quiet, run, until};

/// Good ones cut at every byte; each kind of bad one behind a good one.
pub fn frame_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let sent = b"0:,5:he,lo,10:0123456789,";
        for cut in 0..sent.len() {
            let journal = Journal::new();
            let (one, other) = sent.split_at(cut);
            let frames = Frames::new(Netstrings::new(), &journal);
            let (connection, _peer) = framed(&lp, frames, &[one, other]).await?;
            until(&lp, "the frames", || journal.names().len() == 3).await?;
            let expected = ["", "he,lo", "0123456789"];
            ensure_eq!(journal.names(), expected, "cut at {cut}");
            connection.abort();
        }
        let bad = [
            ("01:a,", "leading zeros"),
            ("00:,", "leading zeros"),
            (":a,", "the length"),
            ("x", "the length"),
            ("-1:a,", "the length"),
            ("3abc", "a colon"),
            ("3 :abc,", "a colon"),
            ("1:ab", "a comma"),
            // Before its colon.
            ("20", "10 bytes"),
            ("99999999999999999999999999", "10 bytes"),
        ];
        for (sent, part) in bad {
            let journal = Journal::new();
            let frames = Frames::new(Netstrings::new().limit(10), &journal);
            let pieces = [b"2:ok,", sent.as_bytes()].concat();
            let (connection, _peer) = framed(&lp, frames, &[&pieces]).await?;
            let reason = connection.closed().await.to_string();
            ensure!(reason.contains(part), "{sent} ended with {reason}");
            let names = journal.names();
            ensure_eq!(&names[..1], ["ok"], "before {sent}");
            ensure!(names[1].starts_with("refused: "), "{sent} gave {names:?}");
        }
        Ok(())
    })
}

/// Each width and order, both ways, with an empty one.
pub fn frame_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let kinds: [(LengthPrefixed, &[u8]); 7] = [
            (LengthPrefixed::u8(), b"\x02"),
            (LengthPrefixed::u16(), b"\0\x02"),
            (LengthPrefixed::u32(), b"\0\0\0\x02"),
            (LengthPrefixed::u64(), b"\0\0\0\0\0\0\0\x02"),
            (LengthPrefixed::u16().little_endian(), b"\x02\0"),
            (LengthPrefixed::u32().little_endian(), b"\x02\0\0\0"),
            (LengthPrefixed::u64().little_endian(), b"\x02\0\0\0\0\0\0\0"),
        ];
        for (codec, prefix) in kinds {
            let empty = vec![0; prefix.len()];
            let sent = [prefix, b"ab", &empty, prefix, b"cd"].concat();
            let mut encoded = Vec::new();
            for frame in ["ab", "", "cd"] {
                codec.clone().encode(frame, &mut encoded)?;
            }
            ensure_eq!(encoded, sent, "encoded with {codec:?}");
            for cut in 0..sent.len() {
                let journal = Journal::new();
                let (one, other) = sent.split_at(cut);
                let frames = Frames::new(codec.clone(), &journal);
                let (connection, _peer) = framed(&lp, frames, &[one, other]).await?;
                until(&lp, "the frames", || journal.names().len() == 3).await?;
                ensure_eq!(journal.names(), ["ab", "", "cd"], "cut at {cut}");
                connection.abort();
            }
        }
        Ok(())
    })
}

/// By each codec, sent and encoded; a frame that is right comes whole behind it.
pub fn frame_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let frames = Frames::new(LengthPrefixed::u8(), &journal);
        let (connection, mut peer) = framed(&lp, frames, &[]).await?;
        let refusals = connection
            .call(|_, t| {
                let four = FixedSize::new(NonZero::<usize>::MIN.saturating_add(3));
                let refusals = [
                    LengthPrefixed::u8().send(t, &[0; 256]),
                    LengthPrefixed::u16().send(t, &vec![0; 65536]),
                    LengthPrefixed::u32().limit(3).send(t, "four"),
                    Netstrings::new().limit(3).send(t, "four"),
                    Lines::crlf().limit(3).send(t, "four"),
                    Lines::crlf().send(t, "two\r\nlines"),
                    four.clone().send(t, "five!"),
                    four.clone().send(t, ""),
                ];
                let sent = four.clone().send(t, "four").is_ok();
                t.close();
                (refusals, sent, Netstrings::new().send(t, "late"))
            })
            .await?;
        let (refusals, sent, late) = refusals;
        for refusal in refusals {
            let error = refusal.err().ok_or_else(|| Fault::new("it was sent"))?;
            ensure!(matches!(error, SendError::Frame(_)), "it was {error:?}");
        }
        ensure!(sent, "a good one was refused");
        ensure!(matches!(late, Err(SendError::Write(_))), "late: {late:?}");
        let (came, _) = crate::probe::read_all(&mut peer).await;
        ensure_eq!(came, b"four", "what was sent");
        let mut out = b"before".to_vec();
        ensure!(
            LengthPrefixed::u8().encode(&[0; 256], &mut out).is_err(),
            "encoded"
        );
        ensure_eq!(out, b"before", "what an error leaves");
        Ok(())
    })
}

/// With nothing behind it, and with more.
pub fn frame_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let codec = LengthPrefixed::u32().limit(100);
        let whole = [&b"\0\0\0\x64"[..], &[b'x'; 100]].concat();
        for behind in ["", "and what it would have been"] {
            let journal = Journal::new();
            let frames = Frames::new(codec.clone(), &journal).refused(|_, _, _| Ok(()));
            let too_long = [b"\0\0\0\x65", behind.as_bytes()].concat();
            let pieces = [whole.clone(), too_long].concat();
            let (connection, _peer) = fed(&lp, frames, &[&pieces]).await?;
            until(&lp, "the refusal", || journal.names().len() == 2).await?;
            feed(&connection, b"\0\0\0\x02ok").await;
            until(&lp, "the next", || journal.has("ok")).await?;
            let refused = format!("refused: \\x00\\x00\\x00e{behind}");
            let expected = ["x".repeat(100), refused, "ok".to_owned()];
            ensure_eq!(journal.names(), expected, "the frames");
            connection.abort();
        }
        let journal = Journal::new();
        let frames = Frames::new(codec, &journal);
        let (connection, _peer) = fed(&lp, frames, &[b"\xff\xff\xff\xff"]).await?;
        let reason = connection.closed().await;
        ensure!(reason.to_string().contains("4294967295"), "it was {reason}");
        Ok(())
    })
}

/// Behind whole ones, for each codec; and a stream that ends between frames.
pub fn frame_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let cases: [(&[u8], &str); 4] = [
            (b"\x02ok", ""),
            (b"\x02ok\x05", "\\x05"),
            (b"\x02ok\x05hal", "\\x05hal"),
            (b"\x02ok\x05half", "\\x05half"),
        ];
        for (sent, partial) in cases {
            let journal = Journal::new();
            let frames = Frames::new(LengthPrefixed::u8(), &journal);
            let (connection, mut peer) = fed(&lp, frames, &[sent]).await?;
            peer.close().await?;
            let reason = connection.closed().await;
            if partial.is_empty() {
                ensure!(reason.is_clean(), "between frames it was {reason}");
                ensure_eq!(journal.names(), ["ok", "eof", "lost"], "between frames");
                continue;
            }
            let unfinished = format!("unfinished: {partial}");
            ensure_eq!(journal.names(), ["ok", &unfinished, "lost"], "the frames");
            let error = reason.error().and_then(|f| f.downcast_ref::<FrameError>());
            let Some(FrameError::Unfinished { partial: told }) = error else {
                return Err(Fault::new(format!("it was {reason}")));
            };
            ensure_eq!(told.escape_ascii().to_string(), partial, "what it had");
        }
        Ok(())
    })
}

/// Of each kind; nothing of what was refused is seen again.
pub fn frame_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let frames = Frames::new(Netstrings::new().limit(10), &journal).refused(|t, _, _| {
            t.write(b"?").map(drop)?;
            Ok(())
        });
        let (connection, _peer) = fed(&lp, frames, &[b"2:ok,no"]).await?;
        for (n, bad) in ["11:", "1:ab", "x"].into_iter().enumerate() {
            until(&lp, "the refusal", || journal.names().len() == 2 * n + 2).await?;
            feed(&connection, b"2:ok,").await;
            until(&lp, "the next", || journal.count("ok") == n + 2).await?;
            feed(&connection, bad.as_bytes()).await;
        }
        until(&lp, "the last refusal", || journal.names().len() == 8).await?;
        quiet(&lp).await;
        let expected = [
            "ok",
            "refused: no",
            "ok",
            "refused: 11:",
            "ok",
            "refused: 1:ab",
            "ok",
            "refused: x",
        ];
        ensure_eq!(journal.names(), expected, "the frames");
        let open = connection.call(|_, t| !t.is_closing()).await?;
        ensure!(open, "it was closed");
        connection.abort();
        Ok(())
    })
}
