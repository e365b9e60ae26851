//! Text that stands in markup.

/// `text` for the inside of an element or of a quoted attribute. Characters that no
/// document may hold become their pictures, such as `␀`.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\n' | '\t' => escaped.push(c),
            '\0'..='\u{1f}' => escaped.push(picture_of(c)),
            '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

fn picture_of(control: char) -> char {
    char::from_u32(0x2400 + u32::from(control)).unwrap_or('\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn markup_and_control_characters_lose_their_meaning() {
        assert_eq!(
            escape("<a href=\"x\">'&'\0\u{7f}\n"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;\u{2400}\u{fffd}\n"
        );
    }
}
