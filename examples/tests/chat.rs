//! A chat of plain blocking sockets.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use polyloop::{Failure, Loop};
use polyloop_examples::chat::{self, ChatOptions};

/// Somebody with netcat.
struct Person {
    stream: BufReader<TcpStream>,
}

impl Person {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        let mut person = Self {
            stream: BufReader::new(stream),
        };
        person.hears("* what is your name?")?;
        Ok(person)
    }

    fn join(address: SocketAddr, name: &str, others: &str) -> io::Result<Self> {
        let mut person = Self::connect(address)?;
        person.says(name)?;
        person.hears(&format!("* welcome, {name}; here: {others}"))?;
        Ok(person)
    }

    fn says(&mut self, text: &str) -> io::Result<()> {
        self.stream
            .get_mut()
            .write_all(format!("{text}\n").as_bytes())
    }

    /// The next line; empty at the end.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn hears(&mut self, expected: &str) -> io::Result<()> {
        assert_eq!(self.line()?, expected);
        Ok(())
    }
}

/// Runs a scene on a thread that may block, in a room of its own.
async fn scene<L: Loop>(
    lp: L,
    options: ChatOptions,
    scene: impl FnOnce(SocketAddr) -> io::Result<()> + Send + 'static,
) -> Result<(), Failure> {
    let server = chat::serve(&lp, "127.0.0.1:0", options).await?;
    let address = server.local_addr().as_ip().unwrap();
    lp.run_in_thread(move || scene(address)).await??;
    server.close();
    server.drained().await;
    Ok(())
}

#[polyloop::test(loops(real))]
async fn people_join_talk_and_leave<L: Loop>(lp: L) -> Result<(), Failure> {
    scene(lp, ChatOptions::default(), |address| {
        let mut ana = Person::join(address, "ana", "nobody else")?;
        let mut bob = Person::join(address, "bob", "ana")?;
        ana.hears("* bob has joined")?;
        let mut eve = Person::join(address, "eve", "ana, bob")?;
        for person in [&mut ana, &mut bob] {
            person.hears("* eve has joined")?;
        }
        ana.says("hello, everybody")?;
        for person in [&mut bob, &mut eve] {
            person.hears("ana: hello, everybody")?;
        }
        // Not to herself: the next that she hears is somebody else.
        bob.says("hi \u{1b}[31mana\r")?;
        for person in [&mut ana, &mut eve] {
            person.hears("bob: hi [31mana")?;
        }
        drop(bob);
        for person in [&mut ana, &mut eve] {
            person.hears("* bob has left")?;
        }
        // A last line without its end counts.
        ana.stream.get_mut().write_all(b"bye")?;
        ana.stream.get_mut().shutdown(std::net::Shutdown::Write)?;
        eve.hears("ana: bye")?;
        eve.hears("* ana has left")?;
        ana.hears("")
    })
    .await
}

#[polyloop::test(loops(real))]
async fn names_are_checked<L: Loop>(lp: L) -> Result<(), Failure> {
    scene(lp, ChatOptions::default(), |address| {
        let _ana = Person::join(address, "ana", "nobody else")?;
        let mut other = Person::connect(address)?;
        let rule = "is not a name: 1 to 32 visible characters without spaces are";
        other.says("ana")?;
        other.hears("* error: the name \"ana\" is taken")?;
        other.says("")?;
        other.hears(&format!("* error: \"\" {rule}"))?;
        other.says("a b")?;
        other.hears(&format!("* error: \"a b\" {rule}"))?;
        other.says("böb")?;
        other.hears("* welcome, böb; here: ana")
    })
    .await
}

#[polyloop::test(loops(real))]
async fn a_line_over_the_limit_is_an_error<L: Loop>(lp: L) -> Result<(), Failure> {
    scene(lp, ChatOptions::default().line_limit(100), |address| {
        let mut ana = Person::join(address, "ana", "nobody else")?;
        let mut bob = Person::join(address, "bob", "ana")?;
        ana.hears("* bob has joined")?;
        let longest = "x".repeat(100);
        bob.says(&longest)?;
        ana.hears(&format!("bob: {longest}"))?;
        bob.says(&"x".repeat(101))?;
        bob.hears("* error: a frame may have at most 100 bytes, and this one has more")?;
        bob.hears("")?;
        ana.hears("* bob has left")
    })
    .await
}

#[polyloop::test(loops(real))]
async fn everybody_hears_the_same_in_the_same_order<L: Loop>(lp: L) -> Result<(), Failure> {
    const LINES: usize = 2000;
    scene(lp, ChatOptions::default(), |address| {
        let mut one = Person::join(address, "one", "nobody else")?;
        let mut two = Person::join(address, "two", "one")?;
        let mut ana = Person::join(address, "ana", "one, two")?;
        let mut bob = Person::join(address, "bob", "one, two, ana")?;
        ana.hears("* bob has joined")?;
        std::thread::scope(|threads| {
            for person in [&mut one, &mut two] {
                threads.spawn(|| {
                    for number in 0..LINES {
                        person.says(&number.to_string()).expect("the chat reads");
                    }
                });
            }
            let mut next = [0, 0];
            for _ in 0..2 * LINES {
                let line = ana.line()?;
                let (name, number) = line.split_once(": ").expect("a name and a number");
                let which = usize::from(name == "two");
                assert_eq!(number, next[which].to_string(), "from {name}");
                next[which] += 1;
                bob.hears(&line)?;
            }
            Ok(())
        })
    })
    .await
}

#[polyloop::test(loops(real))]
async fn somebody_who_does_not_read_is_dropped<L: Loop>(lp: L) -> Result<(), Failure> {
    let options = ChatOptions::default().queue_limit(128 * 1024);
    scene(lp, options, |address| {
        let mut bob = Person::join(address, "bob", "nobody else")?;
        let mut slow = Person::join(address, "slow", "bob")?;
        let mut eve = Person::join(address, "eve", "bob, slow")?;
        let text = "x".repeat(1000);
        // The system's buffers take some megabytes first.
        for round in 0.. {
            assert!(round < 5000, "slow was never dropped");
            for _ in 0..10 {
                bob.says(&text)?;
            }
            let mut heard = 0;
            let mut dropped = false;
            while heard < 10 {
                match eve.line()?.as_str() {
                    "* slow was dropped: too slow" => dropped = true,
                    line => {
                        assert_eq!(line.len(), "bob: ".len() + text.len());
                        heard += 1;
                    }
                }
            }
            if dropped {
                break;
            }
        }
        // The others go on; the news may come behind the line that brought it about.
        eve.says("still here?")?;
        while bob.line()? != "eve: still here?" {}
        // What was on its way is gone: the connection was reset.
        let end = loop {
            match slow.line() {
                Ok(line) if line.is_empty() => break None,
                Ok(_) => {}
                Err(error) => break Some(error.kind()),
            }
        };
        assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
        Ok(())
    })
    .await
}
