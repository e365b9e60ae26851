//! The matrix as the XML that CI servers know from `JUnit`: a suite for each set of features,
//! program and loop.

use std::fmt::Write as _;

use crate::matrix::{Cell, Matrix, Outcome};
use crate::page::escape;

/// The whole file.
pub(crate) fn write(matrices: &[Matrix]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for matrix in matrices {
        for (place, column) in matrix.columns.iter().enumerate() {
            for rows in matrix.rows.chunk_by(|a, b| a.target == b.target) {
                let mut cases = String::new();
                let (mut tests, mut failures, mut skipped) = (0, 0, 0);
                for row in rows {
                    let Cell::Done(ran) = &row.cells[place] else {
                        continue;
                    };
                    tests += 1;
                    let _ = write!(
                        cases,
                        "<testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">",
                        xml(&format!("{}.{column}", row.target)),
                        xml(&row.test),
                        ran.took.as_secs_f64()
                    );
                    match &ran.outcome {
                        Outcome::Pass => {}
                        Outcome::Fail { output, again } => {
                            failures += 1;
                            let first = output.lines().next().unwrap_or_default();
                            let _ = write!(
                                cases,
                                "<failure message=\"{}\">{}</failure>",
                                xml(first),
                                xml(&format!("{output}\n\nto run exactly this again:\n{again}"))
                            );
                        }
                        Outcome::Ignored(reason) => {
                            skipped += 1;
                            let _ = write!(cases, "<skipped message=\"{}\"/>", xml(reason));
                        }
                    }
                    cases += "</testcase>\n";
                }
                if tests > 0 {
                    let name = format!("{} on {column}, {}", rows[0].target, matrix.set);
                    let _ = write!(
                        text,
                        "<testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" \
                         errors=\"0\" skipped=\"{skipped}\">\n{cases}</testsuite>\n",
                        xml(&name)
                    );
                }
            }
        }
    }
    text + "</testsuites>\n"
}

/// Text as it may stand in XML, which has no place for most control characters.
fn xml(text: &str) -> String {
    let may = |c: &char| {
        matches!(c, '\t' | '\n' | '\r') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    escape(&text.chars().filter(may).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::matrix::tests::sample;

    #[test]
    fn it_is_xml_that_counts_each_outcome() {
        let text = write(&[sample()]);
        let document = roxmltree::Document::parse(&text).unwrap();
        let count = |tag| {
            document
                .descendants()
                .filter(|node| node.has_tag_name(tag))
                .count()
        };
        assert_eq!(count("testcase"), 4);
        assert_eq!(count("failure"), 1);
        assert_eq!(count("skipped"), 1);
        let failure = document
            .descendants()
            .find(|node| node.has_tag_name("failure"));
        let failure = failure.unwrap();
        assert_eq!(failure.attribute("message"), Some("expected <a> & \"b\""));
        assert!(
            failure
                .text()
                .unwrap()
                .ends_with("cargo test --lib -- --exact a::smol")
        );
    }
}
