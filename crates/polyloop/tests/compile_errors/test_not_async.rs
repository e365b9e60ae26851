#[polyloop::test]
fn waits() {}

fn main() {}
