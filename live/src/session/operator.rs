//! What an operator does to a session from outside: signals, the kill file, the kill key, streams that others wrote.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::Holds;
use crate::link::{LinkError, Notice, Wake};
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
            Command::Hold(holds, why) => format!(
                "hold: dry_run {} killed {} closing {}: {why}",
                holds.dry_run, holds.killed, holds.closing
            ),
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
        let holds =
            Holds { dry_run: flag("dry_run")?, killed: flag("killed")?, closing: flag("closing")? };
        Some(Command::Hold(holds, why.to_owned()))
    }
}

/// Where the operator's will is looked for.
#[derive(Clone, Debug, Default)]
pub struct OperatorSettings {
    /// While this file is there, nothing is opened.
    pub kill_file: Option<PathBuf>,
    /// What holds from the beginning.
    pub holds: Holds,
    /// Whether signals of the process are listened to: SIGINT and SIGTERM end the session, SIGUSR1 is the kill switch,
    /// SIGUSR2 releases it.
    pub signals: bool,
}

/// Looks at the signals and files, and takes what other threads hand over.
pub struct Operator {
    settings: OperatorSettings,
    stop: Arc<AtomicBool>,
    kill: Arc<AtomicBool>,
    release: Arc<AtomicBool>,
    holds: Holds,
    /// By whom the kill switch is on: a file that goes releases only what it did.
    killed_by_file: bool,
    killed_by_key: bool,
    handed: Receiver<Handed>,
    hand: Sender<Handed>,
    waiting: VecDeque<Command>,
    looks: u32,
    listener: Option<Listener>,
    watch: Option<KeyWatch>,
    health: Option<Health>,
    grown: Vec<Grown>,
    notices: Vec<Notice>,
}

enum Handed {
    Stop(String),
    KillKey(bool),
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
            use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
            for (signal, flag) in
                [(SIGINT, &stop), (SIGTERM, &stop), (SIGUSR1, &kill), (SIGUSR2, &release)]
            {
                signal_hook::flag::register(signal, Arc::clone(flag)).map_err(|source| {
                    LinkError::Io { what: format!("listening to signal {signal}"), source }
                })?;
            }
        }
        let (hand, handed) = channel();
        let holds = settings.holds;
        Ok(Operator {
            settings,
            stop,
            kill,
            release,
            holds,
            killed_by_file: false,
            killed_by_key: false,
            handed,
            hand,
            waiting: VecDeque::new(),
            looks: 0,
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

    /// What holds, as far as the operator has said.
    pub fn set_holds(&mut self, holds: Holds) {
        self.holds = holds;
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
        while let Ok(handed) = self.handed.try_recv() {
            match handed {
                Handed::Stop(why) => self.waiting.push_back(Command::Stop(why)),
                Handed::KillKey(on) if on != self.killed_by_key => {
                    self.killed_by_key = on;
                    self.switch(on || self.killed_by_file, "the kill key");
                }
                Handed::KillKey(_) => {}
            }
        }
        if !arrived.is_empty() {
            self.waiting.push_back(Command::Arrived(arrived));
        }
        if self.stop.swap(false, Ordering::Relaxed) {
            self.waiting.push_back(Command::Stop("a signal".to_owned()));
        }
        if self.kill.swap(false, Ordering::Relaxed) {
            self.switch(true, "a signal");
        }
        if self.release.swap(false, Ordering::Relaxed) {
            self.switch(false, "a signal");
        }
        // A look at the file system costs more than a turn should: each sixteenth is enough.
        self.looks = self.looks.wrapping_add(1);
        if self.looks % 16 == 1 {
            let there = self.settings.kill_file.as_ref().is_some_and(|file| file.exists());
            if there != self.killed_by_file {
                self.killed_by_file = there;
                self.switch(there || self.killed_by_key, "the kill file");
            }
        }
    }

    fn switch(&mut self, on: bool, by: &str) {
        if self.holds.killed != on {
            self.holds.killed = on;
            let why = format!("kill switch {} by {by}", if on { "on" } else { "off" });
            self.waiting.push_back(Command::Hold(self.holds, why));
        }
    }
}

/// Kills the process as `kill -9` does: for tests of restarts.
pub fn kill_self() {
    // Nothing comes behind it where it works, and where it does not a test sees a session that lives.
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
}

/// Waits until the process is asked to end: SIGINT or SIGTERM.
#[allow(clippy::disallowed_methods, reason = "the edge: nothing else runs on this thread")]
pub fn wait_for_signal() -> Result<(), LinkError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&asked)).map_err(|source| {
            LinkError::Io { what: format!("listening to signal {signal}"), source }
        })?;
    }
    while !asked.load(Ordering::Relaxed) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_back() {
        let holds = Holds { dry_run: false, killed: true, closing: false };
        for command in [
            Command::Hold(holds, "kill switch on by the kill file: now".to_owned()),
            Command::Arrived(vec!["a:b".to_owned(), "c".to_owned()]),
        ] {
            assert_eq!(Command::parse(&command.text()), Some(command));
        }
        assert_eq!(Command::parse("crash of governor"), None);
    }

    #[test]
    fn a_kill_file_switches_on_and_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("KILL");
        let settings = OperatorSettings { kill_file: Some(file.clone()), ..Default::default() };
        let mut operator = Operator::new(settings).expect("no signals");
        let looked = |operator: &mut Operator| {
            (0..32).find_map(|_| operator.next_command()).map(|command| match command {
                Command::Hold(holds, _) => holds.killed,
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(looked(&mut operator), None);
        std::fs::write(&file, "").expect("a file");
        assert_eq!(looked(&mut operator), Some(true));
        assert_eq!(looked(&mut operator), None, "it is said once");
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(looked(&mut operator), Some(false));
    }
}
