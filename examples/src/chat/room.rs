//! The room: who is in it, and how a text reaches them all.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use polyloop_core::{Bytes, Connection, Failure, Transport};
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

/// A session as the room knows it.
pub trait Hears: Sized + 'static {
    /// Sends its person a line.
    fn hear(&mut self, transport: &mut dyn Transport, line: &Bytes) -> Result<(), Failure>;
}

/// The members, in the order they came.
///
/// A lock holds the list, and nothing else: what is said is no state of the room. It goes to
/// each session by its address, and the session sends it on its own task. And since each
/// text goes to all addresses before the next one does, everybody hears everything in the
/// same order.
#[derive(Debug)]
pub struct Room<S: Hears> {
    state: Mutex<State<S>>,
}

#[derive(Debug)]
struct State<S: Hears> {
    members: BTreeMap<u64, Member<S>>,
    next: u64,
}

#[derive(Debug)]
struct Member<S: Hears> {
    name: String,
    address: Connection<S>,
}

impl<S: Hears> Room<S> {
    /// An empty room.
    pub fn new() -> Self {
        let state = State {
            members: BTreeMap::new(),
            next: 0,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody in and tells the others. Gives back their key, and the names of
    /// those who were there.
    pub fn join(
        &self,
        name: &str,
        address: Connection<S>,
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
        state.members.insert(key, Member { name, address });
        Ok((key, names))
    }

    /// Tells everybody else what the member said.
    pub fn say(&self, key: u64, text: &str) {
        let state = self.lock();
        if let Some(member) = state.members.get(&key) {
            let line = format!("{}: {text}\n", member.name);
            state.broadcast(Some(key), line);
        }
    }

    /// Lets the member go and tells the others what became of it: "has left". The first
    /// time counts.
    pub fn leave(&self, key: u64, what: &str) {
        let mut state = self.lock();
        if let Some(member) = state.members.remove(&key) {
            state.broadcast(None, format!("* {} {what}\n", member.name));
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

impl<S: Hears> Default for Room<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Hears> State<S> {
    fn broadcast(&self, except: Option<u64>, line: String) {
        // One payload, shared by all.
        let line = Bytes::from(line);
        for (key, member) in &self.members {
            if Some(*key) != except {
                let line = line.clone();
                // Nobody waits for anybody: this only puts it into a mailbox.
                member
                    .address
                    .post(move |session, transport| session.hear(transport, &line));
            }
        }
    }
}
