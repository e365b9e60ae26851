//! What the peers' servers do with a connection: the same as the hand-written ones.

use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Hands the future that echoes, with a buffer as large as the suite needs inside, to
/// something that spawns it.
macro_rules! spawn_echo {
    ($suite:expr, $stream:expr, $spawn:expr) => {
        match $suite {
            "stream" => $spawn(crate::echo::echo($stream, vec![0; 64 * 1024])),
            "idle" => $spawn(crate::echo::echo($stream, [0; 64])),
            _ => $spawn(crate::echo::echo($stream, [0; 1024])),
        }
    };
}
pub(crate) use spawn_echo;

/// Echoes until the other side ends, through a buffer of its own.
pub(crate) async fn echo<S, B>(mut stream: S, mut buffer: B)
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: AsMut<[u8]>,
{
    let buffer = buffer.as_mut();
    while let Ok(read @ 1..) = stream.read(buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
