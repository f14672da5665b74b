//! The developer's recorded streams, where the folder is present.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::path::PathBuf;

use common::Raw;
use datasets::catalogue::Catalogue;
use datasets::import::{ImportReport, import};

fn root() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = root.join("../../shared/data/futures/um/recorded");
    if !root.is_dir() {
        eprintln!("skipped: {} is absent", root.display());
        return None;
    }
    Some(root)
}

fn imported(root: &std::path::Path, names: &[&str]) -> (Raw, ImportReport) {
    let raw = Raw::new();
    let paths: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    let report = import(&paths, &raw.path("set"), &|_| {}).expect("a folder");
    (raw, report)
}

#[test]
fn everything_recorded_comes_in_or_is_refused_for_its_kind() {
    let Some(root) = root() else { return };
    let (raw, report) = imported(&root, &["."]);
    println!("{report:#?}");
    let list = Catalogue::open(&raw.path("set")).expect("a data set").list();
    for s in list.iter().filter(|s| s.kind != datasets::Kind::ForceOrder) {
        println!("{s:?}");
    }
    for c in Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs") {
        if !c.is_clean() {
            println!("{c:?}");
        }
    }
}
