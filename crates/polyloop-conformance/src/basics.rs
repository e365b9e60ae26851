//! The basics of a backend, which are looked at before anything else.
//!
//! A mistake in one of them breaks nearly every check, and in few of them shows what it
//! is: sockets that block are thirty checks that are not done in time. So they are tried
//! first, and while one does not hold nothing else is tried.

use std::sync::{Arc, OnceLock};

use polyloop_core::MainLoop;

use crate::behaviour::{Capability, Standing};
use crate::registry::behaviours;
use crate::runner::{DEADLINE, Status, within};

/// What everything else stands on.
const BASICS: [&str; 3] = ["BACK-01", "BACK-03", "BACK-08"];

/// Whether the basics of one loop hold: found out once, by whichever check comes first.
#[derive(Debug, Default)]
pub struct Basics(OnceLock<Result<(), String>>);

impl Basics {
    /// Nobody has asked yet.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Which of them does not hold, and what was seen; nothing if all do, or for the
    /// basics themselves.
    pub fn broken<L, M>(&self, id: &str, lacks: &[Capability], make: &Arc<M>) -> Option<&str>
    where
        L: MainLoop,
        M: Fn() -> L + Send + Sync + 'static,
    {
        if BASICS.contains(&id) {
            return None;
        }
        let found = self.0.get_or_init(|| try_all(lacks, make));
        found.as_ref().err().map(String::as_str)
    }
}

fn try_all<L, M>(lacks: &[Capability], make: &Arc<M>) -> Result<(), String>
where
    L: MainLoop,
    M: Fn() -> L + Send + Sync + 'static,
{
    for behaviour in behaviours::<L>() {
        let Standing::Check(needs, check) = behaviour.standing else {
            continue;
        };
        if !BASICS.contains(&behaviour.id.as_str()) || lacks.contains(&needs) {
            continue;
        }
        let id = behaviour.id;
        if let Status::Fail(why) = within(DEADLINE, id.clone(), make.clone(), check) {
            return Err(format!(
                "not tried, since the basics do not hold. {id}: {}\n    seen: {why}",
                behaviour.text
            ));
        }
    }
    Ok(())
}
