//! The parser against every way of cutting its input.

use super::{ProtocolError, RequestLimits, RequestParser};

type Parts = Vec<Vec<u8>>;

/// Feeds the pieces and collects the requests, up to the first error.
fn parse<'a>(
    parser: &mut RequestParser,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Parts>, Option<ProtocolError>) {
    let mut found = Vec::new();
    for piece in pieces {
        let mut requests = parser.feed(piece);
        loop {
            match requests.next_request() {
                Ok(Some(request)) => found.push(request.from(0).map(<[u8]>::to_vec).collect()),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fn encode(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn owned(parts: &[&str]) -> Parts {
    parts.iter().map(|part| part.as_bytes().to_vec()).collect()
}

const MIXED: &[u8] = b"*3\r\n$3\r\nSET\r\n$4\r\nk\r\nk\r\n$0\r\n\r\nPING\r\n\r\n*0\r\n*-1\r\n \
    get \"a b\" \n*1\r\n$4\r\nQUIT\r\n";

fn mixed() -> Vec<Parts> {
    vec![
        owned(&["SET", "k\r\nk", ""]),
        owned(&["PING"]),
        owned(&["get", "a b"]),
        owned(&["QUIT"]),
    ]
}

#[test]
fn every_cut_in_two_and_three_gives_the_same_requests() {
    for first in 0..=MIXED.len() {
        for second in first..=MIXED.len() {
            let mut parser = RequestParser::default();
            let pieces = [&MIXED[..first], &MIXED[first..second], &MIXED[second..]];
            assert_eq!(
                parse(&mut parser, pieces),
                (mixed(), None),
                "{first} {second}"
            );
            assert_eq!(parser.kept(), 0);
        }
    }
}

#[test]
fn byte_by_byte() {
    let mut parser = RequestParser::default();
    assert_eq!(parse(&mut parser, MIXED.chunks(1)), (mixed(), None));
}

#[test]
fn random_requests_in_random_pieces() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let requests: Vec<Parts> = (0..random.usize(1..20))
            .map(|_| {
                (0..random.usize(1..8))
                    .map(|_| {
                        let longest = if random.u8(..) < 10 { 5000 } else { 40 };
                        let length = random.usize(..longest);
                        // Line ends and markers inside of values must not matter.
                        (0..length)
                            .map(|_| *random.choice(b"\r\n*$0123abc\0\xff").unwrap())
                            .collect()
                    })
                    .collect()
            })
            .collect();
        let stream: Vec<u8> = requests.iter().flat_map(|parts| encode(parts)).collect();
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.usize(..=rest.len().min(700)));
            pieces.push(piece);
            rest = after;
        }
        let mut parser = RequestParser::default();
        assert_eq!(parse(&mut parser, pieces), (requests, None), "seed {seed}");
        assert_eq!(parser.kept(), 0, "seed {seed}");
    }
}

#[test]
fn noise_never_panics_and_never_keeps_more_than_it_was_given() {
    for seed in 0..500 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut parser = RequestParser::default();
        let noise: Vec<u8> = (0..random.usize(..400))
            .map(|_| *random.choice(b"*$$\r\n\r\n0123-9 \"'\\xPING").unwrap())
            .collect();
        let _ = parse(&mut parser, noise.chunks(random.usize(1..50)));
        assert!(parser.kept() <= noise.len(), "seed {seed}");
    }
}

#[test]
fn a_long_value_in_pieces_is_kept_once() {
    let value = vec![b'v'; 1_000_000];
    let stream = encode(&[b"SET".to_vec(), b"k".to_vec(), value.clone()]);
    let mut parser = RequestParser::default();
    for piece in stream[..stream.len() - 1].chunks(1000) {
        assert!(parser.feed(piece).next_request().unwrap().is_none());
    }
    assert_eq!(parser.kept(), stream.len() - 1);
    let mut requests = parser.feed(b"\n");
    assert_eq!(requests.next_request().unwrap().unwrap().part(2), value);
    drop(requests);
    assert_eq!(parser.kept.capacity(), 0, "an idle parser holds no buffer");
}

#[test]
fn requests_that_were_not_asked_for_are_kept() {
    let mut parser = RequestParser::default();
    {
        let mut requests = parser.feed(b"*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n*1\r\n$1\r\nc");
        assert_eq!(requests.next_request().unwrap().unwrap().name(), b"a");
    }
    let (rest, error) = parse(&mut parser, [&b""[..], b"\r\n"]);
    assert_eq!((rest, error), (vec![owned(&["b"]), owned(&["c"])], None));
}

#[test]
fn errors_name_the_fault() {
    let limits = RequestLimits {
        line: 20,
        arguments: 3,
        argument: 10,
        request: 45,
    };
    let one = "*1\r\n";
    for (given, expected) in [
        ("*x\r\n".to_owned(), ProtocolError::ArgumentCount),
        ("*+1\r\n".to_owned(), ProtocolError::ArgumentCount),
        ("*4\r\n".to_owned(), ProtocolError::ArgumentCount),
        (
            format!("*{}\r\n", "9".repeat(25)),
            ProtocolError::ArgumentCount,
        ),
        (format!("*{}", "1".repeat(40)), ProtocolError::LongHeader),
        (
            format!("{one}:1\r\n"),
            ProtocolError::ExpectedBulk { got: b':' },
        ),
        (format!("{one}$-1\r\n"), ProtocolError::BulkLength),
        (format!("{one}$11\r\n"), ProtocolError::BulkLength),
        (format!("{one}$2\r\nabc\r\n"), ProtocolError::BulkEnd),
        (
            "*3\r\n$10\r\n0123456789\r\n$10\r\n0123456789\r\n$10\r\n".to_owned(),
            ProtocolError::LongRequest { limit: 45 },
        ),
        ("GET 'a\n".to_owned(), ProtocolError::Quotes),
        ("G".repeat(21), ProtocolError::LongLine { limit: 20 }),
    ] {
        for size in [1, 3, 1000] {
            let mut parser = RequestParser::new(limits);
            let (found, error) = parse(&mut parser, given.as_bytes().chunks(size));
            assert_eq!(
                (found.len(), error),
                (0, Some(expected.clone())),
                "{given:?}"
            );
        }
    }
}
