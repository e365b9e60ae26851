//! A chat under way: everybody hears everybody, in order, whatever the network does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf};
use polyloop::sim::SimLoop;
use polyloop_core::sync::Event;
use polyloop_core::{
    Address, Failure, Resolve as _, Spawner as _, Stream, Tcp as _, TcpOptions, Timers as _,
};

use super::World;

/// Runs a chat on the server that `serve` starts, and checks what was heard:
///
/// * nothing is lost on a connection that lasts;
/// * what one says is heard in the order it was said, once, by everybody;
/// * two listeners hear the lines of others in the same order.
pub async fn chat(
    world: &mut World,
    lines: usize,
    serve: impl AsyncFnOnce(&SimLoop) -> Result<Address, Failure>,
) -> Result<(), Failure> {
    let port = serve(&world.server)
        .await?
        .port()
        .expect("simulated servers listen on TCP");
    let chat = Arc::new(Chat {
        port,
        lines,
        lasting: world.lasting(),
        present: Mutex::default(),
        all_present: Event::new(),
        heard: world.clients.iter().map(|_| Mutex::default()).collect(),
        heard_all: world.clients.iter().map(|_| Event::new()).collect(),
    });
    let talking: Vec<_> = (world.clients.iter().enumerate())
        .map(|(number, lp)| {
            let random = world.random.fork();
            lp.spawn(talk(lp.clone(), number, chat.clone(), random))
        })
        .collect();
    let trouble = world.make_trouble();
    for (number, talk) in talking.into_iter().enumerate() {
        if chat.lasting.contains(&number) {
            talk.await??;
        } else {
            // Its host goes, and its task with it.
            drop(talk.await);
        }
    }
    trouble.await?;
    chat.judge()
}

/// What the clients of one chat know together.
struct Chat {
    port: u16,
    lines: usize,
    /// Those whose hosts do not crash.
    lasting: Vec<usize>,
    present: Mutex<BTreeSet<usize>>,
    all_present: Event,
    /// What each client has heard, in the order it came.
    heard: Vec<Mutex<Vec<Line>>>,
    /// Whether it has heard all from those that last.
    heard_all: Vec<Event>,
}

/// Number `number` of what `speaker` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    speaker: usize,
    number: usize,
}

/// One client.
async fn talk(
    lp: SimLoop,
    me: usize,
    chat: Arc<Chat>,
    mut random: fastrand::Rng,
) -> Result<(), Failure> {
    let address = lp.resolve("server", chat.port).await?[0];
    let stream = lp.connect_tcp(address, &TcpOptions::default()).await?;
    let (reader, mut writer) = stream.split();
    writer.write_all(format!("c{me}\n").as_bytes()).await?;
    let listening = lp.spawn(listen(reader, me, chat.clone()));
    // What is said before somebody is in is none of theirs.
    chat.all_present.wait().await?;
    for number in 0..chat.lines {
        writer.write_all(format!("{number}\n").as_bytes()).await?;
        if random.bool() {
            lp.sleep(Duration::from_millis(random.u64(0..30))).await;
        }
    }
    // And who leaves hears no more.
    if chat.lasting.len() > 1 {
        chat.heard_all[me].wait().await?;
    }
    writer.close().await?;
    listening.await?
}

async fn listen(
    mut reader: ReadHalf<impl Stream>,
    me: usize,
    chat: Arc<Chat>,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    let mut buffer = [0; 512];
    loop {
        let count = reader.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        text.extend_from_slice(&buffer[..count]);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8(text.drain(..=end).collect()).map_err(Failure::new)?;
            if line.starts_with("* welcome") {
                chat.enters(me);
            } else if !line.starts_with('*') {
                chat.hears(me, parse(line.trim_end())?);
            }
        }
    }
}

impl Chat {
    fn enters(&self, me: usize) {
        let mut present = lock(&self.present);
        present.insert(me);
        if self.lasting.iter().all(|client| present.contains(client)) {
            self.all_present.set();
        }
    }

    fn hears(&self, me: usize, line: Line) {
        let mut heard = lock(&self.heard[me]);
        heard.push(line);
        // Of the others nobody knows how much came through.
        let others = self.lasting.iter().filter(|speaker| **speaker != me);
        let lasting = heard
            .iter()
            .filter(|line| self.lasting.contains(&line.speaker));
        if lasting.count() >= others.count() * self.lines {
            self.heard_all[me].set();
        }
    }

    fn judge(&self) -> Result<(), Failure> {
        for &me in &self.lasting {
            let heard = lock(&self.heard[me]).clone();
            for speaker in (0..self.heard.len()).filter(|speaker| *speaker != me) {
                let numbers: Vec<usize> = (heard.iter())
                    .filter(|line| line.speaker == speaker)
                    .map(|line| line.number)
                    .collect();
                let in_order = numbers.iter().copied().eq(0..numbers.len());
                let all = !self.lasting.contains(&speaker) || numbers.len() == self.lines;
                if !in_order || !all {
                    return Err(Failure::message(format!(
                        "c{me} heard {numbers:?} from c{speaker}, who said 0 to {}",
                        self.lines - 1
                    )));
                }
            }
        }
        let pairs = (self.lasting.iter().enumerate()).flat_map(|(index, one)| {
            self.lasting[index + 1..]
                .iter()
                .map(move |other| (one, other))
        });
        for (&one, &other) in pairs {
            let order = |me: usize| -> Vec<Line> {
                (lock(&self.heard[me]).iter().copied())
                    .filter(|line| ![one, other].contains(&line.speaker))
                    .filter(|line| self.lasting.contains(&line.speaker))
                    .collect()
            };
            if order(one) != order(other) {
                return Err(Failure::message(format!(
                    "c{one} and c{other} heard the others in different orders"
                )));
            }
        }
        Ok(())
    }
}

fn parse(line: &str) -> Result<Line, Failure> {
    let parsed = line
        .strip_prefix('c')
        .and_then(|line| line.split_once(": "))
        .and_then(|(speaker, number)| Some((speaker.parse().ok()?, number.parse().ok()?)));
    let (speaker, number) =
        parsed.ok_or_else(|| Failure::message(format!("{line:?} is nothing that was said")))?;
    Ok(Line { speaker, number })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four clients say a line each; what the first two hear of the last two is given.
    fn judged(heard_by_0: [usize; 2], heard_by_1: [usize; 2]) -> Result<(), Failure> {
        let line = |speaker| Line { speaker, number: 0 };
        let heard = |speakers: &[usize]| Mutex::new(speakers.iter().copied().map(line).collect());
        let chat = Chat {
            port: 0,
            lines: 1,
            lasting: vec![0, 1, 2, 3],
            present: Mutex::default(),
            all_present: Event::new(),
            heard: vec![
                heard(&[&[1], &heard_by_0[..]].concat()),
                heard(&[&[0], &heard_by_1[..]].concat()),
                heard(&[0, 1, 3]),
                heard(&[0, 1, 2]),
            ],
            heard_all: Vec::new(),
        };
        chat.judge()
    }

    #[test]
    fn two_who_hear_others_in_different_orders_are_told() {
        judged([2, 3], [2, 3]).unwrap();
        let failure = judged([2, 3], [3, 2]).unwrap_err();
        assert!(
            failure.to_string().contains("different orders"),
            "{failure}"
        );
        let failure = judged([2, 2], [2, 3]).unwrap_err();
        assert!(failure.to_string().contains("c0 heard"), "{failure}");
    }
}
