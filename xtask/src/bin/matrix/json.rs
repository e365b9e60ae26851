//! The matrix as JSON: `{"loops":[…],"behaviours":[{"id","text","results"}]}`, where
//! a result is `pass`, `fail: …` or `n/a: …`.

use polyloop_conformance::Status;
use serde::{Serialize, Serializer};

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
    results: Results<'a>,
}

/// A map that keeps the order of the loops.
struct Results<'a> {
    loops: &'a [String],
    cells: &'a [Status],
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts = self.cells.iter().map(Status::to_string);
        serializer.collect_map(self.loops.iter().zip(texts))
    }
}

/// The whole file.
pub(crate) fn write(matrix: &Matrix) -> Result<String, String> {
    let behaviours = matrix.rows.iter().map(|row| Behaviour {
        id: &row.id,
        text: &row.text,
        results: Results {
            loops: &matrix.loops,
            cells: &row.cells,
        },
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
