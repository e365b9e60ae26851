//! What `--only` and `--loop` select, and what to say to a name that isn't there.

use polyloop_conformance::behaviour::{catalogue, id_of};

use crate::loops::LoopKind;
use crate::matrix::section_of;

/// The IDs to run, in the order of the catalogue; all of them if none is named.
pub(crate) fn ids(only: &[String]) -> Result<Vec<&'static str>, String> {
    let names: Vec<String> = only.iter().map(|name| id_of(name.trim())).collect();
    for (name, given) in names.iter().zip(only) {
        if !catalogue().any(|(id, _)| selects(name, id)) {
            return Err(unknown_id(name, given));
        }
    }
    let wanted = |id: &&str| names.is_empty() || names.iter().any(|name| selects(name, id));
    Ok(catalogue().map(|(id, _)| id).filter(wanted).collect())
}

fn selects(name: &str, id: &str) -> bool {
    name == id || name == section_of(id)
}

fn unknown_id(name: &str, given: &str) -> String {
    let section = section_of(name);
    let mut known = catalogue()
        .map(|(id, _)| id)
        .filter(|id| section_of(id) == section);
    match (known.next(), known.last()) {
        (Some(first), Some(last)) => format!(
            "--only got {given:?}, which is no behaviour: {section} goes from {first} to {last}"
        ),
        _ => format!(
            "--only got {given:?}, expected a section ({}) or one of its behaviours, such as {}",
            sections().join(", "),
            catalogue().next().map_or("", |(id, _)| id)
        ),
    }
}

fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> = catalogue().map(|(id, _)| section_of(id)).collect();
    sections.dedup();
    sections
}

/// The loops to run, in the order of the columns; all of them if none is named.
pub(crate) fn loops(names: &[String]) -> Result<Vec<LoopKind>, String> {
    for name in names {
        if !LoopKind::ALL.iter().any(|kind| kind.name() == name) {
            let known = LoopKind::ALL.map(LoopKind::name).join(", ");
            return Err(format!("--loop got {name:?}, expected one of {known}"));
        }
    }
    let wanted = |kind: &LoopKind| names.is_empty() || names.iter().any(|name| name == kind.name());
    Ok(LoopKind::ALL.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use polyloop_conformance::behaviour::catalogue;

    use super::{ids, loops};
    use crate::loops::LoopKind;

    fn given(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// The section BUF as the catalogue has it today.
    fn buffers() -> Vec<&'static str> {
        catalogue()
            .map(|(id, _)| id)
            .filter(|id| id.starts_with("BUF-"))
            .collect()
    }

    #[test]
    fn without_names_everything_is_selected() {
        assert_eq!(ids(&[]).unwrap().len(), catalogue().count());
        assert_eq!(loops(&[]).unwrap(), LoopKind::ALL);
    }

    #[test]
    fn behaviours_are_selected_by_id_or_section_in_catalogue_order() {
        let selected = ids(&given(&["buf", "LOOP-14", "loop_02", "LOOP-14"])).unwrap();
        let mut expected = vec!["LOOP-02", "LOOP-14"];
        expected.extend(buffers());
        assert_eq!(selected, expected);
    }

    #[test]
    fn loops_are_selected_by_name_in_column_order() {
        let selected = loops(&given(&["smol", "tokio"])).unwrap();
        assert_eq!(selected, [LoopKind::Tokio, LoopKind::Smol]);
    }

    #[test]
    fn an_unknown_behaviour_is_answered_with_the_range_of_its_section() {
        let error = ids(&given(&["BUF-77"])).unwrap_err();
        let last = buffers().pop().unwrap();
        assert_eq!(
            error,
            format!("--only got \"BUF-77\", which is no behaviour: BUF goes from BUF-01 to {last}")
        );
    }

    #[test]
    fn an_unknown_section_is_answered_with_the_sections() {
        let error = ids(&given(&["LOOP", "NONE-01"])).unwrap_err();
        assert!(error.contains("\"NONE-01\""), "{error}");
        assert!(error.contains("(LOOP, PROM, COMB,"), "{error}");
    }

    #[test]
    fn an_unknown_loop_is_answered_with_the_loops() {
        let error = loops(&given(&["tokyo"])).unwrap_err();
        assert_eq!(
            error,
            "--loop got \"tokyo\", expected one of tokio, tokio-ct, smol, async-std, sim"
        );
    }
}
