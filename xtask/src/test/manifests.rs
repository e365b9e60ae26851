//! Whether every package takes the workspace's lints, and these still forbid
//! `unsafe`: an allow in the code can't undo a `forbid`, so the manifests are all
//! there is to look at.

use std::fs;
use std::path::Path;

use crate::shell::{Shell, root};

pub(crate) fn check() -> Result<(), String> {
    let workspace = root().join("Cargo.toml");
    if !has_line(
        &read(&workspace)?,
        "workspace.lints.rust",
        "unsafe_code=\"forbid\"",
    ) {
        return Err(format!(
            "{} does not say `unsafe_code = \"forbid\"` in [workspace.lints.rust]",
            workspace.display()
        ));
    }
    let members = Shell::cargo("tree --workspace --depth 0 --prefix none --format")
        .arg("{p}")
        .read()?;
    let mut packages = 0;
    for member in members.lines().filter(|line| !line.is_empty()) {
        // `name v0.1.0 (/path/to/it)`, and `(proc-macro)` before the path of one.
        let directory = member
            .rsplit_once(" (")
            .and_then(|(_, path)| path.strip_suffix(')'))
            .ok_or_else(|| format!("cargo tree gave no path for {member:?}"))?;
        let manifest = Path::new(directory).join("Cargo.toml");
        if !has_line(&read(&manifest)?, "lints", "workspace=true") {
            return Err(format!(
                "{} does not say `workspace = true` in [lints]",
                manifest.display()
            ));
        }
        packages += 1;
    }
    println!("{packages} packages, unsafe code forbidden in each");
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Whether the section has that line, blanks and comments aside.
fn has_line(manifest: &str, section: &str, wanted: &str) -> bool {
    let header = format!("[{section}]");
    manifest
        .lines()
        .map(|line| line.split('#').next().unwrap_or(line).replace(' ', ""))
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line == wanted)
}

#[cfg(test)]
mod tests {
    use super::has_line;

    #[test]
    fn a_line_counts_in_its_own_section_only() {
        let manifest = "[a]\nx = 1\n[lints]\n# y = 2\nworkspace = true # all\n[b]\nz = 3\n";
        assert!(has_line(manifest, "lints", "workspace=true"));
        assert!(!has_line(manifest, "lints", "y=2"));
        assert!(!has_line(manifest, "lints", "z=3"));
        assert!(!has_line(manifest, "c", "workspace=true"));
    }
}
