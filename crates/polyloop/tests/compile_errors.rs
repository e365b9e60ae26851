//! What the compiler says when an attribute is used wrongly.

use std::sync::mpsc;
use std::time::Duration;

/// Each file is a crate that must not compile, with the message beside it.
fn all_fail(files: &'static str) {
    const DEADLINE: Duration = Duration::from_secs(600);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        trybuild::TestCases::new().compile_fail(files);
        // The cases are run when they are dropped, at the end of the statement; if
        // one passes, that panics and this is not reached.
        let _ = sender.send(());
    });
    assert!(
        receiver.recv_timeout(DEADLINE).is_ok(),
        "the messages are not as expected (see above), or took more than {DEADLINE:?}"
    );
}

#[test]
fn wrong_uses_are_explained() {
    all_fail("tests/compile_errors/*.rs");
    // One after the other: they build in the same place.
    if cfg!(not(feature = "smol")) {
        all_fail("tests/missing_loop/*.rs");
    }
}
