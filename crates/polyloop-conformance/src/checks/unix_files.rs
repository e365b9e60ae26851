//! UNIX: the files of sockets on a real system, and sockets that were made elsewhere.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use polyloop_core::{
    ConnectError, ListenError, ListenOptions, MainLoop, UnixOptions, UnixPathError,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Directory, Journal, Once, Probe, run, until};

fn probe() -> Probe {
    Probe::new(&Journal::new())
}

fn replacing() -> ListenOptions {
    ListenOptions::new().unix(UnixOptions::new().replace_stale(true))
}

fn mode_of(path: &Path) -> Verdict<u32> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::symlink_metadata(path)?.mode() & 0o7777)
}

/// By the options, by the text, and beside a file that was made with the same umask.
pub fn unix_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let (endpoint, path) = (directory.endpoint("s"), directory.path("s"));
        // What the umask leaves of it: a directory is made with the same permissions.
        let beside = directory.path("beside");
        fs::create_dir(&beside)?;
        let given = |mode| ListenOptions::new().unix(UnixOptions::new().mode(Some(mode)));
        let wanted = [
            (endpoint.clone(), ListenOptions::new(), mode_of(&beside)?),
            (endpoint.clone(), given(0o600), 0o600),
            (format!("{endpoint}:mode=666"), ListenOptions::new(), 0o666),
            (format!("{endpoint}:mode=660"), given(0o600), 0o660),
        ];
        for (text, options, mode) in wanted {
            let server = lp.serve_with(&text, options, probe).await?;
            ensure_eq!(mode_of(&path)?, mode, "the mode of {text}");
            server.close();
            server.drained().await;
        }
        Ok(())
    })
}

/// One end of a pair, for a protocol; and a TCP connection of std's.
pub fn unix_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    run(make, async |lp| {
        let (near, mut far) = UnixStream::pair()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let tcp = std::net::TcpStream::connect(listener.local_addr()?)?;
        let (mut there, _) = listener.accept()?;
        for (socket, is_pair) in [(OwnedFd::from(near).into(), true), (tcp, false)] {
            socket.set_nonblocking(true)?;
            let stream = lp.adopt_stream(socket)?;
            let journal = Journal::new();
            let peer = polyloop_core::Stream::peer(&stream)?;
            let factory = Once::new(Probe::echo(&journal));
            let connection = lp.drive(stream, peer, factory).await?;
            // So little fits into any buffer, so that nothing of std's waits.
            let mut heard = [0; 5];
            if is_pair {
                far.write_all(b"there")?;
            } else {
                there.write_all(b"there")?;
            }
            until(&lp, "what was sent", || journal.data() == b"there").await?;
            connection.close();
            connection.closed().await;
            if is_pair {
                far.read_exact(&mut heard)?;
            } else {
                there.read_exact(&mut heard)?;
            }
            ensure_eq!(&heard, b"there", "what came back");
        }
        Ok(())
    })
}

/// A regular file, a link to one, a directory, and a socket for datagrams.
pub fn unix_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        fs::write(directory.path("file"), "kept")?;
        std::os::unix::fs::symlink(directory.path("file"), directory.path("link"))?;
        fs::create_dir(directory.path("directory"))?;
        for name in ["file", "link", "directory"] {
            let endpoint = directory.endpoint(name);
            for options in [ListenOptions::new(), replacing()] {
                let refused = lp.serve_with(&endpoint, options, probe).await;
                ensure!(
                    matches!(
                        &refused,
                        Err(ListenError::Path {
                            source: UnixPathError::NoSocket,
                            ..
                        })
                    ),
                    "a {name} gave {refused:?}"
                );
            }
            ensure!(
                fs::symlink_metadata(directory.path(name)).is_ok(),
                "the {name} is gone"
            );
        }
        ensure_eq!(fs::read(directory.path("file"))?, b"kept", "the file");
        let refused = lp.dial(directory.endpoint("file")).await.err();
        ensure!(
            matches!(
                &refused,
                Some(ConnectError::Path {
                    source: UnixPathError::NoSocket,
                    ..
                })
            ),
            "a file gave a client {refused:?}"
        );
        let datagrams = std::os::unix::net::UnixDatagram::bind(directory.path("datagrams"))?;
        let endpoint = directory.endpoint("datagrams");
        let refused = lp.serve_with(&endpoint, replacing(), probe).await;
        ensure!(
            matches!(
                &refused,
                Err(ListenError::Path {
                    source: UnixPathError::NoStream,
                    ..
                })
            ),
            "a socket for datagrams gave {refused:?}"
        );
        let refused = lp.dial(&endpoint).await.err();
        ensure!(
            matches!(
                &refused,
                Some(ConnectError::Path {
                    source: UnixPathError::NoStream,
                    ..
                })
            ),
            "a socket for datagrams gave a client {refused:?}"
        );
        drop(datagrams);
        let nowhere = directory.endpoint("no/where");
        let refused = lp.serve(&nowhere, probe).await;
        ensure!(
            matches!(
                &refused,
                Err(ListenError::Path {
                    source: UnixPathError::NoDirectory,
                    ..
                })
            ),
            "a directory that is not there gave {refused:?}"
        );
        Ok(())
    })
}

/// Of many that race for one stale file, again and again, one is there, and it is reached.
pub fn unix_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let (endpoint, path) = (directory.endpoint("s"), directory.path("s"));
        for _ in 0..10 {
            drop(std::os::unix::net::UnixListener::bind(&path)?);
            let racing: Vec<_> = (0..8)
                .map(|_| {
                    let (own, endpoint) = (lp.clone(), endpoint.clone());
                    lp.spawn(async move { own.serve_with(endpoint, replacing(), probe).await })
                })
                .collect();
            let mut winners = Vec::new();
            for task in racing {
                match task.await? {
                    Ok(server) => winners.push(server),
                    Err(ListenError::InUse { .. }) => {}
                    Err(other) => return Err(Fault::new(format!("one that lost gave {other:?}"))),
                }
            }
            ensure_eq!(winners.len(), 1, "servers on one path");
            drop(lp.dial(&endpoint).await?);
            for server in winners {
                server.close();
                server.drained().await;
            }
            ensure!(!path.exists(), "the file is left");
        }
        Ok(())
    })
}
