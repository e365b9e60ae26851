//! Handshakes that succeed, and what they agree upon.

use futures_util::future::try_join;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use polyloop::test as polyloop_test;
use polyloop_core::{ListenOptions, Listener, Loop, Stream, TcpOptions};
use polyloop_tls::rustls::{HandshakeKind, ProtocolVersion, version};
use polyloop_tls::{ClientCertificates, TlsAcceptor, TlsConnector, TlsStream};

use crate::authority::{AUTHORITY, SERVER, acceptor, connector};
use crate::wire::{Width, wire};

/// Both ends of a secure connection over TCP.
async fn over_tcp<L: Loop>(
    lp: &L,
    connector: &TlsConnector,
    acceptor: &TlsAcceptor,
) -> (TlsStream<L::TcpStream>, TlsStream<L::TcpStream>) {
    let anywhere = "127.0.0.1:0".parse().unwrap();
    let mut listener = lp.bind_tcp(anywhere, &ListenOptions::default()).unwrap();
    let address = listener.local_addr().unwrap().as_ip().unwrap();
    let near = async {
        let plain = lp
            .connect_tcp(address, &TcpOptions::default())
            .await
            .unwrap();
        connector.connect(lp, "server.test", plain).await
    };
    let far = async {
        let accepted = std::future::poll_fn(|cx| listener.poll_accept(cx)).await;
        acceptor.accept(lp, accepted.unwrap().0).await
    };
    try_join(near, far).await.unwrap()
}

/// Sends that much in both directions at once, and closes both ends.
async fn exchange<S, T>(near: TlsStream<S>, far: TlsStream<T>, amount: usize)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let pattern: Vec<u8> = (0..=250).cycle().take(amount).collect();
    let (mut near_reads, mut near_writes) = near.split();
    let (mut far_reads, mut far_writes) = far.split();
    let write = async |writer: &mut (dyn AsyncWrite + Unpin)| {
        writer.write_all(&pattern).await?;
        writer.flush().await
    };
    let read = async |reader: &mut (dyn AsyncRead + Unpin)| {
        let mut came = vec![0; amount];
        reader.read_exact(&mut came).await?;
        assert_eq!(came, pattern);
        Ok(())
    };
    futures_util::try_join!(
        write(&mut near_writes),
        write(&mut far_writes),
        read(&mut near_reads),
        read(&mut far_reads),
    )
    .unwrap();
    let close = async |writer: &mut (dyn AsyncWrite + Unpin)| writer.close().await;
    let end = async |reader: &mut (dyn AsyncRead + Unpin)| {
        assert_eq!(reader.read(&mut [0; 8]).await?, 0);
        Ok(())
    };
    futures_util::try_join!(
        close(&mut near_writes),
        close(&mut far_writes),
        end(&mut near_reads),
        end(&mut far_reads),
    )
    .unwrap();
}

#[polyloop_test(timeout = 20)]
async fn a_stream_over_tcp<L: Loop>(lp: L) {
    let (near, far) = over_tcp(&lp, &connector(), &acceptor()).await;
    for end in [&near, &far] {
        assert_eq!(end.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(end.server_name(), Some("server.test"));
        assert_eq!(end.alpn_protocol(), None);
        assert_eq!(end.handshake_kind(), Some(HandshakeKind::Full));
        let secure = end.secure();
        assert_eq!(secure.version(), "TLSv1.3");
        assert!(secure.cipher_suite().starts_with("TLS13_"), "{secure:?}");
        assert_eq!(secure.server_name(), Some("server.test"));
    }
    assert_eq!(near.peer_certificates().unwrap().len(), 1);
    assert!(far.peer_certificates().is_none());
    assert_eq!(near.peer().unwrap().secure(), Some(&near.secure()));
    assert!(near.is_layered() && !near.can_write_eof());
    exchange(near, far, 300_000).await;
}

#[polyloop_test(timeout = 20)]
async fn what_both_sides_agree_upon<L: Loop>(lp: L) {
    let client = AUTHORITY.sign(&["client.test"]);
    for version in [&version::TLS12, &version::TLS13] {
        let connector = TlsConnector::builder()
            .roots(AUTHORITY.roots())
            .identity(client.identity())
            .alpn(["h2", "http/1.1"])
            .versions(&[version])
            .build()
            .unwrap();
        let acceptor = TlsAcceptor::builder()
            .identity(SERVER.identity())
            .client_certificates(ClientCertificates::required(AUTHORITY.roots()))
            .alpn(["http/1.1", "gopher"])
            .build()
            .unwrap();
        for time in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (mut near, mut far) = over_tcp(&lp, &connector, &acceptor).await;
            for end in [&near, &far] {
                assert_eq!(end.protocol_version(), Some(version.version));
                assert_eq!(end.alpn_protocol(), Some(&b"http/1.1"[..]));
                assert_eq!(end.handshake_kind(), Some(time), "{version:?}");
                assert_eq!(end.peer_certificates().unwrap().len(), 1);
            }
            // The tickets come with the first data.
            far.write_all(b"hello").await.unwrap();
            far.flush().await.unwrap();
            near.read_exact(&mut [0; 5]).await.unwrap();
        }
    }
}

#[polyloop_test(timeout = 20)]
async fn a_wire_of_single_bytes<L: Loop>(lp: L) {
    for version in [&version::TLS12, &version::TLS13] {
        let connector = TlsConnector::builder()
            .roots(AUTHORITY.roots())
            .versions(&[version])
            .build()
            .unwrap();
        let (near, far) = wire(Width::BYTES);
        let acceptor = acceptor();
        let (near, far) = try_join(
            connector.connect(&lp, "server.test", near),
            acceptor.accept(&lp, far),
        )
        .await
        .unwrap();
        exchange(near, far, 20_000).await;
    }
}

#[polyloop_test(timeout = 20)]
async fn widths_of_every_kind<L: Loop>(lp: L) {
    let (connector, acceptor) = (connector(), acceptor());
    for (read, write, holds) in [
        (usize::MAX, 7, 100),
        (3, usize::MAX, 5000),
        (16_384, 16_384, 16_384),
        (100_000, 100_000, 100_000),
        (usize::MAX, usize::MAX, usize::MAX),
    ] {
        let (near, far) = wire(Width { read, write, holds });
        let (mut near, mut far) = try_join(
            connector.connect(&lp, "server.test", near),
            acceptor.accept(&lp, far),
        )
        .await
        .unwrap();
        near.set_buffer_limit(40_000);
        far.set_buffer_limit(1000);
        exchange(near, far, 200_000).await;
    }
}
