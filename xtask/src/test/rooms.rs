//! Whether the rooms of `polyloop-core` know only those they may know, and whether the
//! modules of a bench session stand on one another without a circle.
//!
//! Code is read as tokens: a path counts wherever it is written, in a macro as well, and
//! what a comment says does not.

mod circles;
mod paths;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::root;
use paths::{Named, Origin};

/// A folder of core's, and the file named after it.
struct Room {
    name: &'static str,
    /// The rooms it may know, besides itself and the ground floor.
    knows: &'static [&'static str],
    /// Why no others.
    reason: &'static str,
}

const ROOMS: [Room; 7] = [
    Room {
        name: "promise",
        knows: &[],
        reason: "promises know no loop: what needs one asks for the least that will do, as \
                 `Delays`, or lies in event_loop/",
    },
    Room {
        name: "sync",
        knows: &["promise"],
        reason: "what it grants is a promise, and needs no loop",
    },
    Room {
        name: "event_loop",
        knows: &["promise", "sync"],
        reason: "a loop runs futures; what it carries, protocols and the network, lies above it",
    },
    Room {
        name: "schedule",
        knows: &["promise", "sync", "event_loop"],
        reason: "schedules need calls and tasks, and neither protocols nor the network",
    },
    Room {
        name: "protocol",
        knows: &["promise", "sync", "event_loop"],
        reason: "a connection is driven over any `Stream`, whoever made it: the network lies \
                 above it",
    },
    Room {
        name: "os",
        knows: &["promise", "sync", "event_loop"],
        reason: "descriptors are waited for by whoever speaks over them, protocols and the \
                 network among others: those lie above it",
    },
    Room {
        name: "net",
        knows: &[
            "promise",
            "sync",
            "event_loop",
            "schedule",
            "protocol",
            "os",
        ],
        reason: "it is the topmost room",
    },
];

/// What every room stands on: a module that knows none.
const GROUND: [&str; 2] = ["sync", "primitive"];
const GROUND_NAME: &str = "sync::primitive";
const GROUND_REASON: &str = "it is the ground floor, which knows no room";
const SWAPPED: &str = "a model checker puts its own in place of std's, so sync/primitive.rs \
                       alone takes them from there";

/// A path that leads where it may not.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: PathBuf,
    line: usize,
    arrow: String,
    path: String,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            arrow,
            path,
            rule,
        } = self;
        let file = file.display();
        write!(f, "{file}:{line}: {arrow} (`{path}`): {rule}")
    }
}

pub(crate) fn check() -> Result<(), String> {
    let core = root().join("crates/polyloop-core/src");
    let sources = Source::read_all(&core)?;
    let mut found = Vec::new();
    for source in &sources {
        found.extend(source.violations()?.iter().map(Violation::to_string));
    }
    let session = root().join("bench/src");
    let mut modules = Vec::new();
    for source in Source::read_all(&session)? {
        if source.module.first().is_some_and(|name| name == "session") {
            modules.push((source.module.clone(), source.named()?));
        }
    }
    found.extend(
        circles::find(&modules)
            .map(|circle| format!("{}: modules in a circle: {circle}", session.display())),
    );
    if found.is_empty() {
        println!(
            "{} files of core in seven rooms, {} of a bench session without a circle",
            sources.len(),
            modules.len()
        );
        Ok(())
    } else {
        Err(format!("uphill in core:\n{}", found.join("\n")))
    }
}

/// One file of a crate.
struct Source {
    file: PathBuf,
    /// The names of the modules that lead to it, none for the root.
    module: Vec<String>,
    text: String,
}

impl Source {
    fn read_all(directory: &Path) -> Result<Vec<Self>, String> {
        let mut sources = Vec::new();
        let mut directories = vec![directory.to_owned()];
        while let Some(next) = directories.pop() {
            let told = |error| format!("{}: {error}", next.display());
            for entry in fs::read_dir(&next).map_err(told)? {
                let path = entry.map_err(told)?.path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).map_err(told)?;
                    let inside = path.strip_prefix(directory).unwrap_or(&path);
                    sources.push(Self {
                        file: path.strip_prefix(root()).unwrap_or(&path).to_owned(),
                        module: module(inside),
                        text,
                    });
                }
            }
        }
        sources.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(sources)
    }

    fn named(&self) -> Result<Vec<Named>, String> {
        paths::named(&self.text, &self.module)
            .map_err(|error| format!("{}: {error}", self.file.display()))
    }

    fn violations(&self) -> Result<Vec<Violation>, String> {
        let violation = |line, arrow: String, path: &str, rule: &str| Violation {
            file: self.file.clone(),
            line,
            arrow,
            path: path.to_owned(),
            rule: rule.to_owned(),
        };
        if self.module.is_empty() {
            let extra = paths::modules(&self.text)
                .into_iter()
                .filter(|(name, _)| ROOMS.iter().all(|room| room.name != name));
            return Ok(extra
                .map(|(name, line)| {
                    let arrow = format!("root → {name}");
                    violation(
                        line,
                        arrow,
                        &name,
                        "lib.rs shows the seven rooms and nothing else",
                    )
                })
                .collect());
        }
        let from = place(&self.module).unwrap_or_else(|| self.module.join("::"));
        let mut found = Vec::new();
        for named in self.named()? {
            let path = named.to_string();
            match named.origin {
                Origin::Std if from == GROUND_NAME => {}
                Origin::Std => {
                    let module = named.segments.first().map_or("", String::as_str);
                    if ["sync", "thread"].contains(&module) {
                        let arrow = format!("{from} → std::{module}");
                        found.push(violation(named.line, arrow, &path, SWAPPED));
                    }
                }
                Origin::Crate => {
                    let Some(to) = place(&named.segments) else {
                        let rule = "a path names the room that the item lies in";
                        found.push(violation(named.line, format!("{from} → root"), &path, rule));
                        continue;
                    };
                    if let Err(rule) = may_know(&from, &to) {
                        found.push(violation(
                            named.line,
                            format!("{from} → {to}"),
                            &path,
                            &rule,
                        ));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// `a/b.rs` is the module `a::b`, `lib.rs` the root.
fn module(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let names = file.iter().map(|name| name.to_string_lossy().into_owned());
    names
        .filter(|name| name != "lib" && name != "main")
        .collect()
}

/// The room that a path leads to. `None` if it names something at the root.
fn place(segments: &[String]) -> Option<String> {
    if segments.len() >= GROUND.len() && segments.iter().zip(GROUND).all(|(a, b)| a == b) {
        return Some(GROUND_NAME.to_owned());
    }
    let first = segments.first()?;
    let room = ROOMS.iter().find(|room| room.name == first)?;
    Some(room.name.to_owned())
}

fn may_know(from: &str, to: &str) -> Result<(), String> {
    if from == to || to == GROUND_NAME {
        return Ok(());
    }
    let Some(room) = ROOMS.iter().find(|room| room.name == from) else {
        return Err(GROUND_REASON.to_owned());
    };
    if room.knows.contains(&to) {
        return Ok(());
    }
    let knows = match room.knows {
        [] => "no other room".to_owned(),
        rooms => rooms.join(", "),
    };
    Err(format!("{from}/ may know {knows}; {}", room.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(file: &str, text: &str) -> Vec<(usize, String)> {
        let source = Source {
            file: file.into(),
            module: module(Path::new(file)),
            text: text.to_owned(),
        };
        let found = source.violations().unwrap();
        found.into_iter().map(|it| (it.line, it.arrow)).collect()
    }

    fn one(line: usize, arrow: &str) -> Vec<(usize, String)> {
        vec![(line, arrow.to_owned())]
    }

    #[test]
    fn an_arrow_uphill_is_seen_in_whatever_way_it_is_written() {
        let uphill = one(2, "promise → event_loop");
        for text in [
            "\nuse crate::event_loop::state::LoopState;",
            "\nuse crate::{event_loop::{state, run}, promise::Promise};",
        ] {
            assert_eq!(lines("promise/links.rs", text)[0], uphill[0], "{text}");
        }
        for text in [
            "\nuse super::super::event_loop::run;",
            "\nfn f() { crate::event_loop::run() }",
            "\nfn f() { assert!(crate::event_loop::is_entered()) }",
            "\nmod tests { use super::super::super::event_loop::run; }",
            "\nimpl Trait for Option<crate::event_loop::Run> {}",
            "\npub(crate) use crate::event_loop::*;",
        ] {
            assert_eq!(lines("promise/links.rs", text), uphill, "{text}");
        }
        let root = "\nuse super::event_loop::run;";
        assert_eq!(lines("promise.rs", root), uphill);
    }

    #[test]
    fn what_is_said_and_what_lies_below_is_no_arrow_uphill() {
        let text = "
            //! [`Loop`](crate::event_loop::Loop)
            /// crate::net::Stream
            // use crate::net::Stream;
            use std::time::Duration;
            use super::{super::promise::Promise, rest};
            use crate::promise::Promise;
            use crate::sync::primitive::{Mutex, lock};
            pub(crate) const TEXT: &str = \"crate::net\";
            pub(super) fn f(&self) { self::inner::g() }
            mod tests { use super::*; }
        ";
        assert_eq!(lines("event_loop/calls.rs", text), []);
        assert_eq!(lines("net/client.rs", "use crate::protocol::Protocol;"), []);
    }

    #[test]
    fn each_room_has_its_own_rule() {
        for (file, path, arrow) in [
            ("event_loop.rs", "net::Tcp", "event_loop → net"),
            (
                "event_loop/run.rs",
                "protocol::Protocol",
                "event_loop → protocol",
            ),
            ("protocol/factory.rs", "net::Stream", "protocol → net"),
            ("schedule.rs", "protocol::Protocol", "schedule → protocol"),
            ("sync/lock.rs", "event_loop::timers", "sync → event_loop"),
            ("promise/shared.rs", "sync::Lock", "promise → sync"),
            (
                "sync/primitive.rs",
                "promise::Promise",
                "sync::primitive → promise",
            ),
            ("os/watched.rs", "protocol::Protocol", "os → protocol"),
            ("net/client.rs", "Failure", "net → root"),
        ] {
            let text = format!("use crate::{path};");
            assert_eq!(lines(file, &text), one(1, arrow));
        }
    }

    #[test]
    fn only_the_ground_floor_takes_what_a_model_checker_swaps() {
        for text in [
            "use std::sync::Arc;",
            "use std::{fmt, sync::{Arc, Mutex}};",
            "fn f() -> ::std::sync::Arc<()> {}",
            "fn f() { std::sync::atomic::fence() }",
        ] {
            let found = lines("promise/shared.rs", text);
            assert_eq!(found[0], (1, "promise → std::sync".to_owned()), "{text}");
            assert_eq!(lines("sync/primitive.rs", text), [], "{text}");
        }
        let text = "use std::thread;";
        assert_eq!(lines("net.rs", text), one(1, "net → std::thread"));
        let text = "use std::thread_local;";
        assert_eq!(lines("net.rs", text), []);
    }

    #[test]
    fn the_root_has_seven_rooms() {
        let text = "mod promise;\npub mod net;\n#[cfg(test)]\npub(crate) mod helpers;";
        assert_eq!(lines("lib.rs", text), one(4, "root → helpers"));
    }

    #[test]
    fn the_message_names_file_line_arrow_and_rule() {
        let source = Source {
            file: "src/promise/timeout.rs".into(),
            module: vec!["promise".to_owned(), "timeout".to_owned()],
            text: "use crate::event_loop::backend::Backend;".to_owned(),
        };
        let told = source.violations().unwrap()[0].to_string();
        assert_eq!(
            told,
            "src/promise/timeout.rs:1: promise → event_loop \
             (`crate::event_loop::backend::Backend`): promise/ may know no other room; promises \
             know no loop: what needs one asks for the least that will do, as `Delays`, or lies \
             in event_loop/"
        );
    }

    #[test]
    fn core_and_the_session_hold_it() {
        check().unwrap();
    }
}
