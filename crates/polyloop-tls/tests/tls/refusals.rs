//! What is refused: on both sides, with an error that names what was given and what was
//! expected.

use std::io;
use std::time::{Duration, SystemTime};

use futures_util::future::join;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::test as polyloop_test;
use polyloop_core::Loop;
use polyloop_tls::rustls::version;
use polyloop_tls::{
    ClientCertificates, Identities, Identity, TlsAcceptor, TlsConfigError, TlsConnector, TlsError,
    TlsStream, roots_from_pem, roots_from_pem_file,
};

use crate::authority::{AUTHORITY, Authority, SERVER, acceptor, connector};
use crate::wire::{End, Width, wire};

type Met = Result<TlsStream<End>, TlsError>;

/// What both sides say, whether bytes come together or one by one.
async fn meet<L: Loop>(
    lp: &L,
    connector: &TlsConnector,
    host: &str,
    acceptor: &TlsAcceptor,
) -> (Met, Met) {
    let words = |met: &Met| met.as_ref().err().map(TlsError::to_string);
    let narrow = meet_over(Width::BYTES, lp, connector, host, acceptor).await;
    let wide = meet_over(Width::WIDE, lp, connector, host, acceptor).await;
    assert_eq!(words(&narrow.0), words(&wide.0));
    assert_eq!(words(&narrow.1), words(&wide.1));
    wide
}

async fn meet_over<L: Loop>(
    width: Width,
    lp: &L,
    connector: &TlsConnector,
    host: &str,
    acceptor: &TlsAcceptor,
) -> (Met, Met) {
    let (near, far) = wire(width);
    join(connector.connect(lp, host, near), acceptor.accept(lp, far)).await
}

/// The words of the error, with the type looked at first.
macro_rules! refused {
    ($met:expr, $kind:pat) => {{
        let error = $met.unwrap_err();
        assert!(matches!(error, $kind), "{error:?}");
        error.to_string()
    }};
}

fn says(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "no {part:?} in {words:?}");
    }
}

#[polyloop_test(timeout = 20)]
async fn a_wrong_name<L: Loop>(lp: L) {
    let (near, far) = meet(&lp, &connector(), "other.test", &acceptor()).await;
    let words = refused!(near, TlsError::Certificate { .. });
    says(&words, &["other.test", "server.test", "127.0.0.1"]);
    let words = refused!(far, TlsError::Alert { .. });
    says(
        &words,
        &["BadCertificate", "does not accept", "asked for other.test"],
    );

    let (near, _) = meet(&lp, &connector(), "127.0.0.1", &acceptor()).await;
    near.unwrap();
    for host in ["127.0.0.2", "::1", "[::1]"] {
        let (near, _) = meet(&lp, &connector(), host, &acceptor()).await;
        refused!(near, TlsError::Certificate { .. });
    }
}

#[polyloop_test(timeout = 20)]
async fn no_name_at_all<L: Loop>(lp: L) {
    for host in ["", "two words", "under the/slash", "server.test:443"] {
        let (near, _far) = wire(Width::WIDE);
        let words = refused!(
            connector().connect(&lp, host, near).await,
            TlsError::InvalidName { .. }
        );
        says(&words, &[&format!("{host:?}"), "host name"]);
    }
}

#[polyloop_test(timeout = 20)]
async fn an_unknown_authority<L: Loop>(lp: L) {
    let stranger = Authority::new("Them");
    let connector = TlsConnector::builder()
        .roots(stranger.roots())
        .build()
        .unwrap();
    let (near, far) = meet(&lp, &connector, "server.test", &acceptor()).await;
    let words = refused!(near, TlsError::Certificate { .. });
    says(&words, &["server.test", "authority that is not trusted"]);
    says(&refused!(far, TlsError::Alert { .. }), &["UnknownCA"]);
}

#[polyloop_test(timeout = 20)]
async fn an_expired_certificate<L: Loop>(lp: L) {
    let now = lp
        .wall_time()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let year = 1970 + i32::try_from(now.as_secs() / (365 * 86_400)).unwrap();
    let signed = AUTHORITY.sign_until(&["server.test"], year - 2);
    let acceptor = TlsAcceptor::builder()
        .identity(signed.identity())
        .build()
        .unwrap();
    let (near, far) = meet(&lp, &connector(), "server.test", &acceptor).await;
    says(
        &refused!(near, TlsError::Certificate { .. }),
        &["server.test", "has expired"],
    );
    says(
        &refused!(far, TlsError::Alert { .. }),
        &["CertificateExpired"],
    );
}

#[polyloop_test(timeout = 20)]
async fn no_protocol_in_common<L: Loop>(lp: L) {
    let connector = TlsConnector::builder()
        .roots(AUTHORITY.roots())
        .alpn(["h2", "h3"])
        .build()
        .unwrap();
    let acceptor = TlsAcceptor::builder()
        .identity(SERVER.identity())
        .alpn(["mqtt"])
        .build()
        .unwrap();
    let (near, far) = meet(&lp, &connector, "server.test", &acceptor).await;
    says(
        &refused!(near, TlsError::NoApplicationProtocol { .. }),
        &["server.test", "offered h2, h3"],
    );
    says(
        &refused!(far, TlsError::NoApplicationProtocol { .. }),
        &["the client", "offered h2, h3", "known mqtt"],
    );
}

#[polyloop_test(timeout = 20)]
async fn no_version_in_common<L: Loop>(lp: L) {
    let connector = TlsConnector::builder()
        .roots(AUTHORITY.roots())
        .versions(&[&version::TLS12])
        .build()
        .unwrap();
    let acceptor = TlsAcceptor::builder()
        .identity(SERVER.identity())
        .versions(&[&version::TLS13])
        .build()
        .unwrap();
    let (near, far) = meet(&lp, &connector, "server.test", &acceptor).await;
    says(
        &refused!(near, TlsError::Alert { .. }),
        &["ProtocolVersion"],
    );
    refused!(far, TlsError::Incompatible { .. });
}

#[polyloop_test(timeout = 20)]
async fn a_client_without_a_certificate<L: Loop>(lp: L) {
    let acceptor = TlsAcceptor::builder()
        .identity(SERVER.identity())
        .client_certificates(ClientCertificates::required(AUTHORITY.roots()))
        .build()
        .unwrap();
    let (near, far) = meet_over(Width::WIDE, &lp, &connector(), "server.test", &acceptor).await;
    says(
        &refused!(far, TlsError::NoCertificate { .. }),
        &["the client", "required"],
    );
    // With TLS 1.3 the client is done before the server has judged, and told by its read.
    let told = near.unwrap().read(&mut [0; 8]).await.unwrap_err();
    assert!(
        matches!(TlsError::of(&told), Some(TlsError::Alert { .. })),
        "{told:?}"
    );
    says(
        &told.to_string(),
        &["CertificateRequired", "requires a certificate"],
    );

    let stranger = Authority::new("Them").sign(&["client.test"]);
    let connector = TlsConnector::builder()
        .roots(AUTHORITY.roots())
        .identity(stranger.identity())
        .build()
        .unwrap();
    for clients in [
        ClientCertificates::required(AUTHORITY.roots()),
        ClientCertificates::wanted(AUTHORITY.roots()),
    ] {
        let acceptor = TlsAcceptor::builder()
            .identity(SERVER.identity())
            .client_certificates(clients)
            .build()
            .unwrap();
        let (near, far) = meet_over(Width::WIDE, &lp, &connector, "server.test", &acceptor).await;
        says(
            &refused!(far, TlsError::Certificate { .. }),
            &["the client", "not trusted"],
        );
        // A write that finds the connection gone says why it is.
        let mut near = near.unwrap();
        let told = near.write_all(b"hello").await.unwrap_err();
        says(&told.to_string(), &["UnknownCA"]);
    }
    let wanted = TlsAcceptor::builder()
        .identity(SERVER.identity())
        .client_certificates(ClientCertificates::wanted(AUTHORITY.roots()))
        .build()
        .unwrap();
    let (_, far) = meet(&lp, &self::connector(), "server.test", &wanted).await;
    assert!(far.unwrap().peer_certificates().is_none());
}

#[polyloop_test(timeout = 20)]
async fn what_is_no_tls<L: Loop>(lp: L) {
    for (sent, parts) in [
        (
            &b"GET /index.html HTTP/1.1\r\n\r\n"[..],
            &["plain HTTP", "GET /index.html"][..],
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            &["does not speak TLS", "SSH-2.0-OpenSSH"],
        ),
        (&[0; 600], &["does not speak TLS", r"\x00\x00"]),
        (&[0xff; 600], &["does not speak TLS", r"\xff\xff"]),
    ] {
        let (mut near, far) = wire(Width::WIDE);
        near.write_all(sent).await.unwrap();
        let error = acceptor().accept(&lp, far).await.unwrap_err();
        assert!(
            matches!(error, TlsError::PlainHttp { .. } | TlsError::NotTls { .. }),
            "{error:?}"
        );
        says(&error.to_string(), parts);
        // An alert came, in the plain, and an end.
        let mut came = Vec::new();
        near.read_to_end(&mut came).await.unwrap();
        assert_eq!(came[..3], [21, 3, 3], "{came:?}");
    }
    // Nor is what a client hears of a server that speaks first.
    let (mut near, far) = wire(Width::WIDE);
    near.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
    let error = connector()
        .connect(&lp, "mail.test", far)
        .await
        .unwrap_err();
    says(
        &error.to_string(),
        &["mail.test does not speak TLS", "220 mail.test"],
    );
}

#[polyloop_test(timeout = 20)]
async fn a_peer_that_goes<L: Loop>(lp: L) {
    let (near, far) = wire(Width::WIDE);
    drop(near);
    let words = refused!(
        acceptor().accept(&lp, far).await,
        TlsError::HandshakeCut { .. }
    );
    says(&words, &["the client", "TLS handshake"]);
    let (near, far) = wire(Width::WIDE);
    drop(near);
    let error = connector()
        .connect(&lp, "server.test", far)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{error:?}");
    // One that ends after the hello.
    let (near, far) = wire(Width::WIDE);
    near.cut();
    let error = connector()
        .connect(&lp, "server.test", far)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error:?}");
    says(&error.to_string(), &["server.test ended", "TLS handshake"]);
}

#[polyloop_test(timeout = 20)]
async fn a_peer_that_says_nothing<L: Loop>(lp: L) {
    let limit = Duration::from_millis(50);
    let (_near, far) = wire(Width::WIDE);
    let slow = acceptor()
        .with_handshake_limit(limit)
        .accept(&lp, far)
        .await;
    says(
        &refused!(slow, TlsError::HandshakeTimedOut { .. }),
        &["the client", "50ms"],
    );
    let (_near, far) = wire(Width::WIDE);
    let slow = connector().with_handshake_limit(limit);
    let slow = slow.connect(&lp, "server.test", far).await;
    says(
        &refused!(slow, TlsError::HandshakeTimedOut { .. }),
        &["server.test", "50ms"],
    );
}

#[polyloop_test(timeout = 20)]
async fn certificates_are_renewed_while_serving<L: Loop>(lp: L) {
    let acceptor = acceptor();
    let blog = AUTHORITY.sign(&["*.blog.test", "blog.test"]);
    let (near, _) = meet(&lp, &connector(), "a.blog.test", &acceptor).await;
    refused!(near, TlsError::Certificate { .. });
    let identities = Identities::new(SERVER.identity())
        .and_for("blog.test", blog.identity())
        .and_for("*.Blog.test", blog.identity());
    acceptor.clone().reload(&identities).unwrap();
    for host in ["a.blog.test", "B.blog.test", "blog.test", "server.test"] {
        let (near, far) = meet(&lp, &connector(), host, &acceptor).await;
        assert_eq!(near.unwrap().server_name(), Some(host));
        assert_eq!(far.unwrap().server_name(), Some(&*host.to_lowercase()));
    }
    // What is wrong leaves what was right.
    let wrong = identities.and_for("shop.test", blog.identity());
    let error = acceptor.reload(&wrong).unwrap_err();
    assert!(
        matches!(error, TlsConfigError::WrongName { .. }),
        "{error:?}"
    );
    says(&error.to_string(), &["shop.test", "*.blog.test"]);
    let (near, _) = meet(&lp, &connector(), "blog.test", &acceptor).await;
    near.unwrap();
}

#[test]
fn parts_that_do_not_fit() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let other = AUTHORITY.sign(&["other.test"]);
    std::fs::write(file("chain.pem"), &SERVER.chain).unwrap();
    std::fs::write(file("key.pem"), &SERVER.key).unwrap();
    std::fs::write(file("other.key"), &other.key).unwrap();
    std::fs::write(file("empty.pem"), "").unwrap();
    std::fs::write(file("broken.pem"), "-----BEGIN CERTIFICATE-----\n!!\n").unwrap();
    let built = |chain: &str, key: &str| {
        let identity = Identity::from_pem_files(file(chain), file(key))?;
        TlsAcceptor::builder().identity(identity).build()
    };
    built("chain.pem", "key.pem").unwrap();
    for (chain, key, parts) in [
        (
            "missing.pem",
            "key.pem",
            &["can't read", "missing.pem", "o such file"][..],
        ),
        ("chain.pem", "missing.key", &["can't read", "missing.key"]),
        ("empty.pem", "key.pem", &["empty.pem", "has no certificate"]),
        ("key.pem", "key.pem", &["key.pem", "has no certificate"]),
        (
            "chain.pem",
            "chain.pem",
            &["chain.pem", "has no private key"],
        ),
        (
            "chain.pem",
            "empty.pem",
            &["empty.pem", "has no private key"],
        ),
        ("broken.pem", "key.pem", &["broken.pem", "is not PEM"]),
        (
            "chain.pem",
            "other.key",
            &[
                "other.key",
                "not that of the first certificate",
                "chain.pem",
            ],
        ),
    ] {
        let error = built(chain, key).unwrap_err();
        says(&error.to_string(), parts);
    }
    let told = |error: TlsConfigError| error.to_string();
    says(
        &told(roots_from_pem("").unwrap_err()),
        &["roots given", "no certificate"],
    );
    says(
        &told(roots_from_pem_file(file("no")).unwrap_err()),
        &["can't read"],
    );
    says(
        &told(TlsAcceptor::builder().build().unwrap_err()),
        &["identity"],
    );
    let none = TlsConnector::builder().roots(polyloop_tls::rustls::RootCertStore::empty());
    says(
        &told(none.build().unwrap_err()),
        &["no authority is trusted"],
    );
    let nameless = TlsConnector::builder().roots(AUTHORITY.roots()).alpn([""]);
    says(&told(nameless.build().unwrap_err()), &["1 to 255 bytes"]);
    let nowhere = TlsConnector::builder()
        .roots(AUTHORITY.roots())
        .server_name("a b");
    says(&told(nowhere.build().unwrap_err()), &["\"a b\""]);
}
