//! The proxy between plain blocking sockets.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop::{Failure, Loop, WriteLimits};
use polyloop_examples::echo;
use polyloop_examples::proxy::{Proxy, ProxyOptions, READ_AHEAD};
use socket2::SockRef;

/// What one read of the loop brings at most.
const ONE_READ: usize = 64 * 1024;

fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    patient(TcpStream::connect(address)?)
}

/// Resets the connection.
fn reset(stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    drop(stream);
    Ok(())
}

/// Both ends of one forwarded connection, as the client and the target have them.
async fn link<L: Loop>(lp: &L, options: ProxyOptions) -> Result<Link<L>, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?;
    let proxy = Proxy::serve_with(lp, "127.0.0.1:0", target, options).await?;
    let address = proxy.local_addr().as_ip().unwrap();
    let (client, target) = lp
        .run_in_thread(move || {
            let client = connect(address)?;
            let target = patient(listener.accept()?.0)?;
            io::Result::Ok((client, target))
        })
        .await??;
    Ok(Link {
        proxy,
        client,
        target,
    })
}

struct Link<L: Loop> {
    proxy: Proxy<L>,
    client: TcpStream,
    target: TcpStream,
}

async fn end<L: Loop>(proxy: Proxy<L>) {
    proxy.close();
    proxy.closed().await;
}

#[polyloop::test(loops(real))]
async fn bulk_both_ways_stays_intact<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = echo::serve(&lp, "127.0.0.1:0").await?;
    let proxy = Proxy::serve(&lp, "127.0.0.1:0", server.local_addr()).await?;
    let address = proxy.local_addr().as_ip().unwrap();
    let sent = Arc::new(random_bytes(1, 16 << 20));
    let copy = sent.clone();
    let received = lp.run_in_thread(move || {
        let mut stream = connect(address)?;
        let mut writer = stream.try_clone()?;
        let writing = std::thread::spawn(move || {
            writer.write_all(&copy)?;
            writer.shutdown(Shutdown::Write)
        });
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        writing.join().expect("writing does not panic")?;
        io::Result::Ok(received)
    });
    assert!(received.await?? == *sent);
    assert_eq!(proxy.stats().forwarded(), 2 * (16 << 20));
    end(proxy).await;
    server.close();
    server.drained().await;
    Ok(())
}

#[polyloop::test(loops(real))]
async fn many_small_messages_pass_in_both_directions<L: Loop>(lp: L) -> Result<(), Failure> {
    let Link {
        proxy,
        mut client,
        mut target,
    } = link(&lp, ProxyOptions::default()).await?;
    lp.run_in_thread(move || {
        for number in 0..2000_u32 {
            let mut got = [0; 4];
            client.write_all(&number.to_be_bytes())?;
            target.read_exact(&mut got)?;
            assert_eq!(u32::from_be_bytes(got), number);
            target.write_all(&got)?;
            client.read_exact(&mut got)?;
            assert_eq!(u32::from_be_bytes(got), number);
        }
        io::Result::Ok(())
    })
    .await??;
    end(proxy).await;
    Ok(())
}

#[polyloop::test(loops(real))]
async fn a_half_close_is_passed_on_and_the_other_way_stays_open<L: Loop>(
    lp: L,
) -> Result<(), Failure> {
    let Link {
        proxy,
        mut client,
        mut target,
    } = link(&lp, ProxyOptions::default()).await?;
    lp.run_in_thread(move || {
        client.write_all(b"question")?;
        client.shutdown(Shutdown::Write)?;
        let mut text = String::new();
        target.read_to_string(&mut text)?;
        assert_eq!(text, "question");
        target.write_all(b"answer")?;
        drop(target);
        text.clear();
        client.read_to_string(&mut text)?;
        assert_eq!(text, "answer");
        io::Result::Ok(())
    })
    .await??;
    // Both sides have ended, so the link goes by itself.
    while proxy.client_count() > 0 || proxy.stats().links() > 0 {
        lp.sleep(Duration::from_millis(5)).await;
    }
    end(proxy).await;
    Ok(())
}

#[polyloop::test(loops(real))]
async fn a_slow_reader_keeps_the_buffers_within_their_marks<L: Loop>(lp: L) -> Result<(), Failure> {
    let limits = WriteLimits::with_high(48 * 1024);
    let options = ProxyOptions::default().write_limits(limits);
    for client_reads in [true, false] {
        let Link {
            proxy,
            client,
            target,
        } = link(&lp, options.clone()).await?;
        let (mut reader, mut writer) = if client_reads {
            (client, target)
        } else {
            (target, client)
        };
        // Writes until nothing more is taken: three rounds without progress.
        let blocked = lp.run_in_thread(move || {
            let data = random_bytes(2, 256 << 20);
            writer.set_nonblocking(true)?;
            let (mut sent, mut refused) = (0_usize, 0);
            while refused < 3 {
                assert!(sent < data.len(), "the proxy reads on and on");
                match writer.write(&data[sent..]) {
                    Ok(n) => (sent, refused) = (sent + n, 0),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        refused += 1;
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok((writer, data, sent))
        });
        let (mut writer, data, sent) = blocked.await??;
        let peak = proxy.stats().peak_buffered();
        assert!(
            peak > limits.high(),
            "{peak} bytes at most: nothing was held back"
        );
        lp.run_in_thread(move || {
            writer.set_nonblocking(false)?;
            let writing = std::thread::spawn(move || {
                // It moves again when somebody reads.
                writer.write_all(&data[sent..sent + (1 << 20)])?;
                writer.shutdown(Shutdown::Write)?;
                io::Result::Ok((writer, data))
            });
            let mut received = Vec::new();
            reader.read_to_end(&mut received)?;
            let (_writer, data) = writing.join().expect("writing does not panic")?;
            assert!(
                received == data[..sent + (1 << 20)],
                "{} bytes",
                received.len()
            );
            io::Result::Ok(())
        })
        .await??;
        let peak = proxy.stats().peak_buffered();
        assert!(
            peak <= limits.high() + READ_AHEAD + ONE_READ,
            "{peak} bytes were held"
        );
        end(proxy).await;
    }
    Ok(())
}

#[polyloop::test(loops(real))]
async fn a_reset_on_one_side_resets_the_other<L: Loop>(lp: L) -> Result<(), Failure> {
    for client_resets in [true, false] {
        let Link {
            proxy,
            mut client,
            mut target,
        } = link(&lp, ProxyOptions::default()).await?;
        let kind = lp.run_in_thread(move || {
            // Something went through, so both sides stand for certain.
            client.write_all(b"x")?;
            target.read_exact(&mut [0])?;
            let (first, mut second) = if client_resets {
                (client, target)
            } else {
                (target, client)
            };
            reset(first)?;
            io::Result::Ok(second.read(&mut [0; 16]).map_err(|error| error.kind()))
        });
        assert_eq!(kind.await??, Err(ErrorKind::ConnectionReset));
        end(proxy).await;
    }
    Ok(())
}

#[polyloop::test(loops(real))]
async fn without_a_target_the_client_is_reset<L: Loop>(lp: L) -> Result<(), Failure> {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = reports.clone();
    lp.set_error_hook(move |report| seen.lock().unwrap().push(report.to_string()));
    // A port that was just free.
    let target = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let proxy = Proxy::serve(&lp, "127.0.0.1:0", target).await?;
    let address = proxy.local_addr().as_ip().unwrap();
    let read = lp.run_in_thread(move || {
        let mut client = connect(address)?;
        // The reset may be there first.
        let told = client
            .write_all(b"is anybody there?")
            .and_then(|()| client.read(&mut [0; 16]));
        io::Result::Ok(told.map_err(|error| error.kind()))
    });
    let told = read.await??;
    assert!(
        matches!(
            told,
            Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
        ),
        "{told:?}"
    );
    end(proxy).await;
    lp.reset_error_hook();
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains(&target.to_string()), "{reports:?}");
    Ok(())
}

#[polyloop::test(loops(real))]
async fn a_name_that_is_no_endpoint_is_refused_at_once<L: Loop>(lp: L) {
    let error = Proxy::serve(&lp, "127.0.0.1:0", "nowhere")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("\"nowhere\""), "{error}");
}
