//! Which cases are run: by name, by kind and by shard.

use std::str::FromStr;

use clap::ValueEnum;
use globset::GlobBuilder;

use super::case::{Case, DEFAULT};

/// Which kind of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// Those that have to fail because they bring an incident back.
    Relapse,
    /// The files as they are, without any variant.
    Default,
}

/// A share of the suite: `2/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    of: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong = || "give the shard's number and how many there are, such as 2/8".to_owned();
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let parse = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (number, of) = (parse(number)?, parse(of)?);
        if !(1..=of).contains(&number) {
            return Err(format!("shards are counted from 1/{of} to {of}/{of}"));
        }
        Ok(Shard { number, of })
    }
}

impl Shard {
    /// By the name alone, so that a case is in the same shard on every machine, whatever other cases there
    /// are, and in exactly one.
    pub fn has(&self, label: &str) -> bool {
        let hash = blake3::hash(label.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(first) % self.of == self.number - 1
    }
}

/// A text to look for in the names, or a pattern for all of a name.
pub enum Filter {
    Text(String),
    Glob(Box<globset::GlobMatcher>),
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Filter, String> {
        if !text.contains(['*', '?', '[', '{']) {
            return Ok(Filter::Text(text.to_owned()));
        }
        let glob = GlobBuilder::new(text).literal_separator(false).build();
        let glob = glob.map_err(|error| format!("{error}: mend the pattern"))?;
        Ok(Filter::Glob(Box::new(glob.compile_matcher())))
    }
}

impl Filter {
    fn has(&self, label: &str) -> bool {
        match self {
            Filter::Text(text) => label.contains(text.as_str()),
            Filter::Glob(glob) => glob.is_match(label),
        }
    }
}

/// Takes what the command line asks for; an error if it asks for nothing that there is.
pub fn select(
    cases: Vec<Case>,
    filter: Option<&str>,
    only: Option<Only>,
    shard: Option<Shard>,
) -> Result<Vec<Case>, String> {
    let parsed = filter.map(Filter::from_str).transpose()?;
    let labels: Vec<String> = cases.iter().map(Case::label).collect();
    // The name of a case is that case, also where another one's contains it: commands that repeat a failure
    // rely on it.
    let exact = filter.filter(|text| labels.iter().any(|label| label == text));
    let by_name = |case: &Case| match (exact, &parsed) {
        (Some(exact), _) => case.label() == exact,
        (None, Some(filter)) => filter.has(&case.label()),
        (None, None) => true,
    };
    let by_kind = |case: &Case| match only {
        Some(Only::Relapse) => case.relapse,
        Some(Only::Default) => case.variant == DEFAULT,
        None => true,
    };
    let taken: Vec<Case> = cases.into_iter().filter(|c| by_name(c) && by_kind(c)).collect();
    if taken.is_empty()
        && let Some(text) = filter
    {
        let known: Vec<&str> = labels.iter().map(String::as_str).collect();
        let near = datasets::nearest(text, &known);
        let near = near.map_or(String::new(), |near| format!("did you mean {near:?}? "));
        return Err(format!(
            "no case matches --filter {text:?}: {near}`--list` prints their names"
        ));
    }
    Ok(taken.into_iter().filter(|c| shard.is_none_or(|shard| shard.has(&c.label()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_in_exactly_one_shard() {
        for of in 1..=9_u64 {
            for label in (0..200).map(|n| format!("file_{n}/default")) {
                let found = (1..=of).filter(|number| Shard { number: *number, of }.has(&label));
                assert_eq!(found.count(), 1, "{label} of {of}");
            }
        }
    }

    #[test]
    fn a_shard_is_the_same_tomorrow() {
        // What CI machines agree on must not move with the program.
        let third = Shard { number: 3, of: 4 };
        let names = ["flash_crash/default", "order_flow/default", "stress/pump/relapse"];
        assert_eq!(names.map(|name| third.has(name)), [false, false, false]);
    }

    #[test]
    fn shards_are_counted_from_one() {
        let parsed = |text: &str| text.parse::<Shard>().map(|s| (s.number, s.of));
        assert_eq!(parsed("2/8"), Ok((2, 8)));
        assert!(parsed("0/8").is_err_and(|e| e.contains("1/8 to 8/8")));
        assert!(parsed("9/8").is_err_and(|e| e.contains("1/8 to 8/8")));
        assert!(parsed("0/0").is_err());
        assert!(parsed("two").is_err_and(|e| e.contains("2/8")));
    }

    #[test]
    fn text_is_looked_for_and_patterns_cover_the_name() {
        let has = |filter: &str, label: &str| {
            filter.parse::<Filter>().is_ok_and(|filter| filter.has(label))
        };
        assert!(has("flash", "flash_crash/default"));
        assert!(has("*/relapse", "stress/pump/relapse"));
        assert!(has("stress/*", "stress/pump/relapse"));
        assert!(!has("pump*", "stress/pump/relapse"));
        assert!("a[".parse::<Filter>().is_err());
    }
}
