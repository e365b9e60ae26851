//! A process for the tests to talk to. It ends when its input does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{Parser, Subcommand};
use polyloop::AnyLoop;
use polyloop_core::{
    CloseReason, Connection, DatagramProtocol, DatagramSocket, DatagramTransport, Deferred,
    Failure, Flow, ListenOptions, Loop, MainLoop, MulticastInterface, Protocol, Resolver, TimerKey,
    Transport, Udp, UdpOptions, UdpSettings as _,
};
use polyloop_examples::echo::Echo;
use polyloop_examples::kv::KvServer;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
    /// The loop to run on.
    #[arg(global = true, default_value = "tokio")]
    name: String,
}

#[derive(Clone, Subcommand)]
enum Role {
    /// Echoes.
    Echo,
    /// Echoes with very few descriptors, and prints what is reported.
    FewDescriptors,
    /// The `kv` example.
    Kv {
        /// Where.
        #[arg(long = "at", default_value = "127.0.0.1:0")]
        endpoint: String,
    },
    /// Joins a multicast group on the loopback interface, and answers whoever speaks to it.
    Multicast,
    /// Takes its time for each datagram, and answers the question how many there were.
    SlowDatagrams,
    /// Echoes a gibibyte to itself, reading slowly, and prints that it did.
    SlowReader,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let lp = AnyLoop::by_name(&arguments.name)?;
    lp.run(act(lp.clone(), arguments.role))??;
    Ok(())
}

async fn act<L: Loop + Udp>(lp: L, role: Role) -> Result<(), Failure> {
    match role {
        Role::Echo => {
            let options = ListenOptions::new().backlog(4096);
            let server = lp.serve_with("127.0.0.1:0", options, || Echo).await?;
            say(&format!("listening on {}", server.local_addr()))?;
        }
        Role::FewDescriptors => {
            lp.set_error_hook(|report| {
                // Whoever listens may have gone.
                let _ = say(&report.to_string());
            });
            let server = lp.serve("127.0.0.1:0", || Echo).await?;
            rlimit::setrlimit(rlimit::Resource::NOFILE, 40, 40)?;
            say(&format!("listening on {}", server.local_addr()))?;
        }
        Role::Kv { endpoint } => {
            let server = KvServer::serve(&lp, endpoint).await?;
            say(&format!("listening on {}", server.local_addr()))?;
        }
        Role::Multicast => {
            let group = Ipv4Addr::new(239, 255, 47, 11);
            let socket = lp.bind_udp((group, 0).into(), &UdpOptions::new())?;
            let loopback = MulticastInterface::Address(Ipv4Addr::LOCALHOST);
            socket.join_multicast(group.into(), loopback)?;
            say(&format!("listening on {}", socket.local_addr()?))?;
            // A socket on a group's address can't answer: that would be where it came from.
            let answers = lp.bind_udp((Ipv4Addr::LOCALHOST, 0).into(), &UdpOptions::new())?;
            lp.drive_datagrams(socket, Member { answers })?;
        }
        Role::SlowDatagrams => {
            let socket = lp.bind_udp((Ipv4Addr::LOCALHOST, 0).into(), &UdpOptions::new())?;
            say(&format!("listening on {}", socket.local_addr()?))?;
            lp.drive_datagrams(socket, Slow { received: 0 })?;
        }
        Role::SlowReader => slow_reader(&lp).await?,
    }
    lp.run_in_thread(|| std::io::stdin().read_to_end(&mut Vec::new()))
        .await??;
    Ok(())
}

/// Says hello to whoever speaks to the group.
struct Member<S> {
    answers: S,
}

impl<S: DatagramSocket> DatagramProtocol for Member<S> {
    fn datagram_received(
        &mut self,
        _: &mut dyn DatagramTransport,
        data: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure> {
        let answer = [b"hello, ", data].concat();
        self.answers.try_send_to(&answer, from)?;
        Ok(())
    }
}

/// Far slower than anybody sends.
struct Slow {
    received: u64,
}

impl DatagramProtocol for Slow {
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure> {
        if data == b"how many?" {
            transport.send_to(self.received.to_string().as_bytes(), from)?;
            return Ok(());
        }
        self.received += 1;
        std::thread::sleep(Duration::from_micros(100));
        Ok(())
    }
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

const TOTAL: u64 = 1 << 30;
const CHUNK: usize = 32 * 1024;

/// Sends bytes that depend on their place, and checks those that come back; after
/// each mebibyte it reads nothing for a while.
struct SlowReader {
    sent: u64,
    received: u64,
    done: Option<Resolver<u64>>,
}

/// What the stream has from `place` on. The pattern is no power of two long, so that
/// a lost buffer shows.
fn expected(place: u64, length: usize) -> &'static [u8] {
    const PERIOD: usize = 251;
    static PATTERN: [u8; PERIOD + (64 << 10)] = {
        let mut pattern = [0; PERIOD + (64 << 10)];
        let mut index = 0;
        while index < pattern.len() {
            // `PERIOD` bytes that count up, over and over.
            pattern[index] = if index % PERIOD == 0 {
                0
            } else {
                pattern[index - 1] + 1
            };
            index += 1;
        }
        pattern
    };
    let start = usize::try_from(place % PERIOD as u64).expect("less than the period");
    &PATTERN[start..][..length]
}

impl Protocol for SlowReader {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.resume_writing(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        while self.sent < TOTAL {
            let flow = transport.write(expected(self.sent, CHUNK))?;
            self.sent += CHUNK as u64;
            if flow == Flow::Pause {
                break;
            }
        }
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        if data != expected(self.received, data.len()) {
            return Err(Failure::message(format!(
                "wrong after {} bytes",
                self.received
            )));
        }
        let before = self.received >> 20;
        self.received += data.len() as u64;
        if self.received >> 20 > before {
            transport.pause_reading();
            transport.set_timer(TimerKey::new("read on"), Duration::from_millis(1));
        }
        if self.received == TOTAL {
            if let Some(done) = self.done.take() {
                let _ = done.resolve(self.received);
            }
            transport.close();
        }
        Ok(())
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
        transport.resume_reading();
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        if let (Some(done), CloseReason::Error(failure)) = (self.done.take(), reason) {
            let _ = done.reject(failure);
        }
    }
}

async fn slow_reader<L: Loop>(lp: &L) -> Result<(), Failure> {
    let server = lp.serve("127.0.0.1:0", || Echo).await?;
    let (resolver, done) = Deferred::new();
    let mut resolver = Some(resolver);
    let _connection: Connection<SlowReader> = lp
        .connect(server.local_addr(), move || SlowReader {
            sent: 0,
            received: 0,
            done: resolver.take(),
        })
        .await?;
    let echoed = done.await?;
    say(&format!("echoed {echoed} bytes intact"))?;
    Ok(())
}
