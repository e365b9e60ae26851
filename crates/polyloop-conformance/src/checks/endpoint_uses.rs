//! ENDP: what becomes of a text when it is listened on, or connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use polyloop_core::{
    Arguments, ConnectError, ConnectOptions, Endpoint, Failure, InheritedError, ListenError,
    ListenOptions, Loop as _, MainLoop, Parameter, Protocol, Scheme, Schemes, Server,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Fate, Journal, Once, Probe, Scripted, listen, run};

fn observer() -> Once<Probe> {
    Once::new(Probe::new(&Journal::new()))
}

fn probe() -> Probe {
    Probe::new(&Journal::new())
}

/// The addresses that a server listens on.
fn interfaces<P: Protocol>(server: &Server<P>) -> Vec<IpAddr> {
    let addresses = server.local_addrs().iter();
    addresses.filter_map(polyloop_core::Address::ip).collect()
}

/// Every interface of a family, one of them, and what is for connecting.
pub fn endp_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
        let every_v4 = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        for (text, expected) in [
            ("tcp:0", every_v4),
            ("tcp:0:interface=127.0.0.1", v4),
            ("tcp:0:127.0.0.1:backlog=5", v4),
            ("TCP:127.0.0.1:0", v4),
        ] {
            let server = lp.serve(text, probe).await?;
            ensure_eq!(interfaces(&server), [expected], "{text}");
            let port = server.local_addr().port().unwrap_or(0);
            lp.connect((v4, port), observer()).await?.abort();
            server.close();
        }
        // A machine may have no IPv6; then the error says for which address.
        match lp.serve("tcp6:0", probe).await {
            Ok(server) => {
                let every = IpAddr::from(Ipv6Addr::UNSPECIFIED);
                ensure_eq!(interfaces(&server), [every], "tcp6");
                server.close();
            }
            Err(error) => ensure!(error.to_string().contains("[::]:0"), "tcp6: {error}"),
        }
        let refused = lp.serve("tcp6:0:interface=127.0.0.1", probe).await;
        ensure!(refused.is_err(), "tcp6 took an address of IPv4");
        for text in ["tcp:0:timeout=5", "tcp:127.0.0.1:0:bindAddress=127.0.0.1"] {
            let refused = lp.serve(text, probe).await;
            ensure!(
                matches!(refused, Err(ListenError::Misused { .. })),
                "{text} gave {refused:?}"
            );
        }
        Ok(())
    })
}

/// What the text says goes before the options; and what is for listening.
pub fn endp_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = listen(&lp, probe()).await?;
        let port = server.local_addr().port().unwrap_or(0);
        for text in [
            format!("tcp:127.0.0.1:{port}"),
            format!("tcp:port={port}:127.0.0.1"),
            format!("tcp:{port}:host=127.0.0.1"),
            format!("tcp:host=127.0.0.1:port={port}:timeout=20"),
        ] {
            lp.connect(text, observer()).await?.abort();
        }
        let local = lp
            .connect(
                format!("tcp:127.0.0.1:{port}:bindAddress=127.0.0.1"),
                observer(),
            )
            .await?;
        let ip = local.local_addr().and_then(|address| address.ip());
        ensure_eq!(ip, Some(Ipv4Addr::LOCALHOST.into()), "the local address");
        local.abort();

        let default = ConnectOptions::default().timeout;
        ensure_eq!(
            default,
            Some(Duration::from_secs(30)),
            "the limit unless given"
        );
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let silent = Scripted::new(&lp, &[(address, Fate::Hangs)]);
        let unlimited = ConnectOptions::new().timeout(None);
        let outcome = silent
            .connect_with("tcp:127.0.0.1:1:timeout=0.02", unlimited, observer())
            .await;
        let limit = Duration::from_millis(20);
        ensure!(
            matches!(&outcome, Err(ConnectError::TimedOut { limit: told, .. }) if *told == Some(limit)),
            "the limit of the text gave {outcome:?}"
        );
        for text in ["tcp:80", "tcp:h:80:backlog=5", "tcp:80:interface=h", "*:80"] {
            let refused = lp.connect(text, observer()).await;
            ensure!(
                matches!(refused, Err(ConnectError::Misused { .. })),
                "{text} gave {refused:?}"
            );
        }
        Ok(())
    })
}

/// As it is read; and what is for the other side.
pub fn endp_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server: Endpoint = "unix:/run/app.sock:mode=660:backlog=5:replaceStale=yes".parse()?;
        ensure_eq!(server.path(), Some("/run/app.sock"), "the path");
        let given = server.arguments();
        ensure_eq!(given.mode("mode"), Some(0o660), "the mode");
        ensure_eq!(given.number("backlog"), Some(5), "the backlog");
        ensure_eq!(
            given.switch("replaceStale"),
            Some(true),
            "whether a stale file gives way"
        );
        let client: Endpoint = "unix:/run/app.sock:timeout=2.5".parse()?;
        let limit = client.arguments().seconds("timeout");
        ensure_eq!(limit, Some(Duration::from_millis(2500)), "the limit");
        let refused = lp.connect(server, observer()).await;
        ensure!(
            matches!(refused, Err(ConnectError::Misused { .. })),
            "a mode gave a client {refused:?}"
        );
        let refused = lp.serve(client, probe).await;
        ensure!(
            matches!(refused, Err(ListenError::Misused { .. })),
            "a limit gave a server {refused:?}"
        );
        Ok(())
    })
}

/// A scheme that another crate adds.
struct Here;

impl Scheme for Here {
    fn name(&self) -> &'static str {
        "here"
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[Parameter::port("port").required()] }
    }

    fn positional(&self) -> &'static [&'static str] {
        &["port"]
    }

    fn client(&self, given: &Arguments, _: &mut ConnectOptions) -> Result<Endpoint, Failure> {
        match given.port("port") {
            Some(0) | None => Err(Failure::message("nobody is at port 0")),
            Some(port) => Ok(Endpoint::tcp("127.0.0.1", port)),
        }
    }

    fn server(&self, given: &Arguments, _: &mut ListenOptions) -> Result<Endpoint, Failure> {
        Ok(Endpoint::tcp("127.0.0.1", given.port("port").unwrap_or(0)))
    }
}

/// A name that would have to be asked for, and one endpoint for two connects; a socket that
/// nobody passed on; and a type that was added, which the endpoint takes along.
pub fn endp_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = listen(&lp, probe()).await?;
        let address = server.local_addr().as_ip();
        let address = address.ok_or_else(|| Fault::new("a server without an IP address"))?;
        let scripted = Scripted::new(&lp, &[(address, Fate::Real)]);
        let endpoint: Endpoint = format!("tcp:name.example:{}", address.port()).parse()?;
        ensure_eq!(scripted.lookups.count(), 0, "names asked for when parsing");
        for _ in 0..2 {
            scripted.connect(&endpoint, observer()).await?.abort();
        }
        ensure_eq!(
            scripted.lookups.count(),
            2,
            "names asked for when connecting"
        );

        let refused = lp.serve("fd:no-such-socket", probe).await;
        ensure!(
            matches!(
                refused,
                Err(ListenError::Inherited {
                    source: InheritedError::None | InheritedError::NoSuchName { .. },
                    ..
                })
            ),
            "a socket that nobody passed on gave {refused:?}"
        );
        let refused = lp.connect("fd:3", observer()).await;
        ensure!(
            matches!(refused, Err(ConnectError::Misused { .. })),
            "connecting to a socket that listens gave {refused:?}"
        );
        let refused = lp.connect("tls:127.0.0.1:1", observer()).await;
        ensure!(
            matches!(refused, Err(ConnectError::Unsupported { .. })),
            "TLS without anything that speaks it gave {refused:?}"
        );

        let schemes = Schemes::new().with(Here);
        let server = lp.serve(schemes.parse("here:0")?, probe).await?;
        let port = server.local_addr().port().unwrap_or(0);
        let endpoint = schemes.parse(&format!("HERE:port={port}"))?;
        lp.connect(&endpoint, observer()).await?.abort();
        let refused = lp.connect(schemes.parse("here:0")?, observer()).await;
        ensure!(
            matches!(refused, Err(ConnectError::Scheme { .. })),
            "a type that fails gave {refused:?}"
        );
        let unknown = "here:port=1".parse::<Endpoint>();
        ensure!(unknown.is_err(), "a type that nobody added is {unknown:?}");
        Ok(())
    })
}
