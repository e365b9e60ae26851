//! DNS: from a name to addresses, and who is asked.

use std::future::{Ready, pending, ready};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use polyloop_core::{
    ConnectError, ConnectOptions, Endpoint, Families, ListenError, ListenOptions, LookupError,
    LookupOptions, Loop as _, MainLoop, Promise as _, Query, SocketType,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    Fate, Flag, Journal, Once, Probe, Scripted, counting_reads, listen, poll_once, run, until,
};

const MS: Duration = Duration::from_millis(1);

type Answer = io::Result<Vec<SocketAddr>>;

/// A resolver that always says the same, and notes what it was asked.
fn always(
    answer: impl Fn() -> Answer + Send + Sync + 'static,
) -> (
    impl Fn(Query) -> Ready<Answer> + Send + Sync + 'static,
    Asked,
) {
    let asked = Asked::default();
    let notes = asked.clone();
    let resolver = move |query| {
        let mut notes = notes.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(query);
        ready(answer())
    };
    (resolver, asked)
}

/// What a resolver was asked, in order.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Query>>>);

impl Asked {
    fn take(&self) -> Vec<Query> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn addresses<const N: usize>(texts: [&str; N]) -> Verdict<Vec<SocketAddr>> {
    Ok(texts
        .into_iter()
        .map(str::parse)
        .collect::<Result<_, _>>()?)
}

fn observer() -> Once<Probe> {
    Once::new(Probe::new(&Journal::new()))
}

/// Why a connect failed in which nothing was to be found.
async fn unknown<L: MainLoop>(
    lp: &L,
    endpoint: Endpoint,
    options: ConnectOptions,
) -> Verdict<LookupError> {
    match lp.connect_with(endpoint, options, observer()).await {
        Err(ConnectError::Dns { source, .. }) => Ok(source),
        other => Err(Fault::new(format!("the connect gave {other:?}"))),
    }
}

/// The loop's own resolver, which may not read the system's files on the thread that polls
/// it; and one that never answers, which holds nobody up.
pub fn dns_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut question = Box::pin(lp.resolve("localhost", 80));
        let (polled, read) = counting_reads(|| poll_once(&mut question));
        ensure!(read < 10, "it read {read} bytes on the thread that polls");
        let found = match polled {
            Poll::Ready(found) => found?,
            Poll::Pending => question.await?,
        };
        ensure!(!found.is_empty(), "`localhost` has no address");
        lp.set_resolver(|_| pending::<Answer>());
        let others: Vec<_> = (0..100)
            .map(|_| {
                let lp2 = lp.clone();
                lp.spawn(async move { lp2.resolve("example", 1).await.is_ok() })
            })
            .collect();
        let at_work = Flag::new();
        let note = at_work.clone();
        lp.spawn(async move { note.set() }).detach();
        until(&lp, "a task beside lookups", || at_work.is_set()).await?;
        lp.reset_resolver();
        ensure!(
            !lp.resolve("localhost", 80).await?.is_empty(),
            "the resolver that was put back finds nothing"
        );
        drop(others);
        Ok(())
    })
}

/// No address, and no answer: for a lookup, a connect and a server.
pub fn dns_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let anywhere = || Endpoint::tcp("name.example", 1);
        for empty in [true, false] {
            let (resolver, _) = always(move || {
                if empty {
                    Ok(Vec::new())
                } else {
                    Err(ErrorKind::ConnectionReset.into())
                }
            });
            lp.set_resolver(resolver);
            let direct = lp.resolve("name.example", 1).await;
            let listen = lp.serve(anywhere(), || Probe::new(&Journal::new())).await;
            let errors = [
                direct.err(),
                Some(unknown(&lp, anywhere(), ConnectOptions::new()).await?),
                match listen {
                    Err(ListenError::Dns { source, .. }) => Some(source),
                    other => return Err(Fault::new(format!("the server is {other:?}"))),
                },
            ];
            for error in errors {
                let told = match &error {
                    Some(LookupError::NotFound { host, .. }) if empty => host,
                    Some(LookupError::Failed { host, source }) if !empty => {
                        ensure_eq!(source.kind(), ErrorKind::ConnectionReset, "what it said");
                        host
                    }
                    other => return Err(Fault::new(format!("empty: {empty}, {other:?}"))),
                };
                ensure_eq!(told, "name.example", "the name in the error");
            }
        }
        Ok(())
    })
}

/// A resolver that gives both families, one address twice, and one with a port that it knows
/// better.
pub fn dns_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let known = addresses(["10.0.0.2:0", "[fd00::1]:0", "10.0.0.1:7", "10.0.0.2:80"])?;
        let (resolver, asked) = always(move || Ok(known.clone()));
        lp.set_resolver(resolver);
        let (first, v6, second) = ("10.0.0.2:80", "[fd00::1]:80", "10.0.0.1:7");
        for (families, expected) in [
            (Families::Any, addresses([first, v6, second])?),
            (Families::OnlyV4, addresses([first, second])?),
            (Families::OnlyV6, addresses([v6])?),
            (Families::V4First, addresses([first, second, v6])?),
            (Families::V6First, addresses([v6, first, second])?),
        ] {
            let options = LookupOptions::new().families(families);
            let found = lp.resolve_with("name.example", 80, &options).await?;
            ensure_eq!(found, expected, "{families:?}");
            let told: Vec<Families> = asked.take().iter().map(Query::families).collect();
            ensure_eq!(told, [families], "what the resolver was told of families");
        }
        let datagrams = LookupOptions::new().socket_type(SocketType::Datagram);
        lp.resolve_with("name.example", 80, &datagrams).await?;
        let told: Vec<SocketType> = asked.take().iter().map(Query::socket_type).collect();
        ensure_eq!(told, [SocketType::Datagram], "the socket type");
        lp.reset_resolver();
        only_the_family_that_is_wanted(&lp).await
    })
}

/// In connects and servers, by name and with an address that is written out.
async fn only_the_family_that_is_wanted<L: MainLoop>(lp: &L) -> Verdict {
    let refuse = Fate::Fails(ErrorKind::ConnectionRefused);
    let known = addresses(["[::1]:1", "127.0.0.1:2", "[::1]:3"])?;
    let script: Vec<_> = known.iter().map(|address| (*address, refuse)).collect();
    let only = |families| LookupOptions::new().families(families);
    for (families, expected) in [
        (Families::OnlyV4, &["127.0.0.1:2"][..]),
        (Families::OnlyV6, &["[::1]:1", "[::1]:3"]),
        (Families::V4First, &["127.0.0.1:2", "[::1]:1", "[::1]:3"]),
    ] {
        let scripted = Scripted::new(lp, &script);
        let options = ConnectOptions::new().lookup(only(families));
        let outcome = scripted
            .connect_with("name.example:1", options, observer())
            .await;
        ensure!(outcome.is_err(), "{families:?}: it connected");
        let tried: Vec<String> = scripted
            .attempted()
            .iter()
            .map(ToString::to_string)
            .collect();
        ensure_eq!(tried, expected, "what was tried for {families:?}");
    }
    let written = Endpoint::tcp("127.0.0.1", 1);
    let options = ConnectOptions::new().lookup(only(Families::OnlyV6));
    let error = unknown(lp, written.clone(), options).await?;
    ensure!(
        matches!(error, LookupError::WrongFamily { .. }),
        "an address of IPv4 where one of IPv6 is wanted gave {error:?}"
    );
    let options = ListenOptions::new().lookup(only(Families::OnlyV6));
    let served = lp
        .serve_with(written, options, || Probe::new(&Journal::new()))
        .await;
    ensure!(
        matches!(
            served,
            Err(ListenError::Dns {
                source: LookupError::WrongFamily { .. },
                ..
            })
        ),
        "a server on it gave {served:?}"
    );
    let options = ListenOptions::new().lookup(only(Families::OnlyV4));
    let server = lp
        .serve_with("*:0", options, || Probe::new(&Journal::new()))
        .await?;
    ensure!(
        server
            .local_addrs()
            .iter()
            .all(|address| address.as_ip().is_some_and(|ip| ip.is_ipv4())),
        "every interface of IPv4 alone is {:?}",
        server.local_addrs()
    );
    server.close();
    Ok(())
}

/// A resolver that never answers, with a limit of its own and with that of the connect; and
/// one that leaves a connect little.
pub fn dns_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let default = LookupOptions::default().timeout;
        ensure_eq!(default, Some(Duration::from_secs(30)), "the default limit");
        let dropped = Flag::new();
        let guard = dropped.clone();
        lp.set_resolver(move |_| {
            let guard = guard.on_drop();
            async move {
                let _guard = guard;
                pending::<Answer>().await
            }
        });
        let limited = LookupOptions::new().timeout(Some(20 * MS));
        let asked = lp.now();
        let outcome = lp.resolve_with("name.example", 1, &limited).await;
        ensure!(lp.now() >= asked + 20 * MS, "it ended before its limit");
        ensure!(
            matches!(&outcome, Err(LookupError::TimedOut { limit, .. }) if *limit == 20 * MS),
            "the lookup gave {outcome:?}"
        );
        ensure_eq!(dropped.count(), 1, "lookups that were let go of");
        let endpoint = Endpoint::tcp("name.example", 1);
        let options = ConnectOptions::new().lookup(limited).timeout(None);
        let error = unknown(&lp, endpoint.clone(), options).await?;
        ensure_eq!(error.io_kind(), ErrorKind::TimedOut, "the kind of {error}");
        let options = ConnectOptions::new().timeout(Some(20 * MS));
        let outcome = lp.connect_with(endpoint, options, observer()).await;
        ensure!(
            matches!(outcome, Err(ConnectError::TimedOut { .. })),
            "the connect gave {outcome:?}"
        );
        ensure_eq!(dropped.count(), 3, "lookups that were let go of");
        the_lookup_counts(&lp).await
    })
}

/// A lookup takes 1 s of a limit of 1.01 s, and then the connect hangs: it has ended before
/// what began with it and takes 2 s.
async fn the_lookup_counts<L: MainLoop>(lp: &L) -> Verdict {
    let address = ([127, 0, 0, 1], 1).into();
    let silent = Scripted::new(lp, &[(address, Fate::Hangs)]);
    let timers = lp.clone();
    lp.set_resolver(move |_| {
        let sleep = timers.sleep(1000 * MS);
        async move {
            sleep.await;
            Ok(vec![address])
        }
    });
    let late = lp.spawn(lp.sleep(2000 * MS));
    let options = ConnectOptions::new().timeout(Some(1010 * MS));
    let outcome = silent
        .connect_with("name.example:1", options, observer())
        .await;
    ensure!(
        matches!(outcome, Err(ConnectError::TimedOut { .. })),
        "the connect gave {outcome:?}"
    );
    ensure_eq!(silent.attempted(), [address], "what was tried");
    ensure!(!late.is_done(), "the lookup did not count into the limit");
    // It holds the loop.
    lp.reset_resolver();
    Ok(())
}

/// Two resolvers one after the other, and names that are fine, and that are not.
pub fn dns_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = listen(&lp, Probe::new(&Journal::new())).await?;
        let address = server.local_addr().as_ip();
        let address = address.ok_or_else(|| Fault::new("a server without an IP address"))?;
        let first = Flag::new();
        let (answer, gone) = (first.clone(), Flag::new());
        let held = gone.on_drop();
        lp.set_resolver(move |_| {
            let _ = &held;
            answer.set();
            pending::<Answer>()
        });
        let waiting = {
            let lp = lp.clone();
            lp.clone()
                .spawn(async move { lp.connect(("first.example", 1), observer()).await.is_ok() })
        };
        until(&lp, "a question to the first resolver", || first.is_set()).await?;
        let (resolver, asked) = always(move || Ok(vec![address]));
        lp.set_resolver(resolver);
        let connection = lp
            .connect(("second.example", address.port()), observer())
            .await?;
        ensure_eq!(connection.peer_addr(), address, "where the second led to");
        ensure!(!waiting.is_done(), "the first question was given up");
        ensure!(waiting.cancel("seen enough"), "it has ended");
        let _ = waiting.await;
        until(&lp, "the end of the first resolver", || gone.is_set()).await?;
        asked.take();

        let endpoint: Endpoint = format!("Bücher.example:{}", address.port()).parse()?;
        lp.connect(endpoint, observer()).await?.abort();
        let told: Vec<String> = asked.take().iter().map(|q| q.host().to_owned()).collect();
        ensure_eq!(told, ["xn--bcher-kva.example"], "an international name");
        for name in ["xn--a.example", "a\u{378}.example", "a..example"] {
            let endpoint: Endpoint = format!("{name}:1").parse()?;
            ensure_eq!(endpoint.clone(), Endpoint::tcp(name, 1), "as it was parsed");
            let error = unknown(&lp, endpoint, ConnectOptions::new()).await?;
            ensure!(
                matches!(&error, LookupError::InvalidName { host, .. } if host == name),
                "{name:?} gave {error:?}"
            );
        }
        ensure_eq!(asked.take(), [], "what was asked for names that are none");
        Ok(())
    })
}
