//! The abilities that a loop may have beside [`Loop`](polyloop_core::Loop), each a trait of
//! its own.
//!
//! A check of one can't be had for a loop that may lack the trait, so a
//! [`Runner`](crate::Runner) is told which there are: `.with(abilities::watch())`.
//! [`suite!`](crate::suite) takes a loop to have them all, but for those that it is said to
//! lack.

use crate::behaviour::{Capability, Standing};
use crate::checks;

/// The checks of one ability, for a loop that has it.
#[derive(Debug)]
pub struct Ability<L>(pub(crate) Vec<(&'static str, Standing<L>)>);

crate::for_each_behaviour!(checks_of_abilities);
