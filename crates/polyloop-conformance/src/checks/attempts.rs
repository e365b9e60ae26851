//! CLI: what one attempt to connect may meet.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use polyloop_core::{
    ConnectError, ConnectOptions, Connection, ListenOptions, Loop, MainLoop, Promise, Protocol,
    Stream, TcpOptions,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Fate, Journal, Once, Probe, RawListener, Scripted, listen, run, until};

/// What every script resolves.
const NAME: &str = "name.example:1";

fn observer() -> Once<Probe> {
    Once::new(Probe::new(&Journal::new()))
}

fn refusal<P: Protocol>(outcome: Result<Connection<P>, ConnectError>) -> Verdict<ConnectError> {
    match outcome {
        Ok(connection) => Err(Fault::new(format!("it connected: {connection:?}"))),
        Err(error) => Ok(error),
    }
}

/// An address that nobody listens on, unless somebody else takes it.
fn closed<L: Loop>(lp: &L) -> Verdict<SocketAddr> {
    Ok(RawListener::open(lp)?.address)
}

fn from(local: SocketAddr) -> TcpOptions {
    TcpOptions::new().local_address(Some(local))
}

/// A protocol that speaks as soon as it can, or only listens.
fn probe(journal: &Journal, speaks: bool) -> Once<Probe> {
    Once::new(Probe::new(journal).made(move |transport| {
        if speaks {
            transport.write(b"hello")?;
        }
        Ok(())
    }))
}

/// Waits for the end of a connection that was made; it has to be by a reset.
async fn is_made_and_reset<P: Protocol>(
    outcome: Result<Connection<P>, ConnectError>,
    journal: &Journal,
) -> Verdict {
    let connection = match outcome {
        Ok(connection) => connection,
        Err(error) => return Err(Fault::new(format!("the connect failed: {error}"))),
    };
    let reason = connection.closed().await;
    let kind = reason.error().and_then(polyloop_core::Failure::io_kind);
    ensure_eq!(kind, Some(ErrorKind::ConnectionReset), "how it ended");
    ensure_eq!(journal.names(), ["made", "lost"], "what the protocol heard");
    Ok(())
}

/// One that the system tells of before the connect is done, with one address and with
/// several; and real ones, which come a little sooner or later.
pub fn cli_20<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reset = (
            SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            Fate::Fails(ErrorKind::ConnectionReset),
        );
        for speaks in [false, true] {
            let scripted = Scripted::new(&lp, &[reset]);
            let journal = Journal::new();
            let outcome = scripted.connect(NAME, probe(&journal, speaks)).await;
            is_made_and_reset(outcome, &journal).await?;
            let journal = Journal::new();
            let outcome = scripted.connect(reset.0, probe(&journal, speaks)).await;
            is_made_and_reset(outcome, &journal).await?;
        }
        let mut listener = RawListener::open(&lp)?;
        let address = listener.address;
        let resetting = lp.spawn(async move {
            while let Ok(stream) = listener.accept().await {
                if stream.reset_on_drop().is_err() {
                    break;
                }
            }
        });
        for round in 0..40 {
            let journal = Journal::new();
            let outcome = lp.connect(address, probe(&journal, round % 2 == 0)).await;
            is_made_and_reset(outcome, &journal).await?;
        }
        resetting.cancel("seen enough");
        Ok(())
    })
}

/// Once, and then it is refused as it should have been; and again and again. Each time the
/// port can be had at once.
pub fn cli_21<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for (times, attempts) in [(1, 2), (usize::MAX, 3)] {
            // Somebody else may take a port that was free a moment ago.
            let mut last = None;
            for _ in 0..5 {
                let address = closed(&lp)?;
                // Not every loop's network lets one do that.
                let can = match lp.connect_tcp(address, &from(address)).await {
                    Ok(stream) => stream.reset_on_drop().is_ok(),
                    Err(_) => false,
                };
                let scripted = Scripted::new(&lp, &[(address, Fate::Itself(times))]);
                let error = refusal(scripted.connect(address, observer()).await)?;
                ensure!(
                    matches!(error, ConnectError::Refused { .. }),
                    "the error is {error:?}"
                );
                if can {
                    let tried = scripted.attempted().len();
                    ensure_eq!(tried, attempts, "attempts with {times} that led back");
                }
                last = lp.bind_tcp(address, &ListenOptions::new()).err();
                if last.is_none() {
                    break;
                }
            }
            ensure!(last.is_none(), "its server can't have the port: {last:?}");
        }
        Ok(())
    })
}

/// The address of everybody, which no connection leads to.
pub fn cli_22<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let everybody = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
        let error = refusal(lp.connect(everybody, observer()).await)?;
        ensure!(
            matches!(error, ConnectError::Unreachable { .. }),
            "the error is {error:?}"
        );
        let [(tried, cause)] = error.attempts() else {
            return Err(Fault::new(format!("one attempt expected: {error:?}")));
        };
        ensure_eq!(*tried, everybody, "the address that was tried");
        ensure!(
            cause.raw_os_error().is_some(),
            "no code of the system in {cause:?}"
        );
        Ok(())
    })
}

/// After a connection that this side closed first, so that the system remembers it.
pub fn cli_23<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut last = None;
        // Somebody else may take a port that was free a moment ago.
        for _ in 0..5 {
            let local = closed(&lp)?;
            last = None;
            for _ in 0..2 {
                let (here, there) = (Journal::new(), Journal::new());
                let server = listen(&lp, Probe::new(&there)).await?;
                let options = ConnectOptions::new().tcp(from(local));
                let dialled = Once::new(Probe::new(&here));
                let connected = lp.connect_with(server.local_addr(), options, dialled).await;
                let connection = match connected {
                    Ok(connection) => connection,
                    Err(error) => {
                        last = Some(error);
                        break;
                    }
                };
                ensure_eq!(
                    connection.local_addr(),
                    Some(local.into()),
                    "the local address"
                );
                connection.close();
                until(&lp, "both losses", || here.has("lost") && there.has("lost")).await?;
                server.close();
            }
            if last.is_none() {
                return Ok(());
            }
        }
        Err(Fault::new(format!(
            "the local port could not be had again: {last:?}"
        )))
    })
}
