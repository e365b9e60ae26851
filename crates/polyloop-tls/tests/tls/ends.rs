//! How a secure stream ends, and what is made of it.

use std::io;

use futures_util::future::{join, try_join};
use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::test as polyloop_test;
use polyloop_core::Loop;
use polyloop_tls::{TlsError, TlsStream};

use crate::authority::{acceptor, connector};
use crate::wire::{End, Width, wire};

async fn pair<L: Loop>(lp: &L, width: Width) -> (TlsStream<End>, TlsStream<End>) {
    let (near, far) = wire(width);
    try_join(
        connector().connect(lp, "server.test", near),
        acceptor().accept(lp, far),
    )
    .await
    .unwrap()
}

#[polyloop_test(timeout = 20)]
async fn a_close_is_told_as_an_end<L: Loop>(lp: L) {
    let (mut near, mut far) = pair(&lp, Width::WIDE).await;
    near.write_all(b"last words").await.unwrap();
    near.close().await.unwrap();
    let mut came = Vec::new();
    far.read_to_end(&mut came).await.unwrap();
    assert_eq!(came, b"last words");
    let late = near.write(b"too late").await.unwrap_err();
    assert!(
        matches!(TlsError::of(&late), Some(TlsError::Closed)),
        "{late:?}"
    );
    // The other side may go on until it ends, too.
    far.close().await.unwrap();
    assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
}

#[polyloop_test(timeout = 20)]
async fn an_end_without_a_close_is_an_error<L: Loop>(lp: L) {
    let (mut near, mut far) = pair(&lp, Width::WIDE).await;
    near.write_all(b"half a sent").await.unwrap();
    near.flush().await.unwrap();
    near.get_ref().cut();
    let mut came = [0; 64];
    assert_eq!(far.read(&mut came).await.unwrap(), 11);
    for _ in 0..2 {
        let cut = far.read(&mut came).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        assert!(matches!(
            TlsError::of(&cut),
            Some(TlsError::Truncated { .. })
        ));
        assert!(cut.to_string().contains("without close_notify"), "{cut}");
    }
}

#[polyloop_test(timeout = 20)]
async fn who_has_closed_may_read_on_and_is_told_of_a_cut<L: Loop>(lp: L) {
    let (mut near, mut far) = pair(&lp, Width::WIDE).await;
    near.close().await.unwrap();
    assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
    far.write_all(b"half an ans").await.unwrap();
    far.flush().await.unwrap();
    far.get_ref().cut();
    let mut came = [0; 64];
    assert_eq!(near.read(&mut came).await.unwrap(), 11);
    let cut = near.read(&mut came).await.unwrap_err();
    assert!(matches!(
        TlsError::of(&cut),
        Some(TlsError::Truncated { .. })
    ));
}

#[polyloop_test(timeout = 20)]
async fn altered_bytes_are_an_error_and_the_peer_is_told<L: Loop>(lp: L) {
    for width in [Width::WIDE, Width::BYTES] {
        let (mut near, mut far) = pair(&lp, width).await;
        let forged = [&[23, 3, 3, 0, 40][..], &[7; 40]].concat();
        near.get_ref().slip_in(&forged);
        let (mut here, mut there) = ([0; 8], [0; 8]);
        let (told_far, told_near) = join(far.read(&mut there), near.read(&mut here)).await;
        let (told_far, told_near) = (told_far.unwrap_err(), told_near.unwrap_err());
        assert!(
            matches!(TlsError::of(&told_far), Some(TlsError::Protocol { .. })),
            "{told_far:?}"
        );
        let Some(TlsError::Alert { alert, .. }) = TlsError::of(&told_near) else {
            panic!("{told_near:?}");
        };
        assert_eq!(format!("{alert:?}"), "BadRecordMac");
        // It stays, and writing says the same.
        let written = far.write(b"x").await.unwrap_err();
        assert_eq!(written.to_string(), told_far.to_string());
        let written = near.write(b"x").await.unwrap_err();
        assert_eq!(written.to_string(), told_near.to_string());
    }
}

#[polyloop_test(timeout = 20)]
async fn what_came_before_an_error_is_read<L: Loop>(lp: L) {
    let (mut near, mut far) = pair(&lp, Width::WIDE).await;
    near.write_all(b"good").await.unwrap();
    near.write_all(b"better").await.unwrap();
    near.get_ref().slip_in(b"GET / HTTP/1.1\r\n\r\n");
    let mut came = [0; 64];
    assert_eq!(far.read(&mut came).await.unwrap(), 10);
    assert_eq!(&came[..10], b"goodbetter");
    far.read(&mut came).await.unwrap_err();
}

#[polyloop_test(timeout = 20)]
async fn an_idle_stream_holds_nothing_back<L: Loop>(lp: L) {
    let (mut near, mut far) = pair(&lp, Width::WIDE).await;
    // In parts, read a byte at a time.
    for part in [&b"one"[..], b"two", b"three"] {
        near.write_all(part).await.unwrap();
        near.flush().await.unwrap();
        for &byte in part {
            let mut came = [0];
            far.read_exact(&mut came).await.unwrap();
            assert_eq!(came, [byte]);
            // A write meanwhile loses nothing of what is left.
            far.write_all(&came).await.unwrap();
        }
        far.flush().await.unwrap();
        let mut back = vec![0; part.len()];
        near.read_exact(&mut back).await.unwrap();
        assert_eq!(back, part);
    }
}

#[polyloop_test(timeout = 20)]
async fn parts_are_gathered_into_one_record<L: Loop>(lp: L) {
    let (mut near, mut far) = pair(&lp, Width::WIDE).await;
    let before = near.get_ref().sent().len();
    let parts = [&b"head"[..], b"", b" and ", b"body"].map(io::IoSlice::new);
    assert_eq!(near.write_vectored(&parts).await.unwrap(), 13);
    near.flush().await.unwrap();
    let records = near.get_ref().sent()[before..].to_vec();
    assert_eq!(
        records.len(),
        5 + 13 + 1 + 16,
        "not one record: {records:?}"
    );
    let mut came = [0; 13];
    far.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"head and body");
}
