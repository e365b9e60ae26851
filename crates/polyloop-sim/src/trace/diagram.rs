//! A trace as a picture: one HTML file that holds a sequence diagram in SVG.
//!
//! `picture` is what is to be drawn, and `drawer` finds it out (which arrival belongs to
//! which sending, from where to where a fault lasts); `kind` is what a mark is about,
//! `layout` how far down each row stands, `drawing` writes the SVG and `page` what is
//! around it. The file is complete as it is written; its script only hides, zooms and
//! explains.

mod drawer;
mod drawing;
mod escape;
mod kind;
mod layout;
mod page;
mod picture;

use std::fmt;
use std::io;
use std::path::Path;

use super::{Trace, write_file};
use picture::Picture;

/// How many records are drawn unless the caller wants more.
const AT_MOST: usize = 5_000;

/// A [`Trace`] to be drawn; its `Display` is the file.
///
/// ```no_run
/// # let trace = polyloop_sim::Trace::default();
/// trace.diagram().title("A broken link").write_to("broken-link.html")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Diagram<'a> {
    trace: &'a Trace,
    title: String,
    at_most: usize,
}

impl<'a> Diagram<'a> {
    pub(super) fn new(trace: &'a Trace) -> Self {
        Self {
            trace,
            title: "A simulated run".to_owned(),
            at_most: AT_MOST,
        }
    }

    /// What stands above it.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Draws the last `records` records at most, instead of the last 5,000. The page
    /// says how many came before.
    pub fn at_most(mut self, records: usize) -> Self {
        self.at_most = records;
        self
    }

    /// Writes the file, and makes the directories above it if there are none.
    pub fn write_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        write_file(path.as_ref(), &self.to_string())
    }
}

impl fmt::Display for Diagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.trace.last(self.at_most);
        let picture = Picture::of(&shown);
        f.write_str(&page::write(&self.title, &shown, &picture))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use roxmltree::{Document, Node};

    use super::super::sample;
    use super::super::{ConnectionId, Event, Record, Stalled, TaskId, Trace};

    /// The part of the page between two marks, both included.
    fn part<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
        let start = page.find(from).unwrap();
        let end = start + page[start..].find(to).unwrap() + to.len();
        &page[start..end]
    }

    fn svg(page: &str) -> Document<'_> {
        Document::parse(part(page, "<svg id=\"diagram\"", "</svg>")).unwrap()
    }

    /// The marks whose details contain `words`.
    fn marks<'a>(svg: &'a Document<'a>, words: &str) -> Vec<Node<'a, 'a>> {
        let said = |mark: &Node<'_, '_>| {
            let title = mark
                .children()
                .find(|child| child.has_tag_name(tag("title")));
            title
                .and_then(|title| title.text())
                .is_some_and(|text| text.contains(words))
        };
        let of_class = |node: &Node<'_, '_>| classes(*node).contains(&"m".to_owned());
        svg.descendants().filter(of_class).filter(said).collect()
    }

    fn tag(name: &str) -> (&str, &str) {
        ("http://www.w3.org/2000/svg", name)
    }

    fn classes(node: Node<'_, '_>) -> Vec<String> {
        let class = node.attribute("class").unwrap_or_default();
        class.split(' ').map(str::to_owned).collect()
    }

    /// From where to where an arrow goes, and how far down.
    fn line(mark: Node<'_, '_>) -> (f64, f64, f64) {
        let path = mark
            .children()
            .find(|child| child.has_tag_name(tag("path")))
            .unwrap();
        let d = path.attribute("d").unwrap().replace(['M', 'L'], "");
        let numbers: Vec<f64> = d.split(' ').map(|number| number.parse().unwrap()).collect();
        assert!(numbers[1].abs() < 0.01, "{numbers:?}");
        (numbers[0], numbers[2], numbers[3])
    }

    fn end_of(mark: Node<'_, '_>) -> String {
        let path = mark
            .children()
            .find(|child| child.has_tag_name(tag("path")))
            .unwrap();
        path.attribute("marker-end").unwrap().to_owned()
    }

    #[test]
    fn segments_are_arrows_down_to_where_they_arrived() {
        let page = sample::exchange().diagram().to_string();
        let svg = svg(&page);
        let syn = marks(&svg, "\nSYN to server");
        assert_eq!(syn.len(), 1);
        // The client's lifeline is right of the server's.
        let (from, to, down) = line(syn[0]);
        assert!(from > to && down > 0.0, "{from} {to} {down}");
        let (from, to, down) = line(marks(&svg, "SYN+ACK to client")[0]);
        assert!(from < to && down > 0.0, "{from} {to} {down}");
        assert_eq!(end_of(syn[0]), "url(#head1)");
        assert!(
            svg.descendants()
                .any(|node| node.attribute("id") == Some("head1"))
        );
    }

    #[test]
    fn a_longer_way_is_a_steeper_arrow() {
        let page = sample::exchange().diagram().to_string();
        let svg = svg(&page);
        let (_, _, short) = line(marks(&svg, "DATA 0..512 to server")[0]);
        let (_, _, long) = line(marks(&svg, "DATA 0..5 to client")[0]);
        assert!(long > short, "200 \u{b5}s: {long}, 150 \u{b5}s: {short}");
    }

    #[test]
    fn what_is_lost_ends_in_a_cross_between_the_lifelines() {
        let page = sample::exchange().diagram().to_string();
        let svg = svg(&page);
        let sent = marks(&svg, "DATA 512..552 to server");
        assert_eq!(sent.len(), 2, "once lost, once arrived");
        assert_eq!(end_of(sent[0]), "url(#cross1)");
        assert!(classes(sent[0]).contains(&"lost".to_owned()));
        assert_eq!(end_of(sent[1]), "url(#head1)");
        let ((from, lost, _), (_, arrived, _)) = (line(sent[0]), line(sent[1]));
        assert!(from > lost && lost > arrived, "{from} {lost} {arrived}");
    }

    #[test]
    fn faults_that_last_are_bands_until_they_end() {
        let page = sample::exchange().diagram().to_string();
        let svg = svg(&page);
        let band = |words| {
            let mark = marks(&svg, words)[0];
            let rect = mark
                .children()
                .find(|child| child.has_tag_name(tag("rect")))
                .unwrap();
            let number = |name| rect.attribute(name).unwrap().parse::<f64>().unwrap();
            (mark, number("width"), number("height"))
        };
        let (partition, width, height) = band("partition between");
        assert!(width > 100.0 && height > 20.0, "{width} x {height}");
        let title = partition
            .first_child()
            .and_then(|title| title.text())
            .unwrap();
        assert!(title.ends_with("for 1 h, until: healed"), "{title}");
        // Nobody ends the pause, so it lasts to the end of the picture.
        let (_, width, height) = band("server pauses");
        assert!(width < 100.0 && height > 0.0, "{width} x {height}");
    }

    #[test]
    fn what_is_late_is_a_band_until_it_goes_on() {
        let mut trace = sample::exchange();
        let (host, what) = (sample::CLIENT, Stalled::Task(TaskId(4)));
        let until = trace.records[5].at;
        let late = Event::Stalled { host, what, until };
        trace.records.insert(0, Record::new(Duration::ZERO, late));
        trace.pace = crate::Pace::TasksStall;
        let page = trace.diagram().to_string();
        assert!(page.contains("pace: tasks stall"));
        let svg = svg(&page);
        let mark = marks(&svg, "task 4 stalls until ")[0];
        assert_eq!(classes(mark), ["m", "stalls"]);
        let rows = ["data-a", "data-b"].map(|name| mark.attribute(name).unwrap());
        let back = trace.records.partition_point(|record| record.at < until);
        assert_eq!(rows, ["0", &*back.to_string()]);
    }

    #[test]
    fn an_idle_hour_is_short_and_says_so() {
        let page = sample::exchange().diagram().to_string();
        let svg = svg(&page);
        let gaps = svg
            .descendants()
            .find(|node| node.attribute("id") == Some("gaps"))
            .unwrap();
        let texts: Vec<_> = gaps.descendants().filter_map(|node| node.text()).collect();
        assert!(texts.concat().contains("\u{22ee} 1 h"), "{texts:?}");
        let height: f64 = svg
            .root_element()
            .attribute("height")
            .unwrap()
            .parse()
            .unwrap();
        assert!(height < 1_000.0, "{height}");
    }

    #[test]
    fn no_text_becomes_markup() {
        let evil = "</title></svg><script>alert('x')</script>&\"\u{1}";
        let mut trace = sample::with_note(evil);
        trace.hosts[0] = evil.to_owned();
        let page = trace.diagram().title(evil).to_string();
        assert_eq!(page.matches("<script>").count(), 1, "the page's own");
        assert!(!page.contains('\u{1}'));
        let shown = evil.replace('\u{1}', "\u{2401}");
        let note = format!("\u{201c}{shown}\u{201d}");
        assert_eq!(marks(&svg(&page), &note).len(), 1);
        let names = Document::parse(part(&page, "<svg id=\"names\"", "</svg>")).unwrap();
        assert!(
            names
                .descendants()
                .any(|node| node.text() == Some(shown.as_str()))
        );
    }

    #[test]
    fn each_mark_can_be_hidden_by_its_kind_and_by_its_connection() {
        let page = sample::exchange().diagram().to_string();
        let svg = svg(&page);
        let all = marks(&svg, "");
        assert!(all.len() > 10);
        for mark in all {
            let kind = &classes(mark)[1];
            assert!(page.contains(&format!("data-kind=\"{kind}\"")), "{kind}");
            assert!(page.contains(&format!(".hide-{kind} .{kind}")), "{kind}");
            if let Some(connection) = mark.attribute("data-c") {
                assert!(page.contains(&format!("data-connection=\"{connection}\"")));
            }
        }
        // What is not shown at first has no tick in its box.
        let hidden = classes(svg.root_element());
        assert_eq!(hidden, ["hide-acks", "hide-tasks", "hide-timers"]);
        assert!(page.contains("data-kind=\"acks\">"));
        assert!(page.contains("data-kind=\"data\" checked>"));
    }

    #[test]
    fn the_page_loads_nothing() {
        let page = sample::exchange().diagram().to_string();
        for outside in ["src=", "href=", "@import", "fetch(", "XMLHttpRequest"] {
            assert!(!page.contains(outside), "{outside}");
        }
        let urls = page.matches("://").count();
        let names = page.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(urls, names, "nothing but the names of the SVG format");
    }

    #[test]
    fn consecutive_turns_are_one_stroke() {
        let page = sample::exchange().diagram().to_string();
        let svg = svg(&page);
        let ticks = marks(&svg, "task 4 polled");
        assert_eq!(ticks.len(), 1);
        let title = ticks[0]
            .first_child()
            .and_then(|title| title.text())
            .unwrap();
        assert_eq!(title.matches("task 4 polled").count(), 3);
    }

    #[test]
    fn only_the_last_records_are_drawn_and_the_page_says_so() {
        let mut trace = sample::exchange();
        let all = trace.records.len();
        for number in 0..20_000 {
            let event = Event::TaskSpawned {
                host: sample::SERVER,
                task: TaskId(number),
            };
            trace.records.insert(0, Record::new(Duration::ZERO, event));
        }
        let page = trace.diagram().to_string();
        let dropped = 20_000 + all - 5_000;
        assert!(page.contains(&format!("{dropped} records before them not drawn")));
        let page = trace.diagram().at_most(4).to_string();
        let drawn = marks(&svg(&page), "").len();
        assert!((1..=4).contains(&drawn), "{drawn}");
    }

    #[test]
    fn an_arrival_without_its_sending_is_drawn_and_an_empty_trace_too() {
        let trace = sample::exchange();
        let from = trace
            .records
            .iter()
            .position(|record| matches!(record.event, Event::Arrived { .. }));
        let page = trace
            .last(trace.records.len() - from.unwrap())
            .diagram()
            .to_string();
        let svg = svg(&page);
        let syn = marks(&svg, "\nSYN from client");
        assert_eq!(syn.len(), 1);
        assert_eq!(end_of(syn[0]), "url(#head1)");
        let empty = Trace::default().diagram().to_string();
        assert!(empty.contains("Nothing was recorded"));
    }

    #[test]
    fn a_segment_that_nobody_takes_ends_where_it_would_have_arrived() {
        let mut trace = sample::exchange();
        let last = trace.records.len() - 1;
        let note = |at| {
            let (host, text) = (sample::SERVER, "later".to_owned());
            Record::new(trace.records[last].at + at, Event::Note { host, text })
        };
        let (arrival, later) = (Duration::from_micros(150), Duration::from_secs(5));
        let notes = [note(arrival), note(later)];
        trace.records.extend(notes);
        let page = trace.diagram().to_string();
        let svg = svg(&page);
        let fin = marks(&svg, "nobody was there any more to take it")[0];
        assert_eq!(fin.attribute("data-b"), Some(&*(last + 1).to_string()));
        let ((_, to, _), (_, there, _)) = (line(fin), line(marks(&svg, "\nSYN to server")[0]));
        assert!((to - there).abs() < 0.1, "{to} {there}");
    }

    #[test]
    fn connections_beyond_those_with_a_box_are_counted() {
        let mut trace = sample::exchange();
        for number in 10..110 {
            let (connection, host) = (ConnectionId(number), sample::CLIENT);
            trace.records.push(Record::new(
                Duration::ZERO,
                Event::Established { connection, host },
            ));
        }
        let page = trace.diagram().to_string();
        assert_eq!(page.matches("data-connection=").count(), 48);
        assert!(page.contains("and 53 more, by number"));
    }

    #[test]
    fn the_file_is_written_with_its_directories() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pictures/run.html");
        let trace = sample::exchange();
        trace.diagram().write_to(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            trace.diagram().to_string()
        );
    }
}
