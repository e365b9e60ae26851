//! UNIX: paths, as every system has them, real or simulated.

use polyloop_core::{
    Address, Endpoint, ListenError, ListenOptions, Loop, MainLoop, Server, UnixAddress,
    UnixOptions, UnixPathError,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Directory, Journal, Probe, run};

fn probe() -> Probe {
    Probe::new(&Journal::new())
}

fn replacing() -> ListenOptions {
    ListenOptions::new().unix(UnixOptions::new().replace_stale(true))
}

/// Listens on the path and ends without a word, as a process that was killed.
fn leave_a_stale_file<L: Loop>(lp: &L, directory: &Directory) -> Verdict {
    let address = UnixAddress::from_path(directory.path("s"));
    drop(lp.bind_unix(&address, &ListenOptions::new())?);
    Ok(())
}

/// Refused unless it is wanted, and then replaced, by the options or by the text; one that
/// listens stays, in either case.
pub fn unix_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let endpoint = directory.endpoint("s");
        leave_a_stale_file(&lp, &directory)?;
        let refused = lp.serve(&endpoint, probe).await;
        let Err(ListenError::Path { address, source }) = refused else {
            return Err(Fault::new(format!("a stale file gave {refused:?}")));
        };
        ensure_eq!(source, UnixPathError::Stale, "what is wrong with it");
        let name = Address::from(UnixAddress::from_path(directory.path("s")));
        ensure_eq!(address, name, "the address in the error");

        let server = lp.serve_with(&endpoint, replacing(), probe).await?;
        drop(lp.dial(&endpoint).await?);
        for options in [ListenOptions::new(), replacing()] {
            let refused = lp.serve_with(&endpoint, options, probe).await;
            ensure!(
                matches!(refused, Err(ListenError::InUse { .. })),
                "a server that listens gave {refused:?}"
            );
        }
        drop(lp.dial(&endpoint).await?);
        end(server).await;

        leave_a_stale_file(&lp, &directory)?;
        let text = format!("{endpoint}:replaceStale=yes");
        end(lp.serve(text, probe).await?).await;
        Ok(())
    })
}

async fn end(server: Server<Probe>) {
    server.close();
    server.drained().await;
}

/// By a close, and when nobody accepts any more; and what somebody else has put there stays.
pub fn unix_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let (endpoint, path) = (directory.endpoint("s"), directory.path("s"));
        let server = lp.serve(&endpoint, probe).await?;
        ensure!(lp.socket_file(&path)?.is_socket, "there is no socket");
        let open = lp.dial(&endpoint).await?;
        server.close();
        server.closed().await;
        ensure!(lp.socket_file(&path).is_err(), "a close leaves the file");
        drop(open);
        server.drained().await;

        drop(lp.accept(&endpoint).await?);
        ensure!(lp.socket_file(&path).is_err(), "a drop leaves the file");

        let server = lp.serve(&endpoint, probe).await?;
        lp.remove_socket_file(&path)?;
        let other = lp.serve(&endpoint, probe).await?;
        end(server).await;
        drop(lp.dial(&endpoint).await?);
        end(other).await;
        ensure!(lp.socket_file(&path).is_err(), "the other's is left");
        Ok(())
    })
}

/// Too long, empty, with a zero byte, and a path where nothing is.
pub fn unix_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let long = directory.path(&"long".repeat(40));
        let wrong = [
            (long.to_string_lossy().into_owned(), "expected at most"),
            ("/tmp/a\0b".to_owned(), "zero byte"),
            (format!("@{}", "long".repeat(40)), "expected at most"),
            (String::new(), "empty"),
            ("@".to_owned(), "empty"),
        ];
        for (path, part) in wrong {
            let endpoint = Endpoint::unix(&*path);
            let listening = lp.serve(&endpoint, probe).await.err();
            let connecting = lp.dial(&endpoint).await.err();
            let told = [
                listening
                    .ok_or_else(|| Fault::new(format!("{path:?} is served")))?
                    .to_string(),
                connecting
                    .ok_or_else(|| Fault::new(format!("{path:?} is there")))?
                    .to_string(),
            ];
            for told in told {
                let is_abstract = path.starts_with('@') && told.contains("abstract names");
                ensure!(told.contains(part) || is_abstract, "{path:?} gave {told:?}");
            }
        }
        let endpoint = directory.endpoint("missing");
        let missing = lp.dial(&endpoint).await;
        let Err(error) = missing else {
            return Err(Fault::new("a path where nothing is gave a stream"));
        };
        ensure_eq!(
            error.io_kind(),
            std::io::ErrorKind::NotFound,
            "the kind of {error}"
        );
        let told = error.to_string();
        ensure!(told.contains("missing"), "no path in {told:?}");
        Ok(())
    })
}
