//! Connecting, exchanging 64 bytes and closing, some at a time.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::Load;
use super::group::Watch;

const MESSAGE: [u8; 64] = [b'x'; 64];

/// One connection after the other.
struct Worker {
    connection: Option<TcpStream>,
    sent: bool,
    received: usize,
    began: Instant,
}

pub(super) fn run(
    address: SocketAddr,
    workers: usize,
    operations: u64,
    limit: Duration,
) -> io::Result<Load> {
    let watch = Watch::new()?;
    let began = Instant::now();
    let mut latencies = Vec::new();
    let mut started = 0;
    let mut crowd: Vec<Worker> = (0..workers).map(|_| Worker::new(began)).collect();
    let mut busy = 0;
    for (number, worker) in crowd.iter_mut().enumerate() {
        if started < operations {
            worker.connect(address, &watch, number)?;
            started += 1;
            busy += 1;
        }
    }
    let mut ready = Vec::new();
    while busy > 0 {
        watch.wait(&mut ready)?;
        for &number in &ready {
            let worker = &mut crowd[number];
            if !worker.advance()? {
                continue;
            }
            latencies.push(worker.began.elapsed());
            worker.connection = None;
            if started < operations && began.elapsed() < limit {
                worker.connect(address, &watch, number)?;
                started += 1;
            } else {
                busy -= 1;
            }
        }
    }
    Ok(Load::new(started, began.elapsed(), &mut latencies))
}

impl Worker {
    fn new(began: Instant) -> Self {
        Self {
            connection: None,
            sent: false,
            received: 0,
            began,
        }
    }

    fn connect(&mut self, address: SocketAddr, watch: &Watch, number: usize) -> io::Result<()> {
        *self = Self::new(Instant::now());
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM.nonblocking(),
            None,
        )?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let connection = TcpStream::from(socket);
        watch.add(&connection, number)?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Whether the echo is complete.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(connection) = &mut self.connection else {
            // An event of the connection before, which is closed.
            return Ok(false);
        };
        if !self.sent {
            match connection.write(&MESSAGE) {
                Ok(sent) if sent == MESSAGE.len() => self.sent = true,
                Ok(_) => return Err(io::Error::other("64 bytes did not fit into a new socket")),
                Err(error) if is_too_early(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let mut buffer = [0; MESSAGE.len()];
        match connection.read(&mut buffer[self.received..]) {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the subject closed a connection that still waited for its echo",
            )),
            Ok(read) => {
                self.received += read;
                Ok(self.received == MESSAGE.len())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_too_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
    )
}
