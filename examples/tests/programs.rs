//! The programs themselves, as a user starts them, on each loop that is compiled in.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::panic::resume_unwind;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use polyloop::AnyLoop;

/// A program that serves until it is killed, which dropping it does.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("{program} says {line:?}"));
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).expect("a timeout");
        stream
    }

    fn exchange(&self, request: &str, reply: &str) {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut got = vec![0; reply.len()];
        stream.read_exact(&mut got).expect("it answers");
        assert_eq!(String::from_utf8_lossy(&got), reply);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn output(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} can't be started: {error}"))
}

/// A program that says nothing fails its test instead of holding it for ever.
fn in_time(test: impl FnOnce() + Send + 'static) {
    let (sender, finished) = mpsc::channel();
    let body = thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    let over = finished.recv_timeout(Duration::from_secs(60));
    assert_ne!(over, Err(RecvTimeoutError::Timeout), "not done within 60 s");
    if let Err(panic) = body.join() {
        resume_unwind(panic);
    }
}

const ANY: &str = "127.0.0.1:0";

#[test]
fn kv_says_where_it_listens_and_on_what_loop() {
    in_time(|| {
        for name in AnyLoop::available_real() {
            let kv = Running::start(env!("CARGO_BIN_EXE_kv"), &["--loop", name, ANY]);
            kv.exchange("PING\r\n", "+PONG\r\n");
            let mut stream = kv.connect();
            stream.write_all(b"INFO\r\nQUIT\r\n").expect("it reads");
            let mut info = String::new();
            stream.read_to_string(&mut info).expect("it answers");
            assert!(info.contains(&format!("\r\nloop:{name}\r\n")), "{info}");
        }
    });
}

#[test]
fn a_program_listens_on_whatever_its_argument_says() {
    in_time(|| {
        for name in AnyLoop::available_real() {
            for text in ["tcp:0:interface=127.0.0.1:backlog=5", "TCP:127.0.0.1:0"] {
                let kv = Running::start(env!("CARGO_BIN_EXE_kv"), &["--loop", name, text]);
                kv.exchange("PING\r\n", "+PONG\r\n");
            }
            let arguments = ["--loop", name, "tcp:0:timeout=5"];
            let wrong = output(env!("CARGO_BIN_EXE_kv"), &arguments);
            let text = String::from_utf8_lossy(&wrong.stderr);
            assert!(text.contains("timeout= is for connecting"), "{text}");
        }
    });
}

/// A certificate that the conformance suite has for its own connections.
const PKI: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/polyloop-conformance/src/tls"
);

#[test]
fn kv_serves_redis_cli_over_tls() {
    if Command::new("redis-cli").arg("--version").output().is_err() {
        // Where CI runs it has to be here; elsewhere it is said past the harness' capture.
        let message = "this test needs redis-cli: apt-get install redis-tools";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        let _ = writeln!(std::io::stderr(), "SKIPPED {message}");
        return;
    }
    in_time(|| {
        let endpoint = format!("tls:0:interface=127.0.0.1:privateKey={PKI}/server.pem");
        for name in AnyLoop::available_real() {
            let kv = Running::start(env!("CARGO_BIN_EXE_kv"), &["--loop", name, &endpoint]);
            let port = kv.address.port().to_string();
            let authority = format!("{PKI}/authority.pem");
            let secure = [
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "--tls",
                "--cacert",
                &authority,
            ];
            let pong = output("redis-cli", &[&secure[..], &["PING"]].concat());
            assert_eq!(pong.stdout, b"PONG\n", "{pong:?}");
            let set = output(
                "redis-cli",
                &[&secure[..], &["SET", "key", "value"]].concat(),
            );
            assert_eq!(set.stdout, b"OK\n", "{set:?}");
            let plain = output("redis-cli", &["-h", "127.0.0.1", "-p", &port, "GET", "key"]);
            assert!(!plain.stdout.starts_with(b"value"), "{plain:?}");
            let arguments = ["--loop", name, "tls:0:privateKey=nowhere.pem"];
            let wrong = output(env!("CARGO_BIN_EXE_kv"), &arguments);
            let text = String::from_utf8_lossy(&wrong.stderr);
            assert!(text.contains("can't read nowhere.pem"), "{text}");
        }
    });
}

#[test]
fn the_environment_chooses_where_no_argument_does() {
    in_time(|| {
        for name in AnyLoop::available() {
            let output = Command::new(env!("CARGO_BIN_EXE_slow_square"))
                .env("POLYLOOP_LOOP", name)
                .arg("3")
                .output()
                .expect("the program starts");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(
                text.matches("3 to the fourth power is 81").count(),
                2,
                "{text}"
            );
        }
    });
}

#[test]
fn echo_serves_its_own_client() {
    in_time(|| {
        let program = env!("CARGO_BIN_EXE_echo");
        for (server, client) in AnyLoop::available_real()
            .iter()
            .zip(AnyLoop::available_real().iter().rev())
        {
            let echo = Running::start(program, &["server", ANY, "--loop", server]);
            let address = echo.address.to_string();
            let output = output(program, &["--loop", client, "client", &address, "grüezi"]);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "grüezi\n");
        }
    });
}

#[test]
fn lookup_answers_its_own_client() {
    in_time(|| {
        let program = env!("CARGO_BIN_EXE_lookup");
        for (server, client) in AnyLoop::available_real()
            .iter()
            .zip(AnyLoop::available_real().iter().rev())
        {
            let arguments = ["server", ANY, "answer=42", "--loop", server];
            let names = Running::start(program, &arguments);
            let address = names.address.to_string();
            let output = output(program, &["--loop", client, "client", &address, "answer"]);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n");
        }
    });
}

#[test]
fn chat_and_proxy_work_together() {
    in_time(|| {
        for name in AnyLoop::available_real() {
            let chat = Running::start(env!("CARGO_BIN_EXE_chat"), &["--loop", name, ANY]);
            let target = chat.address.to_string();
            let arguments = ["--loop", name, "--listen", ANY, "--connect", &target];
            let proxy = Running::start(env!("CARGO_BIN_EXE_proxy"), &arguments);
            proxy.exchange(
                "ana\n",
                "* what is your name?\n* welcome, ana; here: nobody else\n",
            );
        }
    });
}

#[test]
fn mistakes_are_explained() {
    in_time(|| {
        let kv = env!("CARGO_BIN_EXE_kv");
        let echo = env!("CARGO_BIN_EXE_echo");
        let closed = std::net::TcpListener::bind(ANY)
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .to_string();
        for (program, arguments, explained) in [
            (kv, &["--loop", "libuv", ANY][..], "\"libuv\""),
            (kv, &["nonsense"], "\"nonsense\" is not an endpoint"),
            (echo, &["client", &closed, "x"], &*closed),
        ] {
            if AnyLoop::available().is_empty() {
                return;
            }
            let output = output(program, arguments);
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            // Built with several loops, it says before which one it took.
            let explains = |line: &str| line.starts_with("error: ") && line.contains(explained);
            assert!(text.lines().any(explains), "{text}");
        }
    });
}
