//! Peers that others have written: OpenSSL, curl, redis-cli and Python's `ssl` below asyncio.
//! Where a program is missing, its test says so and shows nothing.

use std::future::poll_fn;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::test as polyloop_test;
use polyloop_core::{ListenOptions, Listener, Loop, Promise, TcpOptions};
use polyloop_tls::rustls::{HandshakeKind, SupportedProtocolVersion, version};
use polyloop_tls::{
    ClientCertificates, TlsAcceptor, TlsAcceptorBuilder, TlsConnector, TlsError, TlsStream,
};
use tempfile::TempDir;

use crate::authority::{AUTHORITY, Authority, SERVER};

/// Whether that program is here. Where CI runs it has to be; elsewhere a test that is skipped
/// says so past the harness' capture.
pub(crate) fn has(program: &str, package: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_err() {
        let message = format!("this test needs {program}: apt-get install {package}");
        assert!(std::env::var_os("CI").is_none(), "{message}");
        let _ = writeln!(std::io::stderr(), "SKIPPED {message}");
    }
    found.is_ok()
}

/// The certificates as files, in a directory that goes with them.
fn files() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let client = AUTHORITY.sign(&["client.test"]);
    for (name, text) in [
        ("ca.pem", &AUTHORITY.pem),
        ("others.pem", &Authority::new("Them").pem),
        ("server.pem", &SERVER.chain),
        ("server.key", &SERVER.key),
        ("client.pem", &client.chain),
        ("client.key", &client.key),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn builder() -> TlsAcceptorBuilder {
    TlsAcceptor::builder().identity(SERVER.identity())
}

/// What a server does with each connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Sends a line back, and closes.
    Line,
    /// Answers a request for a page, and closes.
    Page,
    /// Says `+PONG` to everything, until the client closes.
    Pong,
    /// Sends that much back, and waits for the client to close.
    Echo(usize),
}

/// What a server has seen of its connections: what was agreed upon, or what went wrong.
type Seen = Arc<Mutex<Vec<String>>>;

fn serve<L: Loop>(lp: &L, acceptor: TlsAcceptor, manner: Manner) -> (SocketAddr, Seen) {
    let anywhere = "127.0.0.1:0".parse().unwrap();
    let mut listener = lp.bind_tcp(anywhere, &ListenOptions::default()).unwrap();
    let address = listener.local_addr().unwrap().as_ip().unwrap();
    let seen = Seen::default();
    let (serving, noted) = (lp.clone(), seen.clone());
    lp.spawn(async move {
        loop {
            let (plain, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            let told = match acceptor.accept(&serving, plain).await {
                Ok(mut secure) => {
                    let agreed = format!(
                        "{:?} {:?} {} {:?}",
                        secure.protocol_version().unwrap(),
                        secure.handshake_kind().unwrap(),
                        String::from_utf8_lossy(secure.alpn_protocol().unwrap_or(b"-")),
                        secure.peer_certificates().map(<[_]>::len),
                    );
                    match respond(&mut secure, manner).await {
                        Ok(()) => agreed,
                        Err(error) => format!("{agreed}, then {error}"),
                    }
                }
                Err(error) => error.to_string(),
            };
            noted.lock().unwrap().push(told);
        }
    })
    .detach();
    (address, seen)
}

async fn respond<S>(secure: &mut TlsStream<S>, manner: Manner) -> std::io::Result<()>
where
    S: futures_util::AsyncRead + futures_util::AsyncWrite + Unpin,
{
    let mut came = Vec::new();
    let mut piece = [0; 4096];
    let until = |came: &[u8]| match manner {
        Manner::Line => came.ends_with(b"\n"),
        Manner::Page => came.ends_with(b"\r\n\r\n"),
        Manner::Pong => false,
        Manner::Echo(length) => came.len() == length,
    };
    while !until(&came) {
        let count = secure.read(&mut piece).await?;
        if count == 0 {
            return secure.close().await;
        }
        came.extend_from_slice(&piece[..count]);
        if let Manner::Pong = manner {
            secure.write_all(b"+PONG\r\n").await?;
            secure.flush().await?;
        }
    }
    match manner {
        Manner::Page => {
            let page = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello\n";
            secure.write_all(page.as_bytes()).await?;
        }
        _ => secure.write_all(&came).await?,
    }
    secure.flush().await?;
    if let Manner::Echo(_) = manner {
        assert_eq!(secure.read(&mut piece).await?, 0);
    }
    secure.close().await
}

/// What has been seen, once it is of so many connections.
async fn of<L: Loop>(lp: &L, seen: &Seen, connections: usize) -> Vec<String> {
    loop {
        let told = seen.lock().unwrap().clone();
        if told.len() >= connections {
            return told;
        }
        lp.sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a program beside the loop, with this as its input.
async fn run<L: Loop>(lp: &L, mut command: Command, input: &'static str) -> Output {
    let ran = lp.run_in_thread(move || {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut to = child.stdin.take().unwrap();
        // One that has gone already says why itself.
        let _ = to.write_all(input.as_bytes());
        drop(to);
        child.wait_with_output()
    });
    ran.await.unwrap().unwrap()
}

fn text(output: &Output) -> String {
    let (said, complained) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[&said[..], &complained[..]].concat()).into_owned()
}

/// Both versions, with the words that OpenSSL has for them.
const VERSIONS: [(&SupportedProtocolVersion, &str, &str); 2] = [
    (&version::TLS12, "-tls1_2", "TLSv1.2"),
    (&version::TLS13, "-tls1_3", "TLSv1.3"),
];

#[polyloop_test(loops(real))]
async fn openssl_as_the_client<L: Loop>(lp: L) {
    if !has("openssl", "openssl") {
        return;
    }
    let files = files();
    for (_, option, name) in VERSIONS {
        let acceptor = builder()
            .client_certificates(ClientCertificates::required(AUTHORITY.roots()))
            .alpn(["h2"])
            .build()
            .unwrap();
        let (address, seen) = serve(&lp, acceptor, Manner::Line);
        for session in [["-sess_out", "session"], ["-sess_in", "session"]] {
            let mut command = Command::new("openssl");
            command
                .current_dir(files.path())
                .args(["s_client", "-connect", &address.to_string()])
                .args([
                    "-servername",
                    "server.test",
                    "-verify_hostname",
                    "server.test",
                ])
                .args(["-CAfile", "ca.pem", "-verify_return_error", "-ign_eof"])
                .args(["-cert", "client.pem", "-key", "client.key"])
                .args(["-alpn", "spdy,h2", option])
                .args(session);
            let output = run(&lp, command, "a line\n").await;
            let said = text(&output);
            assert!(output.status.success(), "{said}");
            for part in ["a line", "ALPN protocol: h2", name, "Verification: OK"] {
                assert!(said.contains(part), "no {part:?} in {said}");
            }
            let kind = if session[0] == "-sess_in" {
                "Reused, "
            } else {
                "New, "
            };
            assert!(said.contains(kind), "no {kind:?} in {said}");
        }
        let told = of(&lp, &seen, 2).await;
        for (told, kind) in told.iter().zip(["Full", "Resumed"]) {
            // It sends its authority's certificate, too.
            let agreed = format!("{} {kind} h2 Some(2)", name.replace('.', "_"));
            assert_eq!(*told, agreed);
        }
    }
}

/// A server of somebody else's, which is ended with this.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// OpenSSL's, which sends lines back to front.
    fn reversing(files: &Path, option: &str) -> Self {
        let mut child = Command::new("openssl")
            .current_dir(files)
            .args(["s_server", "-accept", "127.0.0.1:0", "-rev", option])
            .args(["-cert", "server.pem", "-key", "server.key", "-alpn", "h2"])
            .args(["-CAfile", "ca.pem", "-Verify", "1", "-verify_return_error"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.ok()?;
            line.strip_prefix("ACCEPT ")?.parse().ok()
        });
        // Whoever writes to a pipe that nobody reads is stopped.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: address.expect("s_server says where it listens"),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[polyloop_test(loops(real))]
async fn openssl_as_the_server<L: Loop>(lp: L) {
    if !has("openssl", "openssl") {
        return;
    }
    let files = files();
    let client = AUTHORITY.sign(&["client.test"]);
    for (_, option, name) in VERSIONS {
        let server = Program::reversing(files.path(), option);
        let connector = TlsConnector::builder()
            .roots(AUTHORITY.roots())
            .identity(client.identity())
            .alpn(["spdy", "h2"])
            .build()
            .unwrap();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let options = TcpOptions::default();
            let plain = lp.connect_tcp(server.address, &options).await.unwrap();
            let mut secure = connector.connect(&lp, "server.test", plain).await.unwrap();
            assert_eq!(secure.secure().version(), name);
            assert_eq!(secure.alpn_protocol(), Some(&b"h2"[..]));
            assert_eq!(secure.handshake_kind(), Some(kind));
            secure.write_all(b"drawer\n").await.unwrap();
            secure.flush().await.unwrap();
            let mut came = [0; 7];
            secure.read_exact(&mut came).await.unwrap();
            assert_eq!(&came, b"reward\n");
            secure.close().await.unwrap();
        }
        // One that has no certificate is told so.
        let nobody = TlsConnector::builder()
            .roots(AUTHORITY.roots())
            .build()
            .unwrap();
        let options = TcpOptions::default();
        let plain = lp.connect_tcp(server.address, &options).await.unwrap();
        let told = match nobody.connect(&lp, "server.test", plain).await {
            Err(error) => error,
            Ok(mut secure) => {
                let error = secure.read(&mut [0; 8]).await.unwrap_err();
                TlsError::of(&error).cloned().unwrap()
            }
        };
        assert!(matches!(told, TlsError::Alert { .. }), "{told:?}");
    }
}

#[polyloop_test(loops(real))]
async fn curl_as_the_client<L: Loop>(lp: L) {
    if !has("curl", "curl") {
        return;
    }
    let files = files();
    let (address, seen) = serve(
        &lp,
        builder().alpn(["http/1.1"]).build().unwrap(),
        Manner::Page,
    );
    let get = |trusting: &[&str]| {
        let mut command = Command::new("curl");
        command
            .current_dir(files.path())
            .args([
                "--silent",
                "--show-error",
                "--noproxy",
                "*",
                "--max-time",
                "30",
            ])
            .args([
                "--resolve",
                &format!("server.test:{}:127.0.0.1", address.port()),
            ])
            .arg(format!("https://server.test:{}/", address.port()))
            .args(trusting);
        command
    };
    let output = run(&lp, get(&["--cacert", "ca.pem"]), "").await;
    assert_eq!(output.stdout, b"hello\n", "{}", text(&output));
    let output = run(&lp, get(&["--cacert", "others.pem"]), "").await;
    assert_eq!(output.status.code(), Some(60), "{}", text(&output));
    let told = of(&lp, &seen, 2).await;
    assert_eq!(told[0], "TLSv1_3 Full http/1.1 None");
    assert!(told[1].contains("UnknownCA"), "{told:?}");
}

#[polyloop_test(loops(real))]
async fn redis_cli_as_the_client<L: Loop>(lp: L) {
    if !has("redis-cli", "redis-tools") {
        return;
    }
    let files = files();
    let (address, seen) = serve(&lp, builder().build().unwrap(), Manner::Pong);
    let mut command = Command::new("redis-cli");
    command
        .current_dir(files.path())
        .args(["--tls", "--cacert", "ca.pem", "--sni", "server.test"])
        .args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "PING"]);
    let output = run(&lp, command, "").await;
    assert_eq!(output.stdout, b"PONG\n", "{}", text(&output));
    let told = of(&lp, &seen, 1).await;
    assert!(
        told.iter().all(|one| one.starts_with("TLSv1_3 Full")),
        "{told:?}"
    );
}

/// Sends 200,000 bytes, and expects them back.
const PYTHON_CLIENT: &str = "
import asyncio, ssl, sys
async def main():
    context = ssl.create_default_context(cafile='ca.pem')
    reader, writer = await asyncio.open_connection(
        '127.0.0.1', int(sys.argv[1]), ssl=context, server_hostname='server.test')
    data = bytes(range(250)) * 800
    writer.write(data)
    came = await reader.readexactly(len(data))
    assert came == data
    writer.close()
    await writer.wait_closed()
asyncio.run(main())
";

/// Sends what comes back, until the client ends.
const PYTHON_SERVER: &str = "
import asyncio, ssl, sys
async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain('server.pem', 'server.key')
    server = await asyncio.start_server(echo, '127.0.0.1', 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
";

#[polyloop_test(loops(real))]
async fn python_as_the_client<L: Loop>(lp: L) {
    if !has("python3", "python3") {
        return;
    }
    let files = files();
    let (address, seen) = serve(&lp, builder().build().unwrap(), Manner::Echo(200_000));
    let mut command = Command::new("python3");
    command
        .current_dir(files.path())
        .args(["-c", PYTHON_CLIENT, &address.port().to_string()]);
    let output = run(&lp, command, "").await;
    assert!(output.status.success(), "{}", text(&output));
    // Its close is a clean end.
    assert_eq!(of(&lp, &seen, 1).await, ["TLSv1_3 Full - None"]);
}

#[polyloop_test(loops(real))]
async fn python_as_the_server<L: Loop>(lp: L) {
    if !has("python3", "python3") {
        return;
    }
    let files = files();
    let mut child = Command::new("python3")
        .current_dir(files.path())
        .args(["-c", PYTHON_SERVER])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let port: u16 = line.trim().parse().unwrap();
    // Ended with this, whatever becomes of the test.
    let server = Program {
        child,
        address: ([127, 0, 0, 1], port).into(),
    };
    let connector = TlsConnector::builder()
        .roots(AUTHORITY.roots())
        .build()
        .unwrap();
    let options = TcpOptions::default();
    let plain = lp.connect_tcp(server.address, &options).await.unwrap();
    let mut secure = connector.connect(&lp, "server.test", plain).await.unwrap();
    let data: Vec<u8> = (0..250).cycle().take(200_000).collect();
    let mut back = vec![0; data.len()];
    let (mut reads, mut writes) = (&mut secure).split();
    futures_util::try_join!(
        async {
            writes.write_all(&data).await?;
            writes.flush().await
        },
        reads.read_exact(&mut back),
    )
    .unwrap();
    assert!(back == data, "altered");
    writes.close().await.unwrap();
}
