//! The combinators on a real loop.

#[path = "combinators/on_any_loop.rs"]
mod on_any_loop;

on_any_loop::tests! { polyloop_smol::SmolLoop::new() }
