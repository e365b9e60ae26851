//! TRAN: how much of what is written goes to the system at a time, and what is told of the
//! rest.

use polyloop_core::{Connection, Deferred, DriveOptions, Loop, MainLoop, Peer, WriteLimits};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Journal, Once, Probe, Tank, pattern, run, until};

const MB: usize = 1024 * 1024;

async fn over<L: Loop>(
    lp: &L,
    tank: &Tank,
    high: usize,
    probe: Probe,
) -> Verdict<Connection<Probe>> {
    let options = DriveOptions::new().write_limits(WriteLimits::with_high(high));
    let peer = Peer::new(([192, 0, 2, 1], 7));
    Ok(lp
        .drive_with(tank.clone(), peer, options, Once::new(probe))
        .await?)
}

/// Over a system that takes everything, and far below the mark: some of it goes inside of the
/// write, most of it later.
pub fn tran_55<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const MOST: usize = 64 * MB;

    run(make, async |lp| {
        let tank = Tank::new(usize::MAX);
        let connection = over(&lp, &tank, 2 * MOST, Probe::new(&Journal::new())).await?;
        let below = tank.clone();
        let (taken, left) = connection
            .call(move |_, t| {
                let written = t.write(&vec![7; MOST]);
                written.map(|_| (below.taken(), t.write_buffer_size()))
            })
            .await??;
        ensure_eq!(taken + left, MOST, "taken and left");
        ensure!(taken > 0, "nothing of a large write goes at once");
        ensure!(
            taken <= MOST / 8,
            "{taken} bytes went before others had their turn"
        );
        until(&lp, "the rest", || tank.taken() == MOST).await?;
        connection.abort();
        Ok(())
    })
}

/// Three large pieces and a small one, taken bit by bit; and what comes behind them.
pub fn tran_56<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let tank = Tank::new(0);
        let connection = over(&lp, &tank, 1, Probe::new(&Journal::new())).await?;
        for _ in 0..2 {
            let before = tank.taken();
            let written = 6 * MB + 1000;
            connection
                .call(move |_, t| {
                    for _ in 0..3 {
                        t.write(&pattern(2 * MB))?;
                    }
                    t.write(&pattern(1000))
                })
                .await??;
            for step in [0, MB / 2, MB, 3 * MB, 500] {
                tank.widen(step);
                let due = before + step;
                until(&lp, "a part", || tank.taken() >= due).await?;
                let sent =
                    |connection: &Connection<Probe>| connection.call(|_, t| t.write_buffer_size());
                let mut left = sent(&connection).await?;
                while left + tank.taken() - before > written {
                    left = sent(&connection).await?;
                }
                ensure_eq!(left + tank.taken() - before, written, "left and taken");
            }
            tank.widen(written);
            until(&lp, "the rest", || tank.taken() == before + written).await?;
            let left = connection.call(|_, t| t.write_buffer_size()).await?;
            ensure_eq!(left, 0, "what is left of all");
            tank.widen(0);
        }
        connection.abort();
        Ok(())
    })
}

/// Over a system that takes everything, but not inside of the write: so there is a pause, a
/// resume and more to write at once, and so on for long.
pub fn tran_57<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const PIECE: &[u8] = b"more";
    const ALL: usize = 10_000 * PIECE.len();

    run(make, async |lp| {
        let tank = Tank::reluctant();
        let (below, (resolver, heard)) = (tank.clone(), Deferred::new());
        let mut asks = Some(resolver);
        let probe = Probe::new(&Journal::new()).resume(move |t| {
            if let Some(resolver) = asks.take() {
                let below = below.clone();
                t.handle().post(move |_| {
                    let _ = resolver.resolve(below.taken());
                    Ok(())
                });
            }
            if below.taken() < ALL {
                t.write(PIECE)?;
            }
            Ok(())
        });
        let connection = over(&lp, &tank, 1, probe).await?;
        connection.post(|_, t| Ok(t.write(PIECE).map(drop)?));
        let taken = heard.await?;
        ensure!(
            taken < ALL / 2,
            "{taken} of {ALL} bytes went before it heard of what it had asked of itself"
        );
        until(&lp, "the rest", || tank.taken() >= ALL).await?;
        connection.abort();
        connection.closed().await;
        Ok(())
    })
}
