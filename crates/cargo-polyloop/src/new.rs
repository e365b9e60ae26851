//! `cargo polyloop new`: a library to begin with.
//!
//! Its files lie in `template`, as a library called `my-library`, so that they can be read
//! and compiled as they are.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

/// Options of `cargo polyloop new`.
#[derive(Args)]
pub(crate) struct Options {
    /// The name of the library, and of the folder that it gets.
    name: String,
    /// Takes polyloop from this checkout of its repository, not from the network.
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
}

/// Where polyloop is, unless a path is given.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

const PACKAGE: &str = "my-library";
const CRATE: &str = "my_library";

const FILES: [(&str, &str); 10] = [
    ("Cargo.toml", include_str!("../template/manifest.toml")),
    (".gitignore", include_str!("../template/gitignore")),
    (
        ".github/workflows/ci.yml",
        include_str!("../template/.github/workflows/ci.yml"),
    ),
    ("README.md", include_str!("../template/README.md")),
    ("src/lib.rs", include_str!("../template/src/lib.rs")),
    (
        "src/protocol.rs",
        include_str!("../template/src/protocol.rs"),
    ),
    ("src/server.rs", include_str!("../template/src/server.rs")),
    ("src/client.rs", include_str!("../template/src/client.rs")),
    (
        "tests/every_loop.rs",
        include_str!("../template/tests/every_loop.rs"),
    ),
    (
        "tests/partition.rs",
        include_str!("../template/tests/partition.rs"),
    ),
];

/// Makes the folder.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    check_name(&options.name)?;
    let source = options.path.as_deref().map(checkout).transpose()?;
    let folder = Path::new(&options.name);
    if folder.exists() {
        return Err(format!(
            "{} is there already; a new library gets a folder of its own",
            folder.display()
        ));
    }
    for (file, template) in FILES {
        let path = folder.join(file);
        let told = |error| format!("{}: {error}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(told)?;
        fs::write(&path, filled(template, &options.name, source.as_deref())).map_err(told)?;
    }
    anstream::println!(
        "{0} is a library with a server, a client, tests on every loop and a simulated \
         partition.\n\n    cd {0}\n    cargo polyloop test\n",
        options.name
    );
    Ok(true)
}

/// The checkout that a path leads to, as it can be written into a manifest.
fn checkout(path: &Path) -> Result<PathBuf, String> {
    let absolute =
        fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if absolute.join("crates/polyloop/Cargo.toml").is_file() {
        Ok(absolute)
    } else {
        Err(format!(
            "{} is no checkout of polyloop: it has no crates/polyloop",
            path.display()
        ))
    }
}

/// A file of the template, for this library.
fn filled(template: &str, name: &str, source: Option<&Path>) -> String {
    let dependency = |package: &str| match source {
        Some(root) => {
            let path = root.join("crates").join(package);
            format!("path = {:?}", path.display().to_string())
        }
        None => format!("git = {REPOSITORY:?}"),
    };
    template
        .replace("{{core}}", &dependency("polyloop-core"))
        .replace("{{framing}}", &dependency("polyloop-framing"))
        .replace("{{polyloop}}", &dependency("polyloop"))
        .replace("{{install}}", &format!("--git {REPOSITORY}"))
        .replace(PACKAGE, name)
        .replace(CRATE, &name.replace('-', "_"))
}

/// Whether a package can be called so. Words of the language and names of crates that it
/// needs would not compile.
fn check_name(name: &str) -> Result<(), String> {
    const TAKEN: [&str; 12] = [
        "alloc",
        "core",
        "polyloop",
        "polyloop-core",
        "polyloop-framing",
        "proc-macro",
        "self",
        "std",
        "super",
        "test",
        "crate",
        "tests",
    ];
    const WORDS: [&str; 38] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do",
        "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in",
        "let", "loop", "macro", "match", "mod", "move", "mut", "pub", "ref", "return", "static",
        "struct", "trait", "true", "type", "use",
    ];
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_lowercase()) {
        if TAKEN.contains(&name) || WORDS.contains(&name) {
            return Err(format!(
                "a library can't be called {name:?}, which means something else"
            ));
        }
        if name.len() > 40 {
            return Err(format!("{name:?} is longer than 40 letters"));
        }
        return Ok(());
    }
    Err(format!(
        "a library can't be called {name:?}: small letters, digits and `-`, a letter first"
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FILES, check_name, filled};

    #[test]
    fn nothing_of_the_template_is_left() {
        for (file, template) in FILES {
            for source in [None, Some(Path::new("/a b"))] {
                let text = filled(template, "some-name", source);
                for left in ["{{", "my-library", "my_library"] {
                    assert!(!text.contains(left), "{file}: {left}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_one_that_cargo_and_the_compiler_take() {
        for good in ["hello", "my-lib2", "a_b"] {
            assert_eq!(check_name(good), Ok(()));
        }
        for bad in [
            "", "2x", "Hello", "a b", "../a", "-x", "polyloop", "loop", "test",
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
