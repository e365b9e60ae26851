//! The matrix as JSON: `{"loops":[…],"behaviours":[{"id","text","results"}]}`, where
//! a result is `pass`, `fail: …` or `n/a: …`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::matrix::Matrix;

#[derive(Serialize)]
struct Report<'a> {
    loops: &'a [String],
    behaviours: Vec<Behaviour<'a>>,
}

#[derive(Serialize)]
struct Behaviour<'a> {
    id: &'a str,
    text: &'a str,
    results: BTreeMap<&'a str, String>,
}

/// The whole file.
pub(crate) fn write(matrix: &Matrix) -> Result<String, String> {
    let behaviours = matrix.rows.iter().map(|row| {
        let results = matrix.loops.iter().zip(&row.cells);
        Behaviour {
            id: &row.id,
            text: &row.text,
            results: results
                .map(|(name, status)| (name.as_str(), status.to_string()))
                .collect(),
        }
    });
    let report = Report {
        loops: &matrix.loops,
        behaviours: behaviours.collect(),
    };
    serde_json::to_string_pretty(&report)
        .map(|text| text + "\n")
        .map_err(|error| format!("the matrix as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::write;
    use crate::matrix::tests::sample;

    #[test]
    fn the_shape_is_the_documented_one() {
        let text = write(&sample()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["loops"], json!(["tokio", "smol"]));
        assert_eq!(value["behaviours"].as_array().unwrap().len(), 4);
        assert_eq!(
            value["behaviours"][1],
            json!({
                "id": "LOOP-02",
                "text": "The sentence of LOOP-02.",
                "results": { "tokio": "pass", "smol": "fail: expected <a> & \"b\"" },
            })
        );
        assert_eq!(
            value["behaviours"][2]["results"]["smol"],
            json!("n/a: types say so")
        );
        assert_eq!(
            value["behaviours"][3]["results"]["smol"],
            json!("n/a: not checked yet")
        );
    }
}
