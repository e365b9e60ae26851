//! Servers on polyloop, written once.

use memchr::memchr_iter;
use polyloop::{Failure, ListenOptions, Loop, Protocol, ProtocolFactory, Transport};

use super::listener::{BACKLOG, announce};
use crate::suites::Suite;

pub(super) async fn run<L: Loop>(lp: L, suite: Suite) -> Result<(), String> {
    match suite {
        Suite::Lines => serve(lp, Lines::default).await,
        _ => serve(lp, || Echo).await,
    }
}

async fn serve<L: Loop, F: ProtocolFactory>(lp: L, factory: F) -> Result<(), String> {
    let options = ListenOptions::new().backlog(BACKLOG.into());
    let server = lp
        .serve_with("127.0.0.1:0", options, factory)
        .await
        .map_err(|error| error.to_string())?;
    announce(server.local_addr());
    server.drained().await;
    Ok(())
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// A write per line, as it comes to mind.
#[derive(Default)]
struct Lines {
    /// The beginning of a line whose end is still to come.
    begun: Vec<u8>,
}

impl Protocol for Lines {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        let mut start = 0;
        for at in memchr_iter(b'\n', data) {
            let line = &data[start..=at];
            if self.begun.is_empty() {
                transport.write(line)?;
            } else {
                self.begun.extend_from_slice(line);
                transport.write(&self.begun)?;
                self.begun.clear();
            }
            start = at + 1;
        }
        self.begun.extend_from_slice(&data[start..]);
        Ok(())
    }
}
