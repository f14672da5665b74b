//! The journals of sessions as files: which one a command writes, which one it goes on with, and how one is put aside.

use std::path::{Path, PathBuf};

use engine::{LiveSink, Nanos};
use scenarios::Scenario;

use super::LiveArguments;

/// Where the session's journal is, and whether it is one that goes on.
pub fn journal_of(arguments: &LiveArguments, scenario: &Scenario) -> Option<(PathBuf, bool)> {
    if let Some(path) = &arguments.journal {
        return Some((path.clone(), LiveSink::is_unfinished(path)));
    }
    own(scenario, ".partial")
        // The processes of a shared bus have a journal each; elsewhere a second session of a file is a mistake.
        .filter(|path| scenario.live.redis.is_none() || !LiveSink::is_being_written(path))
        .max()
        .map(|path| (path, true))
}

/// The journals of this process in its folder that have a file with this ending.
fn own(scenario: &Scenario, end: &str) -> impl Iterator<Item = PathBuf> {
    let stem = stem(scenario);
    let entries = std::fs::read_dir(&scenario.live.journals).into_iter().flatten();
    entries.filter_map(move |entry| {
        let path = entry.ok()?.path();
        let journal = path.file_name()?.to_str()?.strip_suffix(end)?;
        let time = journal.strip_prefix(&stem)?.strip_suffix(".journal")?;
        let own = time.len() == TIME_DIGITS && time.bytes().all(|byte| byte.is_ascii_digit());
        own.then(|| path.with_file_name(journal))
    })
}

/// A session that runs in another process is not gone on with.
pub fn refuse_second(arguments: &LiveArguments, scenario: &Scenario) -> Result<(), String> {
    match journal_of(arguments, scenario) {
        Some((journal, true)) if LiveSink::is_being_written(&journal) => Err(format!(
            "{}.partial: this session runs already, in another process: end that one first, or give another --journal for another session",
            journal.display()
        )),
        _ => Ok(()),
    }
}

/// Digits of a time, to the second.
const TIME_DIGITS: usize = 14;

/// How the journals of this process begin: processes that share a pipeline share the file, and the folder.
fn stem(scenario: &Scenario) -> String {
    let live = &scenario.live;
    let mut stem = scenario.file_stem();
    for part in live.instance.iter().chain(live.services.first()) {
        stem.push('-');
        stem.push_str(&part.replace(['/', '\\'], "_"));
    }
    stem.push('-');
    stem
}

pub fn new_journal(scenario: &Scenario, start: Nanos) -> PathBuf {
    let time = start.to_string();
    let time: String = time.chars().filter(char::is_ascii_digit).take(TIME_DIGITS).collect();
    scenario.live.journals.join(format!("{}{time}.journal", stem(scenario)))
}

/// A file with another ending behind its name.
pub fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Is there while a journal is put aside and the next one does not exist yet; in it is the name under which it is put.
const MARK: &str = ".aside";

/// A journal that gets another name, under which it can be replayed and no session goes on with it. Until the next one is
/// there a kill undoes it: the next start finds everything as it was.
pub struct Aside {
    mark: PathBuf,
}

impl Aside {
    /// Puts the unfinished journal of `journal` aside, under this file name.
    pub fn put(journal: &Path, name: &str) -> Result<Aside, String> {
        let mark = beside(journal, MARK);
        write_whole(&mark, name)?;
        for (from, to) in files(journal, name) {
            std::fs::rename(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        }
        Ok(Aside { mark })
    }

    /// The next journal is there.
    pub fn done(self) -> Result<(), String> {
        std::fs::remove_file(&self.mark)
            .map_err(|error| format!("{}: {error}", self.mark.display()))
    }
}

/// Undoes what a kill of this process has left half done. Before anything else is looked for.
pub fn undo_asides(arguments: &LiveArguments, scenario: &Scenario) -> Result<(), String> {
    match &arguments.journal {
        Some(journal) => undo_aside(journal),
        None => own(scenario, MARK).try_for_each(|journal| undo_aside(&journal)),
    }
}

fn undo_aside(journal: &Path) -> Result<(), String> {
    let mark = beside(journal, MARK);
    if !mark.exists() || LiveSink::is_being_written(journal) {
        return Ok(());
    }
    let said = |error: std::io::Error| format!("{}: {error}", mark.display());
    let name = std::fs::read_to_string(&mark).map_err(said)?;
    for (from, to) in files(journal, &name) {
        // The next journal, if it was begun, has no entry yet.
        if to.exists() {
            std::fs::rename(&to, &from).map_err(said)?;
        }
    }
    std::fs::remove_file(&mark).map_err(said)
}

/// An unfinished journal and its tail, each with where it is put. The tail goes first, and comes back first: with a tail
/// of its own no journal is without it.
fn files(journal: &Path, name: &str) -> [(PathBuf, PathBuf); 2] {
    let partial = beside(journal, ".partial");
    let aside = partial.with_file_name(name);
    let tail = beside(&aside.with_extension(""), ".tail");
    [(beside(journal, ".tail"), tail), (partial, aside)]
}

/// Either all of a small file is there, or nothing.
fn write_whole(path: &Path, text: &str) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let new = beside(path, ".new");
    std::fs::write(&new, text).map_err(said)?;
    std::fs::rename(&new, path).map_err(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "one.journal.killed-1.partial";

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Wherever it is killed, the next start finds the session as it was.
    #[test]
    fn a_kill_in_between_changes_nothing() {
        for steps in 0..4 {
            let folder = tempfile::tempdir().expect("a folder");
            let journal = folder.path().join("one.journal");
            std::fs::write(beside(&journal, ".partial"), "old").expect("written");
            std::fs::write(beside(&journal, ".tail"), "tail").expect("written");
            std::fs::write(beside(&journal, MARK), NAME).expect("written");
            for (from, to) in files(&journal, NAME).into_iter().take(steps) {
                std::fs::rename(from, to).expect("renamed");
            }
            if steps == 3 {
                std::fs::write(beside(&journal, ".partial"), "new").expect("written");
                std::fs::write(beside(&journal, ".tail"), "").expect("written");
            }
            undo_aside(&journal).expect("it is undone");
            assert_eq!(
                names(folder.path()),
                ["one.journal.partial", "one.journal.tail"],
                "{steps}"
            );
            let read = |end: &str| std::fs::read_to_string(beside(&journal, end)).expect("read");
            assert_eq!((read(".partial"), read(".tail")), ("old".to_owned(), "tail".to_owned()));
        }
    }

    #[test]
    fn what_is_done_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("one.journal");
        std::fs::write(beside(&journal, ".partial"), "old").expect("written");
        std::fs::write(beside(&journal, ".tail"), "tail").expect("written");
        let aside = Aside::put(&journal, NAME).expect("put aside");
        std::fs::write(beside(&journal, ".partial"), "new").expect("written");
        aside.done().expect("done");
        undo_aside(&journal).expect("nothing to undo");
        let tail = "one.journal.killed-1.tail";
        assert_eq!(names(folder.path()), [NAME, tail, "one.journal.partial"]);
    }
}
