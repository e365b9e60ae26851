//! [`Frames`]: a protocol that notes its frames, and does what a check tells it.

use futures_util::AsyncWriteExt;
use polyloop_core::{CloseReason, Connection, Failure, Loop, OnEof, Protocol as _, Transport};
use polyloop_framing::{Decoder, FrameError, FrameProtocol, Framed};

use super::{Event, Journal, Once, RawListener};
use crate::fault::Verdict;

type OnFrame<D> = Box<dyn FnMut(&mut dyn Transport, &mut D, &[u8]) -> Result<(), Failure> + Send>;

/// Notes each frame as a note, and what is refused or unfinished; then does what the check
/// gave it to do.
pub struct Frames<D> {
    codec: D,
    journal: Journal,
    frame: Option<OnFrame<D>>,
    refused: Option<OnFrame<D>>,
}

impl<D> Frames<D> {
    /// One that only observes.
    pub fn new(codec: D, journal: &Journal) -> Self {
        Self {
            codec,
            journal: journal.clone(),
            frame: None,
            refused: None,
        }
    }

    /// What to do with a frame.
    pub fn frame<F>(mut self, step: F) -> Self
    where
        F: FnMut(&mut dyn Transport, &mut D, &[u8]) -> Result<(), Failure> + Send + 'static,
    {
        self.frame = Some(Box::new(step));
        self
    }

    /// What to do with what was refused, instead of ending the connection.
    pub fn refused<F>(mut self, step: F) -> Self
    where
        F: FnMut(&mut dyn Transport, &mut D, &[u8]) -> Result<(), Failure> + Send + 'static,
    {
        self.refused = Some(Box::new(step));
        self
    }

    fn note(&self, what: &str, bytes: &[u8]) {
        self.journal.note(format!("{what}{}", bytes.escape_ascii()));
    }
}

impl<D> FrameProtocol for Frames<D>
where
    D: for<'a> Decoder<Frame<'a> = &'a [u8]>,
{
    type Codec = D;

    fn codec(&mut self) -> &mut D {
        &mut self.codec
    }

    fn frame_received(&mut self, t: &mut dyn Transport, frame: &[u8]) -> Result<(), Failure> {
        self.note("", frame);
        match &mut self.frame {
            Some(step) => step(t, &mut self.codec, frame),
            None => Ok(()),
        }
    }

    fn frame_refused(
        &mut self,
        t: &mut dyn Transport,
        failure: Failure,
        rest: &[u8],
    ) -> Result<(), Failure> {
        self.note("refused: ", rest);
        if let Some(step) = &mut self.refused {
            return step(t, &mut self.codec, rest);
        }
        t.fail(failure);
        Ok(())
    }

    fn frame_unfinished(&mut self, t: &mut dyn Transport, partial: &[u8]) -> Result<(), Failure> {
        self.note("unfinished: ", partial);
        let partial = partial.to_vec();
        t.fail(FrameError::Unfinished { partial }.into());
        Ok(())
    }

    fn upgraded(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.push(Event::Upgraded);
        Ok(())
    }

    fn eof_received(&mut self, _: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.journal.push(Event::Eof);
        Ok(OnEof::Close)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.journal.push(Event::Lost(reason));
    }
}

impl<D> std::fmt::Debug for Frames<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Frames").field(&self.journal).finish()
    }
}

/// A connection that is told frames, and the bare stream at the other end, which has sent
/// these pieces, one after the other.
pub async fn framed<L, D>(
    lp: &L,
    frames: Frames<D>,
    pieces: &[&[u8]],
) -> Verdict<(Connection<Framed<Frames<D>>>, L::TcpStream)>
where
    L: Loop,
    D: for<'a> Decoder<Frame<'a> = &'a [u8]>,
{
    let mut listener = RawListener::open(lp)?;
    let factory = Once::new(Framed::new(frames));
    let connection = lp.connect(listener.address, factory).await?;
    let mut peer = listener.accept().await?;
    for piece in pieces {
        peer.write_all(piece).await?;
        lp.sleep(std::time::Duration::from_millis(2)).await;
    }
    Ok((connection, peer))
}

/// The same, but told the pieces by hand, exactly so: for what depends on how bytes are cut.
pub async fn fed<L, D>(
    lp: &L,
    frames: Frames<D>,
    pieces: &[&[u8]],
) -> Verdict<(Connection<Framed<Frames<D>>>, L::TcpStream)>
where
    L: Loop,
    D: for<'a> Decoder<Frame<'a> = &'a [u8]>,
{
    let (connection, peer) = framed(lp, frames, &[]).await?;
    for piece in pieces {
        feed(&connection, piece).await;
    }
    Ok((connection, peer))
}

/// Tells it one piece by hand, if it is still there.
pub async fn feed<D>(connection: &Connection<Framed<Frames<D>>>, piece: &[u8])
where
    D: for<'a> Decoder<Frame<'a> = &'a [u8]>,
{
    let piece = piece.to_vec();
    let told = connection.call(move |framed, t| framed.data_received(t, &piece));
    drop(told.await);
}
