#[polyloop::test(deadline = 5)]
async fn waits() {}

fn main() {}
