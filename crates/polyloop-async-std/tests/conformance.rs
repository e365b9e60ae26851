//! The conformance suite on async-std.

polyloop_conformance::suite!(async_std, polyloop_async_std::AsyncStdLoop::new);
