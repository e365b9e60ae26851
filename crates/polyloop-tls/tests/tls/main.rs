//! Secure streams on every loop: how they are made, how they end, and what is refused.

mod attacks;
mod authority;
#[cfg(feature = "deterministic")]
mod determinism;
mod endpoints;
mod ends;
mod foreign;
mod idle;
mod layers;
mod making;
mod refusals;
mod seeds;
mod starttls;
mod wire;
