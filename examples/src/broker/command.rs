//! What a client may say.

use std::time::Duration;

use thiserror::Error;

/// A line of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// `CONNECT name [seconds]`
    Connect {
        /// Who it is.
        name: &'a str,
        /// It will say something at least so often.
        keep_alive: Option<Duration>,
    },
    /// `SUB topic`
    Subscribe(&'a str),
    /// `UNSUB topic`
    Unsubscribe(&'a str),
    /// `PUB topic text`
    Publish(&'a str, &'a str),
    /// `PING`
    Ping,
}

/// Why a line is no command.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// It is not UTF-8.
    #[error("a line has to be UTF-8")]
    NotText,
    /// Nothing is known by that word.
    #[error("{given:?} is no command: CONNECT, SUB, UNSUB, PUB and PING are")]
    Unknown {
        /// The word.
        given: String,
    },
    /// Something is missing.
    #[error("{command} needs {missing}")]
    Missing {
        /// The command.
        command: &'static str,
        /// What it needs.
        missing: &'static str,
    },
    /// The interval is none.
    #[error("{given:?} is no number of seconds between 1 and 65535")]
    Interval {
        /// What was given.
        given: String,
    },
}

impl<'a> Command<'a> {
    /// Reads a line.
    ///
    /// ```
    /// use polyloop_examples::broker::Command;
    ///
    /// assert_eq!(Command::parse(b"PUB news hello, all"), Ok(Command::Publish("news", "hello, all")));
    /// assert!(Command::parse(b"SHOUT").is_err());
    /// ```
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        let line = str::from_utf8(line).map_err(|_| CommandError::NotText)?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let one = |command, missing| match rest.trim() {
            "" => Err(CommandError::Missing { command, missing }),
            given => Ok(given),
        };
        match word {
            "CONNECT" => {
                let (name, seconds) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
                if name.is_empty() {
                    return Err(CommandError::Missing {
                        command: "CONNECT",
                        missing: "a name",
                    });
                }
                let keep_alive = match seconds {
                    "" => None,
                    given => Some(interval(given)?),
                };
                Ok(Self::Connect { name, keep_alive })
            }
            "SUB" => one("SUB", "a topic").map(Self::Subscribe),
            "UNSUB" => one("UNSUB", "a topic").map(Self::Unsubscribe),
            "PUB" => {
                let (topic, text) = rest.split_once(' ').unwrap_or((rest, ""));
                if topic.is_empty() {
                    return Err(CommandError::Missing {
                        command: "PUB",
                        missing: "a topic",
                    });
                }
                Ok(Self::Publish(topic, text))
            }
            "PING" => Ok(Self::Ping),
            given => Err(CommandError::Unknown {
                given: given.chars().take(32).collect(),
            }),
        }
    }
}

fn interval(given: &str) -> Result<Duration, CommandError> {
    match given.trim().parse::<u16>() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds.into())),
        _ => Err(CommandError::Interval {
            given: given.chars().take(32).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_or_says_why_not() {
        let connect = |keep_alive| Command::Connect {
            name: "me",
            keep_alive,
        };
        assert_eq!(Command::parse(b"CONNECT me"), Ok(connect(None)));
        let minute = Some(Duration::from_secs(60));
        assert_eq!(Command::parse(b"CONNECT me 60"), Ok(connect(minute)));
        assert_eq!(Command::parse(b"SUB a/b"), Ok(Command::Subscribe("a/b")));
        assert_eq!(Command::parse(b"UNSUB a"), Ok(Command::Unsubscribe("a")));
        assert_eq!(Command::parse(b"PUB a"), Ok(Command::Publish("a", "")));
        assert_eq!(Command::parse(b"PING"), Ok(Command::Ping));
        for (line, why) in [
            (&b"SUB "[..], "SUB needs a topic"),
            (b"CONNECT", "CONNECT needs a name"),
            (
                b"CONNECT me 0",
                "\"0\" is no number of seconds between 1 and 65535",
            ),
            (b"\xff", "a line has to be UTF-8"),
            (
                b"",
                "\"\" is no command: CONNECT, SUB, UNSUB, PUB and PING are",
            ),
        ] {
            assert_eq!(Command::parse(line).unwrap_err().to_string(), why);
        }
    }
}
