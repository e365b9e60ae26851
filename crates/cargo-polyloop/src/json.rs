//! The matrix for programs: `[{"features", "loops", "tests": [{"target", "test", "results":
//! {loop: {"result", "seconds", "output", "again", "reason"}}}]}]`.

use serde_json::{Map, Value, json};

use crate::matrix::{Matrix, Outcome, Ran, Row};

/// The whole file: a matrix for each set of features.
pub(crate) fn write(matrices: &[Matrix]) -> String {
    let all: Vec<Value> = matrices.iter().map(matrix).collect();
    format!("{:#}\n", Value::from(all))
}

fn matrix(matrix: &Matrix) -> Value {
    let loops: Vec<&str> = matrix.columns.iter().map(|column| column.name()).collect();
    let tests: Vec<Value> = matrix.rows.iter().map(|row| test(matrix, row)).collect();
    json!({ "features": matrix.set, "loops": loops, "tests": tests })
}

fn test(matrix: &Matrix, row: &Row) -> Value {
    let mut results = Map::new();
    for (column, cell) in matrix.columns.iter().zip(&row.cells) {
        if let crate::matrix::Cell::Done(ran) = cell {
            results.insert(column.name().to_owned(), result(ran));
        }
    }
    json!({ "target": row.target, "test": row.test, "results": results })
}

fn result(ran: &Ran) -> Value {
    let seconds = ran.took.as_secs_f64();
    match &ran.outcome {
        Outcome::Pass => json!({ "result": "pass", "seconds": seconds }),
        Outcome::Fail { output, again } => json!({
            "result": "fail", "seconds": seconds, "output": output, "again": again
        }),
        Outcome::Ignored(reason) => json!({ "result": "ignored", "reason": reason }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::write;
    use crate::matrix::tests::sample;

    #[test]
    fn the_shape_is_the_documented_one() {
        let value: Value = serde_json::from_str(&write(&[sample()])).unwrap();
        assert_eq!(value[0]["loops"], json!(["tokio", "smol", "plain"]));
        let row = &value[0]["tests"][0];
        assert_eq!(row["test"], "a");
        assert_eq!(
            row["results"]["tokio"],
            json!({ "result": "pass", "seconds": 1.5 })
        );
        assert_eq!(
            row["results"]["smol"]["again"],
            "cargo test --lib -- --exact a::smol"
        );
        assert_eq!(row["results"]["plain"], Value::Null);
    }
}
