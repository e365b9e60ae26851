//! What a matrix on a page is made of: its style, and text that stays text.

use std::fmt::Write as _;

/// The style. A page gives the number of its columns as `--loops` on its body.
pub const STYLE: &str = include_str!("page.css");

/// The beginning of a page, up to its heading, which `title` is.
pub fn head(title: &str, heading: &str, columns: usize) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body style=\"--loops: {columns}\">\n<h1>{}</h1>\n",
        escape(title),
        escape(heading),
    )
}

/// Counts as lengths, each with the class of its outcome: `pass`, `fail`, `na` or `yet`.
pub fn bar(counts: &[(&str, usize)]) -> String {
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let parts =
        counts.map(|(class, count)| format!("<i class=\"{class}\" style=\"flex: {count}\"></i>"));
    format!(
        "<span class=\"bar\" aria-hidden=\"true\">{}</span>",
        parts.collect::<String>()
    )
}

/// One loop at a glance: its name, a [`bar`] and the counts in words.
pub fn card(name: &str, counts: &[(&str, usize)], words: &str) -> String {
    let fails = counts
        .iter()
        .any(|(class, count)| *class == "fail" && *count > 0);
    format!(
        "<div class=\"card{}\"><b>{}</b>{}<p>{words}</p></div>\n",
        if fails { " failing" } else { "" },
        escape(name),
        bar(counts),
    )
}

/// A sentence, with what stands between backticks shown as code.
pub fn prose(text: &str) -> String {
    let mut parts = text.split('`');
    let mut prose = escape(parts.next().unwrap_or_default());
    while let Some(code) = parts.next() {
        match parts.next() {
            Some(rest) => {
                let _ = write!(prose, "<code>{}</code>{}", escape(code), escape(rest));
            }
            // A backtick without a partner is no more than that.
            None => {
                let _ = write!(prose, "`{}", escape(code));
            }
        }
    }
    prose
}

/// Text as it may stand in an element or in a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{escape, prose};

    #[test]
    fn markup_in_a_text_stays_text() {
        assert_eq!(
            escape("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;"
        );
    }

    #[test]
    fn what_stands_between_backticks_is_code() {
        assert_eq!(
            prose("`a<b>` in `c`."),
            "<code>a&lt;b&gt;</code> in <code>c</code>."
        );
        assert_eq!(prose("one ` alone & kept"), "one ` alone &amp; kept");
        assert_eq!(prose("none"), "none");
    }
}
