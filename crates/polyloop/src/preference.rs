//! Which loop is taken where nobody has pinned one.
//!
//! A program's own manifest decides, as far as `#[polyloop::main]` can read it. Where
//! nothing decides, the first of the documented order is taken and, if there was a choice,
//! this is told once in a process: cargo builds one polyloop for all packages of a command,
//! so what else is built with a program may have switched that loop on.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::AnyLoop;
use crate::any_loop::{SIMULATED, VARIABLE};

/// The loops that a package's manifest asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The package.
    pub package: &'static str,
    /// The features that bring them, and whether each is asked for in this build: those
    /// that were named, those that are on by default, and the same of the
    /// dev-dependencies.
    pub ranks: &'static [&'static [(&'static str, bool)]],
}

/// The first loop that is compiled in, for the reason that nothing else decides.
pub(crate) fn first(why: Why) -> Option<&'static str> {
    let taken = AnyLoop::available().first()?;
    if AnyLoop::available_real().len() > 1 {
        say_once(&Unpinned {
            why,
            choice: AnyLoop::available_real(),
            taken,
        });
    }
    Some(taken)
}

/// The loop for a program of a package that asks for some.
pub(crate) fn of_package(asked: Option<Asked>) -> Option<&'static str> {
    let Some(asked) = asked else {
        return first(Why::NoManifest);
    };
    for rank in asked.ranks {
        let wanted = wanted(rank, AnyLoop::available_real());
        let taken = wanted.first().copied();
        if wanted.len() > 1 {
            say_once(&Unpinned {
                why: Why::AsksForSeveral(asked.package),
                choice: &wanted,
                taken: wanted[0],
            });
        }
        if taken.is_some() {
            return taken;
        }
    }
    // The simulation, which is for tests, is a program's loop only where it asks for nothing
    // else.
    let simulated = |rank: &&[_]| !wanted(rank, &[SIMULATED]).is_empty();
    if AnyLoop::available().contains(&SIMULATED) && asked.ranks.iter().any(simulated) {
        return Some(SIMULATED);
    }
    first(Why::AsksForNone(asked.package))
}

/// Those of `names` that a rank asks for.
fn wanted(rank: &[(&str, bool)], names: &[&'static str]) -> Vec<&'static str> {
    let wants = |name: &&&str| rank.contains(&(**name, true));
    names.iter().filter(wants).copied().collect()
}

/// A loop that was taken by the order alone.
struct Unpinned<'a> {
    why: Why,
    choice: &'a [&'static str],
    taken: &'static str,
}

/// Why nothing else decided.
#[derive(Clone, Copy)]
pub(crate) enum Why {
    /// [`default_loop`](crate::default_loop) follows the features alone.
    DefaultLoop,
    /// That function does not know which package calls it.
    UnknownCaller(&'static str),
    /// There is no manifest to read.
    NoManifest,
    /// The manifest of that package asks for several.
    AsksForSeveral(&'static str),
    /// The manifest of that package asks for none.
    AsksForNone(&'static str),
}

impl fmt::Display for Unpinned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, choice, taken } = self;
        match why {
            Why::DefaultLoop => f.write_str(
                "`polyloop::default_loop` can't see which loop its caller asks for, and several",
            )?,
            Why::UnknownCaller(caller) => write!(
                f,
                "`{caller}` can't see which loop its caller asks for, and several",
            )?,
            Why::NoManifest => f.write_str(
                "this program was built without a manifest that says which loop it asks for, \
                 and several",
            )?,
            Why::AsksForSeveral(package) => write!(
                f,
                "the package {package} asks polyloop for several loops, which",
            )?,
            Why::AsksForNone(package) => {
                write!(
                    f,
                    "the package {package} asks polyloop for no loop, and several"
                )?;
            }
        }
        write!(
            f,
            " are compiled in: {}. Taken is {taken}, which polyloop prefers among them",
            choice.join(", "),
        )?;
        if !matches!(why, Why::AsksForSeveral(_)) {
            f.write_str("; that may change with what else is built beside this program")?;
        }
        write!(
            f,
            ". To pin it: `#[polyloop::main({taken})]`, `AnyLoop::by_name({taken:?})`, ",
        )?;
        match why {
            Why::DefaultLoop => f.write_str("or the loop's own type"),
            _ => write!(f, "or {VARIABLE}={taken} in the environment"),
        }
    }
}

fn say_once(unpinned: &Unpinned<'_>) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    tracing::warn!(target: "polyloop", taken = unpinned.taken, "{unpinned}");
    if !tracing::dispatcher::has_been_set() {
        eprintln!("polyloop: {unpinned}");
    }
}
