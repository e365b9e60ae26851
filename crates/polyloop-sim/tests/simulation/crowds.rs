//! Many clients at once.

use std::time::Duration;

use polyloop_core::{Failure, Loop, Promise, Protocol, Spawner, Timers, Transport};
use polyloop_sim::{Link, Sim, SimLoop};

use crate::within_a_minute;

const CLIENTS: usize = 1_000;

/// Speaks first, or waits for the other to do so.
struct Speaker {
    first: bool,
    heard: usize,
}

impl Protocol for Speaker {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        if self.first {
            transport.write(b"hello")?;
        }
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.heard += data.len();
        Ok(())
    }
}

/// Connects at once with all the others, and waits until the server has spoken.
async fn client(lp: SimLoop) -> Result<(), Failure> {
    let speaker = || Speaker {
        first: false,
        heard: 0,
    };
    let connection = lp.connect("server:7", speaker).await?;
    while connection.call(|speaker, _| speaker.heard).await? < 5 {
        lp.sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[test]
fn a_server_that_accepts_gets_everybody_who_dials_in_the_same_moment() {
    within_a_minute(|| {
        for jitter in [Duration::ZERO, Duration::from_millis(1)] {
            let link = Link::new().jitter(jitter);
            let sim = Sim::builder().seed(1).link(link).recording(false).build();
            let (server, clients) = (sim.host("server"), sim.host("clients"));
            let (connected, took) = sim
                .run(async move {
                    let speaker = || Speaker {
                        first: true,
                        heard: 0,
                    };
                    let _server = server.serve("0.0.0.0:7", speaker).await.unwrap();
                    let begun = clients.now();
                    let all: Vec<_> = (0..CLIENTS)
                        .map(|_| clients.spawn(client(clients.clone())))
                        .collect();
                    let mut connected = 0;
                    for one in all {
                        let done = one.timeout(&clients, Duration::from_secs(60)).await;
                        connected += usize::from(matches!(done, Ok(Ok(()))));
                    }
                    (connected, clients.now() - begun)
                })
                .unwrap();
            assert_eq!(connected, CLIENTS, "with a jitter of {jitter:?}");
            // Some may have had to try once more.
            assert!(took < Duration::from_secs(2), "it took {took:?}");
        }
    });
}
