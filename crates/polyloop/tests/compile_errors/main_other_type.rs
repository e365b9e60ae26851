#[polyloop::main(sim)]
async fn main(lp: &polyloop::AsyncStdLoop) {}
