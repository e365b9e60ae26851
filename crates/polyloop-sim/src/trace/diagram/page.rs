//! The page around the diagram.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::text::counted;
use super::super::{Trace, clock};
use super::drawing::{self, COLOURS};
use super::escape::escape;
use super::kind::Kind;
use super::layout::lay_out;
use super::picture::Picture;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// How many connections have a box of their own; the others are chosen by number.
const BOXES: usize = 48;

/// The whole file.
pub(super) fn write(title: &str, trace: &Trace, picture: &Picture) -> String {
    let layout = lay_out(picture);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}, seed {seed}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<div class=\"what\"><h1>{title}</h1><p>{}</p></div>\n",
        summary(trace, picture),
        title = escape(title),
        seed = trace.seed,
    );
    page += &controls(picture);
    page += "</header>\n<main id=\"scroller\" tabindex=\"0\">\n";
    if picture.marks.is_empty() {
        page += "<p class=\"nothing\">Nothing was recorded.</p>\n";
    }
    page += &drawing::names(trace, picture);
    page += &drawing::diagram(picture, &layout);
    page += "</main>\n<div id=\"details\" role=\"status\"></div>\n";
    let times: Vec<String> = picture
        .rows
        .iter()
        .map(|at| at.as_nanos().to_string())
        .collect();
    let _ = write!(
        page,
        "<script>\nconst TIMES = [{}];\n{SCRIPT}</script>\n</body>\n</html>\n",
        times.join(",")
    );
    page
}

/// The line below the title.
fn summary(trace: &Trace, picture: &Picture) -> String {
    let length = trace
        .records
        .last()
        .map_or(Duration::ZERO, |record| record.at);
    let mut parts = vec![
        format!("seed <b>{}</b>", trace.seed),
        trace.conditions(),
        counted(picture.hosts.len() as u64, "host"),
        counted(picture.connections.len() as u64, "connection"),
        counted(trace.records.len() as u64, "record"),
        format!("until {}", clock::span(length)),
    ];
    if trace.dropped > 0 {
        parts.push(format!(
            "<b class=\"dropped\">{} before them not drawn</b>",
            counted(trace.dropped, "record")
        ));
    }
    parts.join(" \u{b7} ")
}

fn controls(picture: &Picture) -> String {
    let mut html = "<div class=\"controls\">\n<fieldset id=\"zoom\"><legend>zoom</legend>\
         <button type=\"button\" data-zoom=\"out\" title=\"smaller (Ctrl + wheel)\">\u{2212}</button>\
         <output>100%</output>\
         <button type=\"button\" data-zoom=\"in\" title=\"larger (Ctrl + wheel)\">+</button>\
         <button type=\"button\" data-zoom=\"fit\" title=\"the whole width\">fit</button></fieldset>\n\
         <fieldset id=\"kinds\"><legend>show</legend>"
        .to_owned();
    for kind in Kind::ALL {
        let count = picture
            .marks
            .iter()
            .filter(|mark| mark.kind == kind)
            .count();
        let _ = write!(
            html,
            "<label><input type=\"checkbox\" data-kind=\"{}\"{}> {} <i>{count}</i></label>",
            kind.class(),
            if kind.shown() { " checked" } else { "" },
            kind.title(),
        );
    }
    html += "</fieldset>\n";
    if !picture.connections.is_empty() {
        html += "<fieldset id=\"connections\"><legend>connections</legend>\
             <input id=\"only\" type=\"text\" size=\"12\" placeholder=\"all: or 1, 4-9\" \
             aria-label=\"only these connections\">";
        for (id, words) in picture.connections.iter().take(BOXES) {
            let _ = write!(
                html,
                "<label class=\"k{}\" title=\"{}\"><input type=\"checkbox\" \
                 data-connection=\"{}\" checked><b></b>{id}</label>",
                id.0 % COLOURS,
                escape(words),
                id.0,
            );
        }
        if let more @ 1.. = picture.connections.len().saturating_sub(BOXES) {
            let _ = write!(
                html,
                "<span class=\"more\">and {more} more, by number</span>"
            );
        }
        html += "</fieldset>\n";
    }
    html + "</div>\n"
}
