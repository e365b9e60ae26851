//! The SVG: lifelines, marks, the axis of time.
//!
//! Each mark is a group that is moved down to its first row, so that the script can
//! move it again; `data-a` and `data-b` are its rows, `data-h` the room it needs,
//! `data-c` its connection. What depends on the way between its rows, the script
//! finds by class: `way` (a line to the second row) and `span` (a box of that height).

use std::fmt::Write as _;
use std::time::Duration;

use super::super::Trace;
use super::super::clock;
use super::escape::escape;
use super::kind::Kind;
use super::layout::{GAP, Gap, Layout, ROOM_AT_END, SPREAD, TOP, room, unit};
use super::picture::{Fate, Mark, Picture, Shape};
use crate::HostId;

/// The time stands left of this.
const GUTTER: f64 = 104.0;
/// Where the first lifeline is.
const FIRST: f64 = 196.0;
/// From one lifeline to the next.
const APART: f64 = 260.0;
/// Right of the last lifeline, for what stands beside it.
const RIGHT: f64 = 280.0;
/// The height of the hosts' names.
pub(super) const NAMES: f64 = 46.0;
/// How many colours there are for connections.
pub(super) const COLOURS: u64 = 10;
/// Labels are cut to this; one sees the rest when pointing at them.
const LABEL: usize = 40;
/// Between two labels of the axis.
const AXIS: f64 = 15.0;

/// How wide the picture is.
pub(super) fn width(picture: &Picture) -> f64 {
    let between = picture.hosts.len().saturating_sub(1) as f64;
    FIRST + APART * between + RIGHT
}

/// The hosts' names, which stay in sight.
pub(super) fn names(trace: &Trace, picture: &Picture) -> String {
    let width = width(picture);
    let mut svg = format!(
        "<svg id=\"names\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" \
         height=\"{NAMES}\" viewBox=\"0 0 {width} {NAMES}\">\n\
         <text class=\"unit\" x=\"{}\" y=\"27\">seconds</text>\n",
        GUTTER - 12.0
    );
    for host in &picture.hosts {
        let x = lifeline(picture, *host);
        let name = trace.host_name(*host);
        let shown = shortened(&name, 24);
        let half = (shown.chars().count() as f64).mul_add(4.3, 14.0).max(34.0);
        let _ = writeln!(
            svg,
            "<g><title>{}</title><rect x=\"{}\" y=\"9\" width=\"{}\" height=\"27\" rx=\"7\"/>\
             <text x=\"{x}\" y=\"27\">{}</text></g>",
            escape(&name),
            x - half,
            half * 2.0,
            escape(&shown)
        );
    }
    svg + "</svg>\n"
}

/// The diagram itself.
pub(super) fn diagram(picture: &Picture, layout: &Layout) -> String {
    let (width, height) = (width(picture), layout.height);
    let hidden: Vec<String> = Kind::ALL
        .iter()
        .filter(|kind| !kind.shown())
        .map(|kind| format!("hide-{}", kind.class()))
        .collect();
    let mut svg = format!(
        "<svg id=\"diagram\" xmlns=\"http://www.w3.org/2000/svg\" class=\"{}\" \
         width=\"{width}\" height=\"{height:.1}\" viewBox=\"0 0 {width} {height:.1}\" \
         data-unit=\"{}\" data-spread=\"{SPREAD}\" data-gap=\"{GAP}\" data-top=\"{TOP}\" \
         data-end=\"{ROOM_AT_END}\" data-axis=\"{AXIS}\" data-gutter=\"{GUTTER}\">\n",
        hidden.join(" "),
        unit(picture).as_nanos()
    );
    svg += &definitions();
    svg += "<g id=\"axis\">\n";
    svg += &axis(picture, layout);
    svg += "</g>\n<g id=\"gaps\">\n";
    for gap in &layout.gaps {
        svg += &gap_line(gap, width);
    }
    svg += "</g>\n<g id=\"lifelines\">\n";
    for host in &picture.hosts {
        let x = lifeline(picture, *host);
        let _ = writeln!(svg, "<line x1=\"{x}\" x2=\"{x}\" y1=\"0\" y2=\"100%\"/>");
    }
    svg += "</g>\n<g id=\"marks\">\n";
    // What lasts lies behind what happens meanwhile.
    let behind = |mark: &&Mark| matches!(mark.shape, Shape::Band { .. });
    for mark in picture.marks.iter().filter(behind) {
        svg += &group(picture, layout, mark);
    }
    for mark in picture.marks.iter().filter(|mark| !behind(mark)) {
        svg += &group(picture, layout, mark);
    }
    svg + "</g>\n</svg>\n"
}

fn lifeline(picture: &Picture, host: HostId) -> f64 {
    FIRST + APART * picture.column(host) as f64
}

/// Heads of arrows and crosses, one of each per colour, and the hatching of faults.
fn definitions() -> String {
    let mut defs = "<defs>\n<pattern id=\"hatch\" width=\"8\" height=\"8\" \
         patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect class=\"hatch-ground\" width=\"8\" height=\"8\"/>\
         <rect class=\"hatch-line\" width=\"3\" height=\"8\"/></pattern>\n"
        .to_owned();
    for colour in 0..COLOURS {
        let _ = writeln!(
            defs,
            "<marker id=\"head{colour}\" class=\"k{colour}\" viewBox=\"0 0 10 10\" refX=\"9\" \
             refY=\"5\" markerWidth=\"9\" markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" \
             orient=\"auto\"><path class=\"head\" d=\"M0 1 L10 5 L0 9 L2 5 z\"/></marker>\
             <marker id=\"cross{colour}\" class=\"k{colour}\" viewBox=\"0 0 12 12\" refX=\"6\" \
             refY=\"6\" markerWidth=\"13\" markerHeight=\"13\" markerUnits=\"userSpaceOnUse\">\
             <path class=\"cross\" d=\"M2 2 L10 10 M10 2 L2 10\"/></marker>"
        );
    }
    defs + "</defs>\n"
}

fn axis(picture: &Picture, layout: &Layout) -> String {
    let mut svg = String::new();
    let mut last: Option<(f64, String)> = None;
    for row in &layout.used {
        let (y, time) = (layout.rows[*row], short_time(picture.rows[*row]));
        if let Some((above, shown)) = &last
            && (y - above < AXIS || *shown == time)
        {
            continue;
        }
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\">{time}</text>",
            GUTTER - 12.0,
            y + 3.5
        );
        last = Some((y, time));
    }
    svg
}

/// To the microsecond: pointing at a mark tells the rest.
fn short_time(at: Duration) -> String {
    let exact = clock::exact(at);
    exact
        .rsplit_once(' ')
        .map_or(exact.clone(), |(short, _)| short.to_owned())
}

fn gap_line(gap: &Gap, width: f64) -> String {
    format!(
        "<g transform=\"translate(0,{:.1})\"><line x1=\"{GUTTER}\" x2=\"{}\" y1=\"0\" y2=\"0\"/>\
         <text x=\"{}\" y=\"3.5\">\u{22ee} {}</text></g>\n",
        gap.y,
        width - 12.0,
        GUTTER - 12.0,
        gap.label
    )
}

fn group(picture: &Picture, layout: &Layout, mark: &Mark) -> String {
    let y = layout.rows[mark.row];
    let way = layout.rows[mark.until] - y;
    let number = mark.connection.map_or(0, |connection| connection.0);
    let lost = matches!(
        mark.shape,
        Shape::Arrow {
            fate: Fate::Lost,
            ..
        }
    );
    let mut svg = format!(
        "<g class=\"m {}{}{}\" transform=\"translate(0,{y:.1})\" data-a=\"{}\" data-b=\"{}\" data-h=\"{}\"",
        mark.kind.class(),
        if lost { " lost" } else { "" },
        match mark.connection {
            Some(_) => format!(" k{}", number % COLOURS),
            None => String::new(),
        },
        mark.row,
        mark.until,
        room(mark)
    );
    if mark.connection.is_some() {
        let _ = write!(svg, " data-c=\"{number}\"");
    }
    let _ = write!(svg, "><title>{}</title>", escape(&mark.details));
    svg += &shape(picture, mark, way);
    svg + "</g>\n"
}

fn shape(picture: &Picture, mark: &Mark, way: f64) -> String {
    let x = |host: HostId| lifeline(picture, host);
    let label = escape(&shortened(&mark.label, LABEL));
    match mark.shape {
        Shape::Arrow { from, to, fate } => {
            let colour = mark.connection.map_or(0, |connection| connection.0) % COLOURS;
            arrow(x(from), x(to), fate, way, colour, &label)
        }
        Shape::Dot { host } => {
            let x = x(host);
            format!(
                "<circle cx=\"{x}\" cy=\"0\" r=\"3.5\"/><text x=\"{}\" y=\"4\">{label}</text>",
                x + 10.0
            )
        }
        Shape::Flag { host } => {
            let x = x(host);
            let width = (label_length(&mark.label) as f64).mul_add(6.6, 18.0);
            format!(
                "<path class=\"flag\" d=\"M{x} 0 l9 -10 h{width} v20 h-{width} z\"/>\
                 <text x=\"{}\" y=\"4\">{label}</text>",
                x + 17.0
            )
        }
        Shape::Tick { host } => {
            let height = way + 3.0;
            format!(
                "<rect class=\"span\" x=\"{}\" y=\"-1.5\" width=\"8\" height=\"{height:.1}\" \
                 data-more=\"3\" rx=\"1.5\"/>",
                x(host) - 4.0
            )
        }
        Shape::Band { host, peer } => {
            let (left, right) = ends(x(host), peer.map(x), 12.0);
            format!(
                "<rect class=\"span\" x=\"{left}\" y=\"0\" width=\"{}\" height=\"{way:.1}\" \
                 data-more=\"0\" rx=\"4\"/>{}",
                right - left,
                fault_label(x(host), peer.map(x), &label)
            )
        }
        Shape::Stroke { host, peer } => match host.or(peer) {
            Some(first) => {
                let peer = host.and(peer);
                let (left, right) = ends(x(first), peer.map(x), 12.0);
                format!(
                    "<line x1=\"{left}\" x2=\"{right}\" y1=\"0\" y2=\"0\"/>{}",
                    fault_label(x(first), peer.map(x), &label)
                )
            }
            None => format!(
                "<line x1=\"{GUTTER}\" x2=\"{}\" y1=\"0\" y2=\"0\"/>\
                 <text x=\"{}\" y=\"-5\">{label}</text>",
                width(picture) - 12.0,
                GUTTER + 6.0
            ),
        },
    }
}

/// What lies between two lifelines, or around one.
fn ends(one: f64, other: Option<f64>, around: f64) -> (f64, f64) {
    match other {
        Some(other) if (other - one).abs() > 1.0 => (one.min(other), one.max(other)),
        _ => (one - around, one + around),
    }
}

/// Above the row: in the middle between two lifelines, or beside one.
fn fault_label(one: f64, other: Option<f64>, label: &str) -> String {
    match other {
        Some(other) if (other - one).abs() > 1.0 => format!(
            "<text class=\"middle\" x=\"{}\" y=\"-6\">{label}</text>",
            f64::midpoint(one, other)
        ),
        _ => format!("<text x=\"{}\" y=\"-6\">{label}</text>", one + 10.0),
    }
}

/// A line from where a segment was sent to where it ended, with its label above the
/// beginning.
fn arrow(from: f64, to: f64, fate: Fate, way: f64, colour: u64, label: &str) -> String {
    let own = (to - from).abs() < 1.0;
    let along = |part: f64| if own { from } else { from + (to - from) * part };
    let side = if to < from { -1.0 } else { 1.0 };
    let (start, end) = match fate {
        Fate::Arrived | Fate::Ignored => {
            (along(0.0), along(1.0) - if own { 0.0 } else { side * 2.0 })
        }
        Fate::Lost => (along(0.0), along(0.55)),
        Fate::InFlight => (along(0.0), along(0.7)),
        Fate::SentBefore => (along(0.4), along(1.0) - side * 2.0),
    };
    let up = if fate == Fate::SentBefore { 8.0 } else { 0.0 };
    let end_mark = if fate == Fate::Lost { "cross" } else { "head" };
    let class = match fate {
        Fate::Arrived | Fate::Lost => "way",
        Fate::Ignored | Fate::InFlight | Fate::SentBefore => "way open",
    };
    // A segment to the host itself goes around.
    let bend = if own { 56.0 } else { 0.0 };
    let data = if own {
        let out = start + bend;
        format!("M{start} 0 C{out} 0 {out} {way:.1} {end} {way:.1}")
    } else {
        format!("M{start:.1} {:.1} L{end:.1} {way:.1}", -up)
    };
    let anchor = if side < 0.0 { " class=\"left\"" } else { "" };
    format!(
        "<path class=\"{class}\" d=\"{data}\" data-x=\"{start:.1} {end:.1}\" data-up=\"{up}\" \
         data-bend=\"{bend}\" marker-end=\"url(#{end_mark}{colour})\"/>\
         <text{anchor} x=\"{:.1}\" y=\"{}\">{label}</text>",
        start + side * 9.0,
        -4.0 - up
    )
}

fn label_length(label: &str) -> usize {
    label.chars().count().min(LABEL)
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    kept + "\u{2026}"
}
