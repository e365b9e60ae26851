//! Numbers as Redis writes them: one form for each, and no other.

/// The number that `text` is, if it is written the one way: no spaces, no plus
/// sign, no leading zeros.
pub(super) fn parse_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] if text.len() == 1 => {}
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // What is left for the standard parser to refuse: other bytes, and overflow.
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_integer;

    #[test]
    fn one_form_for_each_number() {
        for (text, number) in [
            ("0", 0),
            ("7", 7),
            ("-7", -7),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_integer(text.as_bytes()), Some(number), "{text}");
        }
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            " 1",
            "1 ",
            "1x",
            "0x1",
            "1.0",
            "9223372036854775808",
            "é",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
