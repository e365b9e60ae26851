//! What stands in the parentheses of the attributes.

use std::time::Duration;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Lit, LitStr, Path, Result, Token, parenthesized};

use crate::loops::{self, KnownLoop};

/// How long a test may take unless it says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The arguments of `#[polyloop::main]`.
pub(crate) struct MainArguments {
    /// The loop, and the word that named it.
    pub(crate) pinned: Option<(Ident, &'static KnownLoop)>,
    /// Whether the loop stops at the signals that ask a process to end.
    pub(crate) signals: bool,
    /// Where `polyloop` is, if that is said.
    pub(crate) polyloop: Option<Path>,
}

impl Parse for MainArguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self {
            pinned: None,
            signals: false,
            polyloop: None,
        };
        let expected = || {
            format!(
                "expected one loop ({}), `signals` or `crate = path`",
                loops::words()
            )
        };
        each_argument(input, &expected(), |word, input| {
            if word == "crate" {
                arguments.polyloop = Some(path(word, input)?);
                return Ok(());
            }
            if word == "signals" {
                arguments.signals = true;
                return Ok(());
            }
            let Some(known) = loops::find(word) else {
                return Err(Error::new_spanned(
                    word,
                    format!("`{word}` is not an argument here; {}", expected()),
                ));
            };
            if let Some((first, _)) = arguments.pinned.replace((word.clone(), known)) {
                return Err(Error::new_spanned(
                    word,
                    format!("a program is pinned to one loop, and `{first}` is named already"),
                ));
            }
            Ok(())
        })?;
        Ok(arguments)
    }
}

/// The arguments of `#[polyloop::test]`.
pub(crate) struct TestArguments {
    /// The deadline; on the simulated loop, of each seed.
    pub(crate) timeout: Duration,
    /// How much virtual time each seed of the simulated loop may take.
    pub(crate) virtual_timeout: Option<Duration>,
    pub(crate) loops: Vec<Chosen>,
    /// How many seeds the simulated loop tries.
    pub(crate) seeds: u64,
    /// Where the picture of a failing seed goes: a `&'static str`.
    pub(crate) trace: Option<Expr>,
    /// Where `polyloop` is, if that is said.
    pub(crate) polyloop: Option<Path>,
}

/// A loop that a test is made for.
#[derive(Clone, Copy)]
pub(crate) struct Chosen {
    pub(crate) known: &'static KnownLoop,
    /// The attribute has its name, so whoever wrote it wants it, whatever the manifest says.
    pub(crate) by_name: bool,
}

impl Parse for TestArguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        const EXPECTED: &str = "expected `timeout = seconds`, `loops(name, …)`, `sim`, \
             `seeds = number`, `virtual_timeout = seconds`, `trace = \"path\"` or `crate = path`";
        let mut arguments = Self {
            timeout: DEFAULT_TIMEOUT,
            virtual_timeout: None,
            loops: all(),
            seeds: 1,
            trace: None,
            polyloop: None,
        };
        // Who chose the loops, and what is there for the simulated one only.
        let (mut chooser, mut for_sim) = (None::<Ident>, None::<Ident>);
        each_argument(input, EXPECTED, |word, input| {
            match word.to_string().as_str() {
                "crate" => arguments.polyloop = Some(path(word, input)?),
                "timeout" => arguments.timeout = timeout(word, input)?,
                "seeds" => {
                    arguments.seeds = seeds(word, input)?;
                    for_sim = Some(word.clone());
                }
                "virtual_timeout" => {
                    arguments.virtual_timeout = Some(timeout(word, input)?);
                    for_sim = Some(word.clone());
                }
                "trace" => {
                    equals(word, input)?;
                    arguments.trace = Some(input.parse()?);
                    for_sim = Some(word.clone());
                }
                "loops" | "sim" => {
                    if chooser.replace(word.clone()).is_some() {
                        return Err(Error::new_spanned(
                            word,
                            "the loops are chosen already; `sim` is short for `loops(sim)`",
                        ));
                    }
                    arguments.loops = if word == "sim" {
                        loops::find(word).map(named).into_iter().collect()
                    } else {
                        chosen(word, input)?
                    };
                }
                other => {
                    return Err(Error::new_spanned(
                        word,
                        format!("`{other}` is not an argument here; {EXPECTED}"),
                    ));
                }
            }
            Ok(())
        })?;
        match for_sim {
            Some(word) if !arguments.loops.iter().any(|one| one.known.is_simulated()) => {
                Err(Error::new_spanned(
                    &word,
                    format!("`{word}` is for the simulated loop, which `loops(…)` leaves out"),
                ))
            }
            _ => Ok(arguments),
        }
    }
}

/// Reads arguments separated by commas; `one` gets the first word of each.
fn each_argument(
    input: ParseStream<'_>,
    expected: &str,
    mut one: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    while !input.is_empty() {
        let word = word(input).map_err(|error| Error::new(error.span(), expected))?;
        one(&word, input)?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

/// A word, which may be written as a feature is: `async-std` is `async_std`.
fn word(input: ParseStream<'_>) -> Result<Ident> {
    let mut word = input.call(Ident::parse_any)?;
    while input.parse::<Option<Token![-]>>()?.is_some() {
        let rest = input.call(Ident::parse_any)?;
        word = Ident::new(&format!("{word}_{rest}"), word.span());
    }
    Ok(word)
}

/// The `=` after an argument's name.
fn equals(word: &Ident, input: ParseStream<'_>) -> Result<()> {
    if input.parse::<Option<Token![=]>>()?.is_some() && !input.is_empty() {
        return Ok(());
    }
    let text = format!("`{word}` wants a value; expected `{word} = …`");
    Err(Error::new_spanned(word, text))
}

fn path(word: &Ident, input: ParseStream<'_>) -> Result<Path> {
    equals(word, input)?;
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        return text.parse_with(Path::parse_mod_style);
    }
    Path::parse_mod_style(input)
}

/// Every loop.
fn all() -> Vec<Chosen> {
    let chosen = |known| Chosen {
        known,
        by_name: false,
    };
    loops::KNOWN.iter().map(chosen).collect()
}

fn named(known: &'static KnownLoop) -> Chosen {
    Chosen {
        known,
        by_name: true,
    }
}

fn chosen(word: &Ident, input: ParseStream<'_>) -> Result<Vec<Chosen>> {
    let list;
    parenthesized!(list in input);
    let words: Punctuated<Ident, Token![,]> = list.parse_terminated(self::word, Token![,])?;
    if words.is_empty() {
        return Err(Error::new_spanned(
            word,
            format!(
                "`loops()` names no loop; expected some of {}, or `{}`",
                loops::words(),
                loops::REAL
            ),
        ));
    }
    let mut chosen: Vec<Chosen> = Vec::new();
    for word in &words {
        let meant: Vec<Chosen> = if word == loops::REAL {
            let mut real = all();
            real.retain(|one| !one.known.is_simulated());
            real
        } else {
            loops::find(word).map(named).into_iter().collect()
        };
        if meant.is_empty() {
            return Err(Error::new_spanned(
                word,
                format!(
                    "no loop is called `{word}`; expected some of {}, or `{}`",
                    loops::words(),
                    loops::REAL
                ),
            ));
        }
        for one in meant {
            let name = one.known.word;
            if chosen.iter().any(|other| other.known.word == name) {
                let text = format!("`{name}` is named twice");
                return Err(Error::new_spanned(word, text));
            }
            chosen.push(one);
        }
    }
    Ok(chosen)
}

fn seeds(word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    equals(word, input)?;
    let literal: Lit = input.parse()?;
    let count = match &literal {
        Lit::Int(number) => number.base10_parse().ok(),
        _ => None,
    };
    count.filter(|count| *count > 0).ok_or_else(|| {
        Error::new_spanned(
            &literal,
            format!(
                "`{}` is not a number of seeds; expected a whole number from 1, such as 200",
                literal.to_token_stream()
            ),
        )
    })
}

fn timeout(word: &Ident, input: ParseStream<'_>) -> Result<Duration> {
    equals(word, input)?;
    let literal: Lit = input.parse()?;
    let text = match &literal {
        Lit::Int(number) => number.base10_digits().to_owned(),
        Lit::Float(number) => number.base10_digits().to_owned(),
        Lit::Str(text) => text.value(),
        _ => String::new(),
    };
    duration(text.trim()).ok_or_else(|| {
        Error::new_spanned(
            &literal,
            format!(
                "`{}` is not a deadline; expected more than zero seconds, such as 5 or 0.5, \
                 or a number with a unit, such as \"500ms\", \"5s\", \"2m\" or \"1h\"",
                literal.to_token_stream()
            ),
        )
    })
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    let duration = Duration::try_from_secs_f64(number * factor).ok()?;
    (!duration.is_zero()).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines() {
        for (text, expected) in [
            ("5", Duration::from_secs(5)),
            ("0.5", Duration::from_millis(500)),
            ("500ms", Duration::from_millis(500)),
            ("5 s", Duration::from_secs(5)),
            ("2m", Duration::from_secs(120)),
            ("1.5h", Duration::from_secs(5_400)),
        ] {
            assert_eq!(duration(text), Some(expected), "{text}");
        }
        for text in ["", "0", "-1", "5 d", "ms", "1e300", "inf", "nan"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn all_loops_unless_some_are_named() {
        let all: TestArguments = syn::parse_str("").unwrap();
        assert_eq!(all.loops.len(), loops::KNOWN.len());
        assert_eq!(all.timeout, DEFAULT_TIMEOUT);
        let some: TestArguments = syn::parse_str("loops(smol, tokio), timeout = 5").unwrap();
        let words: Vec<_> = some.loops.iter().map(|one| one.known.word).collect();
        assert_eq!(words, ["smol", "tokio"]);
        assert_eq!(some.timeout, Duration::from_secs(5));
    }

    #[test]
    fn the_simulated_loop_is_chosen_or_left_out() {
        let words = |text: &str| -> Vec<&str> {
            let arguments: TestArguments = syn::parse_str(text).unwrap();
            arguments.loops.iter().map(|one| one.known.word).collect()
        };
        assert_eq!(words("sim"), ["sim"]);
        assert_eq!(words("loops(sim)"), ["sim"]);
        assert_eq!(words("loops(real)"), ["tokio", "smol", "async_std"]);
        assert_eq!(words("loops(real, sim)").len(), loops::KNOWN.len());
        let many: TestArguments = syn::parse_str("sim, seeds = 2_000, trace = \"x\"").unwrap();
        assert_eq!(
            (many.seeds, many.trace.to_token_stream().to_string()),
            (2000, "\"x\"".to_owned())
        );
        let limited: TestArguments = syn::parse_str("seeds = 5, virtual_timeout = \"1h\"").unwrap();
        assert_eq!(limited.virtual_timeout, Some(Duration::from_secs(3600)));
        assert_eq!(limited.timeout, DEFAULT_TIMEOUT);
        for wrong in [
            "virtual_timeout = 0",
            "virtual_timeout",
            "loops(real), virtual_timeout = 5",
            "sim, loops(sim)",
            "seeds = 0",
            "seeds = \"many\"",
            "seeds = -3",
            "seeds",
            "seeds =",
            "loops(real), seeds = 5",
            "loops(real, tokio)",
        ] {
            assert!(syn::parse_str::<TestArguments>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn polyloop_may_be_elsewhere() {
        for text in ["smol, crate = \"my::lp\"", "smol, crate = my::lp"] {
            let arguments: MainArguments = syn::parse_str(text).unwrap();
            assert_eq!(arguments.pinned.unwrap().1.word, "smol");
            let path = arguments.polyloop.unwrap();
            assert_eq!(path.to_token_stream().to_string(), "my :: lp");
        }
    }

    #[test]
    fn a_loop_may_be_written_as_its_feature_is() {
        let main: MainArguments = syn::parse_str("async-std").unwrap();
        assert_eq!(main.pinned.unwrap().1.word, "async_std");
        let test: TestArguments = syn::parse_str("loops(async-std, sim)").unwrap();
        assert_eq!(test.loops[0].known.word, "async_std");
        assert!(syn::parse_str::<MainArguments>("async-").is_err());
    }
}
