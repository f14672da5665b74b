//! The metrics at the end of each run, as Prometheus reads them: one file a run, named after its scenario.

use std::path::Path;

use super::case::Case;
use super::outcome::Judged;

/// Writes them.
pub fn write(folder: &Path, judged: &[Judged]) -> Result<(), String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        format!("metrics cannot be written to {}: {error}; name another folder", path.display())
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for one in judged {
        let Some(report) = one.outcome.report() else { continue };
        let path = folder.join(format!("{}.prom", file_name(&one.case)));
        let figures = report.figures.iter().map(|(name, value)| (name.as_str(), *value));
        let text = pipeline::metrics::text(figures).map_err(|error| failed(&path, &error))?;
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

/// What a case's journal and metrics are named after.
pub fn file_name(case: &Case) -> String {
    case.title().replace('/', ".")
}
