//! What a session found out, and how it is shown.

mod bars;
mod charts;
mod figures;
mod json;
mod markdown;
mod outputs;
mod row;
mod tables;

pub(crate) use bars::is_steady;
pub(crate) use figures::Figures;
pub(crate) use outputs::Outputs;
pub(crate) use row::{Metric, Row};
pub(crate) use tables::{in_short, tables};
