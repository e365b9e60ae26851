//! The key-value server against plain blocking sockets, byte for byte.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use polyloop::{Failure, Loop};
use polyloop_examples::kv::{KvOptions, KvServer};

struct Client {
    stream: TcpStream,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream })
    }

    /// Sends a command as its words.
    fn send(&mut self, words: &[&str]) -> io::Result<()> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            for part in ["$", &word.len().to_string(), "\r\n", word, "\r\n"] {
                request += part;
            }
        }
        self.stream.write_all(request.as_bytes())
    }

    /// Expects exactly this next.
    fn expect(&mut self, reply: &str) -> io::Result<()> {
        let mut got = vec![0; reply.len()];
        self.stream.read_exact(&mut got)?;
        assert_eq!(String::from_utf8_lossy(&got), reply);
        Ok(())
    }

    /// Expects the end.
    fn expect_end(&mut self) -> io::Result<()> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        assert_eq!(String::from_utf8_lossy(&rest), "");
        Ok(())
    }

    /// Sends the words of `command`, divided by spaces.
    fn ask(&mut self, command: &str, reply: &str) -> io::Result<()> {
        self.send(&command.split(' ').collect::<Vec<_>>())?;
        let mut got = vec![0; reply.len()];
        self.stream.read_exact(&mut got)?;
        assert_eq!(String::from_utf8_lossy(&got), reply, "to {command:?}");
        Ok(())
    }

    /// The number that is the reply.
    fn number(&mut self, command: &str) -> io::Result<i64> {
        self.send(&command.split(' ').collect::<Vec<_>>())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line);
        Ok(line[1..].trim().parse().expect("an integer reply"))
    }
}

/// Runs `talk` on a thread that may block, with a server of its own.
async fn with_server<L: Loop>(
    lp: L,
    options: KvOptions,
    talk: impl FnOnce(SocketAddr) -> io::Result<()> + Send + 'static,
) -> Result<(), Failure> {
    let server = KvServer::serve_with(&lp, "127.0.0.1:0", options).await?;
    let address = server.local_addr();
    lp.run_in_thread(move || talk(address)).await??;
    server.close();
    server.closed().await;
    assert_eq!(server.client_count(), 0);
    Ok(())
}

/// Each command with the reply to it.
async fn dialogue<L: Loop>(lp: L, lines: &'static [(&str, &str)]) -> Result<(), Failure> {
    with_server(lp, KvOptions::default(), |address| {
        let mut client = Client::connect(address)?;
        lines
            .iter()
            .try_for_each(|(command, reply)| client.ask(command, reply))
    })
    .await
}

#[polyloop::test]
async fn texts_and_counters<L: Loop>(lp: L) -> Result<(), Failure> {
    dialogue(
        lp,
        &[
            ("PING", "+PONG\r\n"),
            ("ping hi", "$2\r\nhi\r\n"),
            ("ECHO hey", "$3\r\nhey\r\n"),
            ("GET k", "$-1\r\n"),
            ("SET k one", "+OK\r\n"),
            ("GET k", "$3\r\none\r\n"),
            ("SET k two NX", "$-1\r\n"),
            ("SET k two XX", "+OK\r\n"),
            ("SET new x XX", "$-1\r\n"),
            ("SET new x NX", "+OK\r\n"),
            ("MGET k new none", "*3\r\n$3\r\ntwo\r\n$1\r\nx\r\n$-1\r\n"),
            ("APPEND new yz", ":3\r\n"),
            ("STRLEN new", ":3\r\n"),
            ("EXISTS k new none k", ":3\r\n"),
            ("TYPE k", "+string\r\n"),
            ("TYPE none", "+none\r\n"),
            ("DBSIZE", ":2\r\n"),
            ("DEL k none", ":1\r\n"),
            ("INCR n", ":1\r\n"),
            ("INCRBY n 41", ":42\r\n"),
            ("DECR n", ":41\r\n"),
            ("DECRBY n 100", ":-59\r\n"),
            ("GET n", "$3\r\n-59\r\n"),
            ("MSET a 1 b 2", "+OK\r\n"),
            ("KEYS [a-b]", "*2\r\n$1\r\n"),
        ],
    )
    .await
}

#[polyloop::test]
async fn lists<L: Loop>(lp: L) -> Result<(), Failure> {
    dialogue(
        lp,
        &[
            ("RPUSH l b c", ":2\r\n"),
            ("LPUSH l a", ":3\r\n"),
            ("TYPE l", "+list\r\n"),
            ("LLEN l", ":3\r\n"),
            ("LLEN none", ":0\r\n"),
            ("LRANGE l 0 -1", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
            ("LRANGE l -2 1", "*1\r\n$1\r\nb\r\n"),
            ("LRANGE l 2 1", "*0\r\n"),
            ("LRANGE l 5 9", "*0\r\n"),
            ("LRANGE l 0 -9", "*0\r\n"),
            (
                "LRANGE l -9223372036854775808 9223372036854775807",
                "*3\r\n",
            ),
        ],
    )
    .await
}

#[polyloop::test]
async fn popping<L: Loop>(lp: L) -> Result<(), Failure> {
    dialogue(
        lp,
        &[
            ("RPUSH l a b c d e", ":5\r\n"),
            ("LPOP l", "$1\r\na\r\n"),
            ("RPOP l 2", "*2\r\n$1\r\ne\r\n$1\r\nd\r\n"),
            ("LPOP l 9", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
            ("EXISTS l", ":0\r\n"),
            ("LPOP l", "$-1\r\n"),
            ("LPOP l 1", "*-1\r\n"),
            (
                "LPOP l -1",
                "-ERR value is out of range, must be positive\r\n",
            ),
        ],
    )
    .await
}

#[polyloop::test]
async fn errors_say_what_is_wrong<L: Loop>(lp: L) -> Result<(), Failure> {
    const WRONG_TYPE: &str =
        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    const NO_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
    dialogue(
        lp,
        &[
            ("NOSUCH a b", "-ERR unknown command 'NOSUCH'\r\n"),
            (
                "GET",
                "-ERR wrong number of arguments for 'get' command\r\n",
            ),
            (
                "get a b",
                "-ERR wrong number of arguments for 'get' command\r\n",
            ),
            (
                "MSET a 1 b",
                "-ERR wrong number of arguments for 'mset' command\r\n",
            ),
            ("SET k v EX", "-ERR syntax error\r\n"),
            ("SET k v NX XX", "-ERR syntax error\r\n"),
            ("SET k v EX 1 PX 1", "-ERR syntax error\r\n"),
            ("SET k v EX x", NO_INTEGER),
            (
                "SET k v EX 0",
                "-ERR invalid expire time in 'set' command\r\n",
            ),
            (
                "SET k v EX 9223372036854775807",
                "-ERR invalid expire time in 'set' command\r\n",
            ),
            ("SET k word", "+OK\r\n"),
            ("INCR k", NO_INTEGER),
            ("INCRBY n 1.5", NO_INTEGER),
            ("SET n 9223372036854775807", "+OK\r\n"),
            ("INCR n", "-ERR increment or decrement would overflow\r\n"),
            (
                "DECRBY n -9223372036854775808",
                "-ERR increment or decrement would overflow\r\n",
            ),
            ("LPUSH k x", WRONG_TYPE),
            ("LRANGE k 0 1", WRONG_TYPE),
            ("RPUSH l x", ":1\r\n"),
            ("GET l", WRONG_TYPE),
            ("INCR l", WRONG_TYPE),
            ("APPEND l x", WRONG_TYPE),
            ("LRANGE l a b", NO_INTEGER),
            // Nothing of all that changed anything.
            ("GET k", "$4\r\nword\r\n"),
            ("LLEN l", ":1\r\n"),
        ],
    )
    .await
}

#[polyloop::test]
async fn what_clients_ask_first<L: Loop>(lp: L) -> Result<(), Failure> {
    dialogue(
        lp,
        &[
            ("HELLO 3", "-NOPROTO unsupported protocol version: this server speaks RESP2 only\r\n"),
            ("HELLO 2", "*14\r\n$6\r\nserver\r\n$11\r\npolyloop-kv\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$7\r\nmodules\r\n*0\r\n"),
            ("CLIENT SETINFO lib-name x", "+OK\r\n"),
            ("CLIENT SETNAME me", "+OK\r\n"),
            ("CLIENT GETNAME", "$2\r\nme\r\n"),
            ("CLIENT ID", ":1\r\n"),
            ("CLIENT KILL", "-ERR unknown subcommand 'KILL' of 'client'\r\n"),
            ("COMMAND DOCS", "*0\r\n"),
            ("CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
            ("CONFIG GET nothing", "*0\r\n"),
            ("CONFIG SET save x", "-ERR unknown subcommand 'SET' of 'config'\r\n"),
            ("SELECT 0", "+OK\r\n"),
            ("SELECT 1", "-ERR DB index is out of range\r\n"),
            ("INFO", "$1"),
        ],
    )
    .await
}

#[polyloop::test]
async fn keys_expire_by_the_loops_clock<L: Loop>(lp: L) -> Result<(), Failure> {
    with_server(lp, KvOptions::default(), |address| {
        let mut client = Client::connect(address)?;
        client.ask("SET stays 1", "+OK\r\n")?;
        client.ask("SET goes 1 PX 60", "+OK\r\n")?;
        client.ask("RPUSH list 1", ":1\r\n")?;
        client.ask("TTL stays", ":-1\r\n")?;
        client.ask("TTL none", ":-2\r\n")?;
        client.ask("EXPIRE none 10", ":0\r\n")?;
        client.ask("PEXPIRE list 60", ":1\r\n")?;
        client.ask("EXPIRE stays 1000", ":1\r\n")?;
        let left = client.number("TTL stays")?;
        assert!((900..=1000).contains(&left), "{left}");
        let left = client.number("PTTL stays")?;
        assert!((900_000..=1_000_000).contains(&left), "{left}");
        client.ask("PERSIST stays", ":1\r\n")?;
        client.ask("PERSIST stays", ":0\r\n")?;
        while client.number("EXISTS goes list")? > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        client.ask("DBSIZE", ":1\r\n")?;
        client.ask("EXPIRE stays -1", ":1\r\n")?;
        client.ask("DBSIZE", ":0\r\n")?;
        // SET forgets the old deadline, INCR keeps it.
        client.ask("SET n 1 EX 1000", "+OK\r\n")?;
        client.ask("INCR n", ":2\r\n")?;
        assert!(client.number("TTL n")? > 900);
        client.ask("SET n 1", "+OK\r\n")?;
        client.ask("TTL n", ":-1\r\n")?;
        client.ask("SET m 1 EX 10", "+OK\r\n")?;
        client.ask("FLUSHALL", "+OK\r\n")?;
        client.ask("DBSIZE", ":0\r\n")
    })
    .await
}

#[polyloop::test]
async fn expired_keys_are_swept_without_any_traffic<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = KvServer::serve(&lp, "127.0.0.1:0").await?;
    let address = server.local_addr();
    let client = lp.run_in_thread(move || {
        let mut client = Client::connect(address)?;
        client.ask("SET stays 1", "+OK\r\n")?;
        // While nothing expires there is no timer.
        client.ask("PING", "+PONG\r\n")?;
        io::Result::Ok(client)
    });
    let mut client = client.await??;
    assert_eq!(lp.pending_calls().len(), 0);
    let client = lp.run_in_thread(move || {
        client.ask("SET goes 1 PX 50", "+OK\r\n")?;
        io::Result::Ok(client)
    });
    let client = client.await??;
    assert_eq!(lp.pending_calls().len(), 1);
    // The sweep has found nothing more to wait for.
    while !lp.pending_calls().is_empty() {
        lp.sleep(Duration::from_millis(10)).await;
    }
    drop(client);
    server.close();
    server.closed().await;
    Ok(())
}

#[polyloop::test]
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

#[polyloop::test]
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

#[polyloop::test]
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

#[polyloop::test]
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

#[polyloop::test]
async fn publish_and_subscribe<L: Loop>(lp: L) -> Result<(), Failure> {
    with_server(lp, KvOptions::default(), |address| {
        let mut one = Client::connect(address)?;
        let mut two = Client::connect(address)?;
        let mut speaker = Client::connect(address)?;
        speaker.ask("PUBLISH news x", ":0\r\n")?;
        one.ask(
            "SUBSCRIBE news art",
            "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$3\r\nart\r\n:2\r\n",
        )?;
        two.ask("SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")?;
        for number in 0..100 {
            speaker.ask(&format!("PUBLISH news {number:03}"), ":2\r\n")?;
        }
        speaker.ask("PUBLISH art x", ":1\r\n")?;
        for client in [&mut one, &mut two] {
            for number in 0..100 {
                client.expect(&format!(
                    "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\n{number:03}\r\n"
                ))?;
            }
        }
        one.expect("*3\r\n$7\r\nmessage\r\n$3\r\nart\r\n$1\r\nx\r\n")?;
        one.ask("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n")?;
        one.ask(
            "GET k",
            "-ERR Can't execute 'get': only SUBSCRIBE, UNSUBSCRIBE, PING and QUIT are allowed in this context\r\n",
        )?;
        one.ask("UNSUBSCRIBE news", "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:1\r\n")?;
        speaker.ask("PUBLISH news y", ":1\r\n")?;
        one.ask("UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$3\r\nart\r\n:0\r\n")?;
        one.ask("UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n")?;
        one.ask("GET k", "$-1\r\n")?;
        // Who leaves is no subscriber any more.
        drop(two);
        while speaker.number("PUBLISH news z")? > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    })
    .await
}

#[polyloop::test]
async fn a_subscriber_that_does_not_read_is_cut_off<L: Loop>(lp: L) -> Result<(), Failure> {
    let options = KvOptions::default().subscriber_limit(256 * 1024);
    with_server(lp, options, |address| {
        let mut slow = Client::connect(address)?;
        slow.ask("SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")?;
        let mut speaker = Client::connect(address)?;
        let message = "m".repeat(16 * 1024);
        let command = format!("PUBLISH c {message}");
        // The system's buffers take some megabytes first.
        let mut sent = 0;
        while speaker.number(&command)? > 0 {
            sent += message.len();
            assert!(sent < 256 << 20, "it was never cut off");
        }
        speaker.ask("PING", "+PONG\r\n")?;
        let end = io::copy(&mut slow.stream, &mut io::sink()).map_err(|error| error.kind());
        assert_eq!(end, Err(ErrorKind::ConnectionReset));
        Ok(())
    })
    .await
}
