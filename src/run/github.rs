//! What GitHub's actions show: annotations at the lines of files, and a summary of the job.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::describe;
use super::numbers::count;
use super::outcome::{Ended, Judged};

/// Cases that the summary tells one by one before it only counts them.
const TOLD_MAX: usize = 50;

/// A line for each fault, which GitHub shows in the changes of a pull request.
pub fn annotations(judged: &[Judged]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in judged {
        for fault in &one.faults {
            let title = format!("{}: {}", one.case.label(), fault.kind.name());
            let mut text = fault.sentence();
            if let Some(moment) = fault.moment() {
                text = format!("{text}\n{moment}");
            }
            lines.push(format!(
                "::error file={},line={},title={}::{}",
                property(&fault.file),
                fault.line,
                property(&title),
                data(&format!("{text}\nagain: {}", one.again)),
            ));
        }
    }
    lines
}

/// As the runner decodes the text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As the runner decodes a property of a command, which ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The file of the job's summary, if this is a job.
#[allow(clippy::disallowed_methods)] // The edge: what it says becomes an argument here.
pub fn summary_file() -> Option<PathBuf> {
    let path = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// Adds the suite to the summary, behind what other steps said.
pub fn append_summary(path: &Path, judged: &[Judged]) -> Result<(), String> {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| file.write_all(summary(judged).as_bytes()));
    written.map_err(|error| format!("{} (GITHUB_STEP_SUMMARY): {error}", path.display()))
}

/// The summary in Markdown.
fn summary(judged: &[Judged]) -> String {
    let faulty: Vec<&Judged> = judged.iter().filter(|one| !one.faults.is_empty()).collect();
    let mut text = format!("## qsim: {}\n\n", super::table::counts(judged));
    if faulty.is_empty() {
        let _ = writeln!(text, "All as they should be.\n");
    } else {
        text += "| case | what is wrong | file |\n| --- | --- | --- |\n";
        for one in faulty.iter().take(TOLD_MAX) {
            for fault in &one.faults {
                let _ = writeln!(
                    text,
                    "| {} | {} | {}:{} |",
                    cell(&one.case.label()),
                    cell(&fault.sentence()),
                    cell(&fault.file),
                    fault.line
                );
            }
        }
        text += "\n";
        for one in faulty.iter().take(TOLD_MAX) {
            let told = describe::faults(one).join("\n");
            let label = escaped(&one.case.label());
            let fence = fence(&told);
            let _ = writeln!(
                text,
                "<details><summary>{label}</summary>\n\n{fence}text\n{told}\n{fence}\n\n</details>\n"
            );
        }
        if faulty.len() > TOLD_MAX {
            let _ = writeln!(text, "… and {} more.\n", count(faulty.len() - TOLD_MAX, "case"));
        }
    }
    let skipped = judged.iter().filter(|one| matches!(one.outcome.ended, Ended::Skipped(_)));
    for one in skipped {
        let _ = writeln!(text, "- not run: {}", cell(&one.case.label()));
    }
    text
}

/// A fence that no line of the text ends.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

/// Text that is text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    escaped(text).replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_escaped_as_the_runner_decodes_them() {
        assert_eq!(data("50 % lost,\r\nat: once"), "50 %25 lost,%0D%0Aat: once");
        assert_eq!(property("a:b,c%d"), "a%3Ab%2Cc%25d");
    }

    #[test]
    fn cells_stay_in_their_table() {
        assert_eq!(cell("a | b\n<c>"), "a \\| b &lt;c&gt;");
        assert_eq!(fence("a ``` b"), "````");
        assert_eq!(fence("plain"), "```");
    }
}
