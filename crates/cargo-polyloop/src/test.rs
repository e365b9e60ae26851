//! `cargo polyloop test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use crate::building::{self, Executable};
use crate::cargo::{self, shown, words};
use crate::case::{Case, Column, LOOPS};
use crate::listing;
use crate::matrix::{Cell, Matrix, Outcome, Ran, Row};
use crate::project::Project;
use crate::running::Run;
use crate::set::FeatureSet;
use crate::{html, json, junit, markdown, table};

/// Options of `cargo polyloop test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Runs only the tests whose name contains this.
    filter: Option<String>,
    /// Tests this package of the workspace; may be given more than once.
    #[arg(short, long, value_name = "NAME")]
    package: Vec<String>,
    /// Builds once with each of these sets of features, such as `smol;tokio,sim`; `default`,
    /// `all` and `none` are sets, too.
    #[arg(long, value_name = "SETS", value_delimiter = ';')]
    features_sets: Vec<FeatureSet>,
    /// Runs only the tests on this loop: tokio, smol, async-std or sim; may be given more than
    /// once.
    #[arg(long = "loop", value_name = "LOOP", value_parser = a_loop)]
    loops: Vec<Column>,
    /// Writes the matrix as a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Writes the matrix for programs.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the matrix as CI servers read it.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

fn a_loop(name: &str) -> Result<Column, String> {
    Column::by_name(name).ok_or_else(|| format!("the loops are {}", LOOPS.join(", ")))
}

/// Whether nothing fails.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let began = Instant::now();
    let project = Project::find(&options.package)?;
    let default = [FeatureSet::Default];
    let sets = match &options.features_sets[..] {
        [] => &default[..],
        sets => sets,
    };
    for set in sets {
        set.check(&project)?;
    }
    let mut matrices = Vec::new();
    for set in sets {
        anstream::println!("{} with {}", project.names(), set.name());
        let matrix = one_set(options, &project, set)?;
        anstream::print!("{}", table::conclusion(&matrix));
        matrices.push(matrix);
    }
    anstream::println!("total: {:.1} s", began.elapsed().as_secs_f64());
    save(options.html.as_deref(), || {
        html::write(&project.names(), &matrices)
    })?;
    save(options.json.as_deref(), || json::write(&matrices))?;
    save(options.junit.as_deref(), || junit::write(&matrices))?;
    markdown::for_github(&matrices)?;
    Ok(matrices.iter().all(|matrix| matrix.total().fail == 0))
}

fn save(path: Option<&Path>, write: impl FnOnce() -> String) -> Result<(), String> {
    let Some(path) = path else {
        return Ok(());
    };
    fs::write(path, write()).map_err(|error| format!("{}: {error}", path.display()))
}

fn one_set(options: &Options, project: &Project, set: &FeatureSet) -> Result<Matrix, String> {
    let executables = building::build(project, set)?;
    let mut cases = found(project, set, &executables)?;
    check_loops(options, set, &cases)?;
    let is_whole = options.filter.is_none() && options.loops.is_empty();
    if let Some(filter) = &options.filter {
        cases.retain(|case| case.name.contains(filter.as_str()));
    }
    if !options.loops.is_empty() {
        cases.retain(|case| options.loops.contains(&case.column));
    }
    if cases.is_empty() {
        let filter = options.filter.as_deref().unwrap_or_default();
        let on = match &options.loops[..] {
            [] => String::new(),
            loops => {
                let names: Vec<&str> = loops.iter().map(|column| column.name()).collect();
                format!(" among those on {}", names.join(", "))
            }
        };
        return Err(format!("no test's name contains {filter:?}{on}"));
    }
    let run = Run {
        project,
        set,
        executables: &executables,
    };
    let mut matrix = run.all(&cases)?;
    if is_whole && project.has_doc_tests() {
        doc_tests(project, set, &mut matrix)?;
    }
    Ok(matrix)
}

/// All tests. There are some of `#[polyloop::test]` among them.
pub(crate) fn found(
    project: &Project,
    set: &FeatureSet,
    executables: &[Executable],
) -> Result<Vec<Case>, String> {
    let (cases, strangers) = listing::list(project, executables)?;
    for stranger in strangers {
        anstream::eprintln!(
            "{stranger} has a harness of its own, which does not list its tests: `cargo test` \
             runs it"
        );
    }
    if !cases.iter().any(|case| case.on_loops) {
        return Err(format!(
            "{} has no tests under #[polyloop::test] with {}; with polyloop among the \
             dev-dependencies, `#[polyloop::test] async fn name(lp: impl Loop) {{ … }}` is one \
             on every loop, and `cargo polyloop new NAME` makes a library to look at",
            project.names(),
            set.name()
        ));
    }
    Ok(cases)
}

/// Whether each loop that is asked for has tests.
fn check_loops(options: &Options, set: &FeatureSet, cases: &[Case]) -> Result<(), String> {
    for wanted in &options.loops {
        if cases.iter().any(|case| case.column == *wanted) {
            continue;
        }
        let there = |name: &&&str| {
            let column = Column::by_name(name);
            cases.iter().any(|case| Some(case.column) == column)
        };
        let there: Vec<&str> = LOOPS.iter().filter(there).copied().collect();
        let there = match &there[..] {
            [] => "no loop at all".to_owned(),
            some => some.join(", "),
        };
        let feature = wanted.name().replace('_', "-");
        return Err(format!(
            "no test runs on {wanted} with {}: there is {there}; a loop is compiled in by the \
             feature of polyloop that is called after it, here {feature:?}",
            set.name()
        ));
    }
    Ok(())
}

/// Code in documentation is run by rustdoc, all of it at once: a line of its own.
fn doc_tests(project: &Project, set: &FeatureSet, matrix: &mut Matrix) -> Result<(), String> {
    let mut arguments = words("test --doc");
    arguments.extend(project.arguments());
    arguments.extend(set.arguments());
    let began = Instant::now();
    let (passed, printed, told) = cargo::read_all(&arguments)?;
    let outcome = if passed {
        Outcome::Pass
    } else {
        Outcome::Fail {
            output: format!("{}\n{}", told.trim(), printed.trim()),
            again: shown(&arguments),
        }
    };
    if !matrix.columns.contains(&Column::Plain) {
        matrix.columns.push(Column::Plain);
        for row in &mut matrix.rows {
            row.cells.push(Cell::Absent);
        }
    }
    let mut cells = vec![Cell::Absent; matrix.columns.len()];
    if let Some(plain) = cells.last_mut() {
        *plain = Cell::Done(Ran {
            outcome,
            took: began.elapsed(),
        });
    }
    let row = Row {
        target: "documentation".to_owned(),
        test: "its code".to_owned(),
        cells,
    };
    let table = table::Table::of(matrix);
    matrix.rows.push(row);
    let place = matrix.rows.len() - 1;
    anstream::print!("{}", table.row(matrix, &matrix.rows[place], place));
    Ok(())
}
