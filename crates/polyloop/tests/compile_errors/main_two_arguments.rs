#[polyloop::main]
async fn main(lp: polyloop::AnyLoop, more: u8) {}
