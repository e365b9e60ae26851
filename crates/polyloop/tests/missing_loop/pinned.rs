#[polyloop::main(smol)]
async fn main() {}
