//! The proxy with TLS and PROXY headers on either side: on every loop, in the simulation, and
//! as a program between peers that others have written.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use polyloop::tls::{client_endpoint, server_endpoint};
use polyloop::{
    AcceptProxyHeader, AnyLoop, ConnectOptions, Failure, ListenOptions, Loop, Protocol, Server,
    Stream as _, Transport,
};
use polyloop_examples::proxy::{HeaderVersion, Proxy, Target};

/// A certificate that the conformance suite has for its own connections.
const PKI: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/polyloop-conformance/src/tls"
);

const NAME: &str = "server.test";

fn listening() -> String {
    format!("tls:127.0.0.1:0:privateKey={PKI}/server.pem")
}

fn trusting(port: u16) -> String {
    format!("tls:127.0.0.1:{port}:hostname={NAME}:trustRoots={PKI}/authority.pem")
}

/// Says to whom it talks, and repeats what it hears.
struct Tells;

impl Protocol for Tells {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let told = format!("{}\n", transport.peer_addr());
        transport.write(told.as_bytes())?;
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

async fn server<L: Loop>(lp: &L) -> Result<Server<Tells>, Failure> {
    let (at, tls) = server_endpoint(listening())?;
    let options = ListenOptions::new().layer(AcceptProxyHeader::new());
    Ok(lp.serve_with(at, options.layer(tls), || Tells).await?)
}

/// Two proxies one behind the other, all of it over TLS, of which the second and the server
/// hear from the one before who the client is.
#[polyloop::test]
async fn tls_and_headers_on_either_side<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = server(&lp).await?;
    let mut port = server.local_addr().port().unwrap();
    let mut proxies = Vec::new();
    for (headed, version) in [(true, HeaderVersion::Text), (false, HeaderVersion::Binary)] {
        let (to, far) = client_endpoint(trusting(port))?;
        let target = Target::new(to, ConnectOptions::new()).layer(far);
        let target = target.header(Some(version));
        let (at, near) = server_endpoint(listening())?;
        let options = ListenOptions::new();
        let proxy = if headed {
            let options = options.layer(AcceptProxyHeader::new()).layer(near);
            Proxy::forward(&lp, at, options, target).await?
        } else {
            Proxy::forward(&lp, at, options.layer(near), target).await?
        };
        port = proxy.local_addr().port().unwrap();
        proxies.push(proxy);
    }
    let (to, tls) = client_endpoint(trusting(port))?;
    let client = lp.dial_with(to, ConnectOptions::new().layer(tls)).await?;
    let own = format!("{}\n", client.local_addr()?);
    let (mut reader, mut writer) = client.split();
    let mut told = vec![0; own.len()];
    reader.read_exact(&mut told).await?;
    assert_eq!(String::from_utf8_lossy(&told), own);
    let data: Vec<u8> = (0..=250).cycle().take(400_000).collect();
    let writing = async {
        writer.write_all(&data).await?;
        writer.flush().await
    };
    let mut back = vec![0; data.len()];
    let (written, read) = futures_util::join!(writing, reader.read_exact(&mut back));
    written?;
    read?;
    assert!(back == data);
    // The end passes through all of them.
    writer.close().await?;
    assert_eq!(reader.read(&mut [0]).await?, 0);
    drop((reader, writer));
    for proxy in proxies {
        let forwarded = (own.len() + 2 * data.len()) as u64;
        assert_eq!(proxy.stats().forwarded(), forwarded);
        proxy.close();
        proxy.closed().await;
    }
    server.close();
    server.drained().await;
    Ok(())
}

/// A client that ends its side in plain gets the answer, though TLS has no half to be closed.
#[polyloop::test]
async fn an_answer_behind_the_end_is_passed_on<L: Loop>(lp: L) -> Result<(), Failure> {
    let (at, tls) = server_endpoint(listening())?;
    let options = ListenOptions::new().layer(tls);
    let server = lp.serve_with(at, options, || Tells).await?;
    let (to, far) = client_endpoint(trusting(server.local_addr().port().unwrap()))?;
    let target = Target::new(to, ConnectOptions::new()).layer(far);
    let proxy = Proxy::forward(&lp, "127.0.0.1:0", ListenOptions::new(), target).await?;
    let mut client = lp.dial(proxy.local_addr()).await?;
    client.write_all(b"question").await?;
    client.close().await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    assert!(answer.ends_with("\nquestion"), "{answer}");
    proxy.close();
    proxy.closed().await;
    server.close();
    server.drained().await;
    Ok(())
}

/// A program that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it, and finds what stands behind `mark` in what it says.
fn start(command: &mut Command, mark: &str) -> (Running, SocketAddr) {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
    let out = child.stdout.take().expect("its output is a pipe");
    let running = Running(child);
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    let found = lines.find_map(|line| line.strip_prefix(mark)?.trim().parse().ok());
    // Whoever writes to a pipe that nobody reads is stopped.
    thread::spawn(move || lines.for_each(drop));
    (running, found.expect("it says where it listens"))
}

fn proxy(name: &str, arguments: &[&str]) -> (Running, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy"));
    command.args(["--loop", name]).args(arguments);
    start(&mut command, "listening on ")
}

/// Whether these are here: where CI runs they have to be, elsewhere it is said past the
/// harness' capture.
fn has(programs: &[&str]) -> bool {
    programs.iter().all(|program| {
        let found = Command::new(program).arg("version").output().is_ok();
        if !found {
            let message = format!("this test needs {program}: apt-get install {program}");
            assert!(std::env::var_os("CI").is_none(), "{message}");
            let _ = writeln!(std::io::stderr(), "SKIPPED {message}");
        }
        found
    })
}

/// A program that says nothing fails its test instead of holding it for ever.
fn in_time(test: impl FnOnce() + Send + 'static) {
    let (sender, finished) = mpsc::channel();
    let body = thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    let over = finished.recv_timeout(Duration::from_secs(90));
    assert_ne!(over, Err(mpsc::RecvTimeoutError::Timeout), "not done");
    body.join().expect("it held");
}

#[test]
fn the_program_stands_between_openssl_and_curl() {
    if !has(&["openssl", "curl"]) {
        return;
    }
    in_time(|| {
        let mut s_server = Command::new("openssl");
        s_server
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .arg(format!("{PKI}/server.pem"));
        let (_server, target) = start(&mut s_server, "ACCEPT ");
        let to = trusting(target.port());
        for name in AnyLoop::available_real() {
            let at = format!("{}:alpn=http/1.1", listening());
            let (_proxy, address) = proxy(
                name,
                &["--listen", &at, "--connect", &to, "--accept-proxy-header"],
            );
            let port = address.port();
            let curl = Command::new("curl")
                .args(["--silent", "--show-error", "--max-time", "20"])
                .args(["--haproxy-protocol", "--cacert"])
                .arg(format!("{PKI}/authority.pem"))
                .arg("--resolve")
                .arg(format!("{NAME}:{port}:127.0.0.1"))
                .arg(format!("https://{NAME}:{port}/"))
                .output()
                .expect("curl starts");
            let page = String::from_utf8_lossy(&curl.stdout);
            assert!(page.contains("Ciphers supported"), "{name}: {curl:?}");
        }
    });
}

#[test]
fn the_program_tells_a_plain_target_who_openssl_is() {
    if !has(&["openssl"]) {
        return;
    }
    in_time(|| {
        for name in AnyLoop::available_real() {
            let target = TcpListener::bind("127.0.0.1:0").expect("a port");
            let to = target.local_addr().expect("an address").to_string();
            let at = listening();
            let (_proxy, address) = proxy(
                name,
                &[
                    "--listen",
                    &at,
                    "--connect",
                    &to,
                    "--send-proxy-header",
                    "1",
                ],
            );
            let mut client = Command::new("openssl")
                .args(["s_client", "-quiet", "-verify_return_error", "-CAfile"])
                .arg(format!("{PKI}/authority.pem"))
                .args(["-servername", NAME, "-verify_hostname", NAME])
                .args(["-connect", &address.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("openssl starts");
            let mut asks = client.stdin.take().expect("a pipe");
            let mut hears = BufReader::new(client.stdout.take().expect("a pipe"));
            let _client = Running(client);
            let (stream, _) = target.accept().expect("the proxy connects");
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .expect("a timeout");
            let mut told = BufReader::new(stream);
            let mut header = String::new();
            told.read_line(&mut header).expect("a header");
            let begins = "PROXY TCP4 127.0.0.1 127.0.0.1 ";
            let ends = format!(" {}\r\n", address.port());
            assert!(
                header.starts_with(begins) && header.ends_with(&ends),
                "{header:?}"
            );
            asks.write_all(b"question\n").expect("it is read");
            let mut line = String::new();
            told.read_line(&mut line).expect("the question");
            assert_eq!(line, "question\n");
            told.get_mut().write_all(b"answer\n").expect("it is sent");
            line.clear();
            hears.read_line(&mut line).expect("the answer");
            assert_eq!(line, "answer\n");
        }
    });
}

#[test]
fn what_is_no_tls_and_no_header_reaches_no_target() {
    in_time(|| {
        for name in AnyLoop::available_real() {
            let target = TcpListener::bind("127.0.0.1:0").expect("a port");
            let to = target.local_addr().expect("an address").to_string();
            let at = listening();
            let (_proxy, address) = proxy(
                name,
                &["--listen", &at, "--connect", &to, "--accept-proxy-header"],
            );
            let header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
            for wrong in [
                "GET / HTTP/1.0\r\n\r\n",
                &format!("{header}GET / HTTP/1.0\r\n\r\n"),
            ] {
                let mut client = TcpStream::connect(address).expect("it listens");
                let patience = Some(Duration::from_secs(30));
                client.set_read_timeout(patience).expect("a timeout");
                client.write_all(wrong.as_bytes()).expect("it is taken");
                // An alert at most, and the end of it.
                let mut told = Vec::new();
                let _ = client.read_to_end(&mut told);
                assert!(told.len() < 16, "{}", told.escape_ascii());
            }
            target.set_nonblocking(true).expect("a mode");
            assert!(target.accept().is_err(), "{name}: a target was connected");
        }
    });
}
