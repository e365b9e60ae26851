#[polyloop::test(sim)]
#[polyloop::test(loops(real))]
async fn each_its_own() {}

#[polyloop::test]
#[test]
async fn both_sorts() {}

fn main() {}
