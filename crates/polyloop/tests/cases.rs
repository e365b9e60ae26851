//! `#[polyloop::test]` below attributes that make several tests of one function: each of
//! them is made for each loop.

use std::process::Command;

use polyloop::AnyLoop;
use rstest::{fixture, rstest};
use test_case::test_case;

#[fixture]
fn port() -> u16 {
    0
}

#[rstest]
#[case(1, "a")]
#[case::named(2, "bc")]
#[polyloop::test(timeout = 10)]
async fn of_rstest(#[case] length: usize, #[case] text: &str, port: u16) {
    assert_eq!((text.len(), port), (length, 0));
    assert!(polyloop::current().is_ok());
}

#[rstest]
#[polyloop::test]
async fn by_values(#[values(1, 2)] one: u32, #[values(3, 4)] two: u32) -> Result<(), String> {
    if one < two {
        Ok(())
    } else {
        Err(format!("{one} and {two}"))
    }
}

#[test_case(1, 2; "rising")]
#[test_case(2, 3; "higher")]
#[polyloop::test]
async fn of_test_case(one: u32, two: u32) {
    assert!(one < two);
    assert!(polyloop::current().is_ok());
}

#[test]
fn each_case_is_a_test_for_each_loop() {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).arg("--list").output().unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    let mut words: Vec<String> = AnyLoop::available()
        .iter()
        .map(|name| name.replace('-', "_"))
        .collect();
    if words.is_empty() {
        words.push("no_loop".to_owned());
    }
    for (function, case) in [
        ("of_rstest", "case_1"),
        ("of_rstest", "case_2_named"),
        ("by_values", "one_1_1::two_1_3"),
        ("by_values", "one_2_2::two_2_4"),
        ("of_test_case", "rising"),
        ("of_test_case", "higher"),
    ] {
        for word in &words {
            let (start, end) = (format!("{function}::"), format!("{case}::{word}: test"));
            let found = |line: &str| line.starts_with(&start) && line.ends_with(&end);
            assert!(list.lines().any(found), "no {start}…{end} in {list}");
        }
    }
}
