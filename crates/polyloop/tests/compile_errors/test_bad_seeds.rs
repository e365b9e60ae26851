#[polyloop::test(sim, seeds = 0)]
async fn none() {}

#[polyloop::test(sim, seeds = -3)]
async fn fewer_than_none() {}

#[polyloop::test(sim, seeds)]
async fn how_many() {}

#[polyloop::test(loops(real), seeds = 100)]
async fn for_nobody() {}

#[polyloop::test(sim, loops(tokio))]
async fn both() {}

#[polyloop::test(loops(real), virtual_timeout = 100)]
async fn for_no_clock() {}

#[polyloop::test(sim, virtual_timeout = "1 year")]
async fn for_ever() {}

fn main() {}
