//! Which tests a program has: what it answers to `--list`.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use crate::building::Executable;
use crate::case::Case;
use crate::project::Project;

/// The tests of all programs, and those programs that do not answer as the harness of the
/// standard library does.
pub(crate) fn list(
    project: &Project,
    executables: &[Executable],
) -> Result<(Vec<Case>, Vec<String>), String> {
    let mut cases = Vec::new();
    let mut strangers = Vec::new();
    for (place, executable) in executables.iter().enumerate() {
        let Some(all) = ask(project, executable, &["--list"])? else {
            strangers.push(executable.target.clone());
            continue;
        };
        let ignored = ask(project, executable, &["--list", "--ignored"])?;
        let ignored: BTreeSet<String> = ignored.unwrap_or_default().into_iter().collect();
        cases.extend(
            all.iter()
                .map(|name| Case::new(place, name, ignored.contains(name))),
        );
    }
    Ok((cases, strangers))
}

fn ask(
    project: &Project,
    executable: &Executable,
    question: &[&str],
) -> Result<Option<Vec<String>>, String> {
    let output = Command::new(&executable.path)
        .args(question)
        .current_dir(project.packages[executable.package].folder())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} did not start: {error}", executable.path.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(names(&text).filter(|_| output.status.success()))
}

/// The tests in a list, if it is one: `name: test` on each line, and a count at the end.
fn names(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut counted = false;
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(name) = line.strip_suffix(": test") {
            names.push(name.to_owned());
        } else if line.ends_with(" benchmarks") || line.ends_with(" benchmark") {
            counted = true;
        } else if !line.ends_with(": benchmark") {
            return None;
        }
    }
    counted.then_some(names)
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_list_is_told_from_anything_else() {
        let list =
            "a::tokio: test\nb - c: d (line 3): test\nx: benchmark\n\n2 tests, 1 benchmark\n";
        assert_eq!(names(list).unwrap(), ["a::tokio", "b - c: d (line 3)"]);
        assert_eq!(names("0 tests, 0 benchmarks\n").unwrap(), [""; 0]);
        assert_eq!(names("hello\n"), None);
        assert_eq!(names(""), None);
    }
}
