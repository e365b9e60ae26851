//! Each answer goes to its request, and to no other, whatever became of who asked.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use polyloop_core::{Deferred, Failure, Promise as _};
use polyloop_framing::{AskError, Multiplex, Pipeline, Unasked};

fn outcome(promise: &mut Deferred<u32>) -> Option<Result<u32, String>> {
    match Pin::new(promise).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome.map_err(|failure| failure.text().into_owned())),
        Poll::Pending => None,
    }
}

#[test]
fn a_pipeline_keeps_the_order_also_for_those_who_went() {
    let mut asked = Pipeline::new().limit(4);
    let mut first = asked.ask().unwrap();
    let second = asked.ask().unwrap();
    let mut third = asked.ask().unwrap();
    let mut fourth = asked.ask().unwrap();
    assert_eq!(asked.ask().err(), Some(AskError::TooMany { limit: 4 }));
    second.cancel("not needed any more");
    drop(second);
    // Whoever went is answered all the same.
    for answer in [1, 2] {
        asked.answer(answer).unwrap();
    }
    asked.reject(Failure::message("no")).unwrap();
    assert_eq!(outcome(&mut first), Some(Ok(1)));
    assert_eq!(outcome(&mut third), Some(Err("no".to_owned())));
    assert_eq!(outcome(&mut fourth), None);
    assert_eq!(asked.len(), 1);
    asked.fail_all(&Failure::message("gone"));
    assert_eq!(outcome(&mut fourth), Some(Err("gone".to_owned())));
    assert_eq!(asked.answer(5), Err(Unasked::Nothing));
    assert!(asked.reject("late").is_err() && asked.is_empty());
}

#[test]
fn what_is_asked_last_ends_with_its_pipeline() {
    let mut asked = Pipeline::<u32>::default();
    let mut left = asked.ask().unwrap();
    drop(asked);
    assert!(matches!(outcome(&mut left), Some(Err(_))));
}

#[test]
fn a_number_is_in_use_until_it_is_answered() {
    let mut asked = Multiplex::new().limit(3);
    let mut seven = asked.ask(7).unwrap();
    let eight = asked.ask(8).unwrap();
    let mut nine = asked.ask(9).unwrap();
    assert_eq!(asked.ask(7).err(), Some(AskError::InUse { id: "7".into() }));
    assert_eq!(asked.ask(1).err(), Some(AskError::TooMany { limit: 3 }));
    drop(eight);
    assert_eq!(asked.abandoned().collect::<Vec<_>>(), [&8]);
    assert!(asked.is_outstanding(&8) && asked.ask(8).is_err());
    asked.answer(&9, 90).unwrap();
    asked.answer(&8, 80).unwrap();
    assert_eq!(outcome(&mut nine), Some(Ok(90)));
    assert_eq!(outcome(&mut seven), None);
    let again = asked.ask(8).unwrap();
    assert!(asked.forget(&8) && !asked.forget(&8));
    drop(again);
    asked.reject(&7, "no").unwrap();
    assert_eq!(outcome(&mut seven), Some(Err("no".to_owned())));
    assert_eq!(asked.answer(&7, 70), Err(Unasked::Id { id: "7".into() }));
    let mut last = asked.ask(10).unwrap();
    asked.fail_all(&Failure::message("gone"));
    assert_eq!(outcome(&mut last), Some(Err("gone".to_owned())));
    assert!(asked.is_empty());
}
