//! A package's own manifest decides its loop, whatever else cargo builds beside it: real
//! workspaces, built a package at a time and all at once.

use crate::workspace::{Printed, Workspace};

/// A program that prints its loop.
const PROGRAM: &str = "use polyloop::{Lifecycle, Loop};\n\
    #[polyloop::main]\n\
    async fn main(lp: impl Loop) {\n\
        println!(\"{}\", lp.name());\n\
    }\n";

/// A package of the workspace.
struct Package {
    name: &'static str,
    /// Its manifest, below the `[package]`.
    manifest: &'static str,
    /// How polyloop is called in it.
    polyloop: &'static str,
    /// The loop it asks for.
    asks: &'static str,
}

const fn package(name: &'static str, asks: &'static str, manifest: &'static str) -> Package {
    Package {
        name,
        manifest,
        polyloop: "polyloop",
        asks,
    }
}

const fn renamed(
    name: &'static str,
    polyloop: &'static str,
    asks: &'static str,
    manifest: &'static str,
) -> Package {
    Package {
        polyloop,
        ..package(name, asks, manifest)
    }
}

const WORKSPACE: &str = "[workspace]\n\
    resolver = \"3\"\n\
    members = [\"*/\"]\n\
    [workspace.dependencies]\n\
    polyloop = { POLYLOOP, default-features = false }\n\
    shared-smol = { package = \"polyloop\", POLYLOOP, default-features = false, features = [\"smol\"] }\n\
    shared-default = { package = \"polyloop\", POLYLOOP }\n";

/// Packages that ask for one loop each.
const PACKAGES: &[Package] = &[
    // The two of the field's oldest complaint.
    package(
        "a",
        "tokio",
        "[dependencies]\npolyloop = { POLYLOOP, default-features = false, features = [\"tokio\"] }\n",
    ),
    package(
        "b",
        "smol",
        "[dependencies]\npolyloop = { POLYLOOP, default-features = false, features = [\"smol\"] }\n",
    ),
    package(
        "by_default",
        "tokio",
        "[dependencies]\npolyloop = { POLYLOOP }\n",
    ),
    package(
        "beside_the_default",
        "smol",
        "[dependencies]\npolyloop = { POLYLOOP, features = [\"smol\"] }\n",
    ),
    package(
        "inherited",
        "tokio",
        "[dependencies]\npolyloop = { workspace = true, features = [\"tokio\"] }\n",
    ),
    package(
        "default_again",
        "tokio",
        "[dependencies]\npolyloop = { workspace = true, default-features = true }\n",
    ),
    renamed(
        "inherited_features",
        "shared_smol",
        "smol",
        "[dependencies]\nshared-smol.workspace = true\n",
    ),
    renamed(
        "inherited_default",
        "shared_default",
        "tokio",
        "[dependencies]\nshared-default.workspace = true\n",
    ),
    renamed(
        "renamed",
        "pl",
        "tokio",
        "[dependencies]\npl = { package = \"polyloop\", POLYLOOP, default-features = false, features = [\"tokio\"] }\n",
    ),
    package(
        "own_features",
        "tokio",
        "[dependencies]\npolyloop = { POLYLOOP, default-features = false }\n\
         [features]\ndefault = [\"quick\"]\nquick = [\"fast\"]\nfast = [\"polyloop/tokio\"]\n\
         small = [\"tiny\"]\ntiny = [\"polyloop/smol\"]\n",
    ),
    renamed(
        "optional",
        "lp",
        "tokio",
        "[dependencies]\n\
         lp = { package = \"polyloop\", POLYLOOP, optional = true, default-features = false }\n\
         [features]\ndefault = [\"net\", \"quick\"]\nnet = [\"dep:lp\"]\nquick = [\"lp?/tokio\"]\n",
    ),
    package(
        "by_target",
        "tokio",
        "[target.'cfg(not(windows))'.dependencies]\n\
         polyloop = { POLYLOOP, default-features = false, features = [\"tokio\"] }\n\
         [target.'cfg(windows)'.dependencies]\n\
         polyloop = { POLYLOOP, default-features = false, features = [\"tokio\", \"smol\"] }\n",
    ),
    package(
        "by_triple",
        "tokio",
        "[dependencies]\npolyloop = { POLYLOOP, default-features = false }\n\
         [target.TRIPLE.dependencies]\n\
         polyloop = { POLYLOOP, default-features = false, features = [\"tokio\"] }\n\
         [target.wasm32-unknown-unknown.dependencies]\n\
         polyloop = { POLYLOOP, default-features = false, features = [\"smol\"] }\n",
    ),
    package(
        "with_tests",
        "tokio",
        "[dependencies]\npolyloop = { POLYLOOP, default-features = false, features = [\"tokio\"] }\n\
         [dev-dependencies]\npolyloop = { POLYLOOP, features = [\"sim\", \"async-std\"] }\n",
    ),
    package(
        "simulated",
        "sim",
        "[dependencies]\npolyloop = { POLYLOOP, default-features = false, features = [\"sim\"] }\n",
    ),
];

/// The loops of a package that asks for tests only, and of one that asks for two.
const TESTED: &str = "[lib]\n\
    [dev-dependencies]\n\
    pl = { package = \"polyloop\", POLYLOOP, default-features = false, features = [\"smol\", \"sim\"] }\n";
const TWO: &str = "[dependencies]\n\
    polyloop = { POLYLOOP, default-features = false, features = [\"tokio\", \"smol\"] }\n";
const NONE: &str = "[dependencies]\npolyloop = { POLYLOOP, default-features = false }\n";

/// The workspace, with nothing built yet.
fn programs() -> Workspace {
    let workspace = Workspace::new("programs");
    workspace.write("Cargo.toml", WORKSPACE);
    let write = |name: &str, manifest: &str, program: &str| {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\n{}",
            manifest.replace("TRIPLE", &host())
        );
        workspace.write(&format!("{name}/Cargo.toml"), &manifest);
        if !program.is_empty() {
            workspace.write(&format!("{name}/src/main.rs"), program);
        }
    };
    for package in PACKAGES {
        let program = PROGRAM.replace("polyloop", package.polyloop);
        write(package.name, package.manifest, &program);
    }
    write("two", TWO, PROGRAM);
    write("none", NONE, PROGRAM);
    write(
        "functions",
        PACKAGES[0].manifest,
        "use polyloop::Lifecycle;\n\
         fn main() {\n\
             let by_run = polyloop::run(async { polyloop::current().unwrap().name() }).unwrap();\n\
             let by_default = polyloop::default_loop().unwrap().name();\n\
             println!(\"{by_run} {by_default}\");\n\
         }\n",
    );
    write("tested", TESTED, "");
    workspace.write(
        "tested/src/lib.rs",
        "//! ```\n\
         //! #[pl::main]\n\
         //! async fn main(lp: impl pl::Loop) {\n\
         //!     assert_eq!(lp.name(), \"smol\");\n\
         //! }\n\
         //! ```\n",
    );
    let program = PROGRAM.replace("polyloop", "pl");
    workspace.write("tested/examples/example.rs", &program);
    for (name, polyloop) in [("tested", "pl"), ("with_tests", "polyloop")] {
        workspace.write(
            &format!("{name}/tests/of_{name}.rs"),
            &"#[polyloop::test]\n\
              async fn each(_lp: impl polyloop::Loop) {}\n\
              #[polyloop::test(loops(tokio, smol, sim))]\n\
              async fn named(_lp: impl polyloop::Loop) {}\n"
                .replace("polyloop", polyloop),
        );
    }
    workspace
}

/// The triple of this machine.
fn host() -> String {
    let rustc = std::process::Command::new("rustc").arg("-vV").output();
    let text = String::from_utf8(rustc.unwrap().stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.unwrap().to_owned()
}

/// A program ran on that loop and had nothing to say about it.
#[track_caller]
fn ran_on(printed: &Printed, name: &str, asks: &str) {
    assert!(printed.passed, "{name}: {printed:?}");
    assert_eq!(printed.out.trim(), asks, "{name}: {printed:?}");
    assert_eq!(printed.err, "", "{name}");
}

/// It told once why that loop was taken.
#[track_caller]
fn told(printed: &Printed, parts: &[&str]) {
    assert!(printed.passed, "{printed:?}");
    assert_eq!(printed.err.matches("Taken is").count(), 1, "{printed:?}");
    for part in parts {
        assert!(printed.err.contains(part), "no {part:?} in {printed:?}");
    }
}

#[test]
fn each_program_runs_on_the_loop_that_its_manifest_asks_for() {
    let workspace = programs();
    workspace.build("build --workspace");
    for package in PACKAGES {
        let printed = workspace.program(package.name, None);
        ran_on(&printed, package.name, package.asks);
        // The environment stands above it, with what the others brought.
        let printed = workspace.program(package.name, Some("smol"));
        ran_on(&printed, package.name, "smol");
    }

    // Where nothing decides, the order holds and is told.
    let printed = workspace.program("two", None);
    assert_eq!(printed.out, "smol\n");
    told(&printed, &["package two asks", "smol, tokio", "main(smol)"]);
    ran_on(&workspace.program("two", Some("tokio")), "two", "tokio");
    let printed = workspace.program("none", None);
    assert_eq!(printed.out, "smol\n");
    told(&printed, &["package none asks", "POLYLOOP_LOOP=smol"]);
    let printed = workspace.program("functions", None);
    assert_eq!(printed.out, "smol smol\n");
    told(&printed, &["`polyloop::run`", "several", "smol, tokio"]);
    let printed = workspace.program("functions", Some("tokio"));
    assert_eq!(printed.out, "tokio smol\n");
    told(&printed, &["`polyloop::default_loop`", "own type"]);

    for package in PACKAGES {
        workspace.build(&format!("build -p {}", package.name));
        let printed = workspace.program(package.name, None);
        ran_on(&printed, package.name, package.asks);
    }
    workspace.build("build -p two");
    told(&workspace.program("two", None), &["package two asks"]);
    workspace.build("build -p functions");
    ran_on(
        &workspace.program("functions", None),
        "functions",
        "tokio tokio",
    );
    workspace.build("build -p none");
    let printed = workspace.program("none", None);
    assert!(!printed.passed, "{printed:?}");
    assert!(
        printed.err.contains("no loop is compiled in"),
        "{printed:?}"
    );
}

#[test]
fn the_packages_own_features_are_followed() {
    let workspace = programs();
    let on = |flags: &str, asks: &str| {
        for which in ["-p own_features", "-p own_features -p b -p a"] {
            workspace.build(&format!("build {which} {flags}"));
            ran_on(&workspace.program("own_features", None), flags, asks);
        }
    };
    // What was named goes before what is on by default.
    on("--features own_features/small", "smol");
    on(
        "--no-default-features --features own_features/small",
        "smol",
    );
    on(
        "--no-default-features --features own_features/fast",
        "tokio",
    );
}

#[test]
fn tests_run_on_the_loops_that_the_manifest_asks_for() {
    let workspace = programs();
    let lines = |printed: &Printed| -> Vec<String> {
        assert!(printed.passed, "{printed:?}");
        let lines = printed.out.lines().map(str::trim);
        let lines = lines.filter(|line| line.contains("::") && line.starts_with("test "));
        // Without what the reason says about ways to run it.
        let lines = lines.map(|line| line.split(", which").next().unwrap_or(line).to_owned());
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        lines
    };
    let alone = workspace.cargo("test -p tested --test of_tested", &[]);
    assert_eq!(
        lines(&alone),
        [
            "test each::sim ... ok",
            "test each::smol ... ok",
            "test named::sim ... ok",
            "test named::smol ... ok",
        ]
    );
    // With others beside it their loops are there, and are not its own.
    let ignored = |word: &str, feature: &str| {
        format!(
            "test each::{word} ... ignored, the package \"tested\" does not ask polyloop for the \
             feature \"{feature}\""
        )
    };
    let beside = workspace.cargo("test --workspace --test of_tested", &[]);
    let mut lines_beside = lines(&beside);
    lines_beside.retain(|line| !line.contains("::async_std"));
    assert_eq!(
        lines_beside,
        [
            "test each::sim ... ok".to_owned(),
            "test each::smol ... ok".to_owned(),
            ignored("tokio", "tokio"),
            "test named::sim ... ok".to_owned(),
            "test named::smol ... ok".to_owned(),
            "test named::tokio ... ok".to_owned(),
        ]
    );
}

#[test]
fn examples_and_doctests_have_the_dev_dependencies() {
    let workspace = programs();
    for which in ["-p tested", "-p tested -p a"] {
        workspace.build(&format!("build {which} --examples"));
        let printed = workspace.program("examples/example", None);
        ran_on(&printed, "example", "smol");
    }
    workspace.build("test -p tested -p a --doc");
    // Tests and examples have more loops, and that changes no program.
    workspace.build("test -p with_tests --test of_with_tests --no-run");
    let printed = workspace.program("with_tests", None);
    ran_on(&printed, "with_tests", "tokio");
}

#[test]
fn a_changed_manifest_is_followed() {
    let workspace = Workspace::new("changed");
    let shared = |feature: &str| {
        let text = format!("\n[workspace.dependencies]\nlp = {}", polyloop(feature));
        workspace.write(
            "Cargo.toml",
            &format!(
                "{}{text}",
                "[workspace]\nmembers = [\"*/\"]\nresolver = \"3\""
            ),
        );
    };
    let member = |name: &str, dependencies: &str| {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\n[dependencies]\n{dependencies}\n"
        );
        workspace.write(&format!("{name}/Cargo.toml"), &manifest);
    };
    shared("tokio");
    member("own", &format!("polyloop = {}", polyloop("tokio")));
    workspace.write("own/src/main.rs", PROGRAM);
    member("sharing", "lp.workspace = true");
    workspace.write("sharing/src/main.rs", &PROGRAM.replace("polyloop", "lp"));
    // Both loops are compiled in all the time, so polyloop itself does not change.
    member(
        "both",
        &format!("polyloop = {}", polyloop("tokio\", \"smol")),
    );
    workspace.write("both/src/lib.rs", "");
    for feature in ["tokio", "smol"] {
        shared(feature);
        member("own", &format!("polyloop = {}", polyloop(feature)));
        workspace.build("build --workspace");
        for name in ["own", "sharing"] {
            ran_on(&workspace.program(name, None), name, feature);
        }
    }
}

/// A dependency with one feature.
fn polyloop(feature: &str) -> String {
    format!(
        "{{ package = \"polyloop\", POLYLOOP, default-features = false, features = [\"{feature}\"] }}"
    )
}

/// Another build system may give no manifest; here something between cargo and the compiler
/// takes it away.
#[cfg(unix)]
#[test]
fn without_a_manifest_the_order_holds() {
    use std::os::unix::fs::PermissionsExt as _;

    let workspace = programs();
    workspace.write(
        "wrapper",
        "#!/bin/sh\nunset CARGO_MANIFEST_DIR\nexec \"$@\"\n",
    );
    let wrapper = workspace.path("wrapper");
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let wrapper = [("RUSTC_WORKSPACE_WRAPPER", wrapper.to_str().unwrap())];
    for (which, asks) in [("-p a", "tokio"), ("-p a -p b", "smol")] {
        let built = workspace.cargo(&format!("build {which}"), &wrapper);
        assert!(built.passed, "{built:?}");
        let printed = workspace.program("a", None);
        if asks == "tokio" {
            ran_on(&printed, which, asks);
        } else {
            assert_eq!(printed.out.trim(), asks);
            told(&printed, &["without a manifest", "smol, tokio"]);
        }
    }
}
