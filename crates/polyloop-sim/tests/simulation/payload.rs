//! What programs write, in the trace.

use std::sync::atomic::{AtomicU64, Ordering};

use polyloop_core::{Failure, Loop, Protocol, Transport};
use polyloop_sim::{Seeds, Sim, SimLoop};

use crate::within_a_minute;

/// Says something once, and closes.
struct Says(String);

impl Protocol for Says {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.write(self.0.as_bytes())?;
        transport.close();
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

struct Listens;

impl Protocol for Listens {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

/// One connection, over which `text` goes.
async fn saying(lp: SimLoop, text: String) -> Result<(), Failure> {
    let server = lp.serve("127.0.0.1:0", || Listens).await?;
    let connected = lp
        .connect(server.local_addr(), move || Says(text.clone()))
        .await?;
    connected.closed().await;
    server.close();
    Ok(())
}

/// Texts of one length that are never the same.
fn never_the_same()
-> impl FnMut(SimLoop) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Failure>>>> {
    let calls = AtomicU64::new(10);
    move |lp| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(saying(lp, format!("request {call}")))
    }
}

#[test]
fn content_that_is_not_simulated_shows_where_one_asks_for_it() {
    within_a_minute(|| {
        // The same number of bytes at the same times.
        assert_eq!(Seeds::first(3).twice().find(never_the_same()), None);
        let with_payload = Seeds::first(3)
            .builder(Sim::builder().payload(true))
            .twice();
        let found = with_payload.find(never_the_same()).unwrap();
        let error = &found.error;
        assert_eq!(
            error.matches("wrote 10 bytes: request 1").count(),
            2,
            "{error}"
        );
        let constant = |lp| saying(lp, "always this".to_owned());
        assert_eq!(with_payload.find(constant), None);
    });
}

#[test]
fn the_digest_is_one_of_content_where_one_asks_for_it() {
    within_a_minute(|| {
        let digest = |payload: bool, text: &str| {
            let lp = Sim::builder().seed(1).payload(payload).build_loop();
            let sim = lp.sim().clone();
            sim.run(saying(lp, text.to_owned())).unwrap().unwrap();
            sim.trace().digest
        };
        assert_eq!(digest(false, "one"), digest(false, "two"));
        assert_ne!(digest(true, "one"), digest(true, "two"));
        assert_eq!(digest(true, "one"), digest(true, "one"));
    });
}
