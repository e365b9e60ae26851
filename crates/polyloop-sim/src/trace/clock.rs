//! How virtual time is written.

use std::time::Duration;

/// Seconds to the nanosecond, in groups of three digits: times below each other are
/// read by their columns.
pub(super) fn exact(at: Duration) -> String {
    let nanos = at.subsec_nanos();
    format!(
        "{}.{:03} {:03} {:03}",
        at.as_secs(),
        nanos / 1_000_000,
        nanos / 1_000 % 1_000,
        nanos % 1_000
    )
}

/// A length of time in its own unit: `150 µs`, `1.25 ms`, `2 h 5 min`.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    if seconds >= 60 {
        let parts = [
            (seconds / 3600, "h"),
            (seconds / 60 % 60, "min"),
            (seconds % 60, "s"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, unit)| format!("{count} {unit}"))
            .collect();
        return parts.join(" ");
    }
    let nanos = length.as_nanos() as f64;
    let (size, unit) = match nanos {
        1e9.. => (1e9, "s"),
        1e6.. => (1e6, "ms"),
        1e3.. => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    let number = format!("{:.3}", nanos / size);
    format!(
        "{} {unit}",
        number.trim_end_matches('0').trim_end_matches('.')
    )
}

/// The same, to three digits or so: for what is read in passing.
pub(super) fn about(length: Duration) -> String {
    let nanos = length.as_nanos();
    let digits = nanos.checked_ilog10().unwrap_or(0);
    // From a minute on, it is written in whole seconds anyhow.
    let rounded = match 10_u128.checked_pow(digits.saturating_sub(2)) {
        Some(unit) if length < Duration::from_secs(60) => (nanos + unit / 2) / unit * unit,
        _ => nanos,
    };
    span(u64::try_from(rounded).map_or(length, Duration::from_nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_columns() {
        assert_eq!(exact(Duration::from_micros(150)), "0.000 150 000");
        assert_eq!(exact(Duration::new(3600, 1)), "3600.000 000 001");
    }

    #[test]
    fn a_span_has_its_own_unit() {
        for (nanos, expected) in [
            (0, "0 ns"),
            (150_000, "150 µs"),
            (1_250_000, "1.25 ms"),
            (2_000_000_000, "2 s"),
            (7_500_000_000_000, "2 h 5 min"),
        ] {
            assert_eq!(span(Duration::from_nanos(nanos)), expected);
        }
    }

    #[test]
    fn what_is_read_in_passing_is_short() {
        for (nanos, expected) in [
            (0, "0 ns"),
            (7, "7 ns"),
            (806_435_482, "806 ms"),
            (1_250_600, "1.25 ms"),
            (999_999_999, "1 s"),
            (7_500_000_000_000, "2 h 5 min"),
        ] {
            assert_eq!(about(Duration::from_nanos(nanos)), expected);
        }
    }
}
