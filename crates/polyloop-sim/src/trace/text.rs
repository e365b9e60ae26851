//! A trace as text: one line per record.

use std::fmt;

use super::words::{Described, describe};
use super::{Trace, clock};

/// One line per record: the virtual time in seconds, the host, the connection and
/// what happened. The first line names the seed.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        if (self.scheduler, self.pace) != Default::default() {
            write!(f, " ({})", self.conditions())?;
        }
        write!(f, ": {}", counted(self.records.len() as u64, "record"))?;
        if self.dropped > 0 {
            write!(f, ", after {} not shown", self.dropped)?;
        }
        let lines: Vec<(String, Described)> = self
            .records
            .iter()
            .map(|record| (clock::exact(record.at), describe(self, &record.event)))
            .collect();
        let widest = |widths: &mut dyn Iterator<Item = usize>| widths.max().unwrap_or(0);
        let host_of = |line: &Described| {
            line.host
                .map_or_else(String::new, |host| self.host_name(host))
        };
        let number_of = |line: &Described| {
            line.connection
                .map_or_else(String::new, |id| id.to_string())
        };
        let times = widest(&mut lines.iter().map(|(time, _)| time.len()));
        let hosts = widest(&mut lines.iter().map(|(_, line)| host_of(line).chars().count()));
        let numbers = widest(&mut lines.iter().map(|(_, line)| number_of(line).len()));
        for (time, line) in &lines {
            let (host, number) = (host_of(line), number_of(line));
            write!(f, "\n{time:>times$}  {host:<hosts$}  {number:>numbers$}  ")?;
            // One record is one line, whatever a note says.
            for c in line.words.chars() {
                if c.is_control() {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    write!(f, "{c}")?;
                }
            }
        }
        Ok(())
    }
}

/// `1 record`, `2 records`.
pub(super) fn counted(count: u64, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{count} {word}s")
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;

    #[test]
    fn one_line_per_record_in_columns() {
        let trace = sample::exchange();
        let text = trace.to_string();
        assert_eq!(text.lines().count(), trace.records.len() + 1);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("seed 7: {} records", trace.records.len()));
        assert_eq!(
            lines[1],
            "   0.000 000 000  server      listening on 10.0.0.1:7000"
        );
        assert_eq!(
            lines[3],
            "   0.000 000 000  client  #1  SYN to server, arrives at 0.000 150 000"
        );
    }

    #[test]
    fn the_last_ones_say_how_many_came_before() {
        let trace = sample::exchange();
        let last = trace.last(2);
        assert_eq!(last.records, trace.records[trace.records.len() - 2..]);
        let first = last.to_string().lines().next().unwrap().to_owned();
        let before = trace.records.len() - 2;
        assert_eq!(
            first,
            format!("seed 7: 2 records, after {before} not shown")
        );
        assert_eq!(trace.last(10_000), trace);
    }

    #[test]
    fn a_note_of_two_lines_stays_on_one() {
        let trace = sample::with_note("first\nsecond\u{7}");
        assert_eq!(trace.to_string().lines().count(), trace.records.len() + 1);
        assert!(trace.to_string().contains("first\\nsecond\\u{7}"));
    }
}
