//! TRAN: what a bare stream answers when its connection has ended.

use std::io::ErrorKind;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{MainLoop, Stream};

use crate::fault::{Verdict, ensure_eq};
use crate::probe::{End, RawListener, dial, read_all, run};

/// After a reset, and after both sides have ended; each closed twice.
pub fn tran_33<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut listener = RawListener::open(&lp)?;
        for reset in [true, false] {
            let mut near = dial(&lp, listener.address).await?;
            let far = listener.accept().await?;
            if reset {
                far.reset_on_drop()?;
            }
            drop(far);
            let expected = if reset {
                End::Error(ErrorKind::ConnectionReset)
            } else {
                End::Eof
            };
            ensure_eq!(read_all(&mut near).await.1, expected, "how it ended");
            for time in ["first", "second"] {
                let closed = near.close().await.map_err(|error| error.kind());
                ensure_eq!(closed, Ok(()), "the {time} close, reset: {reset}");
            }
            // What can't be sent is told by the write, and what can't come by the read.
            let written = near.write(b"x").await.map_err(|error| error.kind());
            ensure_eq!(written, Err(ErrorKind::BrokenPipe), "a write behind it");
            let read = near.read(&mut [0; 8]).await.map_err(|error| error.kind());
            ensure_eq!(read, Ok(0), "a read behind it");
        }
        Ok(())
    })
}
