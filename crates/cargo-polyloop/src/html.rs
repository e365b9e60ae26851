//! The matrix as one page that needs nothing beside it.

use std::fmt::Write as _;

use crate::matrix::{Counts, Matrix, Outcome, Row};
use crate::page::{self, escape};

/// The whole file: a matrix for each set of features.
pub(crate) fn write(title: &str, matrices: &[Matrix]) -> String {
    let columns = matrices.iter().map(|matrix| matrix.columns.len()).max();
    let failing = matrices
        .iter()
        .map(|matrix| matrix.total().fail)
        .sum::<usize>();
    let verdict = match failing {
        0 => "nothing fails".to_owned(),
        1 => "1 test fails".to_owned(),
        many => format!("{many} tests fail"),
    };
    let mut text = page::head(
        &format!("{title}: {verdict}"),
        &format!("{title} on every loop"),
        columns.unwrap_or_default(),
    );
    for matrix in matrices {
        let _ = writeln!(
            text,
            "<h2>With {}</h2>\n<p class=\"lead\">{}. Click a line for what it printed and how to \
             run it again.</p>\n<div class=\"cards\">",
            escape(&matrix.set),
            matrix.total().words(),
        );
        for (place, column) in matrix.columns.iter().enumerate() {
            let counts = matrix.counts(place);
            text += &page::card(column.name(), &classes(counts), &counts.words());
        }
        text += "</div>\n<div class=\"row head\"><span class=\"id\"></span>\
                 <span class=\"text\">test</span>";
        for column in &matrix.columns {
            let _ = write!(text, "<span class=\"loop\">{column}</span>");
        }
        text += "</div>\n<div class=\"section\">\n";
        for row in &matrix.rows {
            text += &line(matrix, row);
        }
        text += "</div>\n";
    }
    text + "</body>\n</html>\n"
}

fn classes(counts: Counts) -> [(&'static str, usize); 3] {
    [
        ("fail", counts.fail),
        ("pass", counts.pass),
        ("na", counts.ignored),
    ]
}

fn line(matrix: &Matrix, row: &Row) -> String {
    let outcomes = || row.cells.iter().filter_map(|cell| cell.outcome());
    let fails = outcomes().any(|outcome| matches!(outcome, Outcome::Fail { .. }));
    let mut text = format!(
        "<details class=\"behaviour\"{}><summary class=\"row\"><span class=\"id\">{}</span>\
         <span class=\"text\"><code>{}</code></span>",
        if fails { " open" } else { "" },
        escape(&row.target),
        escape(&row.test),
    );
    let mut notes = String::new();
    for (column, cell) in matrix.columns.iter().zip(&row.cells) {
        let (class, face) = match cell.outcome() {
            Some(Outcome::Pass) => ("cell pass", "✓ pass"),
            Some(Outcome::Fail { output, again }) => {
                let _ = write!(
                    notes,
                    "<p class=\"fail\"><b>{column}</b> {}</p>\
                     <p>Again: <code class=\"again\">{}</code></p>",
                    escape(output),
                    escape(again)
                );
                ("cell fail", "✗ FAIL")
            }
            Some(Outcome::Ignored(reason)) => {
                let reason = page::prose(reason);
                let _ = write!(
                    notes,
                    "<p class=\"na\"><b>{column}</b> ignored: {reason}</p>"
                );
                ("cell na", "– ignored")
            }
            None => ("", ""),
        };
        let _ = write!(text, "<span class=\"{class}\">{face}</span>");
    }
    let _ = writeln!(
        text,
        "</summary><div class=\"notes\">{notes}</div></details>"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::matrix::tests::sample;

    #[test]
    fn what_fails_is_open_with_its_output_and_no_markup_of_it() {
        let page = write("a <library>", &[sample()]);
        assert!(page.contains("a &lt;library&gt;: 1 test fails"), "{page}");
        assert!(page.contains("<details class=\"behaviour\" open>"));
        assert!(page.contains("expected &lt;a&gt; &amp; &quot;b&quot;"));
        assert!(page.contains("cargo test --lib -- --exact a::smol"));
        for loads in ["src=", "href=", "url(", "@import", "http"] {
            assert!(!page.contains(loads), "{loads}");
        }
    }
}
