//! The form of scenario files: what is included, what a variant may change, and what is said of a mistake.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::PathBuf;

use scenarios::{Scenario, ScenarioError};

/// A folder with these files; the first one is read.
fn read(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Vec<Scenario>, ScenarioError>) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }
    let path: PathBuf = folder.path().join(files[0].0);
    let cases = Scenario::read_cases(&path);
    (folder, cases)
}

fn message(files: &[(&str, &str)]) -> String {
    let (folder, cases) = read(files);
    let error = cases.expect_err("it is refused").to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

const QUIET: &str = "[market.synthetic]\nminutes = 10\n\n[account]\nwallet = 500\nleverage = 3\n";

#[test]
fn a_file_stands_over_what_it_includes() {
    let (_folder, cases) = read(&[
        (
            "a.toml",
            "include = [\"parts/quiet.toml\", \"parts/rich.toml\"]\n[account]\nleverage = 7\n",
        ),
        ("parts/quiet.toml", QUIET),
        ("parts/rich.toml", "[account]\nwallet = 90000\n"),
    ]);
    let cases = cases.expect("it reads");
    let [scenario] = &cases[..] else { panic!("one case") };
    assert_eq!(scenario.account.wallet.to_string(), "90000", "the later file wins");
    assert_eq!(scenario.account.leverage, 7, "and the file itself over both");
    assert_eq!(scenario.name, "a");
}

#[test]
fn a_mistake_is_told_in_the_file_where_it_stands() {
    let rich = "# A comment.\n[acount]\nwallet = 90000\n";
    let files = [
        ("a.toml", "include = [\"quiet.toml\", \"rich.toml\"]\n"),
        ("quiet.toml", QUIET),
        ("rich.toml", rich),
    ];
    assert_eq!(message(&files), "rich.toml:2:2: unknown key `acount`; did you mean `account`?");
    let files = [("a.toml", "description = \"x\"\ninclude = [\"none.toml\"]\n")];
    assert!(
        message(&files).starts_with("a.toml:2:12: include \"none.toml\": No such file"),
        "{}",
        message(&files)
    );
    let files = [("a.toml", "include = [\"a.toml\"]\n")];
    assert!(message(&files).contains("does one of them include itself?"), "{}", message(&files));
}

#[test]
fn steps_of_the_timeline_do_one_thing_at_a_time_that_is_there() {
    let with = |step: &str| message(&[("a.toml", &format!("{QUIET}[[timeline]]\n{step}\n"))]);
    for (step, reason) in [
        (
            "at = \"1m\"\ncrush = { service = \"governor\" }",
            "a.toml:9:1: unknown key `crush`; did you mean `crash`?",
        ),
        (
            "at = \"1m\"\ncrash = { servic = \"governor\" }",
            "a.toml:9:11: unknown key `servic`; did you mean `service`?",
        ),
    ] {
        assert_eq!(with(step), reason);
    }
    let fails = |step: &str| {
        let text = format!("{QUIET}[[timeline]]\n{step}\n");
        let scenario = Scenario::parse("a.toml", &text).expect("the types fit");
        let run = scenarios::run(&scenario, &Default::default(), &scenarios::NoProgress);
        run.expect_err("it is refused").to_string()
    };
    for (step, reason) in [
        ("at = \"1m\"", "[[timeline]] number 1: it does nothing: give one of crash,"),
        (
            "at = \"1m\"\ncrash = { service = \"governer\" }",
            "crash: service: no service \"governer\" runs; did you mean \"governor\"?",
        ),
        (
            "at = \"1m\"\ncrash = { service = \"governor\" }\nrestart = { service = \"governor\" }",
            "crash and restart: one step does one thing",
        ),
        ("at = \"11m\"\ncrash = { service = \"governor\" }", "outside of the run"),
        (
            "at = \"1m\"\nuntil = \"2m\"\nrestart = { service = \"governor\" }",
            "restart is of an instant and has no `until`",
        ),
        (
            "at = \"1m\"\npublish = { stream = \"trade.intents\", fields = {} }",
            "there is no stream \"trade.intents\"; did you mean \"trade.intent\"?",
        ),
        (
            "at = \"1m\"\npublish = { stream = \"trade.intent\", fields = { a = \"$then\" } }",
            "field a: \"$then\": there is no $then",
        ),
    ] {
        assert!(fails(step).contains(reason), "{}", fails(step));
    }
}

const EXPECT: &str = "[[expect]]\nname = \"something is executed\"\neventually = \"entry.executed\"\non = \"apply.result\"\n";

#[test]
fn a_variant_is_the_file_with_something_else_in_it() {
    let text = format!(
        "{QUIET}{EXPECT}\n[variants.rich]\ndescription = \"more money\"\n[variants.rich.account]\nwallet = 9000\n\n[variants.relapse]\nrelapse = true\nfails = \"something is executed\"\n[variants.relapse.pipeline]\naudited = [\"no_close_handler\"]\n"
    );
    let (_folder, cases) = read(&[("a.toml", &text)]);
    let cases = cases.expect("it reads");
    let names: Vec<String> = cases.iter().map(Scenario::case_name).collect();
    assert_eq!(names, ["a", "a/rich", "a/relapse"]);
    let wallets: Vec<String> = cases.iter().map(|case| case.account.wallet.to_string()).collect();
    assert_eq!(wallets, ["500", "9000", "500"]);
    assert_eq!(cases[1].description, "more money");
    assert_eq!((cases[2].relapse, cases[2].fails.as_str()), (true, "something is executed"));
    assert_eq!(cases[2].expect, cases[0].expect, "judged by the same expectations");
}

#[test]
fn a_relapse_brings_back_the_incident_and_nothing_else() {
    let with = |variant: &str| {
        message(&[("a.toml", &format!("{QUIET}{EXPECT}\n[variants.back]\n{variant}\n"))])
    };
    for (variant, reason) in [
        (
            "relapse = true",
            "a.toml:12:11: [variants.back] is a relapse and does not say at which expectation it fails",
        ),
        (
            "relapse = true\nfails = \"something is execute\"",
            "a.toml:14:9: [variants.back] fails = \"something is execute\" is no expectation of this file; did you mean \"something is executed\"?",
        ),
        ("fails = \"something is executed\"", "has `fails` and is no relapse"),
        (
            "relapse = true\nfails = \"something is executed\"\nseed = 4",
            "may change `pipeline` only",
        ),
        (
            "relapse = true\nfails = \"something is executed\"\naccount = { wallet = 4 }",
            "say with `incident = \"...\"` why",
        ),
        (
            "relapse = true\nfails = \"something is executed\"\nexpect = []",
            "has \"expect\", which a variant cannot change",
        ),
        (
            "invariants = { off = { money_conserved = \"x\" } }",
            "has \"invariants\", which a variant cannot change",
        ),
    ] {
        assert!(with(variant).contains(reason), "{}", with(variant));
    }
}

#[test]
fn expectations_that_nothing_could_break_are_refused() {
    let with =
        |body: &str| message(&[("a.toml", &format!("{QUIET}[[expect]]\nname = \"x\"\n{body}\n"))]);
    for (body, reason) in [
        ("", "says nothing: give one of figure, always"),
        (
            "always = \"true\"\nnever = \"true\"",
            "has always and never: make two expectations of it",
        ),
        ("figure = \"entries\"", "has no bound"),
        ("count = \"true\"\nat_least = 1", "does not say what: give `on`"),
        ("holds = \"true\"", "needs `at`: add it"),
        ("at_end = \"true\"\nwithin = \"5s\"", "do not belong together"),
        (
            "never = \"entry.eror == 'x'\"\non = \"apply.result\"",
            "a.toml:7:1: expectation \"x\": never: entries have no field \"eror\"; did you mean \"error\"?",
        ),
        ("never = \"entry.error == 'x'\"", "`entry` is there only with `on`"),
        (
            "never = \"acount.wallet_balance < 0.0\"",
            "there is no \"acount\"; did you mean \"account\"?",
        ),
        ("never = \"keys[account] == 'x'\"", "keys[...] takes a name in quotes"),
        ("never = \"1 +\"", "is no CEL: line 1, column"),
        (
            "always = \"true\"\non = \"aply.result\"",
            "there is no stream \"aply.result\"; did you mean \"apply.result\"?",
        ),
        ("eventually = \"true\"\non = \"fills\"\nwithin = \"soon\"", "is no span such as"),
        (
            "eventually = \"entry.symbol == trigger.symbl\"\non = \"fills\"\nafter = \"true\"",
            "`trigger.symbl` is not there",
        ),
    ] {
        assert!(with(body).contains(reason), "{}", with(body));
    }
    let off = message(&[("a.toml", &format!("{QUIET}[invariants.off]\nmoney_conservd = \"x\"\n"))]);
    assert!(
        off.contains("there is no invariant \"money_conservd\"; did you mean \"money_conserved\"?"),
        "{off}"
    );
    let off = message(&[("a.toml", &format!("{QUIET}[invariants.off]\nmoney_conserved = \"\"\n"))]);
    assert!(off.contains("off without a reason"), "{off}");
}
