//! Patterns over keys: `*`, `?`, `[a-c]`, `[^a]` and `\` before what is meant
//! literally.

/// Whether `text` is one of those that `pattern` means.
///
/// Only the last star is ever tried again, so the time is bounded by the product of
/// the lengths whatever the pattern: it comes from a stranger.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = pattern {
            retry = Some((after, text));
            pattern = after;
            continue;
        }
        let step = match (pattern.is_empty(), text.split_first()) {
            (true, None) => return true,
            (false, Some((byte, rest))) => one(pattern, *byte).map(|after| (after, rest)),
            _ => None,
        };
        match (step, retry) {
            (Some((after, rest)), _) => (pattern, text) = (after, rest),
            // The star takes one byte more.
            (None, Some((after, [_, longer @ ..]))) => {
                retry = Some((after, longer));
                (pattern, text) = (after, longer);
            }
            _ => return false,
        }
    }
}

/// What follows the first element of `pattern`, if that matches `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', after @ ..] => Some(after),
        [b'[', after @ ..] => class(after, byte),
        [b'\\', literal, after @ ..] | [literal, after @ ..] => (*literal == byte).then_some(after),
        [] => None,
    }
}

fn class(mut pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let negated = pattern.first() == Some(&b'^');
    if negated {
        pattern = &pattern[1..];
    }
    let mut found = false;
    loop {
        pattern = match pattern {
            // A class without an end ends with the pattern.
            [] => break,
            [b']', after @ ..] => {
                pattern = after;
                break;
            }
            [b'\\', literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
            [low, b'-', high, after @ ..] if *high != b']' => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                after
            }
            [literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
        };
    }
    (found != negated).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn the_patterns_of_redis() {
        for (pattern, yes, no) in [
            ("", &[""][..], &["a"][..]),
            ("*", &["", "abc"], &[]),
            ("a*c", &["ac", "abc", "abcc"], &["a", "acb"]),
            ("h?llo", &["hello"], &["hllo", "heello"]),
            ("h[ae]llo", &["hello", "hallo"], &["hillo"]),
            ("h[^e]llo", &["hallo"], &["hello"]),
            ("h[a-c]", &["ha", "hc"], &["hd", "h-"]),
            ("h[c-a]", &["hb"], &["hd"]),
            ("a\\*b", &["a*b"], &["axb"]),
            ("[\\]]", &["]"], &["\\"]),
            ("*a*b", &["ab", "xaxb", "aabb"], &["ba", "xa"]),
            ("a[", &[], &["a", "ab"]),
            ("key:*:x?", &["key::xy", "key:1:2:xy"], &["key:1:x"]),
        ] {
            for text in yes {
                assert!(
                    matches(pattern.as_bytes(), text.as_bytes()),
                    "{pattern} {text}"
                );
            }
            for text in no {
                assert!(
                    !matches(pattern.as_bytes(), text.as_bytes()),
                    "{pattern} {text}"
                );
            }
        }
    }

    #[test]
    fn a_malicious_pattern_ends() {
        let text = vec![b'a'; 2000];
        let pattern = b"a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
        assert!(!matches(pattern, &text));
    }
}
