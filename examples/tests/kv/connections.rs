//! How requests and replies travel.

use std::io::Write as _;
use std::time::Duration;

use polyloop::{Failure, Loop};
use polyloop_examples::kv::KvOptions;

use crate::client::{Client, with_server};

#[polyloop::test(loops(real))]
async fn inline_and_pipelined_in_any_pieces<L: Loop>(lp: L) -> Result<(), Failure> {
    with_server(lp, KvOptions::default(), |address| {
        let mut client = Client::connect(address)?;
        let stream =
            b"SET k \"a b\"\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\n*1\r\n$4\r\nPING\r\nincr n\n";
        let replies = "+OK\r\n$3\r\na b\r\n+PONG\r\n";
        client.stream.set_nodelay(true)?;
        for (round, size) in [1, 2, 3, 7, 1000].into_iter().enumerate() {
            for piece in stream.chunks(size) {
                client.stream.write_all(piece)?;
            }
            client.expect(replies)?;
            client.expect(&format!(":{}\r\n", round + 1))?;
        }
        Ok(())
    })
    .await
}

#[polyloop::test(loops(real))]
async fn a_value_of_some_megabytes<L: Loop>(lp: L) -> Result<(), Failure> {
    with_server(lp, KvOptions::default(), |address| {
        let mut client = Client::connect(address)?;
        let value: String = (0..5_000_000).map(|_| fastrand::alphanumeric()).collect();
        client.send(&["SET", "k", &value])?;
        client.expect("+OK\r\n")?;
        client.send(&["GET", "k"])?;
        client.expect(&format!("${}\r\n{value}\r\n", value.len()))
    })
    .await
}

#[polyloop::test(loops(real))]
async fn a_client_that_reads_late_gets_every_reply<L: Loop>(lp: L) -> Result<(), Failure> {
    const REQUESTS: usize = 3000;
    with_server(lp, KvOptions::default(), |address| {
        let mut client = Client::connect(address)?;
        let value = "v".repeat(10_000);
        client.send(&["SET", "k", &value])?;
        client.expect("+OK\r\n")?;
        // 30 MB of replies, which nobody reads at first.
        let mut writer = Client {
            stream: client.stream.try_clone()?,
        };
        let writing = std::thread::spawn(move || {
            (0..REQUESTS).try_for_each(|_| {
                writer.send(&["GET", "k"])?;
                writer.send(&["INCR", "n"])
            })
        });
        std::thread::sleep(Duration::from_millis(200));
        for number in 1..=REQUESTS {
            client.expect(&format!("$10000\r\n{value}\r\n:{number}\r\n"))?;
        }
        writing.join().expect("writing does not panic")
    })
    .await
}

#[polyloop::test(loops(real))]
async fn nonsense_ends_the_connection_after_its_error<L: Loop>(lp: L) -> Result<(), Failure> {
    with_server(lp, KvOptions::default(), |address| {
        for (nonsense, error) in [
            (
                "*x\r\n",
                "-ERR Protocol error: invalid multibulk length\r\n",
            ),
            (
                "*1\r\n$-5\r\n",
                "-ERR Protocol error: invalid bulk length\r\n",
            ),
            (
                "*1\r\nPING\r\n",
                "-ERR Protocol error: expected '$', got 'P'\r\n",
            ),
            (
                "GET 'a\r\n",
                "-ERR Protocol error: unbalanced quotes in request\r\n",
            ),
        ] {
            let mut client = Client::connect(address)?;
            client.stream.write_all(b"PING\r\n")?;
            client.stream.write_all(nonsense.as_bytes())?;
            client.stream.write_all(b"PING\r\n")?;
            client.expect("+PONG\r\n")?;
            client.expect(error)?;
            client.expect_end()?;
        }
        let mut client = Client::connect(address)?;
        client.stream.write_all(b"QUIT\r\nPING\r\n")?;
        client.expect("+OK\r\n")?;
        client.expect_end()
    })
    .await
}
