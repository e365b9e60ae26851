//! `#[polyloop::test]` in the middle of rstest's cases, where rstest would run one of them
//! and say nothing of the others: the compiler says what to write instead.

use crate::workspace::Workspace;

#[test]
fn a_case_below_the_attribute_is_refused() {
    let workspace = Workspace::new("cases");
    workspace.write(
        "Cargo.toml",
        "[package]\nname = \"cases\"\nedition = \"2024\"\n[lib]\n[workspace]\n\
         [dependencies]\n\
         polyloop = { POLYLOOP, default-features = false, features = [\"smol\"] }\n\
         rstest = { version = \"0.26\", default-features = false }\n",
    );
    workspace.write(
        "src/lib.rs",
        "#[rstest::rstest]\n\
         #[polyloop::test]\n\
         #[case(1)]\n\
         #[case(2)]\n\
         async fn above_all(#[case] number: u32) { assert!(number > 0); }\n\
         #[rstest::rstest]\n\
         #[case(3)]\n\
         #[polyloop::test]\n\
         #[case::named(4)]\n\
         async fn above_one(#[case] number: u32) { assert!(number > 0); }\n\
         #[rstest::rstest]\n\
         #[case(5)]\n\
         #[case(6)]\n\
         #[polyloop::test]\n\
         async fn below_all(#[case] number: u32) { assert!(number > 0); }\n",
    );
    let printed = workspace.cargo("test --lib --no-run", &[]);
    assert!(!printed.passed, "{printed:?}");
    let told = "write `#[polyloop::test]` below the last `#[case]`";
    assert_eq!(printed.err.matches(told).count(), 2, "{}", printed.err);
    for value in ["src/lib.rs:3:8", "src/lib.rs:9:15"] {
        assert!(printed.err.contains(value), "no {value} in {}", printed.err);
    }
}
