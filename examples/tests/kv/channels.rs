//! PUBLISH and SUBSCRIBE.

use std::io::{self, ErrorKind};
use std::time::Duration;

use polyloop::{Failure, Loop};
use polyloop_examples::kv::KvOptions;

use crate::client::{Client, with_server};

#[polyloop::test(loops(real))]
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

#[polyloop::test(loops(real))]
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
