//! RESP2 replies, gathered for one write.

use std::fmt::Display;
use std::io::Write as _;

/// The replies to a batch of requests.
#[derive(Debug, Default)]
pub(super) struct Replies {
    bytes: Vec<u8>,
}

/// A buffer larger than this is not kept for the next batch.
const KEEP: usize = 4 * 1024;

impl Replies {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        if self.bytes.capacity() > KEEP {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
    }

    pub(super) fn ok(&mut self) {
        self.simple("OK");
    }

    /// A fixed text without line ends.
    pub(super) fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error, after its class: `ERR`, or a word that clients look for.
    pub(super) fn error(&mut self, class: &str, error: &dyn Display) {
        let text = format!("{class} {error}");
        self.bytes.push(b'-');
        // What a client sent may be quoted in it, and must not end the line early.
        self.bytes
            .extend(text.bytes().map(|b| if b < b' ' { b' ' } else { b }));
        self.bytes.extend_from_slice(b"\r\n");
    }

    pub(super) fn integer(&mut self, number: i64) {
        self.number(b':', number);
    }

    /// A size as an integer.
    pub(super) fn count(&mut self, count: usize) {
        self.integer(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn bulk(&mut self, value: &[u8]) {
        self.header(b'$', value.len());
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// No value: the null bulk string.
    pub(super) fn nil(&mut self) {
        self.bytes.extend_from_slice(b"$-1\r\n");
    }

    /// No list: the null array.
    pub(super) fn nil_array(&mut self) {
        self.bytes.extend_from_slice(b"*-1\r\n");
    }

    /// The head of an array; that many replies are its elements.
    pub(super) fn array(&mut self, length: usize) {
        self.header(b'*', length);
    }

    fn header(&mut self, kind: u8, length: usize) {
        self.number(kind, i64::try_from(length).unwrap_or(i64::MAX));
    }

    fn number(&mut self, kind: u8, number: i64) {
        match u8::try_from(number) {
            // Most are small; formatting is most of what a small reply costs.
            Ok(digit @ 0..=9) => self
                .bytes
                .extend_from_slice(&[kind, b'0' + digit, b'\r', b'\n']),
            _ => {
                // A vector takes every write.
                let _ = write!(self.bytes, "{}{number}\r\n", char::from(kind));
            }
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::Replies;

    #[test]
    fn the_forms_of_resp2() {
        let mut replies = Replies::default();
        replies.ok();
        replies.integer(-12);
        replies.count(7);
        replies.bulk(b"a\r\nb");
        replies.nil();
        replies.array(2);
        replies.nil_array();
        assert_eq!(
            replies.bytes(),
            b"+OK\r\n:-12\r\n:7\r\n$4\r\na\r\nb\r\n$-1\r\n*2\r\n*-1\r\n"
        );
    }

    #[test]
    fn an_error_has_a_class_and_stays_on_its_line() {
        let mut replies = Replies::default();
        replies.error("ERR", &"unknown command 'a\r\n+OK'");
        replies.error("WRONGTYPE", &"no");
        assert_eq!(
            replies.bytes(),
            b"-ERR unknown command 'a  +OK'\r\n-WRONGTYPE no\r\n"
        );
    }
}
