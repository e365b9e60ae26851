//! CLI: one connection attempt, from the name to the protocol.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use polyloop_core::{
    Address, ConnectError, ConnectOptions, Connection, Endpoint, Loop, MainLoop, Promise, Protocol,
    yield_now,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Fate, Journal, Once, Probe, RawListener, Scripted, ip_of, quiet, run, until};

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// What every script resolves.
pub(super) const NAME: &str = "name.example:1";

pub(super) fn address(text: &str) -> Verdict<SocketAddr> {
    Ok(text.parse()?)
}

pub(super) fn observer() -> Once<Probe> {
    Once::new(Probe::new(&Journal::new()))
}

/// The error of a connect that has to fail.
pub(super) fn refusal<P: Protocol>(
    outcome: Result<Connection<P>, ConnectError>,
) -> Verdict<ConnectError> {
    match outcome {
        Ok(connection) => Err(Fault::new(format!("it connected: {connection:?}"))),
        Err(error) => Ok(error),
    }
}

/// The default, a shorter one that fires, and none that does not.
pub fn cli_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let default = ConnectOptions::default().timeout;
        ensure_eq!(default, Some(Duration::from_secs(30)), "the default limit");
        let silent = Scripted::new(&lp, &[(address("127.0.0.1:1")?, Fate::Hangs)]);
        let limited = ConnectOptions::new().timeout(Some(20 * MS));
        refusal(silent.connect_with(NAME, limited, observer()).await)?;
        let unlimited = ConnectOptions::new().timeout(None);
        let patient = silent.clone();
        let waiting = lp.spawn(async move {
            drop(patient.connect_with(NAME, unlimited, observer()).await);
        });
        quiet(&lp).await;
        ensure!(!waiting.is_done(), "a connect without a limit ended");
        ensure!(waiting.cancel("seen enough"), "it could not be cancelled");
        Ok(())
    })
}

/// By its own kind and by the standard one; and the attempt has been let go of.
pub fn cli_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let silent = Scripted::new(&lp, &[(address("127.0.0.1:1")?, Fate::Hangs)]);
        let limit = Some(20 * MS);
        let options = ConnectOptions::new().timeout(limit);
        let asked = lp.now();
        let error = refusal(silent.connect_with(NAME, options, observer()).await)?;
        ensure!(lp.now() >= asked + 20 * MS, "it failed before its limit");
        ensure!(
            matches!(&error, ConnectError::TimedOut { limit: told, .. } if *told == limit),
            "the error is {error:?}"
        );
        ensure_eq!(error.io_kind(), ErrorKind::TimedOut, "the standard kind");
        let text = error.to_string();
        ensure!(
            text.contains("not connected within 20ms"),
            "it says {text:?}"
        );
        ensure_eq!(silent.given_up.count(), 1, "attempts that were let go of");
        Ok(())
    })
}

/// A port that was just closed.
pub fn cli_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let closed = RawListener::open(&lp)?.address;
        let error = refusal(lp.connect(closed, observer()).await)?;
        ensure!(
            matches!(error, ConnectError::Refused { .. }),
            "the error is {error:?}"
        );
        ensure_eq!(
            error.io_kind(),
            ErrorKind::ConnectionRefused,
            "the standard kind"
        );
        let [(tried, cause)] = error.attempts() else {
            return Err(Fault::new(format!("one attempt expected: {error:?}")));
        };
        ensure_eq!(*tried, closed, "the address that was tried");
        ensure!(
            cause.raw_os_error().is_some(),
            "no code of the system in {cause:?}"
        );
        ensure!(
            error.to_string().contains(&closed.to_string()),
            "no endpoint in {error}"
        );
        Ok(())
    })
}

/// A resolver that finds nothing, beside a name whose addresses all refuse.
pub fn cli_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let unknown = Scripted::new(&lp, &[]);
        let error = refusal(unknown.connect(NAME, observer()).await)?;
        ensure!(
            matches!(error, ConnectError::Dns { .. }),
            "the error is {error:?}"
        );
        ensure!(unknown.attempted().is_empty(), "something was tried");
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::ConnectionRefused,
            ErrorKind::TimedOut,
        ] {
            let known = Scripted::new(&lp, &[(address("127.0.0.1:1")?, Fate::Fails(kind))]);
            let error = refusal(known.connect(NAME, observer()).await)?;
            ensure!(
                !matches!(error, ConnectError::Dns { .. }),
                "an attempt that fails with {kind:?} looks like a resolver's error"
            );
        }
        Ok(())
    })
}

/// Two attempts that hang; and a real one, cancelled at each of its stages.
pub fn cli_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let silent = Scripted::new(
            &lp,
            &[
                (address("127.0.0.1:1")?, Fate::Hangs),
                (address("127.0.0.1:2")?, Fate::Hangs),
            ],
        );
        let (dialler, journal) = (silent.clone(), Journal::new());
        let options = ConnectOptions::new().attempt_delay(MS);
        let probe = Once::new(Probe::new(&journal));
        let task =
            lp.spawn(async move { dialler.connect_with(NAME, options, probe).await.map(drop) });
        until(&lp, "two attempts", || silent.attempted().len() == 2).await?;
        ensure!(
            task.cancel("changed my mind"),
            "the connect could not be cancelled"
        );
        let outcome = task.await;
        ensure!(
            outcome
                .as_ref()
                .is_err_and(polyloop_core::Failure::is_cancelled),
            "it ended as {outcome:?}"
        );
        ensure_eq!(silent.given_up.count(), 2, "attempts that were let go of");
        ensure!(
            journal.names().is_empty(),
            "the protocol heard {:?}",
            journal.names()
        );
        cancelled_at_each_stage(&lp).await
    })
}

/// Whatever the moment: who is not given a connection is not left with one.
async fn cancelled_at_each_stage<L: Loop>(lp: &L) -> Verdict {
    let server = lp
        .serve("127.0.0.1:0", || Probe::new(&Journal::new()))
        .await?;
    let mut journals = Vec::new();
    for turns in 0..40 {
        let (dialler, to, journal) = (lp.clone(), server.local_addr(), Journal::new());
        journals.push(journal.clone());
        let task = lp.spawn(async move {
            let probe = Once::new(Probe::new(&journal));
            if let Ok(connection) = dialler.connect(to, probe).await {
                connection.abort();
            }
        });
        for _ in 0..turns {
            yield_now().await;
        }
        task.cancel("changed my mind");
        let _ = task.await;
    }
    for journal in &journals {
        until(lp, "the end of each connection", || {
            journal.count("made") == journal.count("lost")
        })
        .await?;
    }
    until(lp, "the server's ends", || server.connection_count() == 0).await
}

/// Three addresses, three reasons.
pub fn cli_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reasons = [
            (address("127.0.0.1:1")?, ErrorKind::TimedOut),
            (address("127.0.0.1:2")?, ErrorKind::HostUnreachable),
            (address("127.0.0.1:3")?, ErrorKind::ConnectionRefused),
        ];
        let scripted = Scripted::new(&lp, &reasons.map(|(at, kind)| (at, Fate::Fails(kind))));
        let error = refusal(scripted.connect(NAME, observer()).await)?;
        let told: Vec<_> = error
            .attempts()
            .iter()
            .map(|(at, e)| (at.clone(), e.kind()))
            .collect();
        let expected: Vec<_> = reasons.map(|(at, kind)| (Address::from(at), kind)).into();
        ensure_eq!(told, expected, "the attempts in the error");
        let text = error.to_string();
        for (at, _) in reasons {
            ensure!(text.contains(&at.to_string()), "{at} is not in {text:?}");
        }

        // The last to fail names the whole.
        let at = address("127.0.0.1:1")?;
        for kind in [
            ErrorKind::TimedOut,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::PermissionDenied,
        ] {
            let scripted = Scripted::new(&lp, &[(at, Fate::Fails(kind))]);
            let error = refusal(scripted.connect(NAME, observer()).await)?;
            ensure_eq!(error.io_kind(), kind, "the standard kind");
            let named = match kind {
                ErrorKind::TimedOut => matches!(error, ConnectError::TimedOut { limit: None, .. }),
                ErrorKind::PermissionDenied => matches!(error, ConnectError::Other { .. }),
                _ => matches!(error, ConnectError::Unreachable { .. }),
            };
            ensure!(named, "{kind:?} is told as {error:?}");
            ensure_eq!(error.attempts().len(), 1, "attempts in the error");
            if kind == ErrorKind::TimedOut {
                let text = error.to_string();
                ensure!(text.contains("gave up waiting"), "it says {text:?}");
            }
        }
        Ok(())
    })
}

/// A port that is free, one that is taken, and an address of somebody else.
pub fn cli_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn from(local: SocketAddr) -> ConnectOptions {
        let mut options = ConnectOptions::new();
        options.tcp.local_address = Some(local);
        options
    }
    run(make, async |lp| {
        let server = lp
            .serve("127.0.0.1:0", || Probe::new(&Journal::new()))
            .await?;
        let to = ip_of(&server.local_addr())?;
        // Somebody else may take a port that was free a moment ago.
        let mut bound = None;
        for _ in 0..10 {
            let free = RawListener::open(&lp)?.address;
            if let Ok(connection) = lp.connect_with(to, from(free), observer()).await {
                ensure_eq!(
                    connection.local_addr(),
                    Some(free.into()),
                    "the local address"
                );
                bound = Some(connection);
                break;
            }
        }
        ensure!(
            bound.is_some(),
            "no connection from a port that was free, ten times over"
        );
        for (what, local) in [
            ("a taken port", to),
            ("a foreign address", address("192.0.2.1:0")?),
        ] {
            let error = refusal(lp.connect_with(to, from(local), observer()).await)?;
            ensure!(
                matches!(error, ConnectError::Bind { .. }),
                "{what} gave {error:?}"
            );
            ensure!(
                error.to_string().contains(&local.ip().to_string()),
                "no address in {error}"
            );
        }
        Ok(())
    })
}

/// Beside a name, which is looked up once.
pub fn cli_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = lp
            .serve("127.0.0.1:0", || Probe::new(&Journal::new()))
            .await?;
        let scripted = Scripted::new(&lp, &[(ip_of(&server.local_addr())?, Fate::Real)]);
        scripted
            .connect(server.local_addr().to_string(), observer())
            .await?;
        scripted.connect(server.local_addr(), observer()).await?;
        refusal(
            Scripted::new(
                &lp,
                &[(address("[::1]:1")?, Fate::Fails(ErrorKind::TimedOut))],
            )
            .connect("[::1]:1", observer())
            .await,
        )?;
        ensure_eq!(scripted.lookups.count(), 0, "look-ups of addresses");
        scripted.connect(NAME, observer()).await?;
        ensure_eq!(scripted.lookups.count(), 1, "look-ups of a name");
        Ok(())
    })
}

/// What is missing, doubled, and not allowed; and what is taken, in each of its forms.
pub fn cli_30<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for (text, problem) in [
            ("", "no port"),
            ("host", "no port"),
            ("[::1]", "no port"),
            ("[::1]80", "no port"),
            ("[::1:80", "not closed"),
            ("[host]:80", "no IPv6 address"),
            ("::1:80", "in brackets"),
            (":80", "no host"),
            ("tcp::80", "no host"),
            ("a b:80", "no spaces"),
            ("a\u{7}:80", "no spaces"),
            ("a/b:80", "no slashes"),
            ("host:", "not a number"),
            ("host:+80", "not a number"),
            ("host:8x", "not a number"),
            ("host:65536", "over 65535"),
        ] {
            let Err(error) = text.parse::<Endpoint>() else {
                return Err(Fault::new(format!("{text:?} is taken for an endpoint")));
            };
            ensure_eq!(error.given, text, "the text in the error");
            ensure!(
                error.problem.contains(problem),
                "{text:?} is refused since {}",
                error.problem
            );
            let refused = refusal(lp.connect(text, observer()).await)?;
            ensure_eq!(refused.io_kind(), ErrorKind::InvalidInput, "its kind");
            ensure!(
                matches!(refused, ConnectError::Endpoint(_)),
                "it is told as {refused:?}"
            );
        }
        for (text, shown) in [
            ("host:80", "host:80"),
            ("TCP:host:80", "host:80"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("tcp:[::1]:65535", "[::1]:65535"),
            ("[fe80::1%2]:80", "[fe80::1%2]:80"),
        ] {
            let endpoint: Endpoint = text.parse()?;
            ensure_eq!(endpoint.to_string(), shown, "how {text:?} is shown");
            let host = endpoint.host().unwrap_or_default();
            let port = endpoint.port().unwrap_or_default();
            let parts = if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            };
            ensure_eq!(parts, shown, "the parts of {text:?}");
            if let Some(address) = endpoint.address() {
                ensure_eq!(Endpoint::from(address), endpoint, "and back");
            }
        }
        let scoped: Endpoint = "[fe80::1%2]:80".parse()?;
        ensure!(
            scoped.address().is_some(),
            "a scope is no part of an address"
        );
        Ok(())
    })
}
