//! Inline commands: a line as a person types it into netcat, with quotes.

use std::ops::Range;

use super::resp::ProtocolError;

/// Splits `line` at spaces. The parts are appended to `text`, without their quotes,
/// and their places to `parts`.
///
/// Between double quotes `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH` and an escaped
/// character count as what they stand for; between single quotes only `\'` does.
pub(super) fn split(
    line: &[u8],
    text: &mut Vec<u8>,
    parts: &mut Vec<Range<usize>>,
) -> Result<(), ProtocolError> {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        let Some(first) = rest.first() else {
            return Ok(());
        };
        let start = text.len();
        rest = match first {
            b'"' => double_quoted(&rest[1..], text)?,
            b'\'' => single_quoted(&rest[1..], text)?,
            _ => {
                let end = rest
                    .iter()
                    .position(u8::is_ascii_whitespace)
                    .unwrap_or(rest.len());
                text.extend_from_slice(&rest[..end]);
                &rest[end..]
            }
        };
        parts.push(start..text.len());
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        match rest {
            [b'"', after @ ..] => return after_quote(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                text.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                text.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = after;
            }
            [plain, after @ ..] => {
                text.push(*plain);
                rest = after;
            }
            [] => return Err(ProtocolError::Quotes),
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        match rest {
            [b'\'', after @ ..] => return after_quote(after),
            [b'\\', b'\'', after @ ..] => {
                text.push(b'\'');
                rest = after;
            }
            [plain, after @ ..] => {
                text.push(*plain);
                rest = after;
            }
            [] => return Err(ProtocolError::Quotes),
        }
    }
}

/// `"a"b` is more likely a mistake than one argument.
fn after_quote(rest: &[u8]) -> Result<&[u8], ProtocolError> {
    match rest.first() {
        Some(next) if !next.is_ascii_whitespace() => Err(ProtocolError::Quotes),
        _ => Ok(rest),
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::{ProtocolError, split};

    fn parts(line: &str) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let (mut text, mut parts) = (Vec::new(), Vec::new());
        split(line.as_bytes(), &mut text, &mut parts)?;
        Ok(parts.into_iter().map(|part| text[part].to_vec()).collect())
    }

    #[test]
    fn words_and_quotes() {
        let expected: [(&str, &[&[u8]]); 6] = [
            ("", &[]),
            ("  \t ", &[]),
            ("set a  b ", &[b"set", b"a", b"b"]),
            (r#"set "a b" 'c d'"#, &[b"set", b"a b", b"c d"]),
            (r#""\x41\n\"\q" '\'\n'"#, &[b"A\n\"q", b"'\\n"]),
            (r#""" ''"#, &[b"", b""]),
        ];
        for (line, expected) in expected {
            assert_eq!(parts(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn quotes_that_do_not_close_are_refused() {
        for line in [r#"set "a"#, "set 'a", r#"set "a"b"#, "'a'b", "\"\\", "'\\'"] {
            assert_eq!(parts(line), Err(ProtocolError::Quotes), "{line}");
        }
    }
}
