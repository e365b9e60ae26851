//! A broker and its clients, on every loop and in the simulation.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop::{Connection, Failure, Loop, Server, Transport};
use polyloop_examples::broker::{self, BrokerOptions, BrokerSession};
use polyloop_framing::{FrameProtocol, Framed, Lines};

type Heard = Arc<Mutex<Vec<String>>>;

/// Keeps what it hears.
struct Ear {
    lines: Lines,
    heard: Heard,
}

impl FrameProtocol for Ear {
    type Codec = Lines;

    fn codec(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn frame_received(&mut self, _: &mut dyn Transport, line: &[u8]) -> Result<(), Failure> {
        let line = String::from_utf8_lossy(line).into_owned();
        self.heard.lock().unwrap().push(line);
        Ok(())
    }
}

struct Client<L> {
    lp: L,
    connection: Connection<Framed<Ear>>,
    heard: Heard,
    next: usize,
}

impl<L: Loop> Client<L> {
    async fn dial(lp: &L, address: SocketAddr) -> Result<Self, Failure> {
        let heard = Heard::default();
        let ear = heard.clone();
        let factory = move || {
            Framed::new(Ear {
                lines: Lines::lf().limit(64 * 1024),
                heard: ear.clone(),
            })
        };
        Ok(Self {
            lp: lp.clone(),
            connection: lp.connect(address, factory).await?,
            heard,
            next: 0,
        })
    }

    async fn connect(lp: &L, address: SocketAddr, name: &str) -> Result<Self, Failure> {
        let mut client = Self::dial(lp, address).await?;
        client.asks(&format!("CONNECT {name}"), "OK").await?;
        Ok(client)
    }

    fn says(&self, line: &str) -> Result<(), Failure> {
        self.connection.write(format!("{line}\n"))?;
        Ok(())
    }

    /// The next line.
    async fn line(&mut self) -> Result<String, Failure> {
        let deadline = self.lp.now() + Duration::from_secs(30);
        loop {
            let line = self.heard.lock().unwrap().get(self.next).cloned();
            if let Some(line) = line {
                self.next += 1;
                return Ok(line);
            }
            assert!(self.lp.now() < deadline, "nothing was heard");
            self.lp.sleep(Duration::from_millis(2)).await;
        }
    }

    async fn hears(&mut self, expected: &str) -> Result<(), Failure> {
        assert_eq!(self.line().await?, expected);
        Ok(())
    }

    async fn asks(&mut self, line: &str, answer: &str) -> Result<(), Failure> {
        self.says(line)?;
        self.hears(answer).await
    }

    /// It was shown out, with a clean end.
    async fn is_ended(&self) {
        let reason = self.connection.closed().await;
        assert!(reason.is_clean(), "{reason}");
    }
}

async fn serve<L: Loop>(
    lp: &L,
    options: BrokerOptions,
) -> Result<(Server<Framed<BrokerSession>>, SocketAddr), Failure> {
    let server = broker::serve(lp, "127.0.0.1:0", options).await?;
    let address = server.local_addr().as_ip().unwrap();
    Ok((server, address))
}

#[polyloop::test]
async fn who_has_subscribed_gets_what_is_published<L: Loop>(lp: L) -> Result<(), Failure> {
    let (_server, address) = serve(&lp, BrokerOptions::default()).await?;
    let mut ana = Client::connect(&lp, address, "ana").await?;
    let mut bob = Client::connect(&lp, address, "bob").await?;
    for client in [&mut ana, &mut bob] {
        client.asks("SUB news", "OK").await?;
        client.asks("SUB news", "OK").await?;
    }
    ana.asks("SUB weather", "OK").await?;
    bob.says("PUB news one, two")?;
    bob.says("PUB nobody cares")?;
    bob.says("PUB weather rain")?;
    for client in [&mut ana, &mut bob] {
        client.hears("MSG news one, two").await?;
    }
    ana.hears("MSG weather rain").await?;
    ana.asks("UNSUB news", "OK").await?;
    ana.says("PUB news three")?;
    bob.hears("MSG news three").await?;
    ana.asks("PING", "PONG").await
}

#[polyloop::test]
async fn who_breaks_the_protocol_is_answered_and_no_news<L: Loop>(lp: L) -> Result<(), Failure> {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = reports.clone();
    lp.set_error_hook(move |report| seen.lock().unwrap().push(report.to_string()));
    let options = BrokerOptions::default().connect_within(Duration::from_millis(100));
    let (server, address) = serve(&lp, options).await?;
    for (says, answer) in [
        (
            Some("SHOUT"),
            "ERR \"SHOUT\" is no command: CONNECT, SUB, UNSUB, PUB and PING are",
        ),
        (Some("PING"), "ERR the first line has to be CONNECT"),
        (None, "ERR nobody said CONNECT"),
    ] {
        let mut client = Client::dial(&lp, address).await?;
        if let Some(says) = says {
            client.says(says)?;
        }
        client.hears(answer).await?;
        client.is_ended().await;
    }
    let mut silent = Client::dial(&lp, address).await?;
    silent.asks("CONNECT silent 1", "OK").await?;
    silent.hears("ERR nothing was heard for too long").await?;
    silent.is_ended().await;
    server.close();
    server.drained().await;
    let reports = reports.lock().unwrap();
    assert!(reports.is_empty(), "{reports:?}");
    Ok(())
}

#[polyloop::test]
async fn the_next_of_a_name_takes_over<L: Loop>(lp: L) -> Result<(), Failure> {
    let (_server, address) = serve(&lp, BrokerOptions::default()).await?;
    let mut old = Client::connect(&lp, address, "me").await?;
    old.asks("SUB news", "OK").await?;
    let mut new = Client::connect(&lp, address, "me").await?;
    old.hears("ERR another connection has this name now")
        .await?;
    old.is_ended().await;
    new.asks("SUB news", "OK").await?;
    new.says("PUB news still here")?;
    new.hears("MSG news still here").await?;
    // The old one's end takes nothing from it.
    let mut third = Client::connect(&lp, address, "me").await?;
    new.hears("ERR another connection has this name now")
        .await?;
    third.asks("PING", "PONG").await
}

#[polyloop::test]
async fn what_a_slow_client_does_not_take_is_counted<L: Loop>(lp: L) -> Result<(), Failure> {
    const MESSAGES: usize = 800;
    let (_server, address) = serve(&lp, BrokerOptions::default().inbox(10)).await?;
    let mut slow = Client::connect(&lp, address, "slow").await?;
    slow.asks("SUB news", "OK").await?;
    slow.connection.call(|_, t| t.pause_reading()).await?;
    let mut quick = Client::connect(&lp, address, "quick").await?;
    let text = "x".repeat(32 * 1024);
    for number in 0..MESSAGES {
        quick.says(&format!("PUB news {number} {text}"))?;
        // What is published at once may be too much for the inbox of a quick one, too.
        quick.asks("PING", "PONG").await?;
    }
    slow.connection.call(|_, t| t.resume_reading()).await?;
    let (mut received, mut lost, mut newest) = (0, 0, None);
    while received + lost < MESSAGES {
        let line = slow.line().await?;
        if let Some(count) = line.strip_prefix("LOST ") {
            lost += count.parse::<usize>()?;
        } else {
            let number: usize = line.split(' ').nth(2).unwrap_or_default().parse()?;
            assert!(newest < Some(number), "{number} behind {newest:?}");
            (received, newest) = (received + 1, Some(number));
        }
    }
    assert_eq!(received + lost, MESSAGES);
    assert!(
        received > 10 && lost > 0,
        "{received} came and {lost} did not"
    );
    Ok(())
}

#[polyloop::test]
async fn a_crowd_hears_one_voice<L: Loop>(lp: L) -> Result<(), Failure> {
    const CROWD: usize = 150;
    let (server, address) = serve(&lp, BrokerOptions::default()).await?;
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        let mut client = Client::connect(&lp, address, &format!("c{number}")).await?;
        client.asks("SUB news", "OK").await?;
        crowd.push(client);
    }
    let voice = Client::connect(&lp, address, "voice").await?;
    for number in 0..20 {
        voice.says(&format!("PUB news {number}"))?;
    }
    for client in &mut crowd {
        for number in 0..20 {
            client.hears(&format!("MSG news {number}")).await?;
        }
    }
    assert_eq!(server.connection_count(), CROWD + 1);
    Ok(())
}
