//! The guide: how to write on polyloop, in short chapters. There is no code
//! here, only documentation.

#[doc = include_str!("guide/writing_a_library.md")]
pub mod writing_a_library {}

#[cfg(feature = "sim")]
#[doc = include_str!("guide/simulation.md")]
pub mod simulation {}

#[doc = include_str!("guide/adding_a_backend.md")]
pub mod adding_a_backend {}
