//! Connections whose protocols panic, fail, close, abort, write and stop reading as they
//! like, on one loop and between two, until the runs end in the middle of it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use polyloop::AnyLoop;
use polyloop_core::{
    CloseReason, Connection, Failure, Lifecycle as _, Loop as _, MainLoop as _, OnEof,
    Promise as _, Protocol, Spawner as _, Timers as _, Transport,
};

use crate::dice::{Dice, no, panic_quietly, rounds};
use crate::tally::{Counted, Tally};

const CLIENTS: usize = 15;

/// What must hold of all connections together.
#[derive(Clone, Default)]
struct Ledger {
    alive: Tally,
    made: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
    /// Callbacks after the loss.
    late: Arc<AtomicUsize>,
}

impl Ledger {
    fn protocol(&self, dice: Dice) -> Wild {
        Wild {
            _counted: self.alive.one(),
            ledger: self.clone(),
            dice,
            lost: false,
        }
    }

    fn check(&self) {
        let [made, lost, late] =
            [&self.made, &self.lost, &self.late].map(|number| number.load(Ordering::SeqCst));
        assert_eq!(
            made, lost,
            "of the connections that were made, so many were lost"
        );
        assert_eq!(late, 0, "callbacks after the loss");
        assert_eq!(self.alive.count(), 0, "protocols are there still");
    }
}

struct Wild {
    _counted: Counted,
    ledger: Ledger,
    dice: Dice,
    lost: bool,
}

impl Wild {
    fn act(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        if self.lost {
            self.ledger.late.fetch_add(1, Ordering::SeqCst);
        }
        match self.dice.below(24) {
            0 => panic_quietly(),
            1 => return Err(no()),
            2 => transport.close(),
            3 => transport.abort(),
            4 => transport.write_eof()?,
            5 => transport.pause_reading(),
            6 => transport.resume_reading(),
            7 => {
                // A peer that does not read holds nobody up.
                let _ = transport.write(&vec![7; self.dice.below(300_000)]);
            }
            _ => {
                let _ = transport.write(b"chaos");
            }
        }
        Ok(())
    }
}

impl Protocol for Wild {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.ledger.made.fetch_add(1, Ordering::SeqCst);
        self.act(transport)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        self.act(transport)
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.act(transport)?;
        Ok(if self.dice.once_in(4) {
            OnEof::KeepOpen
        } else {
            OnEof::Close
        })
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.act(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.act(transport)
    }

    fn connection_lost(&mut self, _: CloseReason) {
        if std::mem::replace(&mut self.lost, true) {
            self.ledger.late.fetch_add(1, Ordering::SeqCst);
        }
        self.ledger.lost.fetch_add(1, Ordering::SeqCst);
        if self.dice.once_in(4) {
            panic_quietly();
        }
    }
}

/// What somebody outside does with a connection.
async fn handle(lp: &AnyLoop, connection: Connection<Wild>, dice: &mut Dice) {
    for _ in 0..dice.below(8) {
        match dice.below(8) {
            0 => connection.close(),
            1 => connection.abort(),
            2 => drop(connection.call(|_, _| -> () { panic_quietly() }).await),
            3 => connection.post(|protocol, transport| protocol.act(transport)),
            4 => drop(connection.ready().timeout(lp, dice.moment()).await),
            5 => lp.sleep(dice.moment()).await,
            _ => drop(connection.write(vec![7; 100])),
        }
    }
}

/// Connects again and again.
async fn clients(lp: &AnyLoop, address: SocketAddr, ledger: &Ledger, dice: &mut Dice) {
    for _ in 0..CLIENTS {
        let (on, ledger, mut dice) = (lp.clone(), ledger.clone(), dice.fork());
        lp.spawn(async move {
            on.sleep(dice.moment()).await;
            let its = dice.fork();
            let connected = on
                .connect(address, move || ledger.protocol(its.clone()))
                .await;
            if let Ok(connection) = connected {
                handle(&on, connection, &mut dice).await;
            }
        })
        .detach();
    }
    lp.sleep(2 * dice.moment()).await;
}

#[test]
fn every_connection_is_lost_once_and_last() {
    rounds(AnyLoop::available(), 20, |lp, dice| {
        let ledger = Ledger::default();
        let (its, mut of_server) = (ledger.clone(), dice.fork());
        lp.run(async {
            let factory = move || its.protocol(of_server.fork());
            let server = lp.serve("127.0.0.1:0", factory).await.unwrap();
            clients(lp, server.local_addr().as_ip().unwrap(), &ledger, dice).await;
            if dice.once_in(2) {
                server.close();
            }
        })
        .unwrap();
        assert_eq!(lp.task_count(), 0, "tasks are there still");
        ledger.check();
    });
}

#[test]
fn so_is_every_connection_between_two_loops() {
    rounds(AnyLoop::available_real(), 10, |lp, dice| {
        let names = AnyLoop::available_real();
        let other = AnyLoop::by_name(names[dice.below(names.len())]).unwrap();
        other.set_error_hook(|_| {});
        let ledger = Ledger::default();
        let (its, mut of_server, mut until) = (ledger.clone(), dice.fork(), dice.fork());
        let (send, receive) = mpsc::channel();
        let serving = thread::spawn(move || {
            let ran = other.run(async {
                let factory = move || its.protocol(of_server.fork());
                let server = other.serve("127.0.0.1:0", factory).await.unwrap();
                send.send(server.local_addr().as_ip().unwrap()).unwrap();
                other.sleep(3 * until.moment()).await;
            });
            ran.unwrap();
            assert_eq!(other.task_count(), 0, "tasks are there still");
        });
        let address = receive.recv().unwrap();
        lp.run(clients(lp, address, &ledger, dice)).unwrap();
        serving.join().unwrap();
        ledger.check();
    });
}
