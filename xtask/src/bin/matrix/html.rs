//! The matrix as one page of HTML that needs nothing beside it.
//!
//! Each line is a `<details>` whose summary is a row of a grid, so that it folds
//! without a script; the page's style, and what escapes its text, are those of
//! `cargo polyloop test`.

use std::fmt::Write as _;

use cargo_polyloop::page::{self, bar, escape, prose};
use polyloop_conformance::Status;

use crate::matrix::{Counts, Matrix, Row, Section, counted};

/// The whole file.
pub(crate) fn write(matrix: &Matrix) -> String {
    let total = matrix.whole().total();
    let verdict = match matrix.failing().count() {
        0 => "nothing fails".to_owned(),
        1 => "1 behaviour fails".to_owned(),
        many => format!("{many} behaviours fail"),
    };
    let mut page = page::head(
        &format!("polyloop: {verdict}"),
        "How polyloop's loops behave",
        matrix.loops.len(),
    );
    let _ = writeln!(
        page,
        "<p class=\"lead\">{} on {}: <b{}>{verdict}</b> ({}). \
         Click a line for what was seen, why it does not apply, and how to run it again.</p>",
        counted(matrix.rows.len(), "behaviour"),
        counted(matrix.loops.len(), "loop"),
        if total.fail > 0 {
            " class=\"failed\""
        } else {
            ""
        },
        total.words().join(", "),
    );
    page += "<div class=\"cards\">\n";
    for (column, name) in matrix.loops.iter().enumerate() {
        let counts = matrix.whole().counts(column);
        page += &page::card(name, &classes(counts), &counts.words().join(", "));
    }
    page += "</div>\n<div class=\"row head\"><span class=\"id\">ID</span>\
             <span class=\"text\">behaviour</span>";
    for name in &matrix.loops {
        let _ = write!(page, "<span class=\"loop\">{}</span>", escape(name));
    }
    page += "</div>\n";
    if total.fail > 0 {
        page += "<h2>What fails</h2>\n<div class=\"section failing\">\n";
        for row in matrix.failing() {
            page += &behaviour(matrix, row, true);
        }
        page += "</div>\n<h2>Everything, by section</h2>\n";
    }
    // With few lines there is nothing to fold away.
    let open = matrix.sections().count() == 1;
    for each in matrix.sections() {
        page += &section(matrix, each, open);
    }
    page + "</body>\n</html>\n"
}

/// The counts, each with the class of its outcome.
fn classes(counts: Counts) -> [(&'static str, usize); 4] {
    [
        ("fail", counts.fail),
        ("pass", counts.pass),
        ("na", counts.not_applicable),
        ("yet", counts.not_yet),
    ]
}

fn section(matrix: &Matrix, section: Section<'_>, open: bool) -> String {
    let mut text = format!(
        "<details class=\"section\" id=\"{}\"{}>\n<summary class=\"row\"><span class=\"id\">{}</span>\
         <span class=\"text\">{} <span class=\"size\">{}</span></span>",
        escape(section.name),
        if open { " open" } else { "" },
        escape(section.name),
        title(section.name),
        counted(section.rows.len(), "behaviour"),
    );
    for column in 0..matrix.loops.len() {
        let counts = section.counts(column);
        let class = if counts.fail > 0 { "sum failed" } else { "sum" };
        let words = counts.words().join(", ");
        let _ = write!(
            text,
            "<span class=\"{class}\">{}{words}</span>",
            bar(&classes(counts))
        );
    }
    text += "</summary>\n";
    for row in section.rows {
        text += &behaviour(matrix, row, false);
    }
    text + "</details>\n"
}

/// One line. It is unfolded where the failures are gathered; in its section it can
/// be linked to.
fn behaviour(matrix: &Matrix, row: &Row, gathered: bool) -> String {
    let none = row
        .cells
        .iter()
        .all(|cell| matches!(class(cell), "na" | "yet"));
    let mut text = format!(
        "<details class=\"behaviour{}\"{}><summary class=\"row\"><span class=\"id\">{}</span>\
         <span class=\"text\">{}</span>",
        if none { " none" } else { "" },
        if gathered {
            " open".to_owned()
        } else {
            format!(" id=\"{}\"", escape(&row.id))
        },
        escape(&row.id),
        prose(&row.text),
    );
    for (name, cell) in matrix.loops.iter().zip(&row.cells) {
        let _ = write!(
            text,
            "<span class=\"cell {}\" title=\"{}\">{}</span>",
            class(cell),
            escape(&format!("{name}: {cell}")),
            face(cell)
        );
    }
    text += "</summary><div class=\"notes\">";
    for (loops, status) in row.notes(&matrix.loops) {
        let whom = if loops.len() == matrix.loops.len() {
            "every loop".to_owned()
        } else {
            loops.join(", ")
        };
        let _ = write!(
            text,
            "<p class=\"{}\"><b>{}</b> {}</p>",
            class(status),
            escape(&whom),
            prose(&status.to_string())
        );
    }
    let again = escape(&matrix.again(row));
    let _ = writeln!(
        text,
        "<p>Again: <code class=\"again\">{again}</code></p></div></details>"
    );
    text
}

/// What a section is about.
fn title(section: &str) -> &'static str {
    match section {
        "LOOP" => "The loop itself",
        "PROM" => "Promises",
        "COMB" => "Combining promises",
        "SYNC" => "Locks and queues",
        "SCHED" => "Scheduling",
        "CORO" => "Coroutines",
        "TRAN" => "Transports",
        "PROD" => "Producers and consumers",
        "PROTO" => "Protocols",
        "BUF" => "Buffered protocols",
        "FACT" => "Factories",
        "SERV" => "Servers",
        "CLI" => "Clients",
        "ERR" => "Errors",
        _ => "",
    }
}

fn class(status: &Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Fail(_) => "fail",
        Status::NotYet => "yet",
        _ => "na",
    }
}

/// A sign and a word, so that no one depends on the colour.
fn face(status: &Status) -> &'static str {
    match status {
        Status::Pass => "✓ pass",
        Status::Fail(_) => "✗ FAIL",
        Status::NotYet => "… not yet",
        _ => "– n/a",
    }
}

#[cfg(test)]
mod tests {
    use polyloop_conformance::Status;

    use super::write;
    use crate::matrix::{Matrix, Row, tests::sample};

    #[test]
    fn no_text_of_a_row_reaches_the_page_unescaped() {
        let evil = "\"><script>alert('&')</script>";
        let page = write(&Matrix {
            loops: vec![evil.to_owned(), evil.to_owned()],
            rows: vec![Row {
                id: evil.to_owned(),
                text: evil.to_owned(),
                cells: vec![
                    Status::Fail(evil.to_owned()),
                    Status::NotApplicable(evil.to_owned()),
                ],
            }],
        });
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\">\""), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }

    #[test]
    fn every_cell_has_a_word_and_the_whole_outcome_in_its_title() {
        let page = write(&sample());
        assert!(page.contains(
            "<span class=\"cell fail\" \
             title=\"smol: fail: expected &lt;a&gt; &amp; &quot;b&quot;\">✗ FAIL</span>"
        ));
        assert!(page.contains("title=\"tokio: n/a: types say so\">– n/a</span>"));
        assert!(page.contains("title=\"smol: n/a: not checked yet\">… not yet</span>"));
    }

    #[test]
    fn failures_come_first_and_are_unfolded() {
        let page = write(&sample());
        let failures = page.find("What fails").unwrap();
        let sections = page.find("<details class=\"section\"").unwrap();
        assert!(failures < sections);
        let first = page[failures..].find("LOOP-02").unwrap() + failures;
        assert!(first < sections);
        assert!(page[failures..first].contains("<details class=\"behaviour\" open>"));
    }

    #[test]
    fn without_failures_the_page_says_so() {
        let mut matrix = sample();
        matrix.rows.retain(|row| !row.fails());
        let page = write(&matrix);
        assert!(page.contains("nothing fails"));
        assert!(!page.contains("What fails"));
    }

    #[test]
    fn the_page_loads_nothing() {
        let page = write(&sample());
        for loads in ["src=", "href=", "url(", "@import", "http"] {
            assert!(!page.contains(loads), "{loads}");
        }
    }
}
