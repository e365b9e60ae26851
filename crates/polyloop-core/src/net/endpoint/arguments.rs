//! [`Arguments`]: what an endpoint was given, by name.

use std::net::IpAddr;
use std::time::Duration;

use super::error::Fault;
use super::parameter::{self, Parameter, Side};
use super::text::Piece;

/// The arguments of an endpoint, each of the form that its scheme asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Arguments(Vec<(&'static str, String)>);

impl Arguments {
    /// The text of an argument.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The number that an argument is.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(parameter::number)
    }

    /// The permissions that an argument is.
    pub fn mode(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(parameter::octal)
    }

    /// The time that an argument is.
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        self.get(name).and_then(parameter::seconds)
    }

    /// Whether an argument is on or off.
    pub fn switch(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(parameter::switch)
    }

    /// The address that an argument is.
    pub fn address(&self, name: &str) -> Option<IpAddr> {
        self.get(name).and_then(parameter::address)
    }

    /// The host that an argument is, without brackets.
    pub fn host(&self, name: &str) -> Option<&str> {
        self.get(name).map(parameter::unbracketed)
    }

    /// The port that an argument is.
    pub fn port(&self, name: &str) -> Option<u16> {
        self.get(name).and_then(|port| port.parse().ok())
    }

    /// The names that an argument lists; none if it is not given.
    pub fn names(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).into_iter().flat_map(|list| list.split(','))
    }

    /// All of them, in the order of their scheme.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.0.push((name, value));
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The name of one that only the other side may be given.
    pub(super) fn misplaced(&self, parameters: &[Parameter], here: Side) -> Option<&'static str> {
        let belongs = |name: &str| {
            let known = parameters.iter().find(|parameter| parameter.name == name);
            known.is_none_or(|known| known.side == Side::Both || known.side == here)
        };
        self.iter()
            .map(|(name, _)| name)
            .find(|name| !belongs(name))
    }

    /// Fits what was written to what a scheme takes. `positional` are the names of those
    /// that may be given without one.
    pub(super) fn fit(
        text: &str,
        pieces: Vec<Piece>,
        parameters: &'static [Parameter],
        positional: &[&'static str],
    ) -> Result<Self, Fault> {
        let mut given: Vec<(&'static str, Piece)> = Vec::new();
        let mut bare = Vec::new();
        for piece in pieces {
            let Some(name) = &piece.name else {
                bare.push(piece);
                continue;
            };
            let Some(known) = parameters.iter().find(|known| known.name == name) else {
                let problem = format!("there is no argument {name:?}");
                return Err(Fault::new(piece.at, problem, names(parameters)));
            };
            if given.iter().any(|(before, _)| *before == known.name) {
                let problem = format!("{name:?} is given twice");
                return Err(Fault::new(piece.at, problem, "each argument once"));
            }
            given.push((known.name, piece));
        }
        let mut free: Vec<&'static str> = positional.to_vec();
        free.retain(|name| given.iter().all(|(taken, _)| taken != name));
        let is_number = |piece: &Piece| parameter::number(&piece.value).is_some();
        // A server's text may begin with its port: `tcp:80`, `tcp:80:127.0.0.1`.
        if free[..] == ["host", "port"] && bare.first().is_some_and(is_number) {
            match bare.get(1) {
                None => free.reverse(),
                Some(second) if !is_number(second) => free.reverse(),
                Some(_) => {}
            }
        }
        for (place, piece) in bare.into_iter().enumerate() {
            let Some(name) = free.get(place) else {
                let problem = format!("{:?} is one argument too many", piece.value);
                return Err(Fault::new(piece.at, problem, names(parameters)));
            };
            given.push((name, piece));
        }
        let mut arguments = Self::default();
        for known in parameters {
            let Some(at) = given.iter().position(|(name, _)| *name == known.name) else {
                if known.required {
                    let problem = format!("it has no {}", known.name);
                    return Err(Fault::new(text.len(), problem, names(parameters)));
                }
                continue;
            };
            let (_, piece) = given.swap_remove(at);
            known.form.check(&piece.value).map_err(|misfit| {
                Fault::new(
                    piece.place_of(misfit.at, text),
                    misfit.problem,
                    format!("{} as {}", known.name, misfit.expected),
                )
            })?;
            arguments.set(known.name, piece.value);
        }
        Ok(arguments)
    }
}

/// Which arguments there are, as a part of a sentence.
fn names(parameters: &[Parameter]) -> String {
    let names: Vec<String> = parameters.iter().map(|p| format!("{}=", p.name)).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "no argument".to_owned(),
    }
}
