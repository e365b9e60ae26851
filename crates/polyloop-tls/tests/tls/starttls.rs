//! `STARTTLS`, shown with the mail of a small SMTP: between two protocols of polyloop, with
//! somebody in between who slips commands in, and over a bad network; with mail programs of
//! others in `peers`.

mod peers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::SimLoop;
use polyloop::sim::Link;
use polyloop::test as polyloop_test;
use polyloop_core::{
    CloseReason, Endpoint, Failure, Loop, Protocol, Server, Timers, Transport, Upgrade,
    UpgradeOptions,
};
use polyloop_tls::{TlsError, TlsStream};

use crate::authority::{acceptor, connector};

/// What both sides have noted: commands, answers, ends.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// All of them, once the connection is lost.
    pub(crate) async fn at_the_end<L: Loop>(&self, lp: &L) -> Vec<String> {
        loop {
            let all = self.all();
            if all.iter().any(|note| note.starts_with("lost: ")) {
                return all;
            }
            lp.sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The lines of a dialogue.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// The next line, and what is behind it.
    fn next(&mut self, data: &mut &[u8]) -> Option<String> {
        let Some(end) = data.iter().position(|&byte| byte == b'\n') else {
            self.0.extend_from_slice(std::mem::take(data));
            return None;
        };
        self.0.extend_from_slice(&data[..end]);
        *data = &data[end + 1..];
        let line = std::mem::take(&mut self.0);
        Some(String::from_utf8_lossy(line.trim_ascii()).into_owned())
    }
}

/// A server that takes mail over TLS alone.
pub(crate) struct Mailbox {
    tls: Upgrade,
    lines: Lines,
    in_mail: bool,
    notes: Notes,
}

impl Protocol for Mailbox {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.write(b"220 server.test ESMTP\r\n")?;
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        let mut rest = data;
        while let Some(line) = self.lines.next(&mut rest) {
            let secure = transport.peer().secure().is_some();
            let how = if secure { "secure" } else { "plain" };
            self.notes.note(format!("{how}: {line}"));
            let command = line.to_ascii_uppercase();
            let answer = match command.split([' ', ':']).next().unwrap_or_default() {
                _ if self.in_mail => {
                    self.in_mail = line != ".";
                    if self.in_mail {
                        continue;
                    }
                    "250 taken"
                }
                "EHLO" if secure => "250 server.test",
                "EHLO" => "250-server.test\r\n250 STARTTLS",
                "STARTTLS" => {
                    transport.write(b"220 go ahead\r\n")?;
                    transport.upgrade(&self.tls, rest)?;
                    return Ok(());
                }
                "QUIT" => {
                    transport.write(b"221 bye\r\n")?;
                    transport.close();
                    return Ok(());
                }
                _ if !secure => "530 not in plain",
                "DATA" => {
                    self.in_mail = true;
                    "354 go on"
                }
                _ => "250 fine",
            };
            transport.write(answer.as_bytes())?;
            transport.write(b"\r\n")?;
        }
        Ok(())
    }

    fn upgraded(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.lines = Lines::default();
        self.notes.note("upgraded");
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.notes.note(format!("lost: {reason}"));
    }
}

/// What a client says behind each of the server's answers, once it is secure.
const DIALOGUE: [&str; 6] = [
    "EHLO client.test",
    "MAIL FROM:<us@client.test>",
    "RCPT TO:<them@server.test>",
    "DATA",
    "Subject: hello\r\n\r\nin secret\r\n.",
    "QUIT",
];

/// A client that sends one mail.
pub(crate) struct Sender {
    tls: Upgrade,
    lines: Lines,
    /// What it has said in plain.
    asked: usize,
    said: usize,
    notes: Notes,
}

/// A factory of them.
pub(crate) fn senders(tls: &Upgrade, notes: &Notes) -> impl FnMut() -> Sender + Send + 'static {
    let (tls, notes) = (tls.clone(), notes.clone());
    move || Sender {
        tls: tls.clone(),
        lines: Lines::default(),
        asked: 0,
        said: 0,
        notes: notes.clone(),
    }
}

impl Sender {
    fn say(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let Some(next) = DIALOGUE.get(self.said) else {
            return Ok(());
        };
        self.said += 1;
        transport.write_parts(&[next.as_bytes(), b"\r\n"])?;
        Ok(())
    }
}

impl Protocol for Sender {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        let mut rest = data;
        while let Some(line) = self.lines.next(&mut rest) {
            self.notes.note(line.clone());
            if line.get(3..4) == Some("-") {
                continue;
            }
            if transport.peer().secure().is_some() {
                self.say(transport)?;
                continue;
            }
            match self.asked {
                0 => transport.write(b"EHLO client.test\r\n").map(drop)?,
                1 => transport.write(b"STARTTLS\r\n").map(drop)?,
                _ => {
                    transport.upgrade(&self.tls, rest)?;
                    return Ok(());
                }
            }
            self.asked += 1;
        }
        Ok(())
    }

    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.lines = Lines::default();
        self.notes.note("upgraded");
        self.say(transport)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.notes.note(format!("lost: {reason}"));
    }
}

async fn serve<L: Loop>(lp: &L, at: &str) -> (Server<Mailbox>, Notes) {
    serve_with(lp, at, Upgrade::new(lp, acceptor())).await
}

pub(crate) async fn serve_with<L: Loop>(
    lp: &L,
    at: &str,
    tls: Upgrade,
) -> (Server<Mailbox>, Notes) {
    let notes = Notes::default();
    let shared = notes.clone();
    let server = lp.serve(at, move || Mailbox {
        tls: tls.clone(),
        lines: Lines::default(),
        in_mail: false,
        notes: shared.clone(),
    });
    (server.await.unwrap(), notes)
}

/// For a server by that name.
fn of_server<L: Loop>(lp: &L) -> Upgrade {
    let asked = Endpoint::tcp("server.test", 25);
    Upgrade::with(lp, connector(), UpgradeOptions::new().asked(Some(asked)))
}

/// What a server has to have heard, from whomever the mail came.
pub(crate) fn is_whole(heard: &[String]) {
    let at = |note: &str| heard.iter().position(|known| known == note);
    let asked = at("plain: STARTTLS").expect("it was not asked for");
    assert_eq!(at("upgraded"), Some(asked + 1), "{heard:?}");
    assert!(
        heard[asked + 2..heard.len() - 1]
            .iter()
            .all(|note| note.starts_with("secure: ")),
        "{heard:?}"
    );
    assert!(at("secure: in secret").is_some(), "{heard:?}");
    // Many a client does not wait for the goodbye behind the last answer, and its system then
    // answers that with a reset.
    let end = heard.last().unwrap();
    assert!(
        end.contains("cleanly") || end.contains("reset"),
        "{heard:?}"
    );
}

#[polyloop_test(timeout = 60)]
async fn mail_goes_from_one_protocol_to_the_other<L: Loop>(lp: L) {
    let (server, far) = serve(&lp, "127.0.0.1:0").await;
    let near = Notes::default();
    let tls = of_server(&lp);
    let client = lp.connect(server.local_addr(), senders(&tls, &near));
    let client = client.await.unwrap();
    let told = near.at_the_end(&lp).await;
    is_whole(&far.at_the_end(&lp).await);
    assert_eq!(told[told.len() - 2..], ["221 bye", "lost: closed cleanly"]);
    let peer = client.peer();
    let secure = peer.secure().unwrap();
    assert_eq!(secure.server_name(), Some("server.test"));
    assert_eq!(secure.certificates().len(), 1);
}

#[polyloop_test(timeout = 60)]
async fn what_is_slipped_in_counts_for_nobody<L: Loop>(lp: L) {
    // Into what the client says.
    let (server, far) = serve(&lp, "127.0.0.1:0").await;
    let mut plain = lp.dial(server.local_addr()).await.unwrap();
    let said = b"STARTTLS\r\nMAIL FROM:<somebody@else.test>\r\n";
    plain.write_all(said).await.unwrap();
    let heard = far.at_the_end(&lp).await;
    assert_eq!(heard[0], "plain: STARTTLS", "{heard:?}");
    assert!(
        heard.len() == 2 && heard[1].contains("does not speak TLS") && heard[1].contains("MAIL"),
        "{heard:?}"
    );

    // Into what the server says.
    let mut listener = lp.accept("127.0.0.1:0").await.unwrap();
    let near = Notes::default();
    let tls = of_server(&lp);
    let client = lp.connect(listener.local_addr(), senders(&tls, &near));
    let client = client.await.unwrap();
    let (mut plain, _) = listener.next().await.unwrap();
    let said = b"220 us\r\n250 STARTTLS\r\n220 go ahead\r\n250 slipped in\r\n";
    plain.write_all(said).await.unwrap();
    let told = near.at_the_end(&lp).await;
    assert_eq!(told[..3], ["220 us", "250 STARTTLS", "220 go ahead"]);
    assert!(
        told.len() == 4 && told[3].contains("does not speak TLS"),
        "{told:?}"
    );
    let reason = client.closed().await;
    assert!(
        matches!(
            reason.error().and_then(|failure| TlsError::of(failure)),
            Some(TlsError::NotTls { .. })
        ),
        "{reason:?}"
    );
}

/// By hand, for a stream without a protocol: the hello comes with the last plain bytes.
#[polyloop_test(timeout = 60)]
async fn a_stream_is_made_secure_with_what_was_read_of_it<L: Loop>(lp: L) {
    const ASKS: &[u8] = b"please\n";
    let mut listener = lp.accept("127.0.0.1:0").await.unwrap();
    let (own, address) = (lp.clone(), listener.local_addr());
    let client = lp.spawn(async move {
        let mut plain = own.dial(address).await?;
        plain.write_all(ASKS).await?;
        let mut secure = connector().connect(&own, "server.test", plain).await?;
        secure.write_all(b"ping").await?;
        let mut came = [0; 4];
        secure.read_exact(&mut came).await?;
        assert_eq!(&came, b"pong");
        Ok::<_, Failure>(())
    });
    let (mut plain, _) = listener.next().await.unwrap();
    // So much that some of the hello is in it.
    let mut read = vec![0; ASKS.len() + 20];
    plain.read_exact(&mut read).await.unwrap();
    let rest = &read[ASKS.len()..];
    let mut secure: TlsStream<_> = acceptor()
        .accept_read_ahead(&lp, plain, rest)
        .await
        .unwrap();
    let mut came = [0; 4];
    secure.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"ping");
    secure.write_all(b"pong").await.unwrap();
    secure.flush().await.unwrap();
    client.await.unwrap().unwrap();
    let plain = lp.dial(listener.local_addr()).await.unwrap();
    let slipped = connector()
        .connect_read_ahead(&lp, "server.test", plain, b"250 slipped in\r\n")
        .await;
    assert!(
        matches!(slipped, Err(TlsError::NotTls { .. })),
        "{slipped:?}"
    );
}

/// However the network cuts and delays what is said, the plain part ends and the secure one
/// begins at the same byte.
#[polyloop_test(sim, seeds = 100, timeout = 120)]
async fn mail_goes_over_a_bad_network(lp: SimLoop) {
    let sim = lp.sim();
    sim.default_link(Link::new().loss(0.05).reorder(0.1));
    let heard = Arc::new(Mutex::new(None));
    let told = heard.clone();
    sim.host("server").on_boot(move |lp| {
        let told = told.clone();
        async move {
            let (server, notes) = serve(&lp, "0.0.0.0:25").await;
            *told.lock().unwrap() = Some(notes);
            server.drained().await;
        }
    });
    while heard.lock().unwrap().is_none() {
        lp.sleep(Duration::from_millis(5)).await;
    }
    let (near, tls) = (Notes::default(), of_server(&lp));
    let client = lp.connect("server:25", senders(&tls, &near));
    let _client = client.await.unwrap();
    let told = near.at_the_end(&lp).await;
    assert_eq!(told.last().unwrap(), "lost: closed cleanly", "{told:?}");
    let notes = heard.lock().unwrap().clone().unwrap();
    is_whole(&notes.at_the_end(&lp).await);
}
