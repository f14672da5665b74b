//! Reads examples out of a specification, runs them and compares, whatever the function.
//!
//! Invariant: no expected number is written here or in the dispatchers; all come from the text.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// One example as it stands in the text.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its number there.
    pub n: u64,
    /// The function that it names, with remarks such as "(4 Feb generation)".
    pub function: String,
    /// Its input.
    pub input: Value,
    /// What has to come out.
    pub want: Value,
}

/// A specification whose examples are run.
pub struct Suite<'a> {
    /// File name below `shared/spec`.
    pub file: &'a str,
    /// Finds the examples in its text.
    pub parse: fn(&str) -> Vec<Example>,
    /// How many there are at least: fewer would mean that the parser misses some.
    pub examples_min: usize,
    /// Relative tolerance that the file states.
    pub tolerance: fn(&Example) -> f64,
    /// Examples that do not run here, with the reason or the test that covers them.
    pub elsewhere: &'a [(u64, &'a str)],
    /// Runs an example: what our code gives, in the shape of the text; `None` for an unknown function.
    pub run: fn(&Example) -> Option<Value>,
}

impl Suite<'_> {
    /// Runs every example; panics with all that is wrong.
    pub fn check(&self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec");
        if !folder.is_dir() {
            println!("{}: skipped, the folder shared/spec is not beside the repository", self.file);
            return;
        }
        let path = folder.join(self.file);
        let text = std::fs::read_to_string(&path).expect("the specification can be read");
        let examples = (self.parse)(&text);
        let (ran, faults) = self.run_all(&examples);
        println!(
            "{}: {} examples, {ran} ran, {} elsewhere",
            self.file,
            examples.len(),
            self.elsewhere.len()
        );
        assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), self.file, faults.join("\n"));
    }

    /// How many ran, and what is wrong.
    fn run_all(&self, examples: &[Example]) -> (usize, Vec<String>) {
        let mut faults = Vec::new();
        if examples.len() < self.examples_min {
            faults.push(format!(
                "only {} examples found, {} expected",
                examples.len(),
                self.examples_min
            ));
        }
        let (mut ran, mut seen) = (0, BTreeSet::new());
        for example in examples {
            if !seen.insert(example.n) {
                faults.push(format!("{}: the number is there twice", example.n));
            }
            let excused = self.elsewhere.iter().any(|(n, _)| *n == example.n);
            match (self.run)(example) {
                Some(_) if excused => faults.push(format!("{}: runs, yet is excused", example.n)),
                None if excused => {}
                None => faults.push(format!(
                    "{} ({}): is neither run nor named with a reason",
                    example.n, example.function
                )),
                Some(got) => {
                    ran += 1;
                    let place = format!("{} ({})", example.n, example.function);
                    let tolerance = (self.tolerance)(example);
                    compare(&place, &got, &example.want, tolerance, &mut faults);
                }
            }
        }
        for (n, _) in self.elsewhere.iter().filter(|(n, _)| !seen.contains(n)) {
            faults.push(format!("{n}: is excused, but not in the text"));
        }
        (ran, faults)
    }
}

/// Everything that is wanted has to be there; more may be.
fn compare(place: &str, got: &Value, want: &Value, tolerance: f64, faults: &mut Vec<String>) {
    match (got, want) {
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = (got.as_f64().unwrap_or(f64::NAN), want.as_f64().unwrap_or(f64::NAN));
            let near = (got - want).abs() <= tolerance * want.abs();
            if !near {
                faults.push(format!("{place}: got {got:?}, want {want:?}"));
            }
        }
        (Value::Array(got), Value::Array(want)) if got.len() == want.len() => {
            for (at, (got, want)) in got.iter().zip(want).enumerate() {
                compare(&format!("{place}[{at}]"), got, want, tolerance, faults);
            }
        }
        (Value::Object(got), Value::Object(want)) => {
            for (key, want) in want {
                let got = got.get(key).unwrap_or(&Value::Null);
                compare(&format!("{place}.{key}"), got, want, tolerance, faults);
            }
        }
        _ if got == want => {}
        _ => faults.push(format!("{place}: got {got}, want {want}")),
    }
}

/// Examples that are one JSON object a line: `n`, `fn`, `in`, `out`.
pub fn json_lines(text: &str) -> Vec<Example> {
    let lines = text.lines().filter(|line| line.starts_with("{\"n\":"));
    lines
        .map(|line| {
            let mut value: Value = serde_json::from_str(line).expect("an example is JSON");
            Example {
                n: value["n"].as_u64().expect("a number"),
                function: value["fn"].as_str().expect("a function").to_owned(),
                input: value["in"].take(),
                want: value["out"].take(),
            }
        })
        .collect()
}

/// A number of an object; panics with its name when it is not there.
pub fn number(of: &Value, key: &str) -> f64 {
    optional(of, key).unwrap_or_else(|| panic!("{key} is missing in {of}"))
}

/// A number of an object, if it is there and not null.
pub fn optional(of: &Value, key: &str) -> Option<f64> {
    of.get(key).and_then(Value::as_f64)
}

/// A text of an object; panics with its name when it is not there.
pub fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{key} is missing in {of}"))
}

/// A truth of an object; absent is no.
pub fn yes(of: &Value, key: &str) -> bool {
    of.get(key).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(elsewhere: &[(u64, &str)], run: fn(&Example) -> Option<Value>) -> Vec<String> {
        let suite = Suite {
            file: "made up",
            parse: json_lines,
            examples_min: 2,
            tolerance: |_| 1e-9,
            elsewhere,
            run,
        };
        let text = "prose\n{\"n\":1,\"fn\":\"f\",\"in\":{},\"out\":{\"x\":1.0}}\n\
                    {\"n\":2,\"fn\":\"g\",\"in\":{},\"out\":{\"x\":[2.0,null,\"a\"]}}\n";
        suite.run_all(&json_lines(text)).1
    }

    #[test]
    fn a_difference_and_an_example_that_nobody_runs_are_faults() {
        let right = |e: &Example| {
            Some(if e.n == 1 { json!({"x": 1.0}) } else { json!({"x": [2.0, null, "a"], "y": 1}) })
        };
        assert_eq!(faults(&[], right), Vec::<String>::new());
        let first = |e: &Example| (e.n == 1).then(|| json!({"x": 1.0}));
        assert_eq!(faults(&[], first), ["2 (g): is neither run nor named with a reason"]);
        assert_eq!(faults(&[(2, "why")], first), Vec::<String>::new());
        assert_eq!(
            faults(&[(1, "why"), (2, "why"), (3, "why")], first),
            ["1: runs, yet is excused", "3: is excused, but not in the text"]
        );
        let wrong =
            |e: &Example| Some(json!({"x": if e.n == 1 { json!(1.1) } else { json!([2]) }}));
        assert_eq!(
            faults(&[], wrong),
            ["1 (f).x: got 1.1, want 1.0", "2 (g).x: got [2], want [2.0,null,\"a\"]"]
        );
        let not_a_number = |e: &Example| (e.n == 1).then(|| json!({"x": f64::NAN}));
        assert_eq!(faults(&[(2, "why")], not_a_number), ["1 (f).x: got null, want 1.0"]);
    }
}
