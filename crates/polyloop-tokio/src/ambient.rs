//! The runtime that a thread happens to be in.

use tokio::runtime::Handle;

/// Whether this thread is inside a tokio runtime, a loop's or any other.
///
/// Nothing in this crate acts on it: a loop is a value, and an ambient runtime is
/// never adopted. It is for error texts that say what was found.
///
/// ```
/// assert!(!polyloop_tokio::is_inside_runtime());
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// assert!(runtime.block_on(async { polyloop_tokio::is_inside_runtime() }));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_inside_runtime() -> bool {
    Handle::try_current().is_ok()
}
