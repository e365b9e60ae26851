#[polyloop::main]
async fn main(number: u32) {
    assert!(number > 0);
}
