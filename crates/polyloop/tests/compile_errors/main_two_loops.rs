#[polyloop::main(tokio, smol)]
async fn main() {}
