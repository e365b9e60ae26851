//! The text of an endpoint, cut into its arguments; and quoting, which is the way back.
//!
//! Arguments stand between colons, those with an equals sign have a name, and a backslash
//! makes the next character literal (ENDP-01 to ENDP-03).

use std::net::Ipv6Addr;

/// One argument as it was written, without its backslashes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) name: Option<String>,
    pub(super) value: String,
    /// Where it begins in the text, in bytes.
    pub(super) at: usize,
    /// Where its value does.
    pub(super) value_at: usize,
}

/// Makes a value survive parsing: `parse(quote(x))` is `x`, whatever it holds (ENDP-04).
///
/// ```
/// use polyloop_core::{Endpoint, quote};
///
/// let path = "/run/a:b=c.sock";
/// let endpoint: Endpoint = format!("unix:{}:mode=600", quote(path)).parse()?;
/// assert_eq!(endpoint.path(), Some(path));
/// # Ok::<(), polyloop_core::EndpointError>(())
/// ```
pub fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | ':' | '=') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted
}

/// The arguments in `text` from `start` on, or the place of a backslash that nothing follows.
pub(super) fn split(text: &str, start: usize) -> Result<Vec<Piece>, usize> {
    let mut pieces = Vec::new();
    let mut piece = Piece::at(start);
    let mut at = start;
    while let Some(letter) = text[at..].chars().next() {
        let next = at + letter.len_utf8();
        match letter {
            ':' => {
                pieces.push(std::mem::replace(&mut piece, Piece::at(next)));
            }
            '=' if piece.name.is_none() => {
                piece.name = Some(std::mem::take(&mut piece.value));
                piece.value_at = next;
            }
            '\\' => {
                let escaped = text[next..].chars().next().ok_or(at)?;
                piece.value.push(escaped);
                at = next + escaped.len_utf8();
                continue;
            }
            '[' if at == piece.value_at => {
                let end = at + ipv6_in_brackets(&text[at..]).unwrap_or(1);
                piece.value.push_str(&text[at..end]);
                at = end;
                continue;
            }
            _ => piece.value.push(letter),
        }
        at = next;
    }
    pieces.push(piece);
    Ok(pieces)
}

impl Piece {
    fn at(at: usize) -> Self {
        Self {
            name: None,
            value: String::new(),
            at,
            value_at: at,
        }
    }

    /// Where in `text`, which it was cut from, that byte of its value stands.
    pub(super) fn place_of(&self, byte: usize, text: &str) -> usize {
        let written = &text[self.value_at..];
        let (mut seen, mut at, mut literal) = (0, 0, false);
        for letter in written.chars() {
            if !literal && letter == '\\' {
                (literal, at) = (true, at + 1);
                continue;
            }
            if seen >= byte {
                break;
            }
            (literal, seen, at) = (false, seen + letter.len_utf8(), at + letter.len_utf8());
        }
        // A backslash belongs to the letter behind it.
        self.value_at + at - usize::from(literal)
    }
}

/// How long the address in brackets is that the text begins with, if it does and nothing
/// else belongs to the argument (ENDP-09).
fn ipv6_in_brackets(text: &str) -> Option<usize> {
    let end = text.find(']')?;
    let address = text[1..end].split('%').next()?;
    address.parse::<Ipv6Addr>().ok()?;
    let rest = &text[end + 1..];
    (rest.is_empty() || rest.starts_with(':')).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(Option<String>, String)> {
        let pieces = split(text, 0).unwrap();
        pieces.into_iter().map(|p| (p.name, p.value)).collect()
    }

    #[test]
    fn the_first_bare_equals_sign_splits() {
        let named = |name: &str, value: &str| (Some(name.to_owned()), value.to_owned());
        let plain = |value: &str| (None, value.to_owned());
        assert_eq!(
            pairs("a:b=c=d:"),
            [plain("a"), named("b", "c=d"), plain("")]
        );
        assert_eq!(pairs(r"a\:b\=c\\"), [plain(r"a:b=c\")]);
        assert_eq!(pairs(r"n\=m=v"), [named("n=m", "v")]);
        assert_eq!(pairs("[::1]:80"), [plain("[::1]"), plain("80")]);
        assert_eq!(pairs("h=[fe80::1%2]"), [named("h", "[fe80::1%2]")]);
        assert_eq!(pairs("[a:b]"), [plain("[a"), plain("b]")]);
        assert_eq!(split(r"a\", 0), Err(1));
    }

    #[test]
    fn a_byte_of_a_value_is_found_in_the_text() {
        let text = r"a:n=b\:c,\\\\d:e";
        let piece = &split(text, 0).unwrap()[1];
        assert_eq!(piece.value, r"b:c,\\d");
        for (byte, at) in [(0, 4), (1, 5), (2, 7), (3, 8), (4, 9), (6, 13), (7, 14)] {
            assert_eq!(piece.place_of(byte, text), at, "byte {byte}");
        }
    }

    #[test]
    fn whatever_is_quoted_comes_back() {
        let letters: Vec<char> = r"\:=[]%a1.é ".chars().chain(['\0', '\n']).collect();
        let mut random = fastrand::Rng::with_seed(10);
        for _ in 0..20_000 {
            let length = random.usize(..8);
            let value: String = (0..length)
                .map(|_| letters[random.usize(..letters.len())])
                .collect();
            let quoted = quote(&value);
            assert_eq!(pairs(&quoted), [(None, value.clone())], "{quoted:?}");
            let named = format!("x={quoted}");
            assert_eq!(pairs(&named), [(Some("x".to_owned()), value)], "{named:?}");
        }
    }

    #[test]
    fn any_text_is_cut_without_a_panic() {
        let letters: Vec<char> = r"\:=[]1é".chars().collect();
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..20_000 {
            let length = random.usize(..10);
            let text: String = (0..length)
                .map(|_| letters[random.usize(..letters.len())])
                .collect();
            for piece in split(&text, 0).unwrap_or_default() {
                assert!(piece.at <= piece.value_at && piece.value_at <= text.len());
            }
        }
    }
}
