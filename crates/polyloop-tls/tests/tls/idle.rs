//! Thousands of secure connections that say nothing for an hour, or for a moment where time is
//! the machine's; each answers afterwards, and nothing is left of them in the end.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::test as polyloop_test;
use polyloop::{AnyLoop, SimLoop};
use polyloop_core::{
    ConnectOptions, Failure, ListenOptions, Loop, MainLoop, Protocol, Timers, Transport,
};

use crate::authority::{acceptor, connector};

/// Makes the test binary, run as a child, use the loop of this name.
const CHILD: &str = "POLYLOOP_TLS_IDLE_LOOP";

/// How many are opened at the same time.
const AT_ONCE: usize = 50;

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// Opens so many, leaves them alone for that long, asks each for an echo, and ends them all.
async fn stay<L: Loop>(lp: &L, count: usize, silence: Duration) -> Result<(), Failure> {
    let options = ListenOptions::new().backlog(1024).layer(acceptor());
    let server = lp.serve_with("127.0.0.1:0", options, || Echo).await?;
    let options = ConnectOptions::new().layer(Arc::new(connector()));
    let mut idle = Vec::new();
    while idle.len() < count {
        let batch = AT_ONCE.min(count - idle.len());
        let dialling = (0..batch).map(|_| lp.dial_with(server.local_addr(), options.clone()));
        idle.extend(futures_util::future::try_join_all(dialling).await?);
    }
    while server.connection_count() < count {
        lp.sleep(Duration::from_millis(5)).await;
    }
    lp.sleep(silence).await;
    for stream in &mut idle {
        stream.write_all(b"still here").await?;
        stream.flush().await?;
        let mut came = [0; 10];
        stream.read_exact(&mut came).await?;
        assert_eq!(&came, b"still here");
    }
    assert_eq!(server.connection_count(), count);
    for mut stream in idle {
        stream.close().await?;
    }
    while server.connection_count() > 0 {
        lp.sleep(Duration::from_millis(5)).await;
    }
    server.close();
    server.drained().await;
    Ok(())
}

#[polyloop_test(sim, timeout = 300)]
async fn ten_thousand_are_silent_for_an_hour(lp: SimLoop) -> Result<(), Failure> {
    stay(&lp, 10_000, Duration::from_secs(3600)).await
}

/// How many descriptors this process has.
fn descriptors() -> usize {
    std::fs::read_dir("/dev/fd").unwrap().count()
}

/// In a process of its own for each loop, whose descriptors nobody else touches.
#[test]
fn thousands_leave_no_descriptor_behind() {
    if let Ok(name) = std::env::var(CHILD) {
        // Both ends are here; what the process has besides is less than a hundred.
        let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
        let count = usize::try_from(limit.saturating_sub(100) / 2)
            .unwrap()
            .min(2000);
        let lp = AnyLoop::by_name(&name).unwrap();
        let done = lp.run(async {
            // What a loop opens for itself when it is first used is not counted.
            stay(&lp, 1, Duration::ZERO).await?;
            let before = descriptors();
            stay(&lp, count, Duration::from_millis(200)).await?;
            let mut patience = 1000;
            while descriptors() != before && patience > 0 {
                lp.sleep(Duration::from_millis(10)).await;
                patience -= 1;
            }
            assert_eq!(descriptors(), before, "{name}");
            Ok::<_, Failure>(())
        });
        return done.unwrap().unwrap();
    }
    for name in AnyLoop::available_real() {
        let child = Command::new(std::env::current_exe().unwrap())
            .arg("idle::thousands_leave_no_descriptor_behind")
            .arg("--exact")
            .env(CHILD, name)
            .output()
            .unwrap();
        assert!(child.status.success(), "{name}: {child:?}");
    }
}
