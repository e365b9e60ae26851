//! The attributes in packages of their own, which cargo builds as it builds a user's.
//!
//! What is built here has features of its own, so one run among those of all sets is enough.
#![cfg(all(
    feature = "tokio",
    feature = "smol",
    feature = "async-std",
    feature = "sim"
))]

mod cases_in_disorder;
mod own_manifest;
mod workspace;
