//! Follow through the losses of its server, and up to a final refusal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop::{Backoff, Failure, Loop, Peer, Protocol, ProtocolFactory, Transport};
use polyloop_examples::follow::{Unwelcome, follow};

/// Answers the greeting, and closes.
struct Host {
    answer: String,
    heard: Vec<u8>,
}

impl Protocol for Host {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.heard.extend_from_slice(data);
        if self.heard == b"follow\n" {
            transport.write(self.answer.as_bytes())?;
            transport.close();
        }
        Ok(())
    }
}

/// Welcomes the first connections, and no more.
struct Moody {
    connections: usize,
}

impl ProtocolFactory for Moody {
    type Protocol = Host;

    fn build_protocol(&mut self, _peer: &Peer) -> Option<Host> {
        self.connections += 1;
        let answer = match self.connections {
            // Hangs up on the second, which says nothing about the third.
            2 => String::new(),
            4.. => "enough\n".to_owned(),
            number => format!("welcome\r\nline {number}\n"),
        };
        Some(Host {
            answer,
            heard: Vec::new(),
        })
    }
}

#[polyloop::test(timeout = 60)]
async fn it_comes_back_until_it_is_unwelcome<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = lp.serve("127.0.0.1:0", Moody { connections: 0 }).await?;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    let intervals = Backoff::exponential().initial(Duration::from_millis(5));
    let service = follow(&lp, server.local_addr(), intervals, move |line| {
        sink.lock().unwrap().push(line.to_owned());
    })?;
    let end = loop {
        match service.when_connected(None).await {
            Ok(connection) => drop(connection.closed().await),
            Err(failure) => break failure,
        }
    };
    assert_eq!(
        end.downcast_ref::<Unwelcome>().map(|end| &*end.answer),
        Some("enough"),
        "{end:?}"
    );
    assert!(!service.is_running());
    assert_eq!(*lines.lock().unwrap(), ["line 1", "line 3"]);
    server.close();
    server.drained().await;
    Ok(())
}
