//! `#[polyloop::test]`: one test for each loop, and every way of failing one.

// What only the generated tests use, and with no loop there are none.
#![cfg_attr(
    not(any(
        feature = "tokio",
        feature = "smol",
        feature = "async-std",
        feature = "sim"
    )),
    allow(unused_imports)
)]

use std::process::Command;
use std::time::Duration;

use polyloop::{AnyLoop, Failure, Lifecycle, Loop};

#[polyloop::test]
async fn by_type_parameter<L: Loop>(lp: L) {
    lp.sleep(Duration::from_millis(1)).await;
}

#[polyloop::test]
async fn by_where_clause<L>(lp: L) -> Result<(), Failure>
where
    L: Loop,
{
    lp.spawn(async {}).await
}

#[polyloop::test]
async fn by_reference<L: Loop>(lp: &L) {
    lp.sleep(Duration::from_millis(1)).await;
}

#[polyloop::test]
async fn by_impl(lp: impl Loop) {
    lp.sleep(Duration::from_millis(1)).await;
}

#[polyloop::test]
async fn by_reference_to_impl(lp: &impl Loop) {
    lp.sleep(Duration::from_millis(1)).await;
}

#[polyloop::test]
async fn by_enum(lp: AnyLoop) {
    assert!(AnyLoop::available().contains(&lp.name()));
}

#[polyloop::test]
async fn by_reference_to_enum(lp: &AnyLoop) {
    assert!(AnyLoop::available().contains(&lp.name()));
}

#[polyloop::test]
async fn without_argument() -> Result<(), Box<dyn std::error::Error>> {
    polyloop::sleep(Duration::from_millis(1))?.await;
    Ok(())
}

#[polyloop::test(loops(smol, tokio), timeout = 30, crate = "polyloop")]
async fn with_arguments<L: Loop>(lp: L) {
    assert!(["smol", "tokio"].contains(&lp.name()));
}

#[polyloop::test]
#[should_panic(expected = "the message of the panic")]
async fn a_panic_fails_it() {
    panic!("the message of the panic");
}

#[polyloop::test]
#[should_panic(expected = "the text of the error")]
async fn an_error_fails_it() -> Result<(), Failure> {
    Err(Failure::message("the text of the error"))
}

#[polyloop::test]
#[should_panic(expected = "stopped before its main future was done")]
async fn stopping_the_loop_fails_it<L: Loop>(lp: L) {
    lp.stop().unwrap();
    std::future::pending::<()>().await;
}

#[polyloop::test(loops(real), timeout = "300ms")]
#[should_panic(expected = "within its deadline of 300ms")]
async fn a_hang_fails_it() {
    std::future::pending::<()>().await;
}

/// No deadline is needed where one can see that nothing will ever happen.
#[polyloop::test(sim)]
#[should_panic(expected = "nothing is left to happen")]
async fn a_simulated_hang_fails_it() {
    std::future::pending::<()>().await;
}

#[polyloop::test(timeout = 0.3)]
#[should_panic(expected = "within its deadline of 300ms")]
async fn a_hang_that_never_awaits_fails_it() {
    loop {
        std::thread::park();
    }
}

/// Attributes go where they belong.
#[polyloop::test]
#[ignore = "it is there to be seen in a list, and to fail when asked to"]
#[allow(clippy::assertions_on_constants)]
async fn fails_when_asked<L: Loop>(lp: L) {
    assert!(false, "on the {} loop", lp.name());
}

#[polyloop::test]
#[cfg(any())]
async fn is_not_there() {
    this_does_not_compile();
}

/// This very program, asked something else.
fn ask(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// How a loop is called in a test's name.
fn words() -> Vec<String> {
    let names = AnyLoop::available().iter();
    names.map(|name| name.replace('-', "_")).collect()
}

#[test]
fn there_is_one_test_for_each_loop() {
    let (_, list) = ask(&["--list", "--format", "terse"]);
    let mut listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("by_enum::")?.strip_suffix(": test"))
        .collect();
    listed.sort_unstable();
    let mut expected = words();
    if expected.is_empty() {
        expected.push("no_loop".to_owned());
    }
    expected.sort_unstable();
    assert_eq!(listed, expected);
    assert!(!list.contains("is_not_there"), "{list}");
    let chosen = list
        .lines()
        .filter(|line| line.contains("with_arguments::"));
    let expected = words()
        .iter()
        .filter(|word| ["smol", "tokio"].contains(&word.as_str()))
        .count();
    // Without any of its loops, an ignored test says so.
    let expected = expected.max(1);
    assert_eq!(chosen.count(), expected, "{list}");
}

#[test]
fn attributes_are_kept() {
    let (_, list) = ask(&["--list", "--format", "terse", "--ignored"]);
    let expected = words().len().max(1);
    assert_eq!(list.matches("fails_when_asked::").count(), expected);
}

#[test]
fn a_test_without_a_loop_is_ignored_in_sight() {
    let (_, list) = ask(&["--list", "--format", "terse", "--ignored"]);
    let real = AnyLoop::available_real();
    let has_one = |names: &[&str]| real.iter().any(|name| names.contains(name));
    for (test, missing) in [
        ("by_enum", AnyLoop::available().is_empty()),
        ("with_arguments", !has_one(&["smol", "tokio"])),
    ] {
        let shown = list.contains(&format!("{test}::no_loop: test"));
        assert_eq!(shown, missing, "{test} in {list}");
    }
}

#[test]
fn a_failure_names_the_test_the_loop_and_the_place() {
    for (word, name) in words().iter().zip(AnyLoop::available()) {
        let name_in_list = format!("fails_when_asked::{word}");
        let (passed, text) = ask(&["--exact", &name_in_list, "--ignored"]);
        assert!(!passed, "{text}");
        assert!(text.contains(&format!("on the {name} loop")), "{text}");
        assert!(text.contains(&format!("thread '{name_in_list}'")), "{text}");
        assert!(text.contains("test_attribute.rs:"), "{text}");
    }
}
