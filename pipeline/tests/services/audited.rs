//! Every behaviour of the audits is asked for by a service, and a test shows what it brings back.

use std::fs;
use std::path::Path;

use pipeline::audited::AUDITED;

/// All Rust sources below a folder, without those of this name.
fn sources(folder: &Path, without: &str, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, without, into);
        } else if !path.ends_with(without) {
            into.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_name_is_asked_for_and_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut built, mut tested) = (String::new(), String::new());
    sources(&root.join("src"), "src/audited.rs", &mut built);
    sources(&root.join("tests"), "services/audited.rs", &mut tested);
    for behaviour in AUDITED {
        let asked = format!("Audited::{}", behaviour.variant);
        assert!(built.contains(&asked), "no service asks for {}", behaviour.name);
        let named = format!("{:?}", behaviour.name);
        assert!(tested.contains(&named), "no test brings {} back", behaviour.name);
    }
}
