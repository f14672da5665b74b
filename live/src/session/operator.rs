//! What an operator does to a session from outside: signals, the kill file, the kill key, streams that others wrote.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::limits::{Holds, Killed};
use crate::link::{LinkError, Notice, Wake, Weight};
use crate::redis::{Grown, Health, KeyWatch, Listener};

/// One thing that an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// End the session; why.
    Stop(String),
    /// From now on this holds; why.
    Hold(Holds, String),
    /// Others have written into these streams of the bus.
    Arrived(Vec<String>),
}

impl Command {
    /// What the journal says of it; [`Command::parse`] reads it back.
    pub fn text(&self) -> String {
        match self {
            Command::Stop(why) => format!("stop: {why}"),
            Command::Hold(holds, why) => {
                let Holds { dry_run, killed, closing, unheard } = holds;
                let Killed { by_file, by_key, by_signal } = killed;
                let on = killed.is_on();
                format!(
                    "hold: dry_run {dry_run} killed {on} by_file {by_file} by_key {by_key} by_signal {by_signal} closing {closing} unheard {unheard}: {why}"
                )
            }
            Command::Arrived(streams) => format!("arrived {}", streams.join(" ")),
        }
    }

    /// Reads what [`Command::text`] wrote; `None` for other actions of a journal.
    pub fn parse(text: &str) -> Option<Command> {
        if let Some(streams) = text.strip_prefix("arrived ") {
            return Some(Command::Arrived(streams.split(' ').map(str::to_owned).collect()));
        }
        let rest = text.strip_prefix("hold: ")?;
        let (words, why) = rest.split_once(": ")?;
        let flag = |name: &str| {
            let mut words = words.split(' ');
            words.find(|word| *word == name)?;
            words.next()?.parse::<bool>().ok()
        };
        let killed = match (flag("by_file"), flag("by_key"), flag("by_signal")) {
            (Some(by_file), Some(by_key), Some(by_signal)) => Killed { by_file, by_key, by_signal },
            // Older journals do not say by what: it has to be released by hand.
            _ => Killed { by_signal: flag("killed")?, ..Killed::default() },
        };
        let holds = Holds {
            dry_run: flag("dry_run")?,
            killed,
            closing: flag("closing")?,
            unheard: flag("unheard").unwrap_or_default(),
        };
        Some(Command::Hold(holds, why.to_owned()))
    }
}

/// Where the operator's will is looked for.
#[derive(Clone, Debug, Default)]
pub struct OperatorSettings {
    /// While this file is there, nothing is opened.
    pub kill_file: Option<PathBuf>,
    /// Nothing is sent that changes anything, from the beginning to the end.
    pub dry_run: bool,
    /// Whether signals of the process are listened to: SIGINT and SIGTERM end the session, SIGUSR1 is the kill switch,
    /// SIGUSR2 releases it. While the kill file or the kill key is there, it stays on.
    pub signals: bool,
}

/// Looks at the signals and files, and takes what other threads hand over.
pub struct Operator {
    settings: OperatorSettings,
    stop: Arc<AtomicBool>,
    kill: Arc<AtomicBool>,
    release: Arc<AtomicBool>,
    holds: Holds,
    handed: Receiver<Handed>,
    hand: Sender<Handed>,
    waiting: VecDeque<Command>,
    looks: u32,
    /// The kill file cannot be looked for, and that was told.
    blind: bool,
    listener: Option<Listener>,
    watch: Option<KeyWatch>,
    health: Option<Health>,
    grown: Vec<Grown>,
    notices: Vec<Notice>,
}

enum Handed {
    Stop(String),
    KillKey(bool),
    Notice(Notice),
}

/// Hands an operator's wishes to a session from another thread.
#[derive(Clone)]
pub struct OperatorHandle {
    hand: Sender<Handed>,
    wake: Arc<dyn Wake>,
}

impl OperatorHandle {
    /// Ends the session.
    pub fn stop(&self, why: &str) {
        self.give(Handed::Stop(why.to_owned()));
    }

    /// The kill key is set, or gone.
    pub fn kill_key(&self, on: bool) {
        self.give(Handed::KillKey(on));
    }

    /// Something that an operator should know.
    pub fn notice(&self, notice: Notice) {
        self.give(Handed::Notice(notice));
    }

    fn give(&self, handed: Handed) {
        // A session that is over needs nothing any more.
        let _ = self.hand.send(handed);
        self.wake.wake();
    }
}

impl Operator {
    /// Begins to listen.
    pub fn new(settings: OperatorSettings) -> Result<Operator, LinkError> {
        let flag = || Arc::new(AtomicBool::new(false));
        let (stop, kill, release) = (flag(), flag(), flag());
        if settings.signals {
            use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
            let mut heard =
                vec![(SIGINT, &stop), (SIGTERM, &stop), (SIGUSR1, &kill), (SIGUSR2, &release)];
            // A terminal that goes away ends a session as it should end, but for who has said that it does not.
            if !is_ignored(SIGHUP) {
                heard.push((SIGHUP, &stop));
            }
            // One that is busy for long, in a recording of days or with a time that has passed, hears nothing.
            let armed = flag();
            for signal in [SIGINT, SIGTERM] {
                signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&armed))
                    .map_err(|source| LinkError::Io {
                        what: format!("listening to signal {signal}"),
                        source,
                    })?;
            }
            let stop = Arc::clone(&stop);
            let builder = std::thread::Builder::new().name("signals".to_owned());
            let watched = builder.spawn(move || arm_when_busy(&stop, &armed));
            watched.map_err(|source| LinkError::Io { what: "a thread".to_owned(), source })?;
            for (signal, flag) in heard {
                signal_hook::flag::register(signal, Arc::clone(flag)).map_err(|source| {
                    LinkError::Io { what: format!("listening to signal {signal}"), source }
                })?;
            }
        }
        let (hand, handed) = channel();
        let holds = Holds { dry_run: settings.dry_run, ..Holds::default() };
        Ok(Operator {
            settings,
            stop,
            kill,
            release,
            holds,
            handed,
            hand,
            waiting: VecDeque::new(),
            looks: 0,
            blind: false,
            listener: None,
            watch: None,
            health: None,
            grown: Vec::new(),
            notices: Vec::new(),
        })
    }

    /// From now on hears which streams of a shared bus have grown.
    pub fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// From now on tells how the bus's server is.
    pub fn look_after(&mut self, health: Health) {
        self.health = Some(health);
    }

    /// How the bus's server is, where there is one.
    pub fn health(&mut self) -> Option<&mut Health> {
        self.health.as_mut()
    }

    /// Keeps who looks for the kill key.
    pub fn watch(&mut self, watch: KeyWatch) {
        self.watch = Some(watch);
    }

    /// What those who listen have to say.
    pub fn take_notices(&mut self, out: &mut Vec<Notice>) {
        out.append(&mut self.notices);
    }

    /// For other threads; `wake` interrupts the session's waiting.
    pub fn handle(&self, wake: Arc<dyn Wake>) -> OperatorHandle {
        OperatorHandle { hand: self.hand.clone(), wake }
    }

    /// What holds when a session begins: a kill file that is there, and a kill key that was there at the first look. Of a
    /// session that goes on, `before` is what held when its process died; what was switched by a signal stays.
    ///
    /// The first command of the session says it, so that the journal has it.
    pub fn begin(&mut self, before: Option<Holds>) -> Holds {
        let before = before.unwrap_or_default();
        self.holds.killed.by_signal = before.killed.by_signal;
        self.looks = 0;
        self.look();
        self.waiting.retain(|command| !matches!(command, Command::Hold(..)));
        if self.holds != before || self.holds != Holds::default() {
            let why = match (self.holds.killed.is_on(), self.holds.dry_run) {
                (true, _) => format!("kill switch on by {}", by(self.holds.killed)),
                (false, true) => "a dry run".to_owned(),
                (false, false) => "the session goes on".to_owned(),
            };
            self.waiting.push_front(Command::Hold(self.holds, why));
        }
        self.holds
    }

    /// Whether somebody wants the session to end that has not begun.
    pub fn is_asked_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The next thing that the operator wants.
    pub fn next_command(&mut self) -> Option<Command> {
        if let Some(command) = self.waiting.pop_front() {
            return Some(command);
        }
        self.look();
        self.waiting.pop_front()
    }

    fn look(&mut self) {
        let mut arrived: Vec<String> = Vec::new();
        if let Some(listener) = &self.listener {
            listener.take(&mut self.grown, &mut self.notices);
            arrived.extend(self.grown.drain(..).map(|grown| grown.stream));
        }
        let mut killed = self.holds.killed;
        while let Ok(handed) = self.handed.try_recv() {
            match handed {
                Handed::Stop(why) => self.waiting.push_back(Command::Stop(why)),
                Handed::KillKey(on) => {
                    killed.by_key = on;
                    self.switch(killed, "the kill key");
                }
                Handed::Notice(notice) => self.notices.push(notice),
            }
        }
        if !arrived.is_empty() {
            self.waiting.push_back(Command::Arrived(arrived));
        }
        if self.stop.swap(false, Ordering::Relaxed) {
            self.waiting.push_back(Command::Stop("a signal".to_owned()));
        }
        if self.kill.swap(false, Ordering::Relaxed) {
            killed.by_signal = true;
            self.switch(killed, "a signal");
        }
        if self.release.swap(false, Ordering::Relaxed) {
            killed.by_signal = false;
            self.switch(killed, "a signal");
            if killed.is_on() {
                let text = format!("SIGUSR2 does not release what is on by {}", by(killed));
                let (weight, what) = (Weight::Warning, "kill_switch");
                self.notices.push(Notice { weight, what, text });
            }
        }
        // A look at the file system costs more than a turn should: each sixteenth is enough.
        self.looks = self.looks.wrapping_add(1);
        if self.looks % 16 == 1 {
            let there = self.settings.kill_file.as_deref().map(kill_file_is_there);
            killed.by_file = match there {
                None => false,
                Some(Ok(there)) => {
                    self.blind = false;
                    there
                }
                // Whoever cannot look does not know that it is gone.
                Some(Err(problem)) => {
                    if !std::mem::replace(&mut self.blind, true) {
                        let text = format!("the switch is on: {problem}");
                        let (weight, what) = (Weight::Error, "kill_file");
                        self.notices.push(Notice { weight, what, text });
                    }
                    true
                }
            };
            self.switch(killed, "the kill file");
        }
    }

    fn switch(&mut self, killed: Killed, why: &str) {
        let before = std::mem::replace(&mut self.holds.killed, killed);
        if before == killed {
            return;
        }
        let why = match (before.is_on(), killed.is_on()) {
            (_, false) => format!("kill switch off by {why}"),
            (false, true) => format!("kill switch on by {why}"),
            (true, true) => format!("kill switch stays on by {}", by(killed)),
        };
        self.waiting.push_back(Command::Hold(self.holds, why));
    }
}

/// Whether a kill file is there.
///
/// # Errors
/// It cannot be looked for: its folder is gone, or not to be searched.
pub fn kill_file_is_there(file: &Path) -> Result<bool, String> {
    let cannot =
        |error: std::io::Error| format!("{} cannot be looked for: {error}", file.display());
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    match std::fs::symlink_metadata(file) {
        Ok(_) => Ok(true),
        Err(error) if gone(&error) => {
            // That a folder is gone says nothing of what was in it.
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            std::fs::metadata(folder.unwrap_or(Path::new("."))).map_err(cannot)?;
            Ok(false)
        }
        Err(error) => Err(cannot(error)),
    }
}

/// Whoever has not been heard for five seconds ends the process by asking once more: as behind a kill, the journal has all
/// that was sent.
#[allow(clippy::disallowed_methods, reason = "the edge: signals come by the wall")]
fn arm_when_busy(stop: &AtomicBool, armed: &AtomicBool) {
    let mut unheard = 0;
    loop {
        std::thread::sleep(std::time::Duration::from_millis(500));
        unheard = if stop.load(Ordering::Relaxed) { unheard + 1 } else { 0 };
        armed.store(unheard >= 10, Ordering::Relaxed);
        if unheard == 10 {
            tracing::warn!(
                what = "ends",
                "asked to end, and busy: asked once more it ends at once, and the journal keeps what it has"
            );
        }
    }
}

/// Whether a signal was ignored when the process began, as `nohup` has it.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// By what the kill switch is on.
fn by(killed: Killed) -> String {
    let all = [
        (killed.by_file, "the kill file"),
        (killed.by_key, "the kill key"),
        (killed.by_signal, "a signal"),
    ];
    let on: Vec<&str> = all.iter().filter(|(on, _)| *on).map(|(_, what)| *what).collect();
    on.join(" and ")
}

/// Kills the process as `kill -9` does: for tests of restarts.
pub fn kill_self() {
    // Nothing comes behind it where it works, and where it does not a test sees a session that lives.
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
}

/// Hears from now on when the process is asked to end: SIGINT or SIGTERM. What is given back waits for it.
pub fn signals_to_end() -> Result<impl FnOnce(), LinkError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&asked)).map_err(|source| {
            LinkError::Io { what: format!("listening to signal {signal}"), source }
        })?;
    }
    Ok(move || wait_for(&asked))
}

#[allow(clippy::disallowed_methods, reason = "the edge: nothing else runs on this thread")]
fn wait_for(asked: &AtomicBool) {
    while !asked.load(Ordering::Relaxed) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_back() {
        let killed = Killed { by_key: true, ..Killed::default() };
        let holds = Holds { killed, unheard: true, ..Holds::default() };
        for command in [
            Command::Hold(holds, "kill switch on by the kill key: now".to_owned()),
            Command::Arrived(vec!["a:b".to_owned(), "c".to_owned()]),
        ] {
            assert_eq!(Command::parse(&command.text()), Some(command));
        }
        assert_eq!(Command::parse("crash of governor"), None);
        let old = Command::parse("hold: dry_run false killed true closing false: before");
        let killed = Killed { by_signal: true, ..Killed::default() };
        let holds = Holds { killed, ..Holds::default() };
        assert_eq!(old, Some(Command::Hold(holds, "before".to_owned())));
    }

    /// What the operator wants next; a look at the files is among so many.
    fn killed(operator: &mut Operator) -> Option<Killed> {
        (0..32).find_map(|_| operator.next_command()).map(|command| match command {
            Command::Hold(holds, _) => holds.killed,
            other => panic!("{other:?}"),
        })
    }

    struct NoWake;
    impl Wake for NoWake {
        fn wake(&self) {}
    }

    #[test]
    fn each_releases_only_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("KILL");
        let settings = OperatorSettings { kill_file: Some(file.clone()), ..Default::default() };
        let mut operator = Operator::new(settings).expect("no signals");
        let key = operator.handle(Arc::new(NoWake));
        let is = |by_file, by_key, by_signal| Some(Killed { by_file, by_key, by_signal });
        assert_eq!(killed(&mut operator), None);
        std::fs::write(&file, "").expect("a file");
        assert_eq!(killed(&mut operator), is(true, false, false));
        assert_eq!(killed(&mut operator), None, "it is said once");
        operator.kill.store(true, Ordering::Relaxed);
        assert_eq!(killed(&mut operator), is(true, false, true));
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(killed(&mut operator), is(false, false, true), "the signal's stays");
        key.kill_key(true);
        assert_eq!(killed(&mut operator), is(false, true, true));
        operator.release.store(true, Ordering::Relaxed);
        assert_eq!(killed(&mut operator), is(false, true, false), "the key's stays");
        let mut said = Vec::new();
        operator.take_notices(&mut said);
        assert!(said[0].text.contains("the kill key"), "{said:?}");
        key.kill_key(false);
        assert_eq!(killed(&mut operator), is(false, false, false));
    }

    #[test]
    fn a_session_begins_with_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("KILL");
        std::fs::write(&file, "").expect("a file");
        let begin = |before: Option<Holds>| {
            let settings = OperatorSettings { kill_file: Some(file.clone()), ..Default::default() };
            let mut operator = Operator::new(settings).expect("no signals");
            (operator.begin(before), operator.next_command().is_some())
        };
        let of = |by_file, by_signal, closing| Holds {
            killed: Killed { by_file, by_key: false, by_signal },
            closing,
            ..Holds::default()
        };
        assert_eq!(begin(None), (of(true, false, false), true));
        assert_eq!(begin(Some(of(true, true, true))), (of(true, true, false), true));
        assert_eq!(begin(Some(of(true, false, false))), (of(true, false, false), true));
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(begin(Some(of(true, false, false))), (of(false, false, false), true));
        assert_eq!(begin(Some(of(true, true, false))), (of(false, true, false), true));
        assert_eq!(begin(None), (of(false, false, false), false));
    }

    /// Who cannot look for the file does not know that it is gone.
    #[test]
    fn a_kill_file_that_cannot_be_looked_for_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        let file = inner.join("KILL");
        let settings = OperatorSettings { kill_file: Some(file.clone()), ..Default::default() };
        let mut operator = Operator::new(settings).expect("no signals");
        assert_eq!(killed(&mut operator), None);
        std::fs::remove_dir(&inner).expect("removed");
        let on = Killed { by_file: true, ..Killed::default() };
        assert_eq!(killed(&mut operator), Some(on));
        let mut said = Vec::new();
        operator.take_notices(&mut said);
        assert!(said.len() == 1 && said[0].text.contains("cannot be looked for"), "{said:?}");
        std::fs::create_dir(&inner).expect("a folder");
        assert_eq!(killed(&mut operator), Some(Killed::default()));
        // A link to nowhere is a file that somebody has put there.
        std::os::unix::fs::symlink("nowhere", &file).expect("a link");
        assert_eq!(killed(&mut operator), Some(on));
    }
}
