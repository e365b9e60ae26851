#[polyloop::test(loops(tokyo))]
async fn unknown() {}

#[polyloop::test(loops())]
async fn none() {}

#[polyloop::test(loops(smol, smol))]
async fn twice() {}

fn main() {}
