//! The keys and their values.
//!
//! The store has no clock: whoever uses it says what time it is, so the loop's clock
//! is the only one, a virtual one in a simulation. Keys that expire are listed by
//! deadline. Before each batch of commands those that are due are removed, so no
//! command ever sees one, and none has to ask.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use super::commands::CommandError;

type Key = Box<[u8]>;

/// What a key holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(Vec<u8>),
    /// Never empty: a list that loses its last element is removed.
    List(VecDeque<Box<[u8]>>),
}

impl Value {
    /// The name that TYPE gives it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::List(_) => "list",
        }
    }
}

#[derive(Debug)]
struct Entry {
    value: Value,
    deadline: Option<Instant>,
}

/// All keys of a server.
#[derive(Debug, Default)]
pub(super) struct Store {
    entries: HashMap<Key, Entry>,
    /// The keys that expire, the next to go first.
    deadlines: BTreeSet<(Instant, Key)>,
}

/// Which end of a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Front,
    Back,
}

impl Store {
    /// Removes what is due.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((deadline, _)) = self.deadlines.first()
            && *deadline <= now
        {
            if let Some((_, key)) = self.deadlines.pop_first() {
                self.entries.remove(&key);
            }
        }
    }

    /// Whether any key will expire.
    pub(super) fn has_deadlines(&self) -> bool {
        !self.deadlines.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.keys().map(|key| &**key)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Value> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.entries.contains_key(key)
    }

    /// The text under `key`.
    pub(super) fn text(&self, key: &[u8]) -> Result<Option<&[u8]>, CommandError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::List(_)) => Err(CommandError::WrongType),
        }
    }

    /// Puts a text under `key`, whatever was there. Without a deadline it stays for
    /// ever.
    pub(super) fn set(&mut self, key: &[u8], text: &[u8], deadline: Option<Instant>) {
        if let Some(entry) = self.entries.get_mut(key) {
            match &mut entry.value {
                // The commonest write of all: its memory is there already.
                Value::Text(old) if old.capacity() < 2 * text.len() + 64 => {
                    old.clear();
                    old.extend_from_slice(text);
                }
                value => *value = Value::Text(text.to_vec()),
            }
            if entry.deadline.is_some() || deadline.is_some() {
                self.set_deadline(key, deadline);
            }
            return;
        }
        let value = Value::Text(text.to_vec());
        self.entries.insert(
            key.into(),
            Entry {
                value,
                deadline: None,
            },
        );
        if deadline.is_some() {
            self.set_deadline(key, deadline);
        }
    }

    /// Replaces the text under `key` and leaves its deadline.
    pub(super) fn replace_text(&mut self, key: &[u8], text: &[u8]) {
        let deadline = self.deadline(key);
        self.set(key, text, deadline);
    }

    /// Puts `more` behind the text under `key`, and says how long it is then.
    pub(super) fn append(&mut self, key: &[u8], more: &[u8]) -> Result<usize, CommandError> {
        match self.entries.get_mut(key).map(|entry| &mut entry.value) {
            Some(Value::Text(text)) => {
                text.extend_from_slice(more);
                Ok(text.len())
            }
            Some(Value::List(_)) => Err(CommandError::WrongType),
            None => {
                self.set(key, more, None);
                Ok(more.len())
            }
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else {
            return false;
        };
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        true
    }

    /// When `key` expires, if it is there and does.
    pub(super) fn deadline(&self, key: &[u8]) -> Option<Instant> {
        self.entries.get(key)?.deadline
    }

    /// Lets `key` expire then, or never. False if there is no such key.
    pub(super) fn set_deadline(&mut self, key: &[u8], deadline: Option<Instant>) -> bool {
        let Some(entry) = self.entries.get_mut(key) else {
            return false;
        };
        let old = std::mem::replace(&mut entry.deadline, deadline);
        if let Some(old) = old {
            self.deadlines.remove(&(old, key.into()));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key.into()));
        }
        true
    }

    /// The list under `key`.
    pub(super) fn list(&self, key: &[u8]) -> Result<Option<&VecDeque<Box<[u8]>>>, CommandError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(Value::Text(_)) => Err(CommandError::WrongType),
        }
    }

    /// Puts the items on an end of the list, one after the other, and says how long
    /// it is then. A list is made if there is none.
    pub(super) fn push<'a>(
        &mut self,
        key: &[u8],
        end: End,
        items: impl Iterator<Item = &'a [u8]>,
    ) -> Result<usize, CommandError> {
        if !self.entries.contains_key(key) {
            let entry = Entry {
                value: Value::List(VecDeque::new()),
                deadline: None,
            };
            self.entries.insert(key.into(), entry);
        }
        match self.entries.get_mut(key).map(|entry| &mut entry.value) {
            Some(Value::List(list)) => {
                for item in items {
                    match end {
                        End::Front => list.push_front(item.into()),
                        End::Back => list.push_back(item.into()),
                    }
                }
                Ok(list.len())
            }
            _ => Err(CommandError::WrongType),
        }
    }

    /// Takes up to `count` items off an end of the list; `None` if there is no list.
    pub(super) fn pop(
        &mut self,
        key: &[u8],
        end: End,
        count: usize,
    ) -> Result<Option<Vec<Box<[u8]>>>, CommandError> {
        let list = match self.entries.get_mut(key).map(|entry| &mut entry.value) {
            None => return Ok(None),
            Some(Value::List(list)) => list,
            Some(Value::Text(_)) => return Err(CommandError::WrongType),
        };
        let count = count.min(list.len());
        let taken = match end {
            End::Front => list.drain(..count).collect(),
            End::Back => list.drain(list.len() - count..).rev().collect(),
        };
        if list.is_empty() {
            self.remove(key);
        }
        Ok(Some(taken))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{End, Store, Value};

    #[test]
    fn keys_go_at_their_deadline_and_not_before() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut store = Store::default();
        store.set(b"a", b"1", Some(after(10)));
        store.set(b"b", b"2", Some(after(20)));
        store.set(b"c", b"3", None);
        store.expire(after(9));
        assert_eq!(store.len(), 3);
        store.expire(after(10));
        assert!(!store.contains(b"a"));
        assert_eq!(store.len(), 2);
        // Taken back, moved, and gone with its key.
        assert!(store.set_deadline(b"b", None));
        assert!(store.set_deadline(b"c", Some(after(30))));
        store.expire(after(25));
        assert_eq!(store.len(), 2);
        assert!(store.remove(b"c"));
        assert!(!store.has_deadlines());
    }

    #[test]
    fn setting_again_forgets_the_deadline() {
        let start = Instant::now();
        let mut store = Store::default();
        store.set(b"a", b"1", Some(start));
        store.set(b"a", b"2", None);
        assert!(!store.has_deadlines());
        store.expire(start + Duration::from_secs(1));
        assert_eq!(store.text(b"a").unwrap(), Some(&b"2"[..]));
    }

    #[test]
    fn a_list_lives_as_long_as_it_has_items() {
        let mut store = Store::default();
        let items = [&b"1"[..], b"2", b"3"];
        assert_eq!(store.push(b"l", End::Front, items.into_iter()).unwrap(), 3);
        assert_eq!(store.get(b"l").map(Value::type_name), Some("list"));
        let popped = store.pop(b"l", End::Front, 2).unwrap().unwrap();
        assert_eq!(popped, [(*b"3").into(), Box::from(*b"2")]);
        assert!(store.text(b"l").is_err());
        store.pop(b"l", End::Back, 9).unwrap();
        assert!(!store.contains(b"l"));
        assert!(store.pop(b"l", End::Back, 1).unwrap().is_none());
    }
}
