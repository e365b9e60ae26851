//! Echo against plain blocking sockets, and against its own client.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use polyloop::{ConnectOptions, Deferred, Failure, Loop, TcpOptions, WriteLimits};
use polyloop_examples::echo::{self, EchoClient};
use socket2::SockRef;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

#[polyloop::test(loops(real))]
async fn what_was_sent_before_the_half_close_comes_back<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = echo::serve(&lp, "127.0.0.1:0").await?;
    let address = server.local_addr();
    let answer = lp.run_in_thread(move || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(PATIENCE)?;
        stream.write_all(b"hello, ")?;
        stream.write_all(b"world")?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    });
    assert_eq!(answer.await??, "hello, world");
    server.close();
    server.drained().await;
    Ok(())
}

#[polyloop::test]
async fn its_client_gets_a_large_text_back<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = echo::serve(&lp, "127.0.0.1:0").await?;
    let mut text = vec![0; 8 * 1024 * 1024];
    fastrand::Rng::with_seed(1).fill(&mut text);
    let answer = echo::ask(&lp, server.local_addr(), text.clone()).await?;
    assert!(answer == text, "{} bytes came back", answer.len());
    assert!(
        echo::ask(&lp, server.local_addr(), Vec::new())
            .await?
            .is_empty()
    );
    server.close();
    server.drained().await;
    Ok(())
}

/// The last piece of a text may be the one that fills the buffer. Here it is the only
/// one, and any byte that stays in the buffer pauses the client.
#[polyloop::test(loops(real))]
async fn its_client_ends_a_text_whose_last_piece_had_to_wait<L: Loop>(
    lp: L,
) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    SockRef::from(&listener).set_recv_buffer_size(4096)?;
    let address = listener.local_addr()?;
    let (paused, is_paused) = std::sync::mpsc::channel::<()>();
    let peer = lp.run_in_thread(move || {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(PATIENCE)?;
        // Nothing is read before the client has had to wait.
        let _ = is_paused.recv_timeout(Duration::from_secs(30));
        let mut text = Vec::new();
        stream.read_to_end(&mut text)?;
        stream.write_all(&text)?;
        std::io::Result::Ok(())
    });
    let text = vec![5; 32 * 1024];
    let (resolver, answer) = Deferred::new();
    let mut client = Some(EchoClient::new(text.clone(), resolver));
    let options = ConnectOptions::new()
        .tcp(TcpOptions::new().send_buffer_size(Some(4096)))
        .write_limits(WriteLimits::new(0, 0)?);
    let connection = lp
        .connect_with(address, options, move || {
            client.take().expect("one connection")
        })
        .await?;
    let buffered = connection
        .call(|_, transport| transport.write_buffer_size())
        .await?;
    assert!(buffered > 0, "the system took all of it at once");
    drop(paused);
    assert!(answer.await? == text);
    peer.await??;
    Ok(())
}

#[polyloop::test(loops(real))]
async fn a_client_that_does_not_read_is_not_read_from<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = echo::serve(&lp, "127.0.0.1:0").await?;
    let address = server.local_addr();
    // Writes until nothing more is taken: three rounds without progress.
    let blocked = lp.run_in_thread(move || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        let (mut sent, mut refused) = (0_usize, 0);
        while refused < 3 {
            match stream.write(&[7; 16 * 1024]) {
                Ok(n) => (sent, refused) = (sent + n, 0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    refused += 1;
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(error),
            }
            assert!(sent < 256 << 20, "the server reads on and on");
        }
        Ok((stream, sent))
    });
    let (mut stream, sent) = blocked.await??;
    let connections = server.connections();
    assert_eq!(connections.len(), 1);
    let (buffered, high) = connections[0]
        .call(|_, transport| {
            (
                transport.write_buffer_size(),
                transport.write_limits().high(),
            )
        })
        .await?;
    // The read that filled it came on top of the high mark.
    assert!(
        buffered <= high + 64 * 1024,
        "{buffered} bytes are buffered"
    );
    let received = lp.run_in_thread(move || {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(PATIENCE)?;
        stream.shutdown(Shutdown::Write)?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        std::io::Result::Ok(received.len())
    });
    assert_eq!(received.await??, sent);
    server.close();
    server.drained().await;
    Ok(())
}
