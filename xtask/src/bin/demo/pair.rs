//! One pair: a server on one loop, a client on another, each on a thread of its
//! own, and every exchange between them, each within its deadline.

use std::fmt;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use polyloop_core::{Address, Deferred, Failure, Loop, Resolver};

use crate::exchange::{Exchange, Plan};
use crate::inbox::{Inbox, News, Post, Side};
use crate::loops::{Job, LoopKind};

/// What a pair has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairReport {
    pub(crate) server: LoopKind,
    pub(crate) client: LoopKind,
    /// How long the bulk exchange took.
    pub(crate) bulk: Duration,
    /// How long the lines took.
    pub(crate) lines: Duration,
}

/// Runs every exchange between a server on one loop and a client on another, and
/// shows on standard output how far it is.
pub(crate) fn run(
    server: LoopKind,
    client: LoopKind,
    plan: Plan,
    deadline: Duration,
) -> Result<PairReport, String> {
    let mut report = PairReport {
        server,
        client,
        bulk: Duration::ZERO,
        lines: Duration::ZERO,
    };
    let about = |what: &dyn fmt::Display, problem: String| {
        format!("server {server}, client {client}, {what}: {problem}")
    };
    let mut inbox =
        start_both(server, client, plan).map_err(|error| about(&"start", error.to_string()))?;
    for exchange in Exchange::ALL {
        let problem = |text| about(&exchange, text);
        let (server, client) = inbox.hear_both(deadline).map_err(problem)?;
        let (News::Exchanged(server, _), News::Exchanged(client, took)) = (server, client) else {
            return Err(problem("a loop ended before the exchange".to_owned()));
        };
        exchange.judge(plan, &server, &client).map_err(problem)?;
        match exchange {
            Exchange::Bulk => report.bulk = took,
            Exchange::Lines => report.lines = took,
            Exchange::HalfClose | Exchange::Reset => {}
        }
        print!(" {exchange},");
        // The line is not complete, so it would stay in the buffer.
        let _ = io::stdout().flush();
    }
    inbox
        .hear_both(deadline)
        .map_err(|text| about(&"end of the loops", text))?;
    Ok(report)
}

fn start_both(server: LoopKind, client: LoopKind, plan: Plan) -> io::Result<Inbox> {
    let (post, inbox) = Inbox::new();
    let (opens, addresses) = Exchange::ALL
        .into_iter()
        .map(|exchange| {
            let (resolver, address) = Deferred::new();
            ((exchange, resolver), (exchange, address))
        })
        .unzip();
    let serving = Serving {
        plan,
        opens,
        post: post.clone(),
    };
    let connecting = Connecting {
        plan,
        addresses,
        post: post.clone(),
    };
    start(Side::Server, server, serving, post.clone())?;
    start(Side::Client, client, connecting, post)?;
    Ok(inbox)
}

/// Starts the thread of one side. Nobody joins it: when it is done it says so, and if
/// it hangs, the deadline ends the program.
fn start<J>(side: Side, kind: LoopKind, job: J, post: Post) -> io::Result<()>
where
    J: Job<Output = Result<(), Failure>> + Send + 'static,
{
    let body = move || {
        let ended = catch_unwind(AssertUnwindSafe(|| kind.run(job)))
            .unwrap_or_else(|payload| Err(Failure::panicked(payload.as_ref())))
            .and_then(|outcome| outcome);
        // Nobody listens after the first problem.
        let _ = post.send((side, ended.map(|()| News::Ended)));
    };
    thread::Builder::new()
        .name(format!("{side} on {kind}"))
        .spawn(body)
        .map(drop)
}

/// The server's side of all exchanges, one after the other.
struct Serving {
    plan: Plan,
    opens: Vec<(Exchange, Resolver<Address>)>,
    post: Post,
}

impl Job for Serving {
    type Output = Result<(), Failure>;

    async fn run<L: Loop>(self, lp: L) -> Self::Output {
        for (exchange, open) in self.opens {
            let started = lp.now();
            let evidence = exchange.serve(&lp, self.plan, open).await?;
            let took = lp.now().duration_since(started);
            let news = News::Exchanged(evidence, took);
            let _ = self.post.send((Side::Server, Ok(news)));
        }
        Ok(())
    }
}

/// The client's side of all exchanges.
struct Connecting {
    plan: Plan,
    addresses: Vec<(Exchange, Deferred<Address>)>,
    post: Post,
}

impl Job for Connecting {
    type Output = Result<(), Failure>;

    async fn run<L: Loop>(self, lp: L) -> Self::Output {
        for (exchange, address) in self.addresses {
            let (evidence, took) = exchange.connect(&lp, self.plan, address.await?).await?;
            let news = News::Exchanged(evidence, took);
            let _ = self.post.send((Side::Client, Ok(news)));
        }
        Ok(())
    }
}
