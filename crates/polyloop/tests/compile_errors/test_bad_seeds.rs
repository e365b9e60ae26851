#[polyloop::test(sim, seeds = 0)]
async fn none() {}

#[polyloop::test(loops(real), seeds = 100)]
async fn for_nobody() {}

#[polyloop::test(sim, loops(tokio))]
async fn both() {}

fn main() {}
