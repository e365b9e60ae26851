//! A bar chart per suite: each subject's ratio to the reference, on each loop, with its
//! spread.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::row::{Metric, Row};
use crate::suites::{LoopKind, Subject, Suite};

/// In pixels.
const SIZE: (u32, u32) = (900, 420);

/// A group of bars is so wide, and the next begins one further.
const GROUP: f64 = 0.8;

/// How much wider the chart is than its groups, for the legend beside them.
const LEGEND: f64 = 1.22;

/// Draws what the rows have into a directory: `ping64.svg`, …
pub(super) fn draw(directory: &Path, rows: &[Row]) -> Result<(), String> {
    for suite in Suite::ALL {
        let bars = bars(suite, rows);
        if bars.is_empty() {
            continue;
        }
        let path = directory.join(format!("{}.svg", suite.name()));
        let mut text = String::new();
        chart(&mut text, suite, &bars)
            .map_err(|error| format!("the chart of {}: {error}", suite.name()))?;
        std::fs::write(&path, text)
            .map_err(|error| format!("{} can't be written: {error}", path.display()))?;
    }
    Ok(())
}

struct Bar {
    on: LoopKind,
    subject: Subject,
    ratio: f64,
    spread: (f64, f64),
}

/// The metric that stands for a suite.
fn metric(suite: Suite) -> Metric {
    match suite {
        Suite::Idle => Metric::MemoryAfterTraffic,
        _ => Metric::CpuNanos,
    }
}

fn bars(suite: Suite, rows: &[Row]) -> Vec<Bar> {
    rows.iter()
        .filter(|row| row.suite == suite && row.metric == metric(suite))
        .filter_map(|row| {
            let figures = row.figures?;
            Some(Bar {
                on: row.on,
                subject: row.subject,
                ratio: figures.ratio?,
                spread: figures.spread?,
            })
        })
        .collect()
}

fn chart(text: &mut String, suite: Suite, bars: &[Bar]) -> Result<(), Box<dyn std::error::Error>> {
    let mut loops: Vec<LoopKind> = bars.iter().map(|bar| bar.on).collect();
    loops.dedup();
    let mut subjects: Vec<Subject> = Vec::new();
    for bar in bars {
        if !subjects.contains(&bar.subject) {
            subjects.push(bar.subject);
        }
    }
    let highest = bars
        .iter()
        .fold(1.0_f64, |highest, bar| highest.max(bar.spread.1));

    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!(
        "{}: {}, as a ratio to the reference",
        suite.name(),
        metric(suite).title()
    );
    let groups = loops.len() as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..groups * LEGEND, 0.0..highest * 1.1)?;
    // The names of the loops are drawn below their groups, where no tick would be.
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_desc("ratio")
        .light_line_style(WHITE)
        .draw()?;

    let wide = GROUP / subjects.len() as f64;
    let above = ("sans-serif", 11)
        .into_text_style(&area)
        .pos(Pos::new(HPos::Center, VPos::Bottom));
    for (number, subject) in subjects.iter().enumerate() {
        let color = color(*subject);
        let place = |bar: &Bar| {
            let group = loops
                .iter()
                .position(|on| *on == bar.on)
                .unwrap_or_default();
            group as f64 + (1.0 - GROUP) / 2.0 + number as f64 * wide
        };
        let own = || bars.iter().filter(|bar| bar.subject == *subject);
        chart
            .draw_series(own().map(|bar| {
                let left = place(bar);
                Rectangle::new(
                    [(left, 0.0), (left + wide * 0.92, bar.ratio)],
                    color.filled(),
                )
            }))?
            .label(subject.name())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], color.filled()));
        chart.draw_series(own().map(|bar| {
            let middle = place(bar) + wide * 0.46;
            PathElement::new([(middle, bar.spread.0), (middle, bar.spread.1)], BLACK)
        }))?;
        chart.draw_series(own().map(|bar| {
            let top = (place(bar) + wide * 0.46, bar.ratio.max(bar.spread.1));
            let label = Text::new(format!("{:.2}", bar.ratio), (0, -3), above.clone());
            EmptyElement::at(top) + label
        }))?;
    }
    chart.draw_series([PathElement::new([(0.0, 1.0), (groups, 1.0)], BLACK)])?;
    chart.draw_series(loops.iter().enumerate().map(|(group, on)| {
        EmptyElement::at((group as f64 + 0.5, 0.0))
            + Text::new(on.name(), (-24, 10), ("sans-serif", 13))
    }))?;
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperRight)
        .draw()?;
    area.present()?;
    Ok(())
}

/// A subject has the same color in every chart.
fn color(subject: Subject) -> RGBAColor {
    match subject {
        Subject::Control => RGBColor(176, 176, 176).to_rgba(),
        Subject::Polyloop => RGBColor(28, 98, 188).to_rgba(),
        Subject::AnyLoop | Subject::PolyloopSleep => RGBColor(92, 160, 232).to_rgba(),
        // The first of the palette are as strong as polyloop's.
        other => Palette99::pick(other as usize + 4).to_rgba(),
    }
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::report::{Figures, Metric, Row};
    use crate::suites::{LoopKind, Subject, Suite};

    #[test]
    fn there_is_a_chart_for_each_suite_that_was_measured() {
        let row = |on, subject, value: f64| Row {
            suite: Suite::Spawn,
            on,
            subject,
            against: Some(Subject::Raw),
            metric: Metric::CpuNanos,
            figures: Some(Figures::of(&[value], &[100.0])),
        };
        let rows = [
            row(LoopKind::Tokio, Subject::Control, 101.0),
            row(LoopKind::Tokio, Subject::Polyloop, 117.0),
            row(LoopKind::Smol, Subject::Polyloop, 96.0),
        ];
        let directory = tempfile::tempdir().unwrap();
        draw(directory.path(), &rows).unwrap();
        let text = std::fs::read_to_string(directory.path().join("spawn.svg")).unwrap();
        for shown in [
            "<svg", "tokio", "smol", "polyloop", "control", "1.17", "0.96",
        ] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
        assert!(!directory.path().join("ping64.svg").exists());
    }
}
