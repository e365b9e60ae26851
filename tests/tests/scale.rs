//! Many connections, and much data with little memory, in processes of their own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use polyloop::AnyLoop;
use polyloop_tests::Child;

const PEER: &str = env!("CARGO_BIN_EXE_polyloop-test-peer");
const CONNECTIONS: usize = 10_000;

fn echo(stream: &mut TcpStream) {
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping");
}

#[test]
fn ten_thousand_connections_held_while_new_ones_are_served() {
    polyloop_tests::within_deadline(|| {
        let wanted = CONNECTIONS as u64 + 500;
        let limit = rlimit::increase_nofile_limit(wanted).unwrap();
        assert!(
            limit >= wanted,
            "this machine allows {limit} descriptors per process and the test needs {wanted}; \
         raise the hard limit (ulimit -Hn) and try again"
        );
        for name in AnyLoop::available_real() {
            let mut child = Child::start(PEER, &["echo", name]);
            let address = child.address();
            let mut held: Vec<TcpStream> = (0..CONNECTIONS)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            // Every one of them is served, not just held.
            for stream in &mut held {
                echo(stream);
            }
            for _ in 0..100 {
                echo(&mut TcpStream::connect(address).unwrap());
            }
            let (now, _) = child.memory_kib();
            println!("{name}: {CONNECTIONS} connections held in {now} KiB");
            drop(held);
            child.stop();
        }
    });
}

#[test]
fn a_gibibyte_echoed_to_a_slow_reader_needs_little_memory() {
    polyloop_tests::within_deadline(|| {
        for name in AnyLoop::available_real() {
            let mut child = Child::start(PEER, &["slow-reader", name]);
            let line = child.line();
            assert_eq!(line, "echoed 1073741824 bytes intact");
            let (_, peak) = child.memory_kib();
            assert!(
                peak < 64 * 1024,
                "{name}: {peak} KiB at most is over 64 MiB"
            );
            println!("{name}: at most {peak} KiB");
            child.stop();
        }
    });
}
