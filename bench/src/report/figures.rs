//! [`Figures`]: medians, the ratio between them, and how far it spreads.

/// A subject's figure, its reference's, and what there is between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) value: f64,
    /// None where there is nothing to hold it against.
    pub(crate) reference: Option<f64>,
    /// The median of the ratios of neighbours; none where the reference is zero and
    /// the subject isn't.
    pub(crate) ratio: Option<f64>,
    /// The first and the third quartile of those ratios.
    pub(crate) spread: Option<(f64, f64)>,
}

impl Figures {
    /// Of values that nothing else has.
    pub(crate) fn alone(values: &[f64]) -> Self {
        Self {
            value: quantile(values, 0.5),
            reference: None,
            ratio: None,
            spread: None,
        }
    }

    /// Of values in the same order: those in the same place were measured next to each
    /// other, so that the machine was in the same mood for both.
    pub(crate) fn of(values: &[f64], references: &[f64]) -> Self {
        let ratios: Option<Vec<f64>> = values
            .iter()
            .zip(references)
            .map(|(value, reference)| ratio(*value, *reference))
            .collect();
        let ratios = ratios.filter(|ratios| !ratios.is_empty());
        Self {
            value: quantile(values, 0.5),
            reference: Some(quantile(references, 0.5)),
            ratio: ratios.as_deref().map(|ratios| quantile(ratios, 0.5)),
            spread: ratios.map(|ratios| (quantile(&ratios, 0.25), quantile(&ratios, 0.75))),
        }
    }
}

/// Nothing is as good as nothing.
fn ratio(value: f64, reference: f64) -> Option<f64> {
    if reference != 0.0 {
        Some(value / reference)
    } else if value == 0.0 {
        Some(1.0)
    } else {
        None
    }
}

/// Between two values, in proportion; zero if there are none.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = part * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place within the list"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let rest = place - place.floor();
    sorted[below] * (1.0 - rest) + sorted[above] * rest
}

#[cfg(test)]
mod tests {
    use super::{Figures, quantile};

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        assert!(near(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0));
        assert!(near(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5));
        assert!(near(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.25), 2.0));
        assert!(near(quantile(&[7.0], 0.75), 7.0));
        assert!(near(quantile(&[], 0.5), 0.0));
    }

    #[test]
    fn the_ratio_is_that_of_neighbours_and_not_of_medians() {
        // The machine was half as fast in the second turn, for both.
        let figures = Figures::of(&[11.0, 22.0, 10.0], &[10.0, 20.0, 10.0]);
        assert!(near(figures.ratio.unwrap(), 1.1));
        assert!(near(figures.value, 11.0) && near(figures.reference.unwrap(), 10.0));
        let (low, high) = figures.spread.unwrap();
        assert!(near(low, 1.05) && near(high, 1.1));
    }

    #[test]
    fn nothing_against_nothing_is_one_and_something_has_no_ratio() {
        assert_eq!(Figures::of(&[0.0], &[0.0]).ratio, Some(1.0));
        assert_eq!(Figures::of(&[2.0], &[0.0]).ratio, None);
        assert_eq!(Figures::of(&[2.0], &[0.0]).spread, None);
    }
}
