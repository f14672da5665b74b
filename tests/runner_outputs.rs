//! What `qsim run` writes for other programs is what those read: JUnit as Jenkins' schema has it, SARIF by its
//! JSON schema, and the workflow of the documentation.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value as Json;
use support::Folder;

/// A suite with everything in it: what passes, fails, fails as it should, cannot be read and needs data, with
/// names that mean something to XML, URIs and annotations.
fn mixed() -> Folder {
    let folder = Folder::new();
    let short = "seed = 3\n[market.synthetic]\nminutes = 60\n";
    let expect = |name: &str, least: u32| {
        format!("\n[[expect]]\nname = '{name}'\nfigure = 'wallet_balance'\nat_least = {least}\n")
    };
    let relapse = |fails: &str, wallet: u32| {
        format!(
            "\n[variants.poor]\nrelapse = true\nfails = '{fails}'\nincident = 'the wallet'\n[variants.poor.account]\nwallet = '{wallet}'\n"
        )
    };
    let odd = "a <lot> & \"more\", 100 %: ]]>";
    folder.file("many/a b+.toml", format!("{short}{}{}", expect(odd, 1000), relapse(odd, 10)));
    folder.file("many/c.toml", format!("{short}{}{}", expect(odd, 1_000_000), relapse(odd, 20)));
    folder.file("many/d.toml", format!("{short}{}{}", expect("one", 10), relapse("one", 1000)));
    folder.file("many/e.toml", "no scenario\n");
    let recorded = "[market.recorded]\nsymbols = ['BTCUSDT']\nbars = '1m'\nfrom = '2026-02-01T00:00:00Z'\nto = '2026-02-02T00:00:00Z'\n";
    folder.file("many/f.toml", recorded);
    folder
}

fn written(folder: &Folder, option: &str, file: &str) -> String {
    folder.qsim(&["run", "many", option, file]).expect_code(2);
    std::fs::read_to_string(folder.path(file)).expect("written")
}

/// An element of the JUnit files that Jenkins reads: attributes that it has to have, those that it may have,
/// and what may stand in it.
struct Element {
    name: &'static str,
    needed: &'static [&'static str],
    allowed: &'static [&'static str],
    children: &'static [&'static str],
    text: bool,
}

/// By the schema of Jenkins' xUnit plugin, version 10, as far as it concerns what qsim writes.
const ELEMENTS: &[Element] = &[
    Element {
        name: "testsuites",
        needed: &[],
        allowed: &["name", "time", "tests", "failures", "errors"],
        children: &["testsuite"],
        text: false,
    },
    Element {
        name: "testsuite",
        needed: &["name", "tests", "failures", "errors"],
        allowed: &["group", "time", "skipped", "timestamp", "hostname", "id", "package", "file"],
        children: &["testsuite", "properties", "testcase", "system-out", "system-err"],
        text: false,
    },
    Element {
        name: "testcase",
        needed: &["name"],
        allowed: &["time", "classname", "group"],
        children: &["skipped", "error", "failure", "system-out", "system-err"],
        text: false,
    },
    Element {
        name: "failure",
        needed: &[],
        allowed: &["type", "message"],
        children: &[],
        text: true,
    },
    Element {
        name: "error",
        needed: &[],
        allowed: &["type", "message"],
        children: &[],
        text: true,
    },
    Element {
        name: "skipped",
        needed: &[],
        allowed: &["type", "message"],
        children: &[],
        text: true,
    },
    Element { name: "system-out", needed: &[], allowed: &[], children: &[], text: true },
];

fn element(name: &str) -> &'static Element {
    let found = ELEMENTS.iter().find(|element| element.name == name);
    found.unwrap_or_else(|| panic!("<{name}> is no element of JUnit"))
}

fn name(start: &BytesStart<'_>) -> String {
    String::from_utf8(start.name().as_ref().to_vec()).expect("UTF-8")
}

/// What is wrong with an element below those of `open`.
fn problem(start: &BytesStart<'_>, open: &[String]) -> Option<String> {
    let name = name(start);
    let element = element(&name);
    match open.last() {
        None if name != "testsuites" => return Some(format!("<{name}> is the root")),
        Some(above) if !self::element(above).children.contains(&element.name) => {
            return Some(format!("<{name}> stands in <{above}>"));
        }
        _ => {}
    }
    let attributes: Vec<(String, String)> = start
        .attributes()
        .map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
            (text(attribute.key.as_ref()), text(&attribute.value))
        })
        .collect();
    let known = |key: &str| element.needed.contains(&key) || element.allowed.contains(&key);
    if let Some((key, _)) = attributes.iter().find(|(key, _)| !known(key)) {
        return Some(format!("<{name}> has {key}"));
    }
    let has = |key: &&&str| attributes.iter().any(|(given, _)| given == **key);
    if let Some(key) = element.needed.iter().find(|key| !has(key)) {
        return Some(format!("<{name}> lacks {key}"));
    }
    let number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let odd = |key: &str, text: &str| key == "time" && !number(text);
    let time = attributes.iter().find(|(key, text)| odd(key, text));
    time.map(|(_, text)| format!("<{name}> takes {text}"))
}

/// All that is wrong with a JUnit file.
fn junit_problems(text: &str) -> Vec<String> {
    let (mut reader, mut open, mut problems) = (Reader::from_str(text), Vec::new(), Vec::new());
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => {
                problems.extend(problem(&start, &open));
                open.push(name(&start));
            }
            Event::Empty(start) => problems.extend(problem(&start, &open)),
            Event::End(_) => drop(open.pop()),
            Event::Text(text) => {
                let here = open.last().map(|name| element(name));
                let blank = text.iter().all(u8::is_ascii_whitespace);
                if !blank && !here.is_some_and(|element| element.text) {
                    problems.push(format!("text in {:?}", open.last()));
                }
            }
            Event::Eof => return problems,
            _ => {}
        }
    }
}

#[test]
fn junit_is_as_jenkins_reads_it() {
    let text = written(&mixed(), "--junit", "out/junit.xml");
    assert_eq!(junit_problems(&text), Vec::<String>::new(), "{text}");
    // a (2) and c's relapse are fine, c and d's relapse fail, d passes, e is an error, f is skipped.
    for wanted in ["tests=\"8\"", "failures=\"2\"", "errors=\"1\""] {
        let root = text.lines().find(|line| line.contains("<testsuites")).expect("a root");
        assert!(root.contains(wanted), "{wanted}: {root}");
    }
    assert_eq!(text.matches("<skipped").count(), 1, "{text}");
    assert!(text.contains("type=\"passes\"") && text.contains("type=\"expectation\""), "{text}");
}

#[test]
fn the_check_of_junit_sees_what_is_wrong() {
    let wrong = [
        "<testsuites><testcase name=\"a\"/></testsuites>",
        "<testsuites skipped=\"1\"/>",
        "<testsuites><testsuite name=\"a\" tests=\"1\" errors=\"0\"/></testsuites>",
        "<testsuites>words</testsuites>",
        "<testsuites time=\"1 s\"/>",
    ];
    for text in wrong {
        assert_eq!(junit_problems(text).len(), 1, "{text}");
    }
}

/// The schema lies in the package of the crate that writes the format.
fn sarif_schema() -> Json {
    let about = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo starts");
    let about = String::from_utf8(about.stdout).expect("text");
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    // Of packages for other hosts a fresh machine has nothing, and offline nothing can be fetched.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    let metadata: Json = serde_json::from_slice(&output.stdout).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").expect("it");
    let manifest = package["manifest_path"].as_str().expect("a path");
    let path = std::path::Path::new(manifest).with_file_name("src").join("schema.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut schema: Json = serde_json::from_str(&text).expect("a schema");
    // The published schema has one bracket too many in this pattern, and validators refuse it as a whole.
    for owner in ["run", "toolComponent"] {
        let pattern = format!("/definitions/{owner}/properties/language/pattern");
        let pattern = schema.pointer_mut(&pattern).expect("the pattern");
        *pattern = "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$".into();
    }
    schema
}

#[test]
fn sarif_is_as_its_schema_has_it() {
    let text = written(&mixed(), "--sarif", "out/qsim.sarif");
    let log: Json = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&sarif_schema()).expect("a schema");
    let problems: Vec<String> = validator.iter_errors(&log).map(|e| e.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new(), "{text}");
    let mut broken = log.clone();
    broken["runs"][0]["results"][0]["level"] = "bad".into();
    assert!(!validator.is_valid(&broken), "the check sees what is wrong");

    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 3, "{text}");
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    for result in results {
        let rule = &rules[result["ruleIndex"].as_u64().expect("a number") as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["region"]["startLine"].as_u64().is_some_and(|line| line > 0), "{place}");
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "many/c.toml");
    assert!(place["region"]["startLine"].as_u64().is_some_and(|line| line >= 5), "{place}");
    // A suite without a fault is a log without results, which closes what was open.
    let folder = Folder::new();
    folder.file("a.toml", "seed = 3\n[market.synthetic]\nminutes = 60\n");
    folder.qsim(&["run", "a.toml", "--sarif", "q.sarif"]).expect_code(0);
    let text = std::fs::read_to_string(folder.path("q.sarif")).expect("written");
    let log: Json = serde_json::from_str(&text).expect("JSON");
    assert!(
        validator.is_valid(&log) && log["runs"][0]["results"] == serde_json::json!([]),
        "{text}"
    );
}

/// All commands of a workflow.
fn commands(yaml: &serde_yaml_ng::Value, found: &mut Vec<String>) {
    match yaml {
        serde_yaml_ng::Value::Mapping(mapping) => {
            for (key, value) in mapping {
                match (key.as_str(), value.as_str()) {
                    (Some("run"), Some(command)) => found.push(command.to_owned()),
                    _ => commands(value, found),
                }
            }
        }
        serde_yaml_ng::Value::Sequence(all) => all.iter().for_each(|one| commands(one, found)),
        _ => {}
    }
}

#[test]
fn the_workflow_calls_qsim_as_it_is() {
    let text = include_str!("../docs/github-actions.yml");
    let workflow: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).expect("YAML");
    assert!(workflow.get("jobs").is_some_and(serde_yaml_ng::Value::is_mapping), "jobs");
    let mut found = Vec::new();
    commands(&workflow, &mut found);
    let folder = Folder::new();
    folder.file("scenarios/a.toml", "seed = 3\n[market.synthetic]\nminutes = 60\n");
    let calls: Vec<String> =
        found.iter().filter(|command| command.starts_with("qsim ")).cloned().collect();
    assert_eq!(calls.len(), 2, "{found:?}");
    for call in calls {
        let mut words = shlex::split(&call.replace("${{ matrix.shard }}", "1")).expect("words");
        words.push("--list".into());
        folder.qsim(&words[1..]).expect_code(0);
    }
    // The shards of the matrix are all there are.
    let shards = &workflow["jobs"]["run"]["strategy"]["matrix"]["shard"];
    let count = shards.as_sequence().map_or(0, Vec::len);
    assert!(text.contains(&format!("--shard ${{{{ matrix.shard }}}}/{count}")), "{count} shards");
}
