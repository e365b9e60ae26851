//! The results for programs: `{"machine":{…},"rows":[{"suite","loop","subject",
//! "against","metric","value","reference","ratio","spread":[low,high]}]}`. What was not
//! measured is `null`, and so are a ratio to zero and a reference that there is none of.

use serde::Serialize;

use super::row::Row;
use crate::session::Machine;
use crate::suites::Subject;

#[derive(Serialize)]
struct Report<'a> {
    machine: &'a Machine,
    rows: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    suite: &'static str,
    r#loop: &'static str,
    subject: &'static str,
    against: Option<&'static str>,
    metric: &'static str,
    value: Option<f64>,
    reference: Option<f64>,
    ratio: Option<f64>,
    spread: Option<(f64, f64)>,
}

/// The whole file.
pub(super) fn write(machine: &Machine, rows: &[Row]) -> Result<String, String> {
    let lines = rows.iter().map(|row| Line {
        suite: row.suite.name(),
        r#loop: row.on.name(),
        subject: row.subject.name(),
        against: row.against.map(Subject::name),
        metric: row.metric.name(),
        value: row.figures.map(|figures| figures.value),
        reference: row.figures.and_then(|figures| figures.reference),
        ratio: row.figures.and_then(|figures| figures.ratio),
        spread: row.figures.and_then(|figures| figures.spread),
    });
    let report = Report {
        machine,
        rows: lines.collect(),
    };
    serde_json::to_string_pretty(&report)
        .map(|text| text + "\n")
        .map_err(|error| format!("the results as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::write;
    use crate::report::{Figures, Metric, Row};
    use crate::session::Machine;
    use crate::suites::{LoopKind, Subject, Suite};

    #[test]
    fn the_shape_is_the_documented_one() {
        let row = Row {
            suite: Suite::Ping64,
            on: LoopKind::TokioCurrentThread,
            subject: Subject::Polyloop,
            against: Some(Subject::Raw),
            metric: Metric::CpuNanos,
            figures: Some(Figures {
                value: 3.0,
                reference: Some(2.0),
                ratio: Some(1.5),
                spread: Some((1.25, 1.75)),
            }),
        };
        let unmeasured = Row {
            metric: Metric::SystemCalls,
            figures: None,
            ..row
        };
        let text = write(&Machine::default(), &[row, unmeasured]).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["rows"],
            json!([
                {
                    "suite": "ping64", "loop": "tokio-ct", "subject": "polyloop",
                    "against": "raw", "metric": "cpu_ns_per_op", "value": 3.0,
                    "reference": 2.0, "ratio": 1.5, "spread": [1.25, 1.75],
                },
                {
                    "suite": "ping64", "loop": "tokio-ct", "subject": "polyloop",
                    "against": "raw", "metric": "syscalls_per_op", "value": null,
                    "reference": null, "ratio": null, "spread": null,
                },
            ])
        );
        assert!(value["machine"]["processor"].is_string());
    }
}
