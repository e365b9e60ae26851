//! A backend that is not one of ours passes the whole suite: the guide's loop, which
//! is written against the public API alone.

polyloop_conformance::suite!(guide, polyloop_tests::guide_loop::GuideLoop::new);
