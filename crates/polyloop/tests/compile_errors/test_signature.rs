#[polyloop::test]
async fn two_loops<L: polyloop::Loop, M: polyloop::Loop>(lp: L) {}

#[polyloop::test]
async fn no_argument<L: polyloop::Loop>() {}

struct S;

impl S {
    #[polyloop::test]
    async fn method(self) {}
}

fn main() {}
