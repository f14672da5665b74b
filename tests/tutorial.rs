//! The tutorial, word by word: its files, its commands, in a folder with the data that it names.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use support::Folder;

const TUTORIAL: &str = include_str!("../docs/tutorial.md");
const ARCHIVE: &str = "../shared/data/futures/um/monthly/klines/LTCUSDT/1m/LTCUSDT-1m-2026-02.zip";

/// The blocks of code, with their languages.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let parts = TUTORIAL.split("```").skip(1).step_by(2);
    parts.map(|part| part.split_once('\n').expect("a language")).collect()
}

#[test]
fn the_tutorial_goes_from_own_data_to_a_walk_forward_report() {
    if !Path::new(ARCHIVE).exists() {
        println!("skipped: {ARCHIVE} is not here");
        return;
    }
    let folder = Folder::new();
    let mut archive =
        zip::ZipArchive::new(std::fs::File::open(ARCHIVE).expect("open")).expect("a zip");
    let mut bars = String::new();
    let mut file = archive.by_index(0).expect("a file");
    std::io::Read::read_to_string(&mut file, &mut bars).expect("text");
    folder.file("klines/LTCUSDT-1m-2026-02.csv", &bars);
    let mut ran = Vec::new();
    for (language, block) in blocks() {
        match language {
            "csv" => assert!(bars.starts_with(block), "the bars begin as the tutorial shows"),
            "toml" => {
                let (head, _) = block.split_once('\n').expect("a first line");
                let name = head.strip_prefix("# ").expect("a name");
                // A debug build has not the time for a month: a day of it, the rest as it stands.
                let shorter = block
                    .replace("2026-03-01", "2026-02-02")
                    .replace("trials = 32", "trials = 2")
                    .replace("\"10d\"", "\"12h\"")
                    .replace("\"4d\"", "\"4h\"")
                    .replace("\"6h\"", "\"1h\"")
                    .replace("seeds = [1, 2, 3, 4, 5]", "seeds = [1]")
                    .replace("period = \"4h\"", "period = \"1h\"")
                    .replace("bootstrap_minutes = 1440", "bootstrap_minutes = 60");
                folder.file(name, shorter);
            }
            _ => {
                for line in block.lines() {
                    let words = line.split('#').next().expect("a command");
                    let words: Vec<&str> = words.split_whitespace().skip(1).collect();
                    ran.push((words.join(" "), folder.qsim(&words).expect_code(0)));
                }
            }
        }
    }
    assert_eq!(ran.len(), 5);
    let sweep = &ran.iter().find(|(words, _)| words.starts_with("sweep")).expect("a sweep").1;
    for words in ["out of sample, with what was chosen each time", "efficiency", "below the median"]
    {
        assert!(sweep.stdout.contains(words), "{words}: {sweep:#?}");
    }
    assert!(folder.path("walk.sweep/report.html").exists(), "the page");
    // What the page's panel shows.
    let told = folder.qsim(&["report", "walk.sweep", "--format", "json"]).expect_code(0).json();
    let windows = told["sweep"]["walk_forward"]["windows"].as_array().expect("windows").clone();
    assert!(windows.len() >= 2, "{windows:?}");
    assert!(windows.iter().all(|window| window["test"].is_number()), "{windows:?}");
    // What the fifth step adds.
    let both = ["walk.toml", "more"]
        .map(|name| std::fs::read_to_string(folder.path(name)).expect("it was written"));
    folder.file("another_past.toml", both.concat());
    let again = folder.qsim(&["sweep", "another_past.toml", "--data", "data"]).expect_code(0);
    assert!(again.stdout.contains("2 trials"), "{again:#?}");
}
