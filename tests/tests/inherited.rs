//! Sockets that a supervisor passes on (`fd:`), as systemd does: this very program, started
//! once more with one, serves on it.

#![cfg(unix)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use polyloop::AnyLoop;
use polyloop_core::{
    CloseReason, Deferred, Failure, InheritedError, ListenError, Loop, MainLoop, Protocol,
    Resolver, Transport,
};
use polyloop_tests::within_deadline;

const LOOP: &str = "POLYLOOP_TEST_INHERITS";

/// What a supervisor does: the socket becomes descriptor 3 of a program that is told so.
const PASS_ON: &str = "exec 3<&0 </dev/null; \
                       export LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$; \
                       exec \"$0\" \"$@\"";

#[test]
fn a_socket_that_was_passed_on_is_served_once() {
    within_deadline(|| {
        let patience = Some(Duration::from_secs(30));
        for name in AnyLoop::available_real() {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("its address");
            is_served(name, listener.into(), || {
                let stream = TcpStream::connect(address).expect("it listens");
                stream.set_read_timeout(patience).expect("a limit");
                stream
            });
            let path = format!("polyloop-inherited-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(path);
            let listener = UnixListener::bind(&path).expect("a path");
            is_served(name, listener.into(), || {
                let stream = UnixStream::connect(&path).expect("it listens");
                stream.set_read_timeout(patience).expect("a limit");
                stream
            });
            // It is the supervisor's.
            std::fs::remove_file(path).expect("the file is left");
        }
    });
}

fn is_served<S: Read + Write>(name: &str, socket: OwnedFd, connect: impl FnOnce() -> S) {
    let this = std::env::current_exe().expect("the path of this program");
    let mut child = Command::new("sh")
        .args(["-c", PASS_ON])
        .arg(this)
        .args(["--ignored", "--exact", "the_child"])
        .env(LOOP, name)
        .stdin(Stdio::from(socket))
        .spawn()
        .expect("a shell");
    let mut stream = connect();
    stream.write_all(b"hello").expect("it takes that");
    let mut answer = [0; 5];
    let answered = stream.read_exact(&mut answer);
    drop(stream);
    let ended = child.wait().expect("the child can be waited for");
    assert!(ended.success(), "{name}: the child ended with {ended}");
    answered.expect("an answer");
    assert_eq!(&answer, b"hello", "{name}");
}

/// Echoes, and says when the connection is lost.
struct Echo(Option<Resolver<()>>);

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }

    fn connection_lost(&mut self, _: CloseReason) {
        if let Some(lost) = self.0.take() {
            let _ = lost.resolve(());
        }
    }
}

async fn refusal(lp: &AnyLoop, endpoint: &str) -> InheritedError {
    match lp.serve(endpoint, || Echo(None)).await {
        Err(ListenError::Inherited { source, .. }) => source,
        other => panic!("{endpoint} gave {other:?}"),
    }
}

#[test]
#[ignore = "what the test above starts"]
fn the_child() {
    let name = std::env::var(LOOP).expect("the other test says on which loop");
    let lp = AnyLoop::by_name(&name).expect("a loop of that name");
    lp.run(async {
        let error = refusal(&lp, "fd:mail").await;
        assert!(
            matches!(error, InheritedError::NoSuchName { .. }),
            "{error}"
        );
        let error = refusal(&lp, "fd:4").await;
        assert!(
            matches!(error, InheritedError::NoSuchNumber { .. }),
            "{error}"
        );
        let (resolver, lost) = Deferred::new();
        let mut resolver = Some(resolver);
        let server = lp
            .serve("fd:web", move || Echo(resolver.take()))
            .await
            .expect("a socket of that name");
        for again in ["fd:web", "fd:3"] {
            let error = refusal(&lp, again).await;
            assert!(matches!(error, InheritedError::Taken { .. }), "{error}");
        }
        lost.await.expect("a connection");
        server.close();
        server.drained().await;
        assert!(
            std::env::var_os("LISTEN_FDS").is_none(),
            "children would be misled"
        );
    })
    .expect("nothing else runs it");
}
