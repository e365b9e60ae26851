//! The bars: what each figure of polyloop has to be, and whether it is.

use std::fmt;

use super::row::{Metric, Row};
use crate::suites::{Subject, Suite};

/// What a figure may be: the most, where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bar {
    /// So many times its reference.
    Ratio(f64),
    /// So much, whatever the reference has.
    Value(f64),
    /// So much more than its reference.
    Over(f64),
    /// At least so much.
    AtLeast(f64),
}

/// What came of holding a figure against its bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    /// Over it, by less than the reference differs from itself.
    WithinNoise,
    Missed,
    /// The reference differs from itself by more than [`STEADY`], or the figure does from
    /// turn to turn: what was read off is the noise of the machine.
    Unsteady,
    NotMeasured,
}

/// A ratio says something only as long as the quartiles of its control stray from 1 by no
/// more, and its own from itself.
const STEADY: f64 = 0.1;

impl Metric {
    /// What is as good as no difference, besides the noise of the machine; less than
    /// any difference where the median of the ratios decides.
    fn nothing(self) -> f64 {
        match self {
            // One in a hundred operations: starting and ending a run takes a few.
            Self::Allocations | Self::SystemCalls | Self::SocketCalls => 0.01,
            // A page for 256 connections.
            Self::MemoryGrowth => 16.0,
            _ => f64::NEG_INFINITY,
        }
    }
}

/// The bar of a figure, if it has one.
#[expect(clippy::match_same_arms, reason = "suite by suite, as they are agreed")]
pub(crate) fn bar(row: &Row) -> Option<Bar> {
    use Suite::{
        AnyLoop, CallLater, Chain10, Churn, Closing, Deferred, Idle, Lines, MovedCalls, Ping1,
        Ping64, Ping1000, Process, SimEvents, SimHosts, SimRetries, Spawn, Stream, TlsHandshakes,
        TlsIdle, TlsPing, TlsStream, UdpEcho, UnixPing, Waiters, ZeroDelay,
    };
    if !row.subject.has_bars() {
        return None;
    }
    let most = match (row.suite, row.metric) {
        (ZeroDelay, Metric::Nanos) => Bar::Value(5_000.0),
        // Its reference does something else.
        (ZeroDelay, _) => return None,
        // Each connect sets `TCP_NODELAY` and asks for this end's address, which the program
        // by hand does without; where the peer has not ended first, a close asks what it has.
        (Closing, Metric::SystemCalls | Metric::SocketCalls) => Bar::Over(2.5),
        // Whoever has left is taken out of a crowd when they are as many as those who stay;
        // until then its lists grow, by pages.
        (Waiters, Metric::SystemCalls) => Bar::Over(0.1),
        (_, Metric::SystemCalls | Metric::SocketCalls) => Bar::Ratio(1.0),
        (Ping1 | Ping64 | Ping1000 | AnyLoop, Metric::CpuNanos) => Bar::Ratio(1.03),
        (Stream | Lines, Metric::CpuNanos) => Bar::Ratio(1.0),
        (Churn, Metric::CpuNanos) => Bar::Ratio(1.05),
        // Most of it is the system's, and the child's own.
        (Process, Metric::CpuNanos) => Bar::Ratio(1.05),
        (UdpEcho, Metric::CpuNanos | Metric::Nanos) => Bar::Ratio(1.0),
        (UnixPing, Metric::CpuNanos | Metric::Nanos) => Bar::Ratio(1.03),
        (TlsStream, Metric::CpuNanos | Metric::Nanos) => Bar::Ratio(1.0),
        (TlsPing | TlsHandshakes, Metric::CpuNanos | Metric::Nanos) => Bar::Ratio(1.03),
        // rustls itself allocates for each record.
        (TlsStream | TlsPing | TlsHandshakes, Metric::Allocations) => Bar::Ratio(1.0),
        (TlsIdle, Metric::MemoryIdle) => Bar::Ratio(1.0),
        // async-io itself allocates when it waits.
        (UdpEcho | UnixPing, Metric::Allocations) if row.on.is_on_async_io() => Bar::Ratio(1.0),
        (UdpEcho | UnixPing, Metric::Allocations) => Bar::Value(0.0),
        // async-io itself allocates when it waits, as often as it has to.
        (Ping1 | Ping64 | Ping1000 | Stream | Lines | AnyLoop, Metric::Allocations) => {
            if row.on.is_on_async_io() {
                Bar::Ratio(1.0)
            } else {
                Bar::Value(0.0)
            }
        }
        (Idle, Metric::MemoryIdle | Metric::MemoryAfterTraffic) => Bar::Ratio(1.0),
        (Idle, Metric::MemoryGrowth) => Bar::Over(0.0),
        // They stand in where the machine is too restless to tell time.
        (
            Ping1 | Ping64 | Ping1000 | AnyLoop | Stream | Lines | Churn | Spawn | CallLater
            | Deferred | UdpEcho | UnixPing | TlsStream | TlsPing | TlsHandshakes,
            Metric::Instructions,
        ) => {
            return bar(&Row {
                metric: Metric::CpuNanos,
                ..*row
            });
        }
        (Spawn, Metric::CpuNanos | Metric::Nanos) => Bar::Ratio(1.05),
        // One for the task; the queues of smol and async-std take some of their own.
        (Spawn, Metric::Allocations) if row.on.is_on_async_io() => Bar::Ratio(1.0),
        (Spawn | CallLater, Metric::Allocations) => Bar::Value(1.0),
        (CallLater, Metric::CpuNanos | Metric::Nanos) => Bar::Ratio(0.5),
        (MovedCalls, Metric::CpuNanos | Metric::Nanos) => Bar::Ratio(1.0),
        (MovedCalls, Metric::Allocations) => Bar::Value(0.0),
        (Deferred, Metric::CpuNanos | Metric::Nanos | Metric::Allocations) => Bar::Ratio(1.0),
        (Chain10, Metric::CpuNanos | Metric::Nanos) => Bar::Over(100.0),
        (Chain10, Metric::Allocations) => Bar::Over(0.0),
        // Memory that is further away may show, and nothing else.
        (Waiters, Metric::CpuNanos | Metric::Nanos | Metric::Instructions) => Bar::Ratio(2.0),
        (Waiters, Metric::Allocations) => Bar::Ratio(1.05),
        (SimEvents | SimHosts, Metric::EventRate) => Bar::AtLeast(300_000.0),
        (SimHosts, Metric::ResidentMemory) => Bar::Value(1024.0),
        (SimRetries, Metric::RealMillis) => Bar::Value(100.0),
        _ => return None,
    };
    Some(most)
}

/// Holds a figure against its bar; `control` is the same figure of the reference
/// against itself.
pub(crate) fn verdict(row: &Row, bar: Bar, control: Option<&Row>) -> Verdict {
    let Some(figures) = row.figures else {
        return Verdict::NotMeasured;
    };
    let noise = control.map_or(0.0, stray);
    let (value, reference) = (figures.value, figures.reference.unwrap_or_default());
    let most = match bar {
        Bar::Ratio(most) => most * reference,
        Bar::Value(most) | Bar::AtLeast(most) => most,
        Bar::Over(most) => most + reference,
    };
    let steady = !matches!(bar, Bar::Ratio(_)) || (noise <= STEADY && is_steady(row));
    let (excess, tolerance) = match bar {
        Bar::AtLeast(least) => (least - value, least * noise),
        // What is counted differs by nothing as long as only single operations of a whole
        // run do, whatever their ratio; that has to be said of neighbours otherwise.
        _ if (value - most).abs() <= row.metric.nothing() => return Verdict::Met,
        _ if steady && value - most <= row.metric.nothing() => return Verdict::Met,
        Bar::Ratio(most) => match figures.ratio {
            Some(ratio) => (ratio - most, noise),
            None => return Verdict::Missed,
        },
        Bar::Value(most) => (value - most, most * noise),
        Bar::Over(most) => (value - reference - most, reference * noise),
    };
    if excess > tolerance {
        Verdict::Missed
    } else if !steady {
        Verdict::Unsteady
    } else if excess > 0.0 {
        Verdict::WithinNoise
    } else {
        Verdict::Met
    }
}

/// How far the quartiles of a control are from 1, in either direction.
fn stray(control: &Row) -> f64 {
    let spread = control.figures.and_then(|figures| figures.spread);
    spread.map_or(0.0, |(low, high)| (high - 1.0).max(1.0 - low).max(0.0))
}

/// Whether the figure is much the same in each turn; and for a control, the same as the
/// reference.
pub(crate) fn is_steady(row: &Row) -> bool {
    let own = row.figures.and_then(|figures| {
        let (low, high) = figures.spread?;
        let ratio = figures.ratio.filter(|ratio| *ratio > 0.0)?;
        Some((high / ratio - 1.0).max(1.0 - low / ratio))
    });
    let is_control = row.subject == Subject::Control;
    own.is_none_or(|own| own <= STEADY) && (!is_control || stray(row) <= STEADY)
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(most) => write!(f, "≤ {most:.2}"),
            Self::Value(most) => write!(f, "≤ {most}, absolute"),
            Self::Over(most) => write!(f, "≤ {most} over it"),
            Self::AtLeast(least) => write!(f, "≥ {least}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Met => "yes",
            Self::WithinNoise => "within noise",
            Self::Missed => "NO",
            Self::Unsteady => "unmeasured: it strays",
            Self::NotMeasured => "not measured",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, Verdict, bar, verdict};
    use crate::report::{Figures, Metric, Row};
    use crate::suites::{LoopKind, Subject, Suite};

    fn row(suite: Suite, metric: Metric, figures: Option<Figures>) -> Row {
        Row {
            suite,
            on: LoopKind::Tokio,
            subject: Subject::Polyloop,
            against: Some(Subject::Raw),
            metric,
            figures,
        }
    }

    #[test]
    fn the_tolerance_is_the_spread_of_the_control() {
        let at = |value: f64| {
            let figures = Figures::of(&[value; 4], &[100.0; 4]);
            row(Suite::Ping64, Metric::CpuNanos, Some(figures))
        };
        let bar = bar(&at(0.0)).unwrap();
        assert_eq!(bar, Bar::Ratio(1.03));
        let control = Figures {
            spread: Some((0.97, 1.04)),
            ..Figures::of(&[100.0], &[100.0])
        };
        let control = row(Suite::Ping64, Metric::CpuNanos, Some(control));
        assert_eq!(verdict(&at(103.0), bar, Some(&control)), Verdict::Met);
        assert_eq!(
            verdict(&at(106.0), bar, Some(&control)),
            Verdict::WithinNoise
        );
        assert_eq!(verdict(&at(108.0), bar, Some(&control)), Verdict::Missed);
        assert_eq!(verdict(&at(106.0), bar, None), Verdict::Missed);
    }

    #[test]
    fn a_restless_machine_tells_nothing_but_a_clear_miss() {
        let at = |metric, value: f64| {
            let row = row(Suite::Stream, metric, Some(Figures::of(&[value], &[100.0])));
            let control = Figures {
                spread: Some((0.88, 1.02)),
                ..Figures::of(&[100.0], &[100.0])
            };
            let control = super::Row {
                figures: Some(control),
                ..row
            };
            verdict(&row, bar(&row).unwrap(), Some(&control))
        };
        for metric in [Metric::CpuNanos, Metric::Instructions, Metric::SystemCalls] {
            assert_eq!(at(metric, 54.0), Verdict::Unsteady);
            assert_eq!(at(metric, 110.0), Verdict::Unsteady);
            assert_eq!(at(metric, 130.0), Verdict::Missed);
        }
        // A hundredth of a call is nothing, however restless the machine.
        assert_eq!(at(Metric::SystemCalls, 100.005), Verdict::Met);
    }

    #[test]
    fn a_figure_that_strays_from_turn_to_turn_tells_nothing_either() {
        let at = |low, high| {
            let figures = Figures {
                spread: Some((low, high)),
                ..Figures::of(&[61.0], &[100.0])
            };
            let row = row(Suite::Stream, Metric::CpuNanos, Some(figures));
            verdict(&row, bar(&row).unwrap(), None)
        };
        assert_eq!(at(0.58, 0.65), Verdict::Met);
        assert_eq!(at(0.50, 0.63), Verdict::Unsteady);
        assert_eq!(at(0.58, 0.76), Verdict::Unsteady);
    }

    #[test]
    fn what_was_not_measured_is_not_met() {
        let row = row(Suite::Ping64, Metric::SystemCalls, None);
        let bar = bar(&row).unwrap();
        assert_eq!(verdict(&row, bar, None), Verdict::NotMeasured);
    }

    #[test]
    fn allocations_in_the_steady_state_are_counted_as_they_are() {
        let at = |value: f64| {
            let figures = Figures::of(&[value], &[0.0]);
            row(Suite::Ping64, Metric::Allocations, Some(figures))
        };
        assert_eq!(
            verdict(&at(0.001), bar(&at(0.0)).unwrap(), None),
            Verdict::Met
        );
        assert_eq!(
            verdict(&at(1.0), bar(&at(0.0)).unwrap(), None),
            Verdict::Missed
        );
    }

    #[test]
    fn single_calls_of_a_whole_run_are_no_difference() {
        let at = |value: f64| {
            let figures = Figures::of(&[value], &[0.01]);
            row(Suite::Spawn, Metric::SystemCalls, Some(figures))
        };
        assert_eq!(
            verdict(&at(0.015), bar(&at(0.0)).unwrap(), None),
            Verdict::Met
        );
        assert_eq!(
            verdict(&at(0.1), bar(&at(0.0)).unwrap(), None),
            Verdict::Missed
        );
    }

    #[test]
    fn a_simulation_has_a_least_rate_and_a_most_time() {
        let of = |suite, metric, value: f64| {
            let row = row(suite, metric, Some(Figures::alone(&[value])));
            verdict(&row, bar(&row).unwrap(), None)
        };
        let rate = |value| of(Suite::SimEvents, Metric::EventRate, value);
        assert_eq!(rate(300_000.0), Verdict::Met);
        assert_eq!(rate(299_999.0), Verdict::Missed);
        let time = |value| of(Suite::SimRetries, Metric::RealMillis, value);
        assert_eq!(time(100.0), Verdict::Met);
        assert_eq!(time(101.0), Verdict::Missed);
    }

    #[test]
    fn a_control_has_no_bar() {
        let mut row = row(Suite::Ping64, Metric::CpuNanos, None);
        row.subject = Subject::Control;
        assert_eq!(bar(&row), None);
    }
}
