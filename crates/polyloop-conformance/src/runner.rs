//! Runs checks: each on a thread of its own, with a deadline, its panics caught.

use std::any::Any;
use std::fmt;
use std::net::{Ipv6Addr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use polyloop_core::MainLoop;

use crate::abilities::Ability;
use crate::basics::Basics;
use crate::behaviour::{Behaviour, Capability, Check, Standing, id_of, text_of};
use crate::registry::behaviours;

/// How long a check may take. None needs more than a few seconds on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How one behaviour fared on one loop.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// `LOOP-14`.
    pub id: String,
    /// Its sentence.
    pub text: &'static str,
    /// How it went.
    pub status: Status,
}

/// How a check went. Its text is `pass`, `fail: why` or `n/a: why`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The loop does it.
    Pass,
    /// The loop doesn't; what was seen instead.
    Fail(String),
    /// There is nothing to check here, and why.
    NotApplicable(String),
    /// The suite has no check for it yet.
    NotYet,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Fail(why) => write!(f, "fail: {why}"),
            Self::NotApplicable(why) => write!(f, "n/a: {why}"),
            Self::NotYet => f.write_str("n/a: not checked yet"),
        }
    }
}

/// Runs the whole suite on the loops that `make` makes.
///
/// Abilities beside [`Loop`](polyloop_core::Loop) are left out: a [`Runner`] can be told of
/// them.
///
/// ```no_run
/// # use polyloop_core::MainLoop;
/// # fn report<L: MainLoop>(make: fn() -> L) {
/// for outcome in polyloop_conformance::run_all(make, "my loop") {
///     println!("{} {}", outcome.id, outcome.status);
/// }
/// # }
/// ```
pub fn run_all<L, M>(make: M, name: &str) -> Vec<Outcome>
where
    L: MainLoop,
    M: Fn() -> L + Send + Sync + 'static,
{
    Runner::new(name, make).run_all()
}

/// Runs the suite, or parts of it, and gives the outcomes as values.
pub struct Runner<L, M> {
    name: String,
    make: Arc<M>,
    behaviours: Vec<Behaviour<L>>,
    lacks: Vec<Capability>,
    deadline: Duration,
}

impl<L, M> Runner<L, M>
where
    L: MainLoop,
    M: Fn() -> L + Send + Sync + 'static,
{
    /// A runner for the loops that `make` makes; `name` names their threads.
    pub fn new(name: impl Into<String>, make: M) -> Self {
        Self {
            name: name.into(),
            make: Arc::new(make),
            behaviours: behaviours::<L>(),
            lacks: Vec::new(),
            deadline: DEADLINE,
        }
    }

    /// An ability that the loop has beside [`Loop`](polyloop_core::Loop).
    pub fn with(mut self, ability: Ability<L>) -> Self {
        for (name, standing) in ability.0 {
            let id = id_of(name);
            let known = self.behaviours.iter_mut();
            if let Some(behaviour) = known.into_iter().find(|behaviour| behaviour.id == id) {
                behaviour.standing = standing;
            }
        }
        self
    }

    /// What the loop can't do: checks that need it are not applicable.
    pub fn lacking(mut self, lacks: &[Capability]) -> Self {
        self.lacks = lacks.to_vec();
        self
    }

    /// How long a check may take, instead of [`DEADLINE`].
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs everything, one after the other, in the order of the catalogue; where the
    /// [basics](crate::basics) do not hold, nothing but those.
    pub fn run_all(&self) -> Vec<Outcome> {
        let basics = Basics::new();
        let judge = |behaviour: &Behaviour<L>| {
            let id = &behaviour.id;
            match basics.broken(id, &self.lacks, &self.make) {
                Some(why) if matches!(behaviour.standing, Standing::Check(..)) => Outcome {
                    id: id.clone(),
                    text: behaviour.text,
                    status: Status::Fail(why.to_owned()),
                },
                _ => self.judge(behaviour),
            }
        };
        self.behaviours.iter().map(judge).collect()
    }

    /// Runs the check of one ID, as `LOOP-14` or `loop_14`. `None` if there is no
    /// such ID.
    pub fn run_one(&self, id: &str) -> Option<Outcome> {
        let id = id_of(id);
        let found = self
            .behaviours
            .iter()
            .find(|behaviour| behaviour.id == id)?;
        Some(self.judge(found))
    }

    fn judge(&self, behaviour: &Behaviour<L>) -> Outcome {
        let status = match &behaviour.standing {
            Standing::Reason(why) => Status::NotApplicable((*why).to_owned()),
            Standing::NotYet => Status::NotYet,
            Standing::Beside(needs) => Status::NotApplicable(needs.missing().to_owned()),
            Standing::Check(needs, _) if self.lacks.contains(needs) || !needs.is_built_in() => {
                Status::NotApplicable(needs.missing().to_owned())
            }
            Standing::Check(needs, check) => {
                let thread = format!("{} {}", self.name, behaviour.id);
                let status = within(self.deadline, thread, self.make.clone(), *check);
                on_this_machine(*needs, status, has_ipv6)
            }
        };
        Outcome {
            id: behaviour.id.clone(),
            text: behaviour.text,
            status,
        }
    }
}

/// Runs one check on a thread of its own. One that hangs keeps its thread, and the
/// others go on.
pub(crate) fn within<L, M>(
    deadline: Duration,
    thread: String,
    make: Arc<M>,
    check: Check<L>,
) -> Status
where
    L: MainLoop,
    M: Fn() -> L + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::channel();
    let started = thread::Builder::new().name(thread).spawn(move || {
        let judged = catch_unwind(AssertUnwindSafe(|| check(&*make)));
        let _ = sender.send(match judged {
            Ok(Ok(())) => Status::Pass,
            Ok(Err(fault)) => Status::Fail(format!("{fault:?}")),
            Err(payload) => Status::Fail(format!("panicked: {}", text(payload.as_ref()))),
        });
    });
    if let Err(error) = started {
        return Status::Fail(format!("no thread for the check: {error}"));
    }
    receiver
        .recv_timeout(deadline)
        .unwrap_or_else(|_| Status::Fail(format!("not done within {deadline:?}")))
}

/// A failure says nothing about a loop if the machine lacks what the check needs. A loop
/// that passes all the same, such as a simulated one, has a network of its own.
fn on_this_machine(needs: Capability, status: Status, has_ipv6: fn() -> bool) -> Status {
    match (needs, status) {
        (Capability::Ipv6, Status::Fail(_)) if !has_ipv6() => {
            Status::NotApplicable("this machine has no IPv6: ::1 can't be listened on".to_owned())
        }
        (_, status) => status,
    }
}

fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}

/// The body of one test of [`suite!`](crate::suite).
///
/// # Panics
/// With the ID, its sentence and what was seen, if the loop does not conform.
pub fn assert_conforms<L, M>(
    name: &str,
    needs: Capability,
    lacks: &[Capability],
    basics: &Basics,
    make: M,
    check: Check<L>,
) where
    L: MainLoop,
    M: Fn() -> L + Send + Sync + 'static,
{
    let id = id_of(name);
    if lacks.contains(&needs) || !needs.is_built_in() {
        skip(name, needs);
        return;
    }
    let make = Arc::new(make);
    if let Some(why) = basics.broken(&id, lacks, &make) {
        panic!("{id}: {why}");
    }
    let status = within(DEADLINE, id.clone(), make, check);
    match on_this_machine(needs, status, has_ipv6) {
        Status::Fail(why) => panic!(
            "{id}: {}\n    seen: {why}",
            text_of(&id).unwrap_or_default()
        ),
        Status::NotApplicable(why) => println!("{id} n/a: {why}"),
        Status::Pass | Status::NotYet => {}
    }
}

/// The same where the loop lacks what the check needs.
pub fn skip(name: &str, needs: Capability) {
    println!("{} n/a: {}", id_of(name), needs.missing());
}

impl<L, M> fmt::Debug for Runner<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("name", &self.name)
            .field("lacks", &self.lacks)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_machine_without_ipv6_excuses_and_only_what_needs_it() {
        let failed = || Status::Fail("no".to_owned());
        let judge = |needs, has_ipv6| on_this_machine(needs, failed(), has_ipv6);
        assert_eq!(judge(Capability::Tcp, || false), failed());
        assert_eq!(judge(Capability::Ipv6, || true), failed());
        let excused = judge(Capability::Ipv6, || false);
        assert!(matches!(excused, Status::NotApplicable(_)), "{excused}");
        let passed = on_this_machine(Capability::Ipv6, Status::Pass, || false);
        assert_eq!(passed, Status::Pass);
    }
}
