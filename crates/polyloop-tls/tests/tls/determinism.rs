//! One seed gives one trace, payload included: handshakes, data and ends are the same to the
//! byte, in one process and in two.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};

use polyloop::sim::{Link, Sim, Trace};
use polyloop_core::{
    Endpoint, ListenOptions, Listener, Loop, Promise, Resolve, Spawner, Tcp, TcpOptions, Timers,
    Upgrade, UpgradeOptions,
};
use polyloop_tls::rustls::HandshakeKind;
use polyloop_tls::{Identity, TlsAcceptor, TlsConnector, deterministic, roots_from_pem};
use rcgen::{CertificateParams, KeyPair};

use crate::starttls::{Notes, is_whole, senders, serve_with};

/// Keys that are the same in every process.
const KEYS: [&str; 2] = [
    "MC4CAQAwBQYDK2VwBCIEIH7/59s7FcKf8iWwyx3kzsV+q1dm86NOTEH85eDTSGVx",
    "MC4CAQAwBQYDK2VwBCIEII+zp1TtuFFYiOgE97rz4/y3Gkuf/hz8kNK5+RR6M+DT",
];

/// Makes the test binary, run as a child, write its digests to this file.
const CHILD: &str = "POLYLOOP_TLS_DETERMINISM_FILE";

/// A certificate that signs itself, with its key.
fn signed(key: &str, name: &str) -> (String, String) {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
    let pair = KeyPair::from_pem(&pem).unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    (params.self_signed(&pair).unwrap().pem(), pem)
}

/// Both sides of a seed.
fn sides(seed: u64) -> (TlsAcceptor, TlsConnector) {
    let ours = [signed(KEYS[0], "server"), signed(KEYS[1], "client")];
    let [(server_chain, server_key), (client_chain, client_key)] = &ours;
    let acceptor = TlsAcceptor::builder()
        .identity(Identity::from_pem(server_chain, server_key).unwrap())
        .provider(deterministic::provider(seed))
        .build()
        .unwrap();
    let connector = TlsConnector::builder()
        .roots(roots_from_pem(server_chain).unwrap())
        .identity(Identity::from_pem(client_chain, client_key).unwrap())
        .provider(deterministic::provider(!seed))
        .build()
        .unwrap();
    (acceptor, connector)
}

/// Three connections, two of them resumed, each with some data in both directions.
fn told(seed: u64) -> Trace {
    let sim = Sim::builder().seed(seed).payload(true).build();
    let (server, client) = (sim.host("server"), sim.host("client"));
    let (acceptor, connector) = sides(seed);
    let open: SocketAddr = "0.0.0.0:443".parse().unwrap();
    let mut listener = server.bind_tcp(open, &ListenOptions::default()).unwrap();

    let serving = server.clone();
    server
        .spawn(async move {
            loop {
                let (plain, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
                let mut secure = acceptor.accept(&serving, plain).await.unwrap();
                let mut came = Vec::new();
                secure.read_to_end(&mut came).await.unwrap();
                secure.write_all(&came).await.unwrap();
                secure.close().await.unwrap();
            }
        })
        .detach();
    let dialling = client.clone();
    let kinds = client.spawn(async move {
        let address = dialling.resolve("server", 443).await.unwrap()[0];
        let mut kinds = Vec::new();
        for length in [1, 5000, 100_000] {
            let plain = dialling
                .connect_tcp(address, &TcpOptions::default())
                .await
                .unwrap();
            let mut secure = connector.connect(&dialling, "server", plain).await.unwrap();
            kinds.push(secure.handshake_kind());
            secure.write_all(&vec![9; length]).await.unwrap();
            secure.close().await.unwrap();
            let mut back = Vec::new();
            secure.read_to_end(&mut back).await.unwrap();
            assert_eq!(back, vec![9; length]);
        }
        kinds
    });
    let kinds = sim.run(kinds).unwrap().unwrap();
    let (full, resumed) = (HandshakeKind::Full, HandshakeKind::Resumed);
    assert_eq!(kinds, [Some(full), Some(resumed), Some(resumed)]);
    sim.trace()
}

/// A mail over a connection that is made secure in the middle of its life.
fn told_of_upgrade(seed: u64) -> Trace {
    let sim = Sim::builder().seed(seed).payload(true).build();
    sim.default_link(Link::new().loss(0.05).reorder(0.1));
    let (server, client) = (sim.host("server"), sim.host("client"));
    let (acceptor, connector) = sides(seed);
    let (open, far) = (Arc::<AtomicBool>::default(), Arc::default());
    let (opened, heard): (_, Arc<Mutex<Option<Notes>>>) = (open.clone(), Arc::clone(&far));
    let serving = server.clone();
    server
        .spawn(async move {
            let tls = Upgrade::new(&serving, acceptor);
            let (server, notes) = serve_with(&serving, "0.0.0.0:25", tls).await;
            *heard.lock().unwrap() = Some(notes);
            opened.store(true, Ordering::Relaxed);
            server.drained().await;
        })
        .detach();
    let dialling = client.clone();
    let done = client.spawn(async move {
        while !open.load(Ordering::Relaxed) {
            dialling.sleep(Duration::from_millis(5)).await;
        }
        let near = Notes::default();
        let asked = UpgradeOptions::new().asked(Some(Endpoint::tcp("server", 25)));
        let tls = Upgrade::with(&dialling, connector, asked);
        let connected = dialling.connect("server:25", senders(&tls, &near)).await;
        let _connection = connected.unwrap();
        near.at_the_end(&dialling).await;
        let far = far.lock().unwrap().clone().unwrap();
        is_whole(&far.at_the_end(&dialling).await);
    });
    sim.run(done).unwrap().unwrap();
    sim.trace()
}

fn digests() -> String {
    let tell = |seed| (told(seed).digest, told_of_upgrade(seed).digest);
    format!("{:x?}", [0, 1, 2, 3].map(tell))
}

/// Byte for byte, and another seed gives others.
fn is_the_same_twice(tell: fn(u64) -> Trace) {
    for seed in 0..4 {
        let (first, second) = (tell(seed), tell(seed));
        let pairs = first.records.iter().zip(&second.records);
        for (one, other) in pairs {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(first, second, "seed {seed}");
    }
    assert_ne!(tell(0).digest, tell(1).digest);
}

#[test]
fn a_seed_gives_the_same_bytes_twice() {
    is_the_same_twice(told);
}

#[test]
fn a_seed_gives_the_same_upgrade_twice() {
    is_the_same_twice(told_of_upgrade);
}

#[test]
fn a_seed_gives_the_same_bytes_in_two_processes() {
    if let Some(file) = std::env::var_os(CHILD) {
        std::fs::write(file, digests()).unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("digests");
    let done = Command::new(std::env::current_exe().unwrap())
        .arg("determinism::a_seed_gives_the_same_bytes_in_two_processes")
        .arg("--exact")
        .env(CHILD, &file)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), digests());
}
