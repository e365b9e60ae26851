//! What a thread reads from files, which tells that it asked the system's resolver.

use std::fs;

/// Does something, and counts the bytes that this thread has read from files meanwhile: 0
/// where the system does not tell.
pub fn counting_reads<T>(f: impl FnOnce() -> T) -> (T, u64) {
    let begun = bytes_read().zip(bytes_read());
    let done = f();
    let read = match (begun, bytes_read()) {
        (Some((first, second)), Some(third)) => {
            // Asking reads something itself, the same each time but for a digit or two.
            let asking = second.saturating_sub(first);
            third.saturating_sub(second).saturating_sub(asking)
        }
        _ => 0,
    };
    (done, read)
}

/// What this thread has read from files so far.
fn bytes_read() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/io").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("rchar:"))?;
    line.trim().parse().ok()
}
