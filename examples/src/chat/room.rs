//! The room: who is in it, and how a text reaches them all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use polyloop_core::{Bytes, Flow, TransportHandle};
use thiserror::Error;

/// The longest name, in characters.
const NAME: usize = 32;

/// Why somebody could not join.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It is no name.
    #[error("{given:?} is not a name: 1 to {NAME} visible characters without spaces are")]
    Invalid {
        /// What was given.
        given: String,
    },
    /// Somebody has it.
    #[error("the name {given:?} is taken")]
    Taken {
        /// What was given.
        given: String,
    },
}

/// The members, in the order they came.
///
/// One lock holds everything. It is never held while anybody waits: a write to a
/// handle only fills a mailbox. And since each text goes into all mailboxes before
/// the next one does, everybody hears everything in the same order.
#[derive(Debug, Default)]
pub struct Room {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<u64, Member>,
    next: u64,
}

#[derive(Debug)]
struct Member {
    name: String,
    handle: TransportHandle,
}

impl Room {
    /// An empty room.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody in and tells the others. Gives back their key, and the names of
    /// those who were there.
    pub fn join(
        &self,
        name: &str,
        handle: TransportHandle,
    ) -> Result<(u64, Vec<String>), JoinError> {
        let given = || name.chars().take(2 * NAME).collect();
        let visible = |c: char| !c.is_whitespace() && !c.is_control();
        if !(1..=NAME).contains(&name.chars().count()) || !name.chars().all(visible) {
            return Err(JoinError::Invalid { given: given() });
        }
        let mut state = self.lock();
        let names: Vec<String> = state.members.values().map(|m| m.name.clone()).collect();
        if names.iter().any(|known| known == name) {
            return Err(JoinError::Taken { given: given() });
        }
        state.broadcast(None, format!("* {name} has joined\n"));
        let key = state.next;
        state.next += 1;
        let name = name.to_owned();
        state.members.insert(key, Member { name, handle });
        Ok((key, names))
    }

    /// Tells everybody else what the member said.
    pub fn say(&self, key: u64, text: &str) {
        let mut state = self.lock();
        // Somebody who was dropped may not know it yet.
        if let Some(member) = state.members.get(&key) {
            let line = format!("{}: {text}\n", member.name);
            state.broadcast(Some(key), line);
        }
    }

    /// Lets the member go and tells the others, unless it was dropped before.
    pub fn leave(&self, key: u64) {
        let mut state = self.lock();
        if let Some(member) = state.members.remove(&key) {
            state.broadcast(None, format!("* {} has left\n", member.name));
        }
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.lock().members.len()
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl State {
    fn broadcast(&mut self, except: Option<u64>, line: String) {
        // That somebody was dropped is news itself, which may fill the next queue.
        let mut news = VecDeque::from([(except, line)]);
        while let Some((except, line)) = news.pop_front() {
            // One payload, shared by all mailboxes.
            let line = Bytes::from(line);
            self.members.retain(|key, member| {
                if Some(*key) == except {
                    return true;
                }
                // The session has set the connection's high mark to the queue limit,
                // so `Pause` says that this member does not keep up. Whoever ends
                // already is told nothing and leaves by itself.
                if member.handle.write(line.clone()) != Ok(Flow::Pause) {
                    return true;
                }
                // Closing would first send all that it does not read.
                member.handle.abort();
                let text = format!("* {} was dropped: too slow\n", member.name);
                news.push_back((None, text));
                false
            });
        }
    }
}
