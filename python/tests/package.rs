//! Cargo builds a package's library for its integration tests: this one has it build the Python module, which the tests of
//! `python/tests` take from there (`QSIM_NATIVE`).

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};

#[test]
fn the_module_lies_beside_this_test() {
    let test = std::env::current_exe().expect("a path");
    let module = test.with_file_name(format!("{DLL_PREFIX}qsim_python{DLL_SUFFIX}"));
    let bytes = std::fs::read(&module).expect("the module");
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(holds(b"PyInit__qsim"), "Python finds no entry in {}", module.display());
    // Who loads it brings Python along; a library of its own would be another Python.
    assert!(!holds(b"libpython3"), "{} asks for a Python of its own", module.display());
}
