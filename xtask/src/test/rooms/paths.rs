//! The paths in a source file that begin at a root: `crate`, `self`, `super` or `std`.

use std::fmt;
use std::str::FromStr as _;

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Crate,
    Std,
}

/// A path, with `self` and `super` resolved and a group taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) origin: Origin,
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self.origin {
            Origin::Crate => "crate",
            Origin::Std => "std",
        };
        write!(f, "{origin}::{}", self.segments.join("::"))
    }
}

/// All of them in a text that is the inside of `module`.
pub(super) fn named(text: &str, module: &[String]) -> Result<Vec<Named>, LexError> {
    let mut found = Vec::new();
    walk(TokenStream::from_str(text)?, module, &mut found);
    Ok(found)
}

/// The modules that are declared at the top of a text, each with its line.
pub(super) fn modules(text: &str) -> Vec<(String, usize)> {
    let tokens: Vec<_> = TokenStream::from_str(text).into_iter().flatten().collect();
    let pairs = tokens.windows(2);
    pairs
        .filter_map(|pair| match pair {
            [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "mod" => {
                Some((name.to_string(), name.span().start().line))
            }
            _ => None,
        })
        .collect()
}

fn walk(stream: TokenStream, module: &[String], found: &mut Vec<Named>) {
    let tokens: Vec<_> = stream.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at..] {
            [
                TokenTree::Ident(word),
                TokenTree::Ident(name),
                TokenTree::Group(body),
                ..,
            ] if word == "mod" && body.delimiter() == Delimiter::Brace => {
                let mut inner = module.to_vec();
                inner.push(name.to_string());
                walk(body.stream(), &inner, found);
                at += 3;
            }
            [TokenTree::Ident(root), ..] if begins(&tokens[..at]) => {
                let (tails, next) = tails(&tokens, at + 1);
                let line = root.span().start().line;
                for (mut segments, end) in tails {
                    let (origin, mut base) = match root.to_string().as_str() {
                        "crate" => (Origin::Crate, Vec::new()),
                        "std" => (Origin::Std, Vec::new()),
                        "self" => (Origin::Crate, module.to_vec()),
                        "super" => (Origin::Crate, above(module)),
                        _ => continue,
                    };
                    while segments.first().is_some_and(|name| name == "super") {
                        segments.remove(0);
                        base = above(&base);
                    }
                    // `pub(super)`, `self.field`: they lead nowhere.
                    if segments.is_empty() {
                        continue;
                    }
                    base.extend(segments);
                    found.push(Named {
                        origin,
                        segments: base,
                        line: end.unwrap_or(line),
                    });
                }
                at = next.max(at + 1);
            }
            [TokenTree::Group(group), ..] => {
                walk(group.stream(), module, found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Whether a word after these tokens is the first of its path.
fn begins(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(_), a, b] => !(is(a, ':') && is(b, ':')),
        _ => true,
    }
}

fn above(module: &[String]) -> Vec<String> {
    module[..module.len().saturating_sub(1)].to_vec()
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// One way that a path goes on, and the line of its last word.
type Tail = (Vec<String>, Option<usize>);

/// All the ways that a path goes on from there, and the place behind them.
fn tails(tokens: &[TokenTree], at: usize) -> (Vec<Tail>, usize) {
    match tokens.get(at..).unwrap_or_default() {
        [a, b, TokenTree::Ident(name), ..] if is(a, ':') && is(b, ':') => {
            let (rest, next) = tails(tokens, at + 3);
            (begin_with(name, rest), next)
        }
        [a, b, TokenTree::Group(group), ..]
            if is(a, ':') && is(b, ':') && group.delimiter() == Delimiter::Brace =>
        {
            let inner: Vec<_> = group.stream().into_iter().collect();
            let mut all = Vec::new();
            for entry in inner.split(|token| is(token, ',')) {
                match entry {
                    [TokenTree::Ident(word), ..] if word == "self" => {
                        all.push((Vec::new(), None));
                    }
                    [TokenTree::Ident(name), ..] => {
                        all.extend(begin_with(name, tails(entry, 1).0));
                    }
                    [star, ..] if is(star, '*') => all.push((vec!["*".to_owned()], None)),
                    _ => {}
                }
            }
            (all, at + 3)
        }
        [a, b, star, ..] if is(a, ':') && is(b, ':') && is(star, '*') => {
            (vec![(vec!["*".to_owned()], None)], at + 3)
        }
        _ => (vec![(Vec::new(), None)], at),
    }
}

fn begin_with(name: &proc_macro2::Ident, rest: Vec<Tail>) -> Vec<Tail> {
    let line = name.span().start().line;
    rest.into_iter()
        .map(|(mut segments, end)| {
            segments.insert(0, name.to_string());
            (segments, end.or(Some(line)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_path_is_told_from_its_root_and_with_its_line() {
        let module = ["a".to_owned(), "b".to_owned()];
        let text = "use super::{\n    c::{self, d},\n    super::e,\n};\nfn f() { self::g::h() }";
        let found = named(text, &module).unwrap();
        let told: Vec<_> = found.iter().map(|it| format!("{} {it}", it.line)).collect();
        assert_eq!(
            told,
            [
                "2 crate::a::c",
                "2 crate::a::c::d",
                "3 crate::e",
                "5 crate::a::b::g::h"
            ]
        );
    }
}
