//! A handshake, within its limit.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::Timers;

use crate::error::TlsError;
use crate::stream::TlsStream;

/// How long a handshake may take unless set (TLS-04).
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Shakes hands over a stream that has not done so yet.
pub(crate) async fn shake_hands<T, S>(
    timers: &T,
    limit: Duration,
    mut stream: TlsStream<S>,
) -> Result<TlsStream<S>, TlsError>
where
    T: Timers,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut late = pin!(timers.sleep(limit));
    let shaken = poll_fn(|cx| {
        if let Poll::Ready(shaken) = stream.poll_handshake(cx) {
            return Poll::Ready(Some(shaken));
        }
        late.as_mut().poll(cx).map(|()| None)
    })
    .await;
    match shaken {
        Some(Ok(())) => Ok(stream),
        Some(Err(error)) => Err(error),
        None => Err(stream.late(limit)),
    }
}
