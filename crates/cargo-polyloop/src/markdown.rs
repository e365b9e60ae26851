//! The matrix as Markdown, for the page that GitHub shows of a run.

use std::env;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

use crate::matrix::{Matrix, Outcome};

/// Where GitHub looks for it.
const VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// Adds it to the page, if this is a run of GitHub's.
pub(crate) fn for_github(matrices: &[Matrix]) -> Result<(), String> {
    let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(write(matrices).as_bytes()))
        .map_err(|error| format!("{VARIABLE} is {}: {error}", path.display()))
}

fn write(matrices: &[Matrix]) -> String {
    let mut text = String::new();
    for matrix in matrices {
        let _ = writeln!(
            text,
            "### Tests on every loop, with {}: {}\n",
            line(&matrix.set),
            matrix.total().words()
        );
        let _ = write!(text, "| | test |");
        for column in &matrix.columns {
            let _ = write!(text, " {column} |");
        }
        let _ = writeln!(
            text,
            "\n| --- | --- |{}",
            " :---: |".repeat(matrix.columns.len())
        );
        for row in &matrix.rows {
            let _ = write!(text, "| {} | `{}` |", line(&row.target), line(&row.test));
            for cell in &row.cells {
                let sign = match cell.outcome() {
                    Some(Outcome::Pass) => "✓",
                    Some(Outcome::Fail { .. }) => "**✗ FAIL**",
                    Some(Outcome::Ignored(_)) => "ignored",
                    None => "",
                };
                let _ = write!(text, " {sign} |");
            }
            text.push('\n');
        }
        for (row, column, output, again) in matrix.failures() {
            let fence = fence(output);
            let _ = writeln!(
                text,
                "\n<details><summary>{} on {column}</summary>\n\n{fence}text\n{output}\n\n\
                 {again}\n{fence}\n</details>",
                crate::page::escape(&row.test),
            );
        }
        text.push('\n');
    }
    text
}

/// Text as it may stand in a table.
fn line(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Longer than any that the text has.
fn fence(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    fence
}

#[cfg(test)]
mod tests {
    use super::{fence, write};
    use crate::matrix::tests::sample;

    #[test]
    fn each_test_is_a_line_of_a_table() {
        let text = write(&[sample()]);
        assert!(text.contains("| | test | tokio | smol | plain |\n| --- | --- | :---: |"));
        assert!(
            text.contains("| lib | `a` | ✓ | **✗ FAIL** |  |\n"),
            "{text}"
        );
        assert!(
            text.contains("cargo test --lib -- --exact a::smol"),
            "{text}"
        );
    }

    #[test]
    fn no_output_ends_the_block_that_it_stands_in() {
        assert_eq!(fence("a ```` b"), "`````");
    }
}
