//! Models of a loop: its tasks, its calls, its limits and the end of its run, on a loop
//! whose every task is a thread of the checker's.

mod calls;
mod ending;
mod groups;
mod limits;
pub(crate) mod model_loop;
mod tasks;
