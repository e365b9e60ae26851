//! A client on a plain blocking socket, and a server for it to talk to.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use polyloop::{Failure, Loop};
use polyloop_examples::kv::{KvOptions, KvServer};

/// A client that sends and expects bytes.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream })
    }

    /// Sends a command as its words.
    pub(crate) fn send(&mut self, words: &[&str]) -> io::Result<()> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            for part in ["$", &word.len().to_string(), "\r\n", word, "\r\n"] {
                request += part;
            }
        }
        self.stream.write_all(request.as_bytes())
    }

    /// Expects exactly this next.
    pub(crate) fn expect(&mut self, reply: &str) -> io::Result<()> {
        let mut got = vec![0; reply.len()];
        self.stream.read_exact(&mut got)?;
        assert_eq!(String::from_utf8_lossy(&got), reply);
        Ok(())
    }

    /// Expects the end.
    pub(crate) fn expect_end(&mut self) -> io::Result<()> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        assert_eq!(String::from_utf8_lossy(&rest), "");
        Ok(())
    }

    /// Sends the words of `command`, divided by spaces.
    pub(crate) fn ask(&mut self, command: &str, reply: &str) -> io::Result<()> {
        self.send(&command.split(' ').collect::<Vec<_>>())?;
        let mut got = vec![0; reply.len()];
        self.stream.read_exact(&mut got)?;
        assert_eq!(String::from_utf8_lossy(&got), reply, "to {command:?}");
        Ok(())
    }

    /// The number that is the reply.
    pub(crate) fn number(&mut self, command: &str) -> io::Result<i64> {
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
pub(crate) async fn with_server<L: Loop>(
    lp: L,
    options: KvOptions,
    talk: impl FnOnce(SocketAddr) -> io::Result<()> + Send + 'static,
) -> Result<(), Failure> {
    let server = KvServer::serve_with(&lp, "127.0.0.1:0", options).await?;
    let address = server.local_addr().as_ip().unwrap();
    lp.run_in_thread(move || talk(address)).await??;
    server.close();
    server.closed().await;
    assert_eq!(server.client_count(), 0);
    Ok(())
}

/// Each command with the reply to it.
pub(crate) async fn dialogue<L: Loop>(
    lp: L,
    lines: &'static [(&str, &str)],
) -> Result<(), Failure> {
    with_server(lp, KvOptions::default(), |address| {
        let mut client = Client::connect(address)?;
        lines
            .iter()
            .try_for_each(|(command, reply)| client.ask(command, reply))
    })
    .await
}
