//! JUnit XML, as Jenkins, GitLab and GitHub's actions read it: a suite a file, a test case a case.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::describe;
use super::outcome::{Ended, Judged};

/// The report of a suite.
pub fn text(judged: &[Judged]) -> Result<String, String> {
    let mut report = Report::new("qsim");
    for group in judged.chunk_by(|a, b| a.case.file == b.case.file) {
        let mut suite = TestSuite::new(group.first().map_or("", |one| one.case.file.as_str()));
        for one in group {
            suite.add_test_case(test_case(one));
        }
        suite.set_time(group.iter().map(wall).sum());
        report.add_test_suite(suite);
    }
    report.set_time(judged.iter().map(wall).sum());
    let text = report.to_string().map_err(|error| format!("JUnit: {error}"))?;
    Ok(as_jenkins_has_it(&text))
}

/// The schema that Jenkins checks with knows `skipped` of a suite and not of all suites together.
fn as_jenkins_has_it(text: &str) -> String {
    let without = |root: &str, rest: &str| {
        let (before, skipped) = root.split_once(" skipped=\"")?;
        let (_, after) = skipped.split_once('"')?;
        Some(format!("{before}{after}<testsuite {rest}"))
    };
    let parts = text.split_once("<testsuite ");
    parts.and_then(|(root, rest)| without(root, rest)).unwrap_or_else(|| text.to_owned())
}

fn wall(one: &Judged) -> Duration {
    Duration::try_from_secs_f64(one.outcome.wall_s).unwrap_or_default()
}

fn test_case(one: &Judged) -> TestCase {
    let mut test = TestCase::new(one.case.variant.as_str(), status(one));
    test.set_classname(one.case.file.as_str());
    test.set_time(wall(one));
    if let Some(report) = one.outcome.report() {
        let mut out = format!("digest {}\nseed {}\n", report.digest, one.case.seed);
        for failure in report.failed.iter().filter(|_| one.faults.is_empty()) {
            out += &format!("fails as it should: {}: {}\n", failure.name, failure.found);
        }
        test.set_system_out(out);
    }
    test
}

fn status(one: &Judged) -> TestCaseStatus {
    let skipped = |why: &str| {
        let mut status = TestCaseStatus::skipped();
        status.set_message(why);
        status
    };
    match &one.outcome.ended {
        Ended::Skipped(why) => return skipped(why),
        Ended::NotRun => return skipped("another case had failed (--fail-fast)"),
        _ => {}
    }
    let Some(first) = one.faults.first() else { return TestCaseStatus::success() };
    let error = one.faults.iter().any(|fault| fault.kind.is_error());
    let kind = if error { NonSuccessKind::Error } else { NonSuccessKind::Failure };
    let mut status = TestCaseStatus::non_success(kind);
    let more = one.faults.len() - 1;
    let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
    status.set_message(format!("{}{more}", first.sentence()));
    status.set_type(first.kind.name());
    status.set_description(describe::faults(one).join("\n"));
    status
}
