//! Whatever bytes come, however they are cut: the frames are the same, what is kept is
//! bounded, and nothing panics.
//!
//! `POLYLOOP_FRAMING_CASES=10000000` in front of the command tries as many; without it there
//! are some thousands, from one seed.

use std::env;
use std::num::NonZero;

use polyloop_framing::{
    Decoded, Decoder, Encoder, FixedSize, FrameError, LengthPrefixed, Lines, Netstrings,
};

/// What came of some bytes.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    frames: Vec<Vec<u8>>,
    /// What it was refused with, if it was.
    refused: Option<String>,
    /// What was left unfinished.
    rest: Vec<u8>,
}

/// Decodes the pieces as whoever has a decoder does.
fn decode<D>(mut decoder: D, pieces: &[&[u8]]) -> Outcome
where
    D: for<'a> Decoder<Frame<'a> = &'a [u8]>,
{
    let mut outcome = Outcome {
        frames: Vec::new(),
        refused: None,
        rest: Vec::new(),
    };
    let mut kept: Vec<u8> = Vec::new();
    for piece in pieces {
        kept.extend_from_slice(piece);
        let mut used = 0;
        while used < kept.len() {
            let given = &kept[used..];
            match decoder.decode(given) {
                Ok(Decoded::Frame { frame, length }) => {
                    assert!((1..=given.len()).contains(&length), "{length} of {given:?}");
                    outcome.frames.push(frame.to_vec());
                    used += length;
                }
                Ok(Decoded::Skipped { length }) => used += length,
                Ok(Decoded::More) => {
                    let longest = decoder.longest();
                    assert!(given.len() < longest, "{} kept of {longest}", given.len());
                    break;
                }
                Err(failure) => {
                    // What it got is told as far as it had come.
                    outcome.refused = Some(match failure.downcast_ref() {
                        Some(FrameError::Malformed { expected, .. }) => (*expected).to_owned(),
                        _ => failure.text().into_owned(),
                    });
                    return outcome;
                }
            }
        }
        kept.drain(..used);
    }
    outcome.rest = kept;
    outcome
}

/// Some bytes that look like frames, more or less, and their frames if nothing is wrong.
fn bytes_for<D: Encoder<[u8]>>(codec: &mut D, random: &mut fastrand::Rng) -> Vec<u8> {
    const LIKELY: &[u8] = b"\r\n\0\x01\x02\xff:,0123456789ab";
    let mut bytes = Vec::new();
    for _ in 0..random.usize(0..6) {
        let frame: Vec<u8> = (0..random.usize(0..14))
            .map(|_| random.choice(LIKELY).copied().unwrap_or(0))
            .collect();
        if random.u8(..) < 230 {
            // One that it can't be is none.
            let _ = codec.encode(&frame, &mut bytes);
        } else {
            bytes.extend_from_slice(&frame);
        }
    }
    bytes
}

fn cases() -> usize {
    let asked = env::var("POLYLOOP_FRAMING_CASES").ok();
    let cases = asked.map_or(Ok(20_000), |asked| asked.parse());
    cases.expect("POLYLOOP_FRAMING_CASES is a number")
}

fn any_cut_is_the_same<D>(codec: &D)
where
    D: for<'a> Decoder<Frame<'a> = &'a [u8]> + Encoder<[u8]> + Clone,
{
    let mut random = fastrand::Rng::with_seed(17);
    for _ in 0..cases() {
        let bytes = bytes_for(&mut codec.clone(), &mut random);
        let whole = decode(codec.clone(), &[&bytes]);
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(random.usize(1..=rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        let cut = decode(codec.clone(), &pieces);
        assert_eq!(cut, whole, "{pieces:?}");
    }
}

/// What a codec encodes it decodes.
fn there_and_back<D>(codec: &D, allowed: impl Fn(&[u8]) -> bool)
where
    D: for<'a> Decoder<Frame<'a> = &'a [u8]> + Encoder<[u8]> + Clone,
{
    let mut random = fastrand::Rng::with_seed(18);
    for _ in 0..cases() / 10 {
        let frames: Vec<Vec<u8>> = (0..random.usize(1..5))
            .map(|_| (0..random.usize(0..9)).map(|_| random.u8(..)).collect())
            .filter(|frame: &Vec<u8>| allowed(frame))
            .collect();
        let mut encoded = Vec::new();
        for frame in &frames {
            codec.clone().encode(&frame[..], &mut encoded).unwrap();
        }
        let outcome = decode(codec.clone(), &[&encoded]);
        assert_eq!(outcome.frames, frames);
        assert!(outcome.rest.is_empty() && outcome.refused.is_none());
    }
}

#[test]
fn lines() {
    for lines in [
        Lines::crlf(),
        Lines::lf(),
        Lines::lf_or_crlf(),
        Lines::new("aba").unwrap(),
    ] {
        any_cut_is_the_same(&lines.limit(9));
    }
    let allowed =
        |line: &[u8]| !line.windows(2).any(|pair| pair == b"\r\n") && !line.ends_with(b"\r");
    there_and_back(&Lines::crlf(), allowed);
}

#[test]
fn netstrings() {
    any_cut_is_the_same(&Netstrings::new().limit(12));
    there_and_back(&Netstrings::new(), |_| true);
}

#[test]
fn length_prefixed() {
    for codec in [
        LengthPrefixed::u8(),
        LengthPrefixed::u16().little_endian(),
        LengthPrefixed::u32(),
        LengthPrefixed::u64().little_endian(),
    ] {
        any_cut_is_the_same(&codec.clone().limit(12));
        there_and_back(&codec, |_| true);
    }
}

#[test]
fn fixed_size() {
    let three = FixedSize::new(NonZero::new(3).unwrap());
    any_cut_is_the_same(&three);
    there_and_back(&three, |frame| frame.len() == 3);
}

/// Such a codec takes a header and remembers it, before it has a frame.
#[cfg(feature = "tokio-util")]
#[test]
fn codecs_of_tokio_util() {
    use polyloop_framing::TokioCodec;
    use tokio_util::codec::LengthDelimitedCodec;

    let sent = b"\0\0\0\x02ab\0\0\0\0\0\0\0\x03cde\0\0\0\x09rest";
    for cut in 0..sent.len() {
        let mut codec = TokioCodec::new(LengthDelimitedCodec::new());
        let (mut kept, mut frames) = (Vec::new(), Vec::new());
        for piece in [&sent[..cut], &sent[cut..]] {
            kept.extend_from_slice(piece);
            while !kept.is_empty() {
                let length = match codec.decode(&kept).unwrap() {
                    Decoded::Frame { frame, length } => {
                        frames.push(frame);
                        length
                    }
                    Decoded::Skipped { length } => length,
                    Decoded::More => break,
                };
                kept.drain(..length);
            }
        }
        assert_eq!(frames, [&b"ab"[..], b"", b"cde"], "cut at {cut}");
    }
}
