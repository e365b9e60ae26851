//! TLS in the options of `connect` and `serve`: what protocols and factories see of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::test as polyloop_test;
use polyloop_core::{
    CloseReason, ConnectError, ConnectOptions, Failure, ListenOptions, Loop, Peer, Protocol,
    ProtocolFactory, Secure, Server, TcpOptions, Transport,
};
use polyloop_tls::{TlsAcceptor, TlsConnector, TlsError};

use crate::authority::{AUTHORITY, SERVER, acceptor, connector};

type Notes = Arc<Mutex<Vec<String>>>;

/// Notes what happens to it. A server's sends back what it gets.
struct Noting {
    notes: Notes,
    echoes: bool,
}

impl Noting {
    fn note(&self, what: impl Into<String>) {
        self.notes.lock().unwrap().push(what.into());
    }
}

impl Protocol for Noting {
    fn connection_made(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.note("made");
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.note(String::from_utf8_lossy(data));
        if self.echoes {
            transport.write(data)?;
        }
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.note(format!("lost: {reason}"));
    }
}

/// Notes what it sees of the peer.
struct Looking {
    notes: Notes,
    echoes: bool,
}

impl Looking {
    fn client(notes: &Notes) -> Self {
        Self {
            notes: notes.clone(),
            echoes: false,
        }
    }
}

impl ProtocolFactory for Looking {
    type Protocol = Noting;

    fn build_protocol(&mut self, peer: &Peer) -> Option<Noting> {
        let agreed = peer.secure().and_then(Secure::protocol).unwrap_or(b"-");
        let agreed = String::from_utf8_lossy(agreed).into_owned();
        self.notes.lock().unwrap().push(agreed.clone());
        (agreed != "declined").then(|| Noting {
            notes: self.notes.clone(),
            echoes: self.echoes,
        })
    }
}

async fn serve<L: Loop>(lp: &L, acceptor: TlsAcceptor) -> (Server<Noting>, Notes) {
    let notes = Notes::default();
    let options = ListenOptions::new().layer(acceptor);
    let factory = Looking {
        notes: notes.clone(),
        echoes: true,
    };
    let server = lp
        .serve_with("127.0.0.1:0", options, factory)
        .await
        .unwrap();
    (server, notes)
}

/// What was noted, once there is so much.
async fn noted<L: Loop>(lp: &L, notes: &Notes, count: usize) -> Vec<String> {
    loop {
        let now = notes.lock().unwrap().clone();
        if now.len() >= count {
            return now;
        }
        lp.sleep(Duration::from_millis(5)).await;
    }
}

fn speaking(protocol: &str) -> TlsConnector {
    TlsConnector::builder()
        .roots(AUTHORITY.roots())
        .alpn([protocol])
        .build()
        .unwrap()
}

#[polyloop_test(timeout = 60)]
async fn protocols_speak_over_it_and_factories_see_it<L: Loop>(lp: L) {
    let acceptor = TlsAcceptor::builder()
        .identity(SERVER.identity())
        .alpn(["echo", "declined"])
        .build()
        .unwrap();
    let (server, far) = serve(&lp, acceptor).await;
    let near = Notes::default();
    let options = ConnectOptions::new().layer(speaking("echo"));
    let client = lp
        .connect_with(server.local_addr(), options, Looking::client(&near))
        .await
        .unwrap();
    assert_eq!(noted(&lp, &near, 2).await, ["echo", "made"]);
    // What a handle writes is encrypted, too.
    client.write("ping").unwrap();
    assert_eq!(noted(&lp, &far, 3).await, ["echo", "made", "ping"]);
    // It is echoed.
    assert_eq!(noted(&lp, &near, 3).await, ["echo", "made", "ping"]);
    client.close();
    let told = noted(&lp, &far, 4).await;
    assert_eq!(
        told.last().unwrap(),
        &format!("lost: {}", CloseReason::Clean)
    );
    let told = noted(&lp, &near, 4).await;
    assert_eq!(
        told.last().unwrap(),
        &format!("lost: {}", CloseReason::Clean)
    );
}

#[polyloop_test(timeout = 60)]
async fn a_handshake_that_fails_fails_the_connect<L: Loop>(lp: L) {
    let (server, far) = serve(&lp, acceptor()).await;
    let near = Notes::default();
    let wrong = TlsConnector::builder()
        .roots(AUTHORITY.roots())
        .server_name("other.test")
        .build()
        .unwrap();
    let options = ConnectOptions::new().layer(wrong);
    let error = lp
        .connect_with(server.local_addr(), options, Looking::client(&near))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Layer { .. }), "{error:?}");
    assert!(
        matches!(TlsError::of(&error), Some(TlsError::Certificate { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("other.test"), "{error}");
    lp.sleep(Duration::from_millis(50)).await;
    assert!(near.lock().unwrap().is_empty() && far.lock().unwrap().is_empty());
}

#[polyloop_test(timeout = 60)]
async fn garbage_reaches_no_protocol<L: Loop>(lp: L) {
    let (server, far) = serve(&lp, acceptor()).await;
    let address = server.local_addr().as_ip().unwrap();
    let mut plain = lp
        .connect_tcp(address, &TcpOptions::default())
        .await
        .unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // An alert, or a reset that has overtaken it.
    let _ = plain.read_to_end(&mut Vec::new()).await;
    assert!(far.lock().unwrap().is_empty());
    // Others are served.
    let options = ConnectOptions::new().layer(connector());
    let near = Notes::default();
    lp.connect_with(address, options, Looking::client(&near))
        .await
        .unwrap();
    noted(&lp, &far, 2).await;
}
