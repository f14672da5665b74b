//! Finds the cases that the command line names.

use std::path::PathBuf;

use scenarios::ScenarioError;

use super::case::{self, Case, Content, DEFAULT};
use super::metrics::file_name;
use super::{RunArguments, select};

/// The cases to run, in the order of the suite.
pub fn load(arguments: &RunArguments, has_data: bool) -> Result<Vec<Case>, String> {
    let folder = PathBuf::from("scenarios");
    let mut cases = Vec::new();
    if arguments.paths.is_empty() && !folder.is_dir() {
        // Outside a checkout there is still the embedded one.
        cases.push(case::embedded().map_err(|error| error.to_string())?);
    } else {
        let paths = if arguments.paths.is_empty() { vec![folder] } else { arguments.paths.clone() };
        let found = scenarios::find(&paths).map_err(|error: ScenarioError| error.to_string())?;
        for path in found {
            let named = arguments.paths.contains(&path);
            for mut case in case::of_file(&path) {
                if needs_data(&case) && !has_data && !named {
                    case.content = Content::Skipped(
                        "it needs market data (--data DIR or QSIM_DATA)".to_owned(),
                    );
                }
                cases.push(case);
            }
        }
    }
    let shard = arguments.shard;
    let mut cases = select::select(cases, arguments.filter.as_deref(), arguments.only, shard)?;
    if arguments.journal.is_some() || arguments.metrics.is_some() {
        refuse_same_names(&cases)?;
    }
    for case in &mut cases {
        case.limits = arguments.limits().or(case.limits);
        if let (Content::Ready(scenario), Some(seed)) = (&mut case.content, arguments.seed) {
            scenario.seed = seed;
            case.seed = seed;
        }
    }
    Ok(cases)
}

fn needs_data(case: &Case) -> bool {
    match &case.content {
        Content::Ready(scenario) => scenario.market.recorded.is_some(),
        _ => false,
    }
}

/// Says which files were skipped, each once.
pub fn tell_skipped(cases: &[Case]) {
    for case in cases {
        if let (Content::Skipped(why), DEFAULT) = (&case.content, case.variant.as_str()) {
            eprintln!("skipped {}: {why}", case.shown_path());
        }
    }
}

/// Journals and metrics are named after their scenarios: two of one name would overwrite each other.
fn refuse_same_names(cases: &[Case]) -> Result<(), String> {
    let ready = |case: &&Case| matches!(case.content, Content::Ready(_));
    let mut all: Vec<&Case> = cases.iter().filter(ready).collect();
    all.sort_by_key(|case| file_name(case));
    let Some(pair) = all.windows(2).find(|pair| file_name(pair[0]) == file_name(pair[1])) else {
        return Ok(());
    };
    // As on the command line, where one of them has to go.
    let given = |case: &Case| {
        let path = case.path.as_ref().map(|path| path.display().to_string());
        path.unwrap_or_else(|| case.shown_path())
    };
    let (name, first, other) = (file_name(pair[0]), given(pair[0]), given(pair[1]));
    let file = |case: &Case| case.path.as_ref().and_then(|path| path.canonicalize().ok());
    Err(if file(pair[0]) == file(pair[1]) {
        format!("{first}: is named twice, here and as {other}: name it once")
    } else {
        format!(
            "{first}: {other} has the same name {name:?}, and their files would overwrite each other: rename one"
        )
    })
}
