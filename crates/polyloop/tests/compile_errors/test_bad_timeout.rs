#[polyloop::test(timeout = 0)]
async fn zero() {}

#[polyloop::test(timeout = "5 hours")]
async fn hours() {}

fn main() {}
