//! POL: PROXY headers.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::AsyncWriteExt;
use polyloop_core::{
    AcceptProxyHeader, Address, ConnectOptions, ListenOptions, Loop, MainLoop, SendProxyHeader,
    Stream,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{End, Journal, Probe, Reports, dial, read_all, run, until};

const TEXT: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 1024 443\r\n";
const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x04\0\x01\xbb";

/// What comes behind each header.
const BEHIND: &[u8] = b"and what is behind it";

/// Whole with data behind it, cut at every byte, of somebody and of nobody; garbage, an early
/// end, silence, and one that is not trusted.
pub fn pol_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let reports = Reports::of(&lp);
        let server = serve(&lp, &journal, AcceptProxyHeader::new()).await?;
        let address = server.local_addr();
        let from: Address = SocketAddr::from(([192, 0, 2, 1], 1024)).into();
        let to: Address = SocketAddr::from(([192, 0, 2, 2], 443)).into();
        let told = format!("{to} with {from}");
        for header in [TEXT, BINARY] {
            let data = [header, BEHIND].concat();
            for cut in 0..header.len() + 3 {
                let peer = dial(&lp, address.clone()).await?;
                let (one, other) = data.split_at(cut);
                arrives(&lp, peer, &[one, other], &journal, &told).await?;
            }
        }
        let nobody: [&[u8]; 3] = [
            b"PROXY UNKNOWN\r\n",
            b"PROXY UNKNOWN and much more that says nothing\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x03\x04\0\0",
        ];
        for header in nobody {
            let peer = dial(&lp, address.clone()).await?;
            let told = format!("{address} with {}", peer.local_addr()?);
            arrives(&lp, peer, &[header, BEHIND], &journal, &told).await?;
        }

        let good = journal.count("made");
        let bad: [(&[u8], &str); 6] = [
            (b"GET / HTTP/1.1\r\n", "GET / HTTP"),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1024 99999\r\n", "99999"),
            (b"PROXY TCP5 1 2 3 4\r\n", "TCP5"),
            (&[b'P'; 300], "PPPP"),
            (b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c", "QUIT"),
            (b"PROXY TCP4 192.0", "16 bytes"),
        ];
        for (header, part) in bad {
            let mut peer = dial(&lp, address.clone()).await?;
            peer.write_all(header).await?;
            peer.close().await?;
            let (came, _) = read_all(&mut peer).await;
            ensure!(came.is_empty(), "{part} was answered with {came:?}");
        }
        let told = format!("{:?}", reports.all());
        ensure!(told.contains("got \"G"), "{told}");
        ensure_eq!(journal.count("made"), good, "connections that were made");
        server.close();

        let suspicious = AcceptProxyHeader::new().trusting(|address| address.port() == Some(1));
        let server = serve(&lp, &journal, suspicious).await?;
        let mut peer = dial(&lp, server.local_addr()).await?;
        let (came, _) = read_all(&mut peer).await;
        ensure!(came.is_empty(), "one that is not trusted got {came:?}");
        server.close();
        ensure_eq!(journal.count("made"), good, "connections that were made");
        sent(&lp).await
    })
}

/// What this side sends is what it takes.
async fn sent<L: Loop>(lp: &L) -> Verdict {
    let journal = Journal::new();
    let server = serve(lp, &journal, AcceptProxyHeader::new()).await?;
    let v4 = |last| SocketAddr::from(([192, 0, 2, last], 1000 + u16::from(last)));
    let v6 = |last| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 7));
    let mapped = SocketAddr::from((std::net::Ipv4Addr::new(192, 0, 2, 2).to_ipv6_mapped(), 1002));
    let cases = [
        (SendProxyHeader::v1(v4(1), v4(2)), (v4(1), v4(2))),
        (SendProxyHeader::v2(v4(1), v4(2)), (v4(1), v4(2))),
        (SendProxyHeader::v1(v6(1), v6(2)), (v6(1), v6(2))),
        (SendProxyHeader::v2(v6(1), v6(2)), (v6(1), v6(2))),
        (SendProxyHeader::v1(v6(1), v4(2)), (v6(1), mapped)),
    ];
    for (header, (from, to)) in cases {
        let options = ConnectOptions::new().layer(header);
        let peer = lp.dial_with(server.local_addr(), options).await?;
        let told = format!("{to} with {from}");
        arrives(lp, peer, &[BEHIND], &journal, &told).await?;
    }
    let options = ConnectOptions::new().layer(SendProxyHeader::local());
    let peer = lp.dial_with(server.local_addr(), options).await?;
    let told = format!("{} with {}", server.local_addr(), peer.local_addr()?);
    arrives(lp, peer, &[BEHIND], &journal, &told).await?;
    server.close();
    Ok(())
}

/// Serves probes that note between which addresses they are.
async fn serve<L: Loop>(
    lp: &L,
    journal: &Journal,
    layer: AcceptProxyHeader,
) -> Verdict<polyloop_core::Server<Probe>> {
    let options = ListenOptions::new().layer(layer);
    let made = journal.clone();
    let factory = move || {
        let noted = made.clone();
        Probe::new(&made).made(move |t| {
            let local = t
                .local_addr()
                .map_or_else(String::new, |own| own.to_string());
            noted.note(format!("{local} with {}", t.peer_addr()));
            Ok(())
        })
    };
    Ok(lp.serve_with("127.0.0.1:0", options, factory).await?)
}

/// Sends these pieces, one after the other: behind the header the data arrives, between the
/// addresses that were told.
async fn arrives<L: Loop, S: Stream>(
    lp: &L,
    mut peer: S,
    pieces: &[&[u8]],
    journal: &Journal,
    told: &str,
) -> Verdict {
    let before = journal.data_len();
    for piece in pieces {
        peer.write_all(piece).await?;
        lp.sleep(Duration::from_millis(1)).await;
    }
    peer.close().await?;
    let answer = read_all(&mut peer).await;
    ensure_eq!(answer, (Vec::new(), End::Eof), "the answer");
    until(lp, "the loss", || {
        journal.count("lost") == journal.count("made")
    })
    .await?;
    let came = &journal.data()[before..];
    ensure_eq!(came, BEHIND, "the data");
    let names = journal.names();
    let last = names.iter().rev().find(|name| name.contains(" with "));
    ensure_eq!(last.map(String::as_str), Some(told), "the addresses");
    Ok(())
}
