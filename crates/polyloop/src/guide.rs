//! The guide: how to write on polyloop, in short chapters. There is no code
//! here, only documentation.

#[doc = include_str!("guide/first_library.md")]
pub mod first_library {}

#[doc = include_str!("guide/writing_a_library.md")]
pub mod writing_a_library {}

#[cfg(feature = "sim")]
#[doc = include_str!("guide/simulation.md")]
pub mod simulation {}

#[doc = include_str!("guide/costs.md")]
#[doc = include_str!("guide/costs/ping1.svg")]
#[doc = include_str!("guide/costs/ping64.svg")]
#[doc = include_str!("guide/costs/ping1000.svg")]
#[doc = include_str!("guide/costs/stream.svg")]
#[doc = include_str!("guide/costs/churn.svg")]
#[doc = include_str!("guide/costs/lines.svg")]
#[doc = include_str!("guide/costs/idle.svg")]
#[doc = include_str!("guide/costs/any-loop.svg")]
#[doc = include_str!("guide/costs/spawn.svg")]
#[doc = include_str!("guide/costs/call-later.svg")]
#[doc = include_str!("guide/costs/deferred.svg")]
#[doc = include_str!("guide/costs/chain10.svg")]
#[doc = include_str!("guide/costs/call.svg")]
///
#[doc = include_str!("guide/costs/measured.md")]
pub mod costs {}

#[doc = include_str!("guide/adding_a_backend.md")]
///
/// ```ignore
#[doc = include_str!("guide/adding_a_backend/guide_loop.rs")]
/// ```
pub mod adding_a_backend {}
