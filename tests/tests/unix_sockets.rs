//! UNIX sockets of the real loops: what they leave behind, and many clients at once.
//!
//! One test alone, so that nobody else opens descriptors meanwhile.

#![cfg(target_os = "linux")]

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::try_join_all;
use polyloop::{
    AnyLoop, ConnectOptions, Failure, ListenOptions, Loop, MainLoop, PassDescriptors, Timers,
    UnixAddress, UnixDatagrams, UnixOptions, Watch, quote,
};
use polyloop_examples::echo::Echo;
use polyloop_tests::within_deadline;

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a list").count()
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("polyloop-unix-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn endpoint(path: &Path) -> String {
    format!("unix:{}", quote(path.to_str().expect("a text")))
}

#[test]
fn nothing_is_left_and_a_thousand_clients_find_room() {
    within_deadline(|| {
        for name in AnyLoop::available_real() {
            let lp = AnyLoop::by_name(name).expect("a loop");
            let directory = Directory::new(name);
            lp.run(async {
                // What the runtime opens once, it keeps.
                exercise(&lp, &directory.0).await?;
                let before = settled(&lp).await;
                for _ in 0..3 {
                    exercise(&lp, &directory.0).await?;
                }
                assert_eq!(settled(&lp).await, before, "descriptors on {name}");
                crowd(&lp, &directory.0).await
            })
            .expect("a run")
            .unwrap_or_else(|failure| panic!("{name}: {failure:#}"));
            let left: Vec<_> = std::fs::read_dir(&directory.0).expect("a list").collect();
            assert!(left.is_empty(), "{name} leaves {left:?}");
        }
    });
}

/// The number of descriptors, once it does not change any more.
async fn settled(lp: &impl Timers) -> usize {
    let mut before = 0;
    loop {
        let now = open_descriptors();
        if now == before {
            return now;
        }
        before = now;
        lp.sleep(Duration::from_millis(100)).await;
    }
}

/// What goes well, and all that is refused.
async fn exercise<L: Loop + Watch>(lp: &L, directory: &Path) -> Result<(), Failure> {
    let (path, file) = (directory.join("s"), directory.join("file"));
    let at = endpoint(&path);
    std::fs::write(&file, "")?;
    drop(UnixListener::bind(&path)?);
    let stale = lp.serve(&at, || Echo).await;
    assert!(stale.is_err(), "a stale file makes way unasked");
    let gone = lp.dial(&at).await;
    assert!(gone.is_err(), "nobody listens on a stale file");
    let options = ListenOptions::new()
        .unix(UnixOptions::new().replace_stale(true).mode(Some(0o600)))
        .layer(PassDescriptors::on(lp));
    let server = lp.serve_with(&at, options.clone(), || Echo).await?;
    assert!(lp.serve_with(&at, options, || Echo).await.is_err());
    for refused in [
        &file,
        &directory.join("no/where"),
        &directory.join("x".repeat(200)),
    ] {
        assert!(lp.serve(endpoint(refused), || Echo).await.is_err());
        assert!(lp.dial(endpoint(refused)).await.is_err());
    }
    let passing = || ConnectOptions::new().layer(PassDescriptors::on(lp));
    for _ in 0..20 {
        let client = lp.connect_with(&at, passing(), || Echo).await?;
        let peer = client.peer();
        let descriptors = peer.descriptors().expect("a layer that passes them");
        descriptors.pass(std::fs::File::open("/dev/null")?)?;
        descriptors.pass(std::fs::File::open("/dev/null")?)?;
        client.write("ab")?;
        client.close();
        client.closed().await;
    }
    server.close();
    server.drained().await;
    let name = UnixAddress::from_path(directory.join("datagrams"));
    let socket = lp.bind_unix_datagram(&name, &UnixOptions::new())?;
    socket.send_to(b"to itself", &name).await?;
    assert!(lp.bind_unix_datagram(&name, &UnixOptions::new()).is_err());
    drop(socket);
    std::fs::remove_file(file)?;
    Ok(())
}

/// More than its queue has room for.
async fn crowd<L: Loop>(lp: &L, directory: &Path) -> Result<(), Failure> {
    let at = endpoint(&directory.join("crowd"));
    let options = ListenOptions::new().backlog(4);
    let server = lp.serve_with(&at, options, || Echo).await?;
    let clients = (0..1000).map(|_| lp.connect(&at, || Echo));
    let clients = try_join_all(clients).await?;
    for client in &clients {
        client.close();
    }
    server.close();
    server.drained().await;
    Ok(())
}
