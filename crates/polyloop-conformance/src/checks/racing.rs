//! CLI: the race between the addresses of a name (RFC 8305).

use std::io::ErrorKind;
use std::net::SocketAddr;

use polyloop_core::{ConnectOptions, Loop as _, MainLoop};

use super::connecting::{HOUR, MS, NAME, address, observer, refusal};
use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Fate, Flag, Journal, Probe, RawListener, Scripted, ip_of, listen, quiet, run};

/// The first hangs, the second answers.
pub fn cli_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let default = ConnectOptions::default().attempt_delay;
        ensure_eq!(default, 250 * MS, "the default delay between attempts");
        let server = listen(&lp, Probe::new(&Journal::new())).await?;
        let (silent, answering) = (address("127.0.0.1:1")?, ip_of(&server.local_addr())?);
        let scripted = Scripted::new(&lp, &[(silent, Fate::Hangs), (answering, Fate::Real)]);
        let asked = lp.now();
        let connection = scripted.connect(NAME, observer()).await?;
        ensure_eq!(
            connection.peer_addr(),
            answering,
            "the address that was reached"
        );
        ensure_eq!(scripted.attempted(), [silent, answering], "the attempts");
        ensure!(
            lp.now() >= asked + default,
            "the second came before its time"
        );
        Ok(())
    })
}

/// With an hour between attempts and no limit, only a failure can start the second.
pub fn cli_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = listen(&lp, Probe::new(&Journal::new())).await?;
        let refusing = address("127.0.0.1:1")?;
        let scripted = Scripted::new(
            &lp,
            &[
                (refusing, Fate::Fails(ErrorKind::ConnectionRefused)),
                (ip_of(&server.local_addr())?, Fate::Real),
            ],
        );
        let options = ConnectOptions::new().attempt_delay(HOUR).timeout(None);
        let connection = scripted.connect_with(NAME, options, observer()).await?;
        ensure_eq!(
            connection.peer_addr(),
            server.local_addr(),
            "the address reached"
        );
        Ok(())
    })
}

/// Three of one family before two of the other.
pub fn cli_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut script = Vec::new();
        for text in [
            "[::1]:1",
            "[::1]:2",
            "[::1]:3",
            "127.0.0.1:4",
            "127.0.0.1:5",
        ] {
            script.push((address(text)?, Fate::Fails(ErrorKind::ConnectionRefused)));
        }
        let scripted = Scripted::new(&lp, &script);
        refusal(scripted.connect(NAME, observer()).await)?;
        let tried: Vec<u16> = scripted.attempted().iter().map(SocketAddr::port).collect();
        ensure_eq!(
            tried,
            [1, 4, 2, 5, 3],
            "the ports in the order they were tried"
        );
        Ok(())
    })
}

/// One that hangs, one that answers, one that would have.
pub fn cli_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = lp
            .serve("127.0.0.1:0", || Probe::new(&Journal::new()))
            .await?;
        let spare = RawListener::open(&lp)?;
        let (silent, answering) = (address("127.0.0.1:1")?, ip_of(&server.local_addr())?);
        let scripted = Scripted::new(
            &lp,
            &[
                (silent, Fate::Hangs),
                (answering, Fate::Real),
                (spare.address, Fate::Hangs),
            ],
        );
        let (built, journal) = (Flag::new(), Journal::new());
        let (counter, its) = (built.clone(), journal.clone());
        let options = ConnectOptions::new().attempt_delay(20 * MS);
        let connection = scripted
            .connect_with(NAME, options, move || {
                counter.set();
                Probe::new(&its)
            })
            .await?;
        ensure_eq!(connection.peer_addr(), answering, "the address reached");
        // The third may have been begun before the second had answered.
        let hung = scripted.attempted().len() - 1;
        ensure_eq!(
            scripted.given_up.count(),
            hung,
            "attempts that were let go of"
        );
        quiet(&lp).await;
        ensure_eq!(built.count(), 1, "protocols that were made");
        ensure_eq!(journal.count("made"), 1, "connections that were made");
        ensure_eq!(server.connection_count(), 1, "connections at the server");
        Ok(())
    })
}
