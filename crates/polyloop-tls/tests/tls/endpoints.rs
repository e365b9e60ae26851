//! `tls:` endpoints: what their arguments come to, and what is wrong with them.

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::test as polyloop_test;
use polyloop_core::{
    ConnectOptions, Failure, ListenOptions, Loop, Protocol, Stream, Transport, quote,
};
use polyloop_tls::{MaybeTlsStream, TlsConfigError, TlsError, client_endpoint, server_endpoint};
use tempfile::TempDir;

use crate::authority::{AUTHORITY, SERVER};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// Files with a colon in the name of their directory, which has to be quoted.
fn files() -> (TempDir, impl Fn(&str) -> String) {
    let directory = tempfile::Builder::new().prefix("a:b=").tempdir().unwrap();
    let client = AUTHORITY.sign(&["client.test"]);
    let roots = directory.path().join("roots");
    std::fs::create_dir(&roots).unwrap();
    for (name, text) in [
        ("both.pem", format!("{}{}", SERVER.chain, SERVER.key)),
        ("server.pem", SERVER.chain.clone()),
        ("server.key", SERVER.key.clone()),
        ("client.pem", format!("{}{}", client.chain, client.key)),
        ("ca.pem", AUTHORITY.pem.clone()),
        ("empty.pem", String::new()),
        ("roots/ca.pem", AUTHORITY.pem.clone()),
        ("roots/readme", "no certificate".to_owned()),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let path = directory.path().to_str().unwrap().to_owned();
    (directory, move |name: &str| {
        quote(&format!("{path}/{name}"))
    })
}

/// A word and its echo, between a server and a client of these texts.
async fn exchange<L: Loop>(lp: &L, at: &str, to: &str) -> Result<bool, Failure> {
    Ok(agreed(lp, at, to).await?.is_some())
}

/// The same, and the protocol that they have agreed on, if they are secure.
async fn agreed<L: Loop>(lp: &L, at: &str, to: &str) -> Result<Option<Option<Vec<u8>>>, Failure> {
    let (endpoint, tls) = server_endpoint(at)?;
    let options = ListenOptions::new().layer(tls);
    let server = lp.serve_with(endpoint, options, || Echo).await?;
    let port = server.local_addr().port().unwrap();
    let (endpoint, tls) = client_endpoint(to.replace("PORT", &port.to_string()))?;
    let options = ConnectOptions::new().layer(tls);
    let mut stream = lp.dial_with(endpoint, options).await?;
    stream.write_all(b"ping").await?;
    stream.flush().await?;
    let mut came = [0; 4];
    stream.read_exact(&mut came).await?;
    assert_eq!(&came, b"ping");
    let peer = stream.peer()?;
    let secure = matches!(stream, MaybeTlsStream::Secure(_));
    assert_eq!(peer.secure().is_some(), secure);
    let agreed = peer
        .secure()
        .map(|told| told.protocol().map(<[u8]>::to_vec));
    Ok(agreed)
}

#[polyloop_test(timeout = 60)]
async fn both_sides_are_made_of_texts<L: Loop>(lp: L) {
    let (_directory, at) = files();
    let server = format!("tls:0:interface=127.0.0.1:privateKey={}", at("both.pem"));
    let trusting = format!("tls:127.0.0.1:PORT:trustRoots={}", at("ca.pem"));
    assert!(exchange(&lp, &server, &trusting).await.unwrap());
    // In files of their own, and roots in a directory; by another name, and backwards.
    let server = format!(
        "SSL:127.0.0.1:0:certKey={}:privateKey={}:extraCertChain={}",
        at("server.pem"),
        at("server.key"),
        at("ca.pem")
    );
    let trusting = format!(
        "tls:hostname=server.test:trustRoots={}:port=PORT:host=127.0.0.1:timeout=20",
        at("roots")
    );
    assert!(exchange(&lp, &server, &trusting).await.unwrap());
    // Clients need a certificate.
    let server = format!("{server}:trustRoots={}", at("ca.pem"));
    let known = format!("{trusting}:privateKey={}", at("client.pem"));
    assert!(exchange(&lp, &server, &known).await.unwrap());
    let refused = exchange(&lp, &server, &trusting).await.unwrap_err();
    assert!(
        matches!(TlsError::of(&refused), Some(TlsError::Alert { .. })),
        "{refused:?}"
    );
    let other = trusting.replace("server.test", "other.test");
    let server = format!("tls:127.0.0.1:0:privateKey={}", at("both.pem"));
    let refused = exchange(&lp, &server, &other).await.unwrap_err();
    assert!(
        matches!(TlsError::of(&refused), Some(TlsError::Certificate { .. })),
        "{refused:?}"
    );
    // Others are left as they are.
    let plain = exchange(&lp, "127.0.0.1:0", "tcp:127.0.0.1:PORT").await;
    assert!(!plain.unwrap());
}

#[polyloop_test(timeout = 60)]
async fn the_texts_say_which_protocols_are_spoken<L: Loop>(lp: L) {
    let (_directory, at) = files();
    let server = format!("tls:127.0.0.1:0:privateKey={}", at("both.pem"));
    let trusting = format!("tls:127.0.0.1:PORT:trustRoots={}", at("ca.pem"));
    for (theirs, ours, expected) in [
        (":alpn=h2,http/1.1", ":alpn=http/1.1,h2", Some(&b"h2"[..])),
        (r":alpn=a\:b", r":alpn=h2,a\:b", Some(b"a:b")),
        (":alpn=h2", "", None),
        ("", ":alpn=h2", None),
    ] {
        let (server, client) = (format!("{server}{theirs}"), format!("{trusting}{ours}"));
        let spoken = agreed(&lp, &server, &client).await.unwrap();
        assert_eq!(spoken, Some(expected.map(<[u8]>::to_vec)), "{client}");
    }
    let (server, client) = (format!("{server}:alpn=h2"), format!("{trusting}:alpn=h3"));
    let refused = exchange(&lp, &server, &client).await.unwrap_err();
    assert!(TlsError::of(&refused).is_some(), "{refused:?}");
}

#[test]
fn what_is_wrong_is_told_with_its_file_or_place() {
    let (_directory, at) = files();
    let server = |text: &str| server_endpoint(text).map(drop);
    let client = |text: &str| client_endpoint(text).map(drop);
    assert!(matches!(server("tls:443"), Err(TlsConfigError::NoIdentity)));
    let missing = server("tls:443:privateKey=nowhere.pem").unwrap_err();
    assert!(missing.to_string().contains("nowhere.pem"), "{missing}");
    let no_certificate = server(&format!("tls:443:privateKey={}", at("server.key")));
    assert!(
        matches!(no_certificate, Err(TlsConfigError::NoCertificate { .. })),
        "{no_certificate:?}"
    );
    let both = at("both.pem");
    let empty = at("empty.pem");
    let no_chain = server(&format!("tls:443:privateKey={both}:extraCertChain={empty}"));
    assert!(
        matches!(no_chain, Err(TlsConfigError::NoCertificate { .. })),
        "{no_chain:?}"
    );
    let mismatch = server(&format!(
        "tls:443:privateKey={}:certKey={both}",
        at("client.pem")
    ));
    assert!(
        matches!(mismatch, Err(TlsConfigError::KeyMismatch { .. })),
        "{mismatch:?}"
    );
    let no_roots = client(&format!("tls:a.test:443:trustRoots={empty}"));
    assert!(
        matches!(no_roots, Err(TlsConfigError::NoCertificate { .. })),
        "{no_roots:?}"
    );
    for (text, at) in [
        ("tls:a.test:443:trustRoot=x", "(at 15)"),
        ("tls:a.test:443:alpn=h2,", "(at 23)"),
    ] {
        let misplaced = client(text).unwrap_err().to_string();
        assert!(misplaced.contains(at), "{misplaced}");
    }
}
