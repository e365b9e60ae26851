//! What the rooms above keep for each loop: one value of a type, made when it is first
//! asked for. It goes when the loop is closed, or its machine loses its power.

use std::any::Any;

use crate::sync::primitive::{Arc, Mutex, lock};

type Attached = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
pub(super) struct Attachments(Mutex<Vec<Attached>>);

impl Attachments {
    /// The loop's `T`.
    pub(super) fn get<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let mut known = lock(&self.0);
        let found = known
            .iter()
            .find_map(|attached| attached.clone().downcast().ok());
        found.unwrap_or_else(|| {
            let made: Arc<T> = Arc::default();
            known.push(made.clone());
            made
        })
    }

    /// Takes all of them out, for the caller to drop: that may run code of users.
    #[must_use]
    pub(super) fn take(&self) -> Vec<Attached> {
        std::mem::take(&mut lock(&self.0))
    }
}
