#[polyloop::main]
async fn main(lp: polyloop::TokioLoop) {}
