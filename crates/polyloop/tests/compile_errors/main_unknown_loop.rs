#[polyloop::main(tokyo)]
async fn main() {}
