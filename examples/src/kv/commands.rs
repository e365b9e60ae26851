//! The commands: their table, how one is found and run, and what can be wrong with
//! it.

#![expect(
    clippy::unnecessary_wraps,
    reason = "all commands have one signature, those that can't fail included"
)]

mod connection;
mod keys;
mod lists;
mod publish;
mod strings;

use std::time::Instant;

use polyloop_core::{Transport, TransportHandle};
use thiserror::Error;

use super::reply::Replies;
use super::resp::Request;
use super::server::{KvOptions, State};

/// Why a command was not carried out. Its class and its text are the reply.
#[derive(Debug, Error)]
pub(super) enum CommandError {
    #[error("unknown command '{0}'")]
    Unknown(String),
    #[error("unknown subcommand '{1}' of '{0}'")]
    UnknownSubcommand(&'static str, String),
    #[error("wrong number of arguments for '{0}' command")]
    Arity(&'static str),
    #[error("Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("value is not an integer or out of range")]
    NotAnInteger,
    #[error("value is out of range, must be positive")]
    NotPositive,
    #[error("increment or decrement would overflow")]
    Overflow,
    #[error("syntax error")]
    Syntax,
    #[error("invalid expire time in '{0}' command")]
    ExpireTime(&'static str),
    #[error("DB index is out of range")]
    Database,
    #[error("unsupported protocol version: this server speaks RESP2 only")]
    ProtocolVersion,
    #[error(
        "Can't execute '{0}': only SUBSCRIBE, UNSUBSCRIBE, PING and QUIT are allowed in this context"
    )]
    Subscribed(&'static str),
}

impl CommandError {
    /// The word in front, by which clients tell errors apart.
    fn class(&self) -> &'static str {
        match self {
            Self::WrongType => "WRONGTYPE",
            Self::ProtocolVersion => "NOPROTO",
            _ => "ERR",
        }
    }
}

/// What a server remembers of a client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: u64,
    pub(super) handle: TransportHandle,
    pub(super) name: Vec<u8>,
    pub(super) channels: Vec<Box<[u8]>>,
    /// It said QUIT: nothing that it sent after that counts.
    pub(super) quits: bool,
}

/// One request on its way through its command.
pub(super) struct Call<'a> {
    pub(super) request: Request<'a>,
    pub(super) state: &'a mut State,
    pub(super) client: &'a mut Client,
    pub(super) transport: &'a mut dyn Transport,
    pub(super) options: &'a KvOptions,
    pub(super) replies: &'a mut Replies,
    /// The time of the whole batch, by the loop's clock.
    pub(super) now: Instant,
    /// The command's name, for errors.
    command: &'static str,
}

impl<'a> Call<'a> {
    fn arg(&self, index: usize) -> &'a [u8] {
        self.request.part(index)
    }

    fn integer(&self, index: usize) -> Result<i64, CommandError> {
        super::integer::parse_integer(self.arg(index)).ok_or(CommandError::NotAnInteger)
    }

    fn arity(&self) -> CommandError {
        CommandError::Arity(self.command)
    }
}

type Run = fn(&mut Call<'_>) -> Result<(), CommandError>;

struct Command {
    name: &'static str,
    /// The fewest and the most parts of a request, the name included.
    parts: (usize, usize),
    /// Whether a client may use it while it is subscribed.
    while_subscribed: bool,
    run: Run,
}

const MANY: usize = usize::MAX;

const fn command(name: &'static str, parts: (usize, usize), run: Run) -> Command {
    Command {
        name,
        parts,
        while_subscribed: false,
        run,
    }
}

const fn any_time(name: &'static str, parts: (usize, usize), run: Run) -> Command {
    Command {
        while_subscribed: true,
        ..command(name, parts, run)
    }
}

/// In the order of their names, for the search.
static COMMANDS: [Command; 40] = [
    command("append", (3, 3), strings::append),
    command("client", (2, MANY), connection::client),
    command("command", (1, MANY), connection::command),
    command("config", (2, MANY), connection::config),
    command("dbsize", (1, 1), keys::dbsize),
    command("decr", (2, 2), strings::decr),
    command("decrby", (3, 3), strings::decrby),
    command("del", (2, MANY), keys::del),
    command("echo", (2, 2), connection::echo),
    command("exists", (2, MANY), keys::exists),
    command("expire", (3, 3), keys::expire),
    command("flushall", (1, 2), keys::flushall),
    command("flushdb", (1, 2), keys::flushall),
    command("get", (2, 2), strings::get),
    command("hello", (1, MANY), connection::hello),
    command("incr", (2, 2), strings::incr),
    command("incrby", (3, 3), strings::incrby),
    command("info", (1, MANY), connection::info),
    command("keys", (2, 2), keys::keys),
    command("llen", (2, 2), lists::llen),
    command("lpop", (2, 3), lists::lpop),
    command("lpush", (3, MANY), lists::lpush),
    command("lrange", (4, 4), lists::lrange),
    command("mget", (2, MANY), strings::mget),
    command("mset", (3, MANY), strings::mset),
    command("persist", (2, 2), keys::persist),
    command("pexpire", (3, 3), keys::pexpire),
    any_time("ping", (1, 2), connection::ping),
    command("pttl", (2, 2), keys::pttl),
    command("publish", (3, 3), publish::publish),
    any_time("quit", (1, MANY), connection::quit),
    command("rpop", (2, 3), lists::rpop),
    command("rpush", (3, MANY), lists::rpush),
    command("select", (2, 2), connection::select),
    command("set", (3, MANY), strings::set),
    command("strlen", (2, 2), strings::strlen),
    any_time("subscribe", (2, MANY), publish::subscribe),
    command("ttl", (2, 2), keys::ttl),
    command("type", (2, 2), keys::type_of),
    any_time("unsubscribe", (1, MANY), publish::unsubscribe),
];

/// How many commands there are.
fn count() -> usize {
    COMMANDS.len()
}

fn find(name: &[u8]) -> Option<&'static Command> {
    // Longer than any command, and short enough for the stack.
    let mut lower = [0; 16];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let index = COMMANDS
        .binary_search_by(|command| command.name.as_bytes().cmp(lower))
        .ok()?;
    Some(&COMMANDS[index])
}

/// Text of a client as an error quotes it: not too much of it.
fn quoted(given: &[u8]) -> String {
    let shown = &given[..given.len().min(128)];
    String::from_utf8_lossy(shown).into_owned()
}

/// What a batch of requests shares.
pub(super) struct Batch<'a> {
    pub(super) state: &'a mut State,
    pub(super) client: &'a mut Client,
    pub(super) transport: &'a mut dyn Transport,
    pub(super) options: &'a KvOptions,
    pub(super) replies: &'a mut Replies,
    pub(super) now: Instant,
}

impl Batch<'_> {
    /// Runs one request; whatever happens there is a reply.
    pub(super) fn run(&mut self, request: Request<'_>) {
        if let Err(error) = self.try_run(request) {
            self.replies.error(error.class(), &error);
        }
    }

    fn try_run(&mut self, request: Request<'_>) -> Result<(), CommandError> {
        let command =
            find(request.name()).ok_or_else(|| CommandError::Unknown(quoted(request.name())))?;
        let (fewest, most) = command.parts;
        if !(fewest..=most).contains(&request.len()) {
            return Err(CommandError::Arity(command.name));
        }
        if !self.client.channels.is_empty() && !command.while_subscribed {
            return Err(CommandError::Subscribed(command.name));
        }
        (command.run)(&mut Call {
            request,
            state: self.state,
            client: self.client,
            transport: self.transport,
            options: self.options,
            replies: self.replies,
            now: self.now,
            command: command.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, find};

    #[test]
    fn the_table_is_in_order_and_every_command_is_found() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        for command in &COMMANDS {
            let found = find(command.name.to_ascii_uppercase().as_bytes());
            assert_eq!(found.map(|found| found.name), Some(command.name));
        }
    }

    #[test]
    fn other_names_are_not_found() {
        for name in ["", "gett", "ge", "a name longer than any command has"] {
            assert!(find(name.as_bytes()).is_none(), "{name}");
        }
    }
}
