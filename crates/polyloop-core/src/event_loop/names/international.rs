//! What may be a host's name, and how one of another script is asked for: in the `xn--` form
//! that UTS 46 gives it (DNS-05).
//!
//! Names of the DNS alone are held to its lengths; what characters a name of ASCII has is
//! left to the resolver, as far as it could have an answer: there are hosts with an
//! underscore.

use std::borrow::Cow;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

/// The longest name, and the longest part of one between dots.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// The name in ASCII, or what is wrong with it.
pub(super) fn to_ascii(host: &str) -> Result<Cow<'_, str>, String> {
    if is_plain(host) {
        return Ok(Cow::Borrowed(host));
    }
    if let Some(bad) = host.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("{bad:?} can't be part of one"));
    }
    let ascii = if host.is_ascii() && !has_international_label(host) {
        Cow::Borrowed(host)
    } else {
        convert(host).ok_or_else(|| {
            let label = host.split('.').find(|label| convert(label).is_none());
            format!(
                "{:?} is no international name as UTS 46 has them",
                label.unwrap_or(host)
            )
        })?
    };
    check_lengths(&ascii)?;
    Ok(ascii)
}

fn has_international_label(host: &str) -> bool {
    host.split('.').any(|label| {
        let prefix = label.as_bytes().get(..4);
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
    })
}

/// Whether it is so plain that nothing can be wrong with it, as most names are.
fn is_plain(host: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=LONGEST_LABEL).contains(&host.len()) && host.bytes().all(is_usual)
}

fn convert(text: &str) -> Option<Cow<'_, str>> {
    let converted = Uts46::new().to_ascii(
        text.as_bytes(),
        AsciiDenyList::EMPTY,
        Hyphens::Allow,
        DnsLength::Ignore,
    );
    converted.ok()
}

fn check_lengths(ascii: &str) -> Result<(), String> {
    // The root's dot counts for nothing.
    let name = ascii.strip_suffix('.').unwrap_or(ascii);
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    if name.len() > LONGEST_NAME {
        return Err(format!(
            "it has {} characters; expected at most {LONGEST_NAME}",
            name.len()
        ));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err("there is nothing between two of its dots".to_owned());
        }
        if label.len() > LONGEST_LABEL {
            return Err(format!(
                "{label:?} has {} characters; expected at most {LONGEST_LABEL} between dots",
                label.len()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ascii_stay_as_they_are_and_others_become_so() {
        let long = format!("{}.example", "a".repeat(63));
        for (given, asked) in [
            ("Example.com", "Example.com"),
            ("example.com.", "example.com."),
            ("under_score", "under_score"),
            ("-", "-"),
            (&long, &long),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.Example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ] {
            assert_eq!(to_ascii(given).as_deref(), Ok(asked), "{given}");
        }
    }

    #[test]
    fn what_can_be_no_name_says_why() {
        let label = "a".repeat(64);
        let name = ["a".repeat(63).as_str(); 4].join(".");
        let umlauts = "ü".repeat(63);
        for (given, problem) in [
            ("", "it is empty"),
            (".", "it is empty"),
            ("a..b", "nothing between two of its dots"),
            (".a", "nothing between two of its dots"),
            ("a b", "' ' can't be part of one"),
            ("a\0b", r"'\0' can't be part of one"),
            (&label, "has 64 characters; expected at most 63"),
            (&name, "it has 255 characters; expected at most 253"),
            (&umlauts, "expected at most 63"),
            ("a.xn--a.b", r#""xn--a" is no international name"#),
            ("a\u{378}.b", "is no international name"),
        ] {
            let told = to_ascii(given).unwrap_err();
            assert!(told.contains(problem), "{given:?}: {told}");
        }
    }
}
