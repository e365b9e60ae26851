//! Many seeds: random links, buffers, writes, naps, half closes and faults.

use std::task::Poll;
use std::time::Duration;

use polyloop_core::{ListenOptions, TcpOptions};

use super::actor::{Actor, End};
use super::rig::Rig;
use crate::HostId;
use crate::clock::nanos;
use crate::network::{Crash, Fault, FaultKind, FaultRate, Link, ListenerId};
use crate::trace::Record;

/// How many seeds: so many, or what `POLYLOOP_NETWORK_SEEDS` says.
fn seeds(usually: u64) -> u64 {
    std::env::var("POLYLOOP_NETWORK_SEEDS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(usually)
}

fn some_link(rng: &mut fastrand::Rng) -> Link {
    let mut link = Link::new()
        .latency(Duration::from_micros(rng.u64(0..50_000)))
        .jitter(Duration::from_micros(rng.u64(0..20_000)))
        .segment(rng.usize(1..3_000));
    if rng.bool() {
        link = link.loss(rng.f64() / 10.0);
    }
    if rng.bool() {
        link = link.reorder(rng.f64());
    }
    if rng.bool() {
        link = link.bandwidth(Some(rng.u64(20_000..10_000_000)));
    }
    link
}

/// Small buffers mean many round trips, and among very many of those one connection is
/// given up for good if segments are lost; so then they are not the smallest.
fn some_options(rng: &mut fastrand::Rng, link: &Link) -> TcpOptions {
    let least = if link.loss > 0.0 { 256 } else { 1 };
    let mut size = || {
        let scale = least << rng.u32(0..10);
        rng.bool().then(|| rng.usize(least..=scale))
    };
    let options = TcpOptions::new()
        .recv_buffer_size(size())
        .send_buffer_size(size());
    options.nodelay(rng.bool()).keepalive(rng.bool())
}

/// Faults that are mended before any connection gives up.
fn some_faults(rig: &mut Rig, rng: &mut fastrand::Rng, a: HostId, b: HostId) {
    for _ in 0..rng.usize(0..4) {
        let begins = Duration::from_millis(rng.u64(0..2_000));
        let ends = begins + Duration::from_millis(rng.u64(0..5_000));
        let (from, to) = if rng.bool() { (a, b) } else { (b, a) };
        match rng.u8(0..4) {
            0 => {
                rig.plan(begins, Fault::Partition { a, b });
                rig.plan(ends, Fault::Heal { a, b });
            }
            1 => {
                rig.plan(begins, Fault::Cut { from, to });
                rig.plan(ends, Fault::Heal { a, b });
            }
            2 => {
                rig.plan(begins, Fault::Hold { from, to });
                rig.plan(ends, Fault::Release { from, to });
            }
            _ => {
                rig.plan(begins, Fault::Isolate { host: from });
                rig.plan(ends, Fault::Rejoin { host: from });
            }
        }
    }
}

struct Scene {
    rig: Rig,
    rng: fastrand::Rng,
    hosts: (HostId, HostId),
    listener: ListenerId,
    actors: Vec<Actor>,
    /// By the order of acceptance, which is not that of connecting.
    accepted: Vec<(usize, usize)>,
    dialled: Vec<(std::net::SocketAddr, usize)>,
    /// When which host begins to stand still, or goes on; the next one last.
    pauses: Vec<(Duration, HostId, bool)>,
}

impl Scene {
    fn new(seed: u64, link: &Link, mut rng: fastrand::Rng) -> Self {
        let mut rig = Rig::with(seed, link.clone());
        let hosts = if rng.u8(..) < 32 {
            let alone = rig.net.add_host("alone");
            (alone, alone)
        } else {
            rig.pair()
        };
        let options = ListenOptions::new().tcp(some_options(&mut rng, link));
        let listener = rig.listen_with(hosts.1, "0.0.0.0:80", &options).unwrap();
        let mut scene = Self {
            rig,
            rng,
            hosts,
            listener,
            actors: Vec::new(),
            accepted: Vec::new(),
            dialled: Vec::new(),
            pauses: Vec::new(),
        };
        for _ in 0..scene.rng.usize(1..4) {
            let to = (scene.rig.net.host_addresses(hosts.1)[0], 80).into();
            let options = some_options(&mut scene.rng, link);
            let socket = scene
                .rig
                .net
                .connect(nanos(scene.rig.now), hosts.0, to, &options)
                .unwrap();
            let local = scene.rig.net.local_address(socket).unwrap();
            scene.dialled.push((local, scene.actors.len()));
            scene.actors.push(Actor::new(socket, true, &mut scene.rng));
        }
        scene
    }

    fn accept(&mut self) {
        let waker = std::task::Waker::noop();
        let (net, now) = (&mut self.rig.net, self.rig.now);
        if let Poll::Ready(Ok((socket, peer))) = net.poll_accept(nanos(now), self.listener, waker) {
            let client = self.dialled.iter().find(|(local, _)| *local == peer);
            let client = client.expect("nobody dialled from there").1;
            self.accepted.push((client, self.actors.len()));
            self.actors.push(Actor::new(socket, false, &mut self.rng));
        }
    }

    /// One of the hosts will stand still for a while.
    fn plan_pause(&mut self) {
        let host = if self.rng.bool() {
            self.hosts.0
        } else {
            self.hosts.1
        };
        let begins = Duration::from_millis(self.rng.u64(0..2_000));
        let lasts = Duration::from_millis(self.rng.u64(0..5_000));
        self.pauses = vec![(begins + lasts, host, false), (begins, host, true)];
    }

    fn pause_and_resume(&mut self) {
        while let Some((at, host, pauses)) = self.pauses.last().copied()
            && at <= self.rig.now
        {
            self.pauses.pop();
            if pauses {
                self.rig.net.pause(nanos(self.rig.now), host);
            } else {
                self.rig.net.resume(nanos(self.rig.now), host);
            }
        }
    }

    fn host_of(&self, actor: usize) -> HostId {
        let dialled = self.dialled.iter().any(|(_, client)| *client == actor);
        if dialled { self.hosts.0 } else { self.hosts.1 }
    }

    /// Lets everything happen until nobody can go on.
    fn play(&mut self) {
        loop {
            self.pause_and_resume();
            self.rig.collect();
            if self.rig.net.is_up(self.hosts.1) {
                self.accept();
            }
            let now = self.rig.now;
            let is_up = |actor: &usize| self.rig.net.is_up(self.host_of(*actor));
            let ready: Vec<usize> = (0..self.actors.len())
                .filter(|actor| self.actors[*actor].is_ready(now) && is_up(actor))
                .collect();
            if !ready.is_empty() {
                let actor = ready[self.rng.usize(..ready.len())];
                self.actors[actor].act(&mut self.rig, &mut self.rng);
                continue;
            }
            let nap = self
                .actors
                .iter()
                .filter(|actor| actor.end.is_none())
                .filter_map(|actor| actor.nap)
                .filter(|nap| *nap > now)
                .chain(self.pauses.last().map(|(at, _, _)| *at))
                .min();
            let next = self.rig.next_event();
            match (nap, next) {
                (Some(nap), None) => self.rig.now = nap,
                (Some(nap), Some(next)) if nap < next => self.rig.now = nap,
                (_, Some(_)) if self.rig.net.is_idle() && nap.is_none() => return,
                (_, Some(_)) => {
                    self.rig.step();
                }
                (None, None) => return,
            }
        }
    }
}

fn orderly(seed: u64) -> Vec<Record> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let link = some_link(&mut rng);
    let mut scene = Scene::new(seed, &link, rng);
    let (a, b) = scene.hosts;
    if a != b {
        let mut rng = scene.rng.fork();
        some_faults(&mut scene.rig, &mut rng, a, b);
    }
    if scene.rng.bool() {
        scene.plan_pause();
    }
    scene.play();
    for (number, actor) in scene.actors.iter().enumerate() {
        assert_eq!(
            actor.end,
            Some(End::Clean),
            "seed {seed}: actor {number} of {} stands still",
            scene.actors.len()
        );
    }
    assert_eq!(scene.accepted.len(), scene.dialled.len(), "seed {seed}");
    for (client, server) in &scene.accepted {
        let (client, server) = (&scene.actors[*client], &scene.actors[*server]);
        assert!(client.got == server.sends(), "seed {seed}: to the client");
        assert!(server.got == client.sends(), "seed {seed}: to the server");
    }
    scene.rig.settle();
    assert!(scene.rig.is_clean(), "seed {seed}: something is left");
    scene.rig.log
}

#[test]
fn what_is_sent_arrives_whatever_the_network_does() {
    for seed in 0..seeds(60) {
        orderly(seed);
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 1_000..1_005 {
        assert_eq!(orderly(seed), orderly(seed), "seed {seed}");
    }
    assert_ne!(orderly(1_000), orderly(1_001));
}

/// Resets and crashes: what arrived is the beginning of what was sent, everybody comes
/// to an end, and nothing is left.
#[test]
fn what_breaks_leaves_nothing_behind() {
    let mut broken = 0;
    for seed in 0..seeds(60) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let link = some_link(&mut rng).loss(0.0);
        let link = link.reset(rng.f64() / 500.0);
        let mut scene = Scene::new(seed, &link, rng);
        let rate = FaultRate::new(FaultKind::Reset, Duration::from_secs(1), Duration::ZERO);
        scene.rig.net.draw_faults(0, rate);
        let hold = FaultRate::new(
            FaultKind::Hold,
            Duration::from_millis(500),
            Duration::from_millis(100),
        );
        scene.rig.net.draw_faults(0, hold);
        scene.play();
        for (number, actor) in scene.actors.iter().enumerate() {
            assert!(
                actor.end.is_some(),
                "seed {seed}: actor {number} stands still"
            );
            broken += usize::from(actor.end != Some(End::Clean));
        }
        for (client, server) in &scene.accepted {
            let (client, server) = (&scene.actors[*client], &scene.actors[*server]);
            assert!(client.sends().starts_with(&server.got), "seed {seed}");
            assert!(server.sends().starts_with(&client.got), "seed {seed}");
        }
        let (now, host) = (scene.rig.now, scene.hosts.0);
        scene.rig.net.crash(nanos(now), host, Crash::Reset);
        let later = scene.rig.now + Duration::from_secs(100);
        while scene.rig.now < later && scene.rig.step() {}
        assert!(scene.rig.is_clean(), "seed {seed}: something is left");
    }
    assert!(broken > 10, "only {broken} ends were broken");
}
