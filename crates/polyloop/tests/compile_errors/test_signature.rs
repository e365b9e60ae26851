#[polyloop::test]
async fn two_loops<L: polyloop::Loop, M: polyloop::Loop>(lp: L) {}

#[polyloop::test]
async fn no_argument<L: polyloop::Loop>() {}

#[polyloop::test(seeds = 100)]
async fn simulated_and_others(lp: polyloop::SimLoop) {}

struct S;

impl S {
    #[polyloop::test]
    async fn method(self) {}
}

fn main() {}
