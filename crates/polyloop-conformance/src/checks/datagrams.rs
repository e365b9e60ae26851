//! DGRAM: protocols over datagrams.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{
    DatagramEndpoint, DatagramProtocol, DatagramSocket as _, DatagramTransport, EndpointStopped,
    Failure, MainLoop, SendError, TimerKey, Udp, UdpOptions,
};

use super::udp_sending::{bind, receive};
use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, inside, is_inside, quiet, run, until};

/// What a protocol was told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Started,
    Datagram(Vec<u8>, SocketAddr),
    Error(io::ErrorKind),
    Timer(String),
    Stopped,
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Told>>>);

impl Notes {
    fn note(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }

    fn all(&self) -> Vec<Told> {
        self.0.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

type OnDatagram = Box<dyn FnMut(&mut dyn DatagramTransport, &[u8]) -> Result<(), Failure> + Send>;

/// Notes everything, and does something with each datagram.
struct Noting {
    notes: Notes,
    within: Flag,
    on_datagram: OnDatagram,
}

impl Noting {
    fn new(notes: &Notes) -> Self {
        Self::doing(notes, |_, _| Ok(()))
    }

    fn doing(
        notes: &Notes,
        on_datagram: impl FnMut(&mut dyn DatagramTransport, &[u8]) -> Result<(), Failure>
        + Send
        + 'static,
    ) -> Self {
        Self {
            notes: notes.clone(),
            within: Flag::new(),
            on_datagram: Box::new(on_datagram),
        }
    }

    fn note(&self, told: Told) {
        if is_inside() {
            self.within.set();
        }
        self.notes.note(told);
    }
}

impl DatagramProtocol for Noting {
    fn started(&mut self, _: &mut dyn DatagramTransport) -> Result<(), Failure> {
        self.note(Told::Started);
        Ok(())
    }

    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure> {
        self.note(Told::Datagram(data.to_vec(), from));
        inside(|| (self.on_datagram)(transport, data))
    }

    fn error_received(
        &mut self,
        _: &mut dyn DatagramTransport,
        error: io::Error,
    ) -> Result<(), Failure> {
        self.note(Told::Error(error.kind()));
        Ok(())
    }

    fn timer_fired(&mut self, _: &mut dyn DatagramTransport, key: TimerKey) -> Result<(), Failure> {
        self.note(Told::Timer(key.to_string()));
        Ok(())
    }

    fn stopped(&mut self) {
        self.note(Told::Stopped);
    }
}

/// Datagrams that were there before it, and a close from inside and from outside.
pub fn dgram_01<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (far, from) = bind(&lp)?;
        for from_inside in [true, false] {
            let notes = Notes::default();
            let (socket, to) = bind(&lp)?;
            far.send_to(b"a", to).await?;
            far.send_to(b"b", to).await?;
            let protocol = Noting::doing(&notes, move |transport, data| {
                if from_inside && data == b"b" {
                    transport.close();
                    let late = transport.send_to(b"x", to);
                    if !transport.is_closing() || !matches!(late, Err(SendError::Closed)) {
                        return Err("a close changes nothing".into());
                    }
                }
                Ok(())
            });
            let within = protocol.within.clone();
            let endpoint = inside(|| lp.drive_datagrams(socket, protocol))?;
            ensure_eq!(endpoint.local_addr(), Some(to), "the address");
            until(&lp, "both datagrams", || notes.count() >= 3).await?;
            if !from_inside {
                ensure!(!endpoint.has_stopped(), "it stopped by itself");
                inside(|| endpoint.close());
            }
            endpoint.stopped().await;
            // Nobody receives it.
            let _ = far.send_to(b"c", to).await;
            quiet(&lp).await;
            ensure_eq!(
                notes.all(),
                [
                    Told::Started,
                    Told::Datagram(b"a".to_vec(), from),
                    Told::Datagram(b"b".to_vec(), from),
                    Told::Stopped,
                ],
                "what it was told"
            );
            ensure!(
                !within.is_set(),
                "a callback was made inside the call that led to it"
            );
            let late = endpoint.send_to(b"x", from);
            ensure!(
                matches!(late, Err(SendError::Closed)),
                "once it has stopped a send gives {late:?}"
            );
            // The port is free again.
            lp.bind_udp(to, &UdpOptions::new())?;
        }
        Ok(())
    })
}

/// Of two senders, in sizes that would show if two were one.
pub fn dgram_02<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    const EACH: usize = 50;

    run(make, async |lp| {
        let notes = Notes::default();
        let (socket, to) = bind(&lp)?;
        let echo = |transport: &mut dyn DatagramTransport, _: &[u8]| {
            ensure_local(transport)?;
            Ok(())
        };
        let endpoint = lp.drive_datagrams(socket, Noting::doing(&notes, echo))?;
        let senders = [bind(&lp)?, bind(&lp)?];
        for number in 0..EACH {
            for (sender, _) in &senders {
                sender.send_to(&vec![7; number * 13], to).await?;
            }
            // No more at once than the system has room for.
            until(&lp, "what was sent", || notes.count() > 2 * number + 2).await?;
        }
        let all = notes.all();
        for (_, address) in &senders {
            let lengths: Vec<usize> = all
                .iter()
                .filter_map(|told| match told {
                    Told::Datagram(data, from) if from == address => Some(data.len()),
                    _ => None,
                })
                .collect();
            let expected: Vec<usize> = (0..EACH).map(|number| number * 13).collect();
            ensure_eq!(lengths, expected, "the lengths of what {address} sent");
        }
        endpoint.close();
        endpoint.stopped().await;
        Ok(())
    })
}

fn ensure_local(transport: &dyn DatagramTransport) -> Result<(), Failure> {
    let local = transport.settings().local_addr()?;
    if local.ip() == Ipv4Addr::LOCALHOST && transport.settings().peer_addr().is_none() {
        Ok(())
    } else {
        Err("the addresses of the socket are not told".into())
    }
}

/// An error, a panic, and then a datagram that is answered.
pub fn dgram_03<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reports, notes) = (Reports::of(&lp), Notes::default());
        let (socket, to) = bind(&lp)?;
        let (far, from) = bind(&lp)?;
        let protocol = Noting::doing(&notes, move |transport, data| match data {
            b"error" => Err("an error on purpose".into()),
            b"panic" => panic!("a panic on purpose"),
            data => {
                transport.send_to(data, from)?;
                Ok(())
            }
        });
        let endpoint = lp.drive_datagrams(socket, protocol)?;
        far.send_to(b"error", to).await?;
        until(&lp, "the report of the error", || {
            reports.mentioning("an error on purpose") == 1
        })
        .await?;
        far.send_to(b"panic", to).await?;
        until(&lp, "the report of the panic", || {
            reports.mentioning("a panic on purpose") == 1
        })
        .await?;
        far.send_to(b"hello", to).await?;
        ensure_eq!(
            receive(&lp, &far).await?,
            (b"hello".to_vec(), to),
            "the answer"
        );
        ensure_eq!(reports.all().len(), 2, "reports");
        ensure!(!endpoint.has_stopped(), "a failing callback has ended it");
        endpoint.close();
        endpoint.stopped().await;
        Ok(())
    })
}

/// A refusal, which comes by the one callback; and sends that fail, which don't.
pub fn dgram_04<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let notes = Notes::default();
        let (gone, to) = bind(&lp)?;
        let socket = lp.connect_udp(to, &UdpOptions::new())?;
        drop(gone);
        let endpoint = lp.drive_datagrams(socket, Noting::new(&notes))?;
        for errors in 1..=2 {
            endpoint.send(b"is anybody there?")?;
            until(&lp, "the refusal", || notes.count() == errors + 1).await?;
        }
        let refused = Told::Error(io::ErrorKind::ConnectionRefused);
        ensure_eq!(
            notes.all(),
            [Told::Started, refused.clone(), refused],
            "what it was told"
        );
        let (long, other) = endpoint
            .call(move |_, transport| {
                let other = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
                (
                    transport.send(&vec![0; 70_000]),
                    transport.send_to(b"x", other),
                )
            })
            .await?;
        ensure!(
            matches!(long, Err(SendError::TooLong { .. })),
            "of a datagram that is too long it said {long:?}"
        );
        ensure!(
            matches!(other, Err(SendError::Connected { .. })),
            "of an address that is not the peer's it said {other:?}"
        );
        quiet(&lp).await;
        ensure_eq!(notes.count(), 3, "what it was told once sends failed");
        // It is usable still.
        let far = lp.bind_udp(to, &UdpOptions::new())?;
        endpoint.send(b"now?")?;
        let (_, from) = receive(&lp, &far).await?;
        far.send_to(b"yes", from).await?;
        until(&lp, "an answer", || notes.count() == 4).await?;
        ensure_eq!(
            notes.all().pop(),
            Some(Told::Datagram(b"yes".to_vec(), to)),
            "the answer"
        );
        Ok(())
    })
}

/// In order, a panic among them, and one that comes too late.
pub fn dgram_05<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let notes = Notes::default();
        let (socket, _) = bind(&lp)?;
        let (far, from) = bind(&lp)?;
        let endpoint = lp.drive_datagrams(socket, Noting::new(&notes))?;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut calls = Vec::new();
        for number in 0..5 {
            let order = order.clone();
            calls.push(inside(|| {
                endpoint.call(move |protocol: &mut Noting, transport| {
                    order.lock().unwrap().push(number);
                    let told = protocol.notes.count();
                    let sent = transport.send_to(&[number], from);
                    (told, is_inside(), sent.is_ok())
                })
            }));
        }
        for call in calls {
            let (told, within, sent) = call.await?;
            ensure!(told >= 1, "a call was made before it was started");
            ensure!(
                !within,
                "a call was made inside of the one that asked for it"
            );
            ensure!(sent, "a call can't send");
        }
        ensure_eq!(
            *order.lock().unwrap(),
            [0, 1, 2, 3, 4],
            "the order of calls"
        );
        for number in 0..5 {
            ensure_eq!(receive(&lp, &far).await?.0, [number], "what a call sent");
        }
        let failed = endpoint.call(|_, _| panic!("on purpose")).await;
        let is_panic = failed.is_err_and(|failure: Failure| failure.is_panicked());
        ensure!(is_panic, "a panic in a call does not reach who asked");
        ensure_eq!(endpoint.call(|_, _| 42).await?, 42, "a call after a panic");
        let clone: DatagramEndpoint<Noting> = endpoint.clone();
        clone.send_to(b"from outside", from)?;
        ensure_eq!(
            receive(&lp, &far).await?.0,
            b"from outside",
            "what was sent"
        );
        let last = endpoint.call(|_, _| 1);
        endpoint.close();
        ensure_eq!(last.await?, 1, "a call that was asked for before the close");
        endpoint.stopped().await;
        let Err(late) = endpoint.call(|_, _| ()).await else {
            return Err(Fault::new("a call was made of what has stopped"));
        };
        ensure!(
            late.downcast_ref::<EndpointStopped>().is_some(),
            "a call that comes too late fails with {late}"
        );
        Ok(())
    })
}

/// With a run that ends, and with a start that fails.
pub fn dgram_06<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    struct Failing(Notes);
    impl DatagramProtocol for Failing {
        fn started(&mut self, _: &mut dyn DatagramTransport) -> Result<(), Failure> {
            self.0.note(Told::Started);
            Err("no start on purpose".into())
        }

        fn datagram_received(
            &mut self,
            _: &mut dyn DatagramTransport,
            data: &[u8],
            from: SocketAddr,
        ) -> Result<(), Failure> {
            self.0.note(Told::Datagram(data.to_vec(), from));
            Ok(())
        }

        fn stopped(&mut self) {
            self.0.note(Told::Stopped);
        }
    }

    let (notes, lp) = (Notes::default(), make());
    let noted = notes.clone();
    let clone = lp.clone();
    let endpoint = lp.run(async move {
        let (socket, _) = bind(&clone)?;
        let endpoint = clone.drive_datagrams(socket, Noting::new(&noted))?;
        until(&clone, "the start", || noted.count() == 1).await?;
        Ok::<_, Fault>(endpoint)
    })??;
    ensure_eq!(
        notes.all(),
        [Told::Started, Told::Stopped],
        "what it was told when the run had ended"
    );
    ensure!(endpoint.has_stopped(), "it goes on without its loop");

    run(make, async |lp| {
        let (reports, notes) = (Reports::of(&lp), Notes::default());
        let (socket, to) = bind(&lp)?;
        let (far, _) = bind(&lp)?;
        far.send_to(b"x", to).await?;
        lp.drive_datagrams(socket, Failing(notes.clone()))?
            .stopped()
            .await;
        ensure_eq!(
            notes.all(),
            [Told::Started, Told::Stopped],
            "what one was told that can't start"
        );
        ensure_eq!(reports.mentioning("no start on purpose"), 1, "reports");
        Ok(())
    })
}

/// Set in a callback, moved, cancelled, and fired in order.
pub fn dgram_07<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let notes = Notes::default();
        let (socket, to) = bind(&lp)?;
        let (far, _) = bind(&lp)?;
        let protocol = Noting::doing(&notes, |transport, _| {
            let key = |number| TimerKey::numbered("t", number);
            for number in 1..=4 {
                transport.set_timer(key(number), Duration::from_millis(10 * number));
            }
            transport.set_timer(key(1), Duration::from_millis(35));
            let known = transport.cancel_timer(key(2));
            let unknown = transport.cancel_timer(key(9));
            if known && !unknown {
                Ok(())
            } else {
                Err("a timer that was set can't be cancelled, or one that was not can".into())
            }
        });
        let reports = Reports::of(&lp);
        let endpoint = lp.drive_datagrams(socket, protocol)?;
        let began = lp.now();
        far.send_to(b"x", to).await?;
        until(&lp, "the timers", || notes.count() >= 5).await?;
        ensure!(
            lp.now() - began >= Duration::from_millis(40),
            "timers of 40 ms are early"
        );
        quiet(&lp).await;
        let fired: Vec<Told> = notes.all().split_off(2);
        let timer = |name: &str| Told::Timer(name.to_owned());
        ensure_eq!(
            fired,
            [timer("t 3"), timer("t 1"), timer("t 4")],
            "what fired"
        );
        ensure!(reports.all().is_empty(), "it said {:?}", reports.all());
        endpoint.close();
        endpoint.stopped().await;
        Ok(())
    })
}
