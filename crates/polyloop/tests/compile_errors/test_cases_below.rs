#[polyloop::test]
#[rstest::rstest]
#[case(1)]
#[case(2)]
async fn above_rstest(#[case] number: u32) {
    assert!(number > 0);
}

#[polyloop::test]
#[test_case::test_case(1)]
#[test_case::test_case(2)]
async fn above_test_case(number: u32) {
    assert!(number > 0);
}

#[polyloop::test]
#[unknown::attribute(1, 2)]
async fn above_an_unknown_one(#[unknown::marked] number: u32) {
    assert!(number > 0);
}

#[polyloop::test]
#[unknown::attribute(1, 2)]
async fn too_many(lp: impl polyloop::Loop, number: u32) {
    assert!(number > 0);
}

#[polyloop::main]
#[rstest::rstest]
async fn main() {}
