//! A key-value server at work: pipelines larger than any buffer, slow readers, and a
//! counter that all clients count up.

use std::time::Duration;

use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
use polyloop::sim::SimLoop;
use polyloop_core::{
    Address, Failure, Resolve as _, Spawner as _, Stream, Tcp as _, TcpOptions, Timers as _,
};

use super::World;

/// Runs clients on the server that `serve` starts, and checks that
///
/// * every reply comes, in the order of the requests, byte for byte;
/// * the counter has counted each time once: all clients see different numbers, each of
///   them rising ones, and at the end nothing is missing.
pub async fn kv(
    world: &mut World,
    requests: usize,
    serve: impl AsyncFnOnce(&SimLoop) -> Result<Address, Failure>,
) -> Result<(), Failure> {
    let port = serve(&world.server)
        .await?
        .port()
        .expect("simulated servers listen on TCP");
    let lasting = world.lasting();
    let clients: Vec<_> = (world.clients.iter().enumerate())
        .map(|(me, lp)| {
            let client = Client {
                lp: lp.clone(),
                me,
                port,
                random: world.random.fork(),
            };
            let mut other = Client {
                random: world.random.fork(),
                ..client.clone()
            };
            lp.spawn(async move {
                let lp = client.lp.clone();
                let counting = lp.spawn(client.count(requests));
                other.read_slowly(requests).await?;
                counting.await?
            })
        })
        .collect();
    let trouble = world.make_trouble();
    let mut counted = Vec::new();
    for (me, client) in clients.into_iter().enumerate() {
        if lasting.contains(&me) {
            counted.push(client.await??);
        } else {
            // Its host goes, and its task with it.
            drop(client.await);
        }
    }
    trouble.await?;
    let last = Client {
        lp: world.server.clone(),
        me: usize::MAX,
        port,
        random: world.random.fork(),
    };
    let after = last.count(1).await?[0];
    judge(counted, after, requests, world.clients.len())
}

#[derive(Clone)]
struct Client {
    lp: SimLoop,
    me: usize,
    port: u16,
    random: fastrand::Rng,
}

impl Client {
    async fn connect(&self) -> Result<impl Stream + use<>, Failure> {
        let address = self.lp.resolve("server", self.port).await?[0];
        Ok(self.lp.connect_tcp(address, &TcpOptions::default()).await?)
    }

    /// Counts up, one request at a time, and gives the numbers that came back.
    async fn count(self, times: usize) -> Result<Vec<u64>, Failure> {
        let mut stream = self.connect().await?;
        let mut numbers = Vec::new();
        for _ in 0..times {
            stream.write_all(b"INCR counter\r\n").await?;
            let mut reply = Vec::new();
            while reply.last() != Some(&b'\n') {
                let mut byte = [0];
                stream.read_exact(&mut byte).await?;
                reply.push(byte[0]);
            }
            let text = String::from_utf8(reply).map_err(Failure::new)?;
            let number = text.trim_end().strip_prefix(':').map(str::parse);
            let Some(Ok(number)) = number else {
                return Err(Failure::message(format!("{text:?} is no number")));
            };
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// Asks for much at once, and takes its time to read it.
    async fn read_slowly(&mut self, requests: usize) -> Result<(), Failure> {
        let value = vec![self.random.alphanumeric() as u8; self.random.usize(1..16 * 1024)];
        let me = self.me;
        let mut sent = format!(
            "*3\r\n$3\r\nSET\r\n$8\r\nkey{me:05}\r\n${}\r\n",
            value.len()
        )
        .into_bytes();
        sent.extend_from_slice(&value);
        sent.extend_from_slice(b"\r\n");
        let mut expected = b"+OK\r\n".to_vec();
        for request in 0..requests {
            if self.random.bool() {
                sent.extend_from_slice(format!("GET key{me:05}\r\n").as_bytes());
                expected.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
                expected.extend_from_slice(&value);
                expected.extend_from_slice(b"\r\n");
            } else {
                sent.extend_from_slice(format!("ECHO {me}-{request}\r\n").as_bytes());
                let echo = format!("{me}-{request}");
                expected.extend_from_slice(format!("${}\r\n{echo}\r\n", echo.len()).as_bytes());
            }
        }
        let (mut reader, mut writer) = self.connect().await?.split();
        let writing = self.lp.spawn(async move {
            writer.write_all(&sent).await?;
            // Not closed: the replies have to come without that.
            Ok::<_, Failure>(writer)
        });
        let mut at = 0;
        let mut buffer = vec![0; 16 * 1024];
        while at < expected.len() {
            if self.random.u8(..4) == 0 {
                self.lp
                    .sleep(Duration::from_millis(self.random.u64(0..40)))
                    .await;
            }
            let room = self.random.usize(1..=buffer.len());
            let count = reader.read(&mut buffer[..room]).await?;
            if count == 0 || expected.get(at..at + count) != Some(&buffer[..count]) {
                return Err(Failure::message(format!(
                    "client{me} got something else than expected within bytes {at} to {} of {}",
                    at + count,
                    expected.len()
                )));
            }
            at += count;
        }
        writing.await??;
        Ok(())
    }
}

fn judge(
    counted: Vec<Vec<u64>>,
    after: u64,
    requests: usize,
    clients: usize,
) -> Result<(), Failure> {
    let mut all = Vec::new();
    for numbers in counted {
        if !numbers.is_sorted_by(|one, next| one < next) {
            return Err(Failure::message(format!("a client counted {numbers:?}")));
        }
        all.extend(numbers);
    }
    let certain = all.len() as u64;
    all.sort_unstable();
    if !all.is_sorted_by(|one, next| one < next) {
        return Err(Failure::message(format!(
            "two clients counted the same: {all:?}"
        )));
    }
    let possible = (requests * clients) as u64;
    if !(certain..=possible).contains(&(after - 1)) {
        return Err(Failure::message(format!(
            "the counter went to {} after {certain} to {possible} counts",
            after - 1
        )));
    }
    Ok(())
}
