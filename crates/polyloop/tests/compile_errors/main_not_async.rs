#[polyloop::main]
fn main() {}
