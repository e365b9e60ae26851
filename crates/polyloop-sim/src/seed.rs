//! Where a seed comes from when a program gives none.

use std::env;

use thiserror::Error;

/// The environment variable that gives a run again.
const VARIABLE: &str = "POLYLOOP_SEED";

/// `POLYLOOP_SEED` is not a seed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "POLYLOOP_SEED is {given:?}; a seed is a whole number from 0 to {}, in decimal or, after 0x, in hexadecimal",
    u64::MAX
)]
#[non_exhaustive]
pub struct SeedError {
    /// What it is.
    pub given: String,
}

/// The seed in the environment variable `POLYLOOP_SEED`, if it is set to anything.
///
/// ```
/// if let Some(seed) = polyloop_sim::seed_from_env()? {
///     println!("running {seed} again");
/// }
/// # Ok::<(), polyloop_sim::SeedError>(())
/// ```
pub fn seed_from_env() -> Result<Option<u64>, SeedError> {
    let given = env::var_os(VARIABLE).filter(|text| !text.is_empty());
    given.map(|text| parse(&text.to_string_lossy())).transpose()
}

/// A seed as it is written.
pub(crate) fn parse(text: &str) -> Result<u64, SeedError> {
    let trimmed = text.trim();
    let parsed = match trimmed.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => trimmed.parse(),
    };
    parsed.map_err(|_| SeedError {
        given: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seeds_and_the_rest_is_named() {
        assert_eq!(parse("7"), Ok(7));
        assert_eq!(parse(" 0xff "), Ok(255));
        assert_eq!(parse(&u64::MAX.to_string()), Ok(u64::MAX));
        for wrong in ["", "-1", "seven", "0x", "18446744073709551616"] {
            let error = parse(wrong).unwrap_err();
            assert_eq!(error.given, wrong);
            assert!(error.to_string().contains(&format!("{wrong:?}")));
        }
    }
}
