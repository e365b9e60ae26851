//! The registry against the catalogue: nothing is silently missing.

use std::collections::{BTreeMap, BTreeSet};

use polyloop_conformance::behaviour::{catalogue, id_of};
use polyloop_conformance::{Standing, behaviours};
use polyloop_smol::SmolLoop;

/// How many lines each section of the catalogue has.
const SECTIONS: &[(&str, usize)] = &[
    ("LOOP", 51),
    ("PROM", 46),
    ("COMB", 19),
    ("SYNC", 18),
    ("SCHED", 24),
    ("CORO", 14),
    ("TRAN", 59),
    ("PROD", 8),
    ("PROTO", 19),
    ("BUF", 4),
    ("FACT", 10),
    ("SERV", 20),
    ("CLI", 33),
    ("ENDP", 13),
    ("DNS", 5),
    ("ERR", 10),
    ("BACK", 24),
    ("WATCH", 15),
    ("SIG", 9),
    ("PROC", 12),
    ("UDP", 13),
    ("DGRAM", 7),
    ("POL", 7),
    ("FRAME", 14),
    ("UNIX", 14),
    ("TLS", 14),
];

#[test]
fn the_catalogue_is_whole() {
    let expected: Vec<String> = SECTIONS
        .iter()
        .flat_map(|(section, lines)| (1..=*lines).map(move |n| format!("{section}-{n:02}")))
        .collect();
    let ids: Vec<&str> = catalogue().map(|(id, _)| id).collect();
    assert_eq!(ids, expected);
    for (id, text) in catalogue() {
        assert!(text.ends_with('.'), "{id} has no sentence: {text:?}");
    }
}

#[test]
fn every_id_has_a_check_or_a_reason_or_is_listed_as_missing() {
    let behaviours = behaviours::<SmolLoop>();
    let known: BTreeSet<&str> = behaviours.iter().map(|b| b.id.as_str()).collect();
    assert_eq!(known.len(), behaviours.len(), "an ID stands there twice");
    let silent: Vec<&str> = catalogue()
        .map(|(id, _)| id)
        .filter(|id| !known.contains(id))
        .collect();
    assert!(silent.is_empty(), "neither checked nor argued: {silent:?}");

    let mut counts = BTreeMap::new();
    let mut missing = Vec::new();
    for behaviour in &behaviours {
        let kind = match &behaviour.standing {
            Standing::Check(..) | Standing::Beside(_) => "checks",
            Standing::Reason(why) => {
                assert!(
                    why.ends_with('.'),
                    "{}: {why:?} is no sentence",
                    behaviour.id
                );
                "reasons"
            }
            _ => {
                missing.push(behaviour.id.as_str());
                "not yet"
            }
        };
        *counts.entry(kind).or_insert(0) += 1;
    }
    println!("{counts:?}\nnot yet: {}", missing.join(" "));
    let readme = include_str!("../../../README.md");
    let claim = format!("{} behaviours are checked", counts["checks"]);
    assert!(readme.contains(&claim), "the readme does not say: {claim}");
}

#[test]
fn a_tests_name_says_its_id() {
    assert_eq!(id_of("tran_16"), "TRAN-16");
    assert_eq!(id_of("TRAN-16"), "TRAN-16");
}
