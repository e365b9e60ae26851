//! Everything at once: panics in every callback, runs that end midway, several loops and
//! threads. What happens is drawn from a seed; what must hold whatever happens is checked.
//!
//! A failure names its seed and loop. `POLYLOOP_CHAOS_SEED=7` runs that seed alone, as far
//! as a machine's own threads and sockets can be made to do the same again.

mod calls;
mod connections;
mod dice;
mod tally;
mod tasks;
