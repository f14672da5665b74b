//! What an operator should know of the bus's server, told as it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::BusLosses;

use super::mirror::MirrorWatch;
use super::{Counts, RedisBus};
use crate::link::{Notice, Weight};

/// How a bus on a server is, or the copy of an embedded one. Asked after each turn of a session.
pub struct Health {
    place: String,
    of: Of,
}

enum Of {
    Bus(OfBus),
    Mirror(OfMirror),
}

struct OfBus {
    counts: Arc<Counts>,
    away: bool,
    /// As they were when it was last told of them.
    told: Told,
    losses: BusLosses,
}

#[derive(Clone, Copy, Default)]
struct Told {
    lost: u64,
    repeated: u64,
    done_already: u64,
    given_up: u64,
    given_up_done: u64,
}

struct OfMirror {
    watch: MirrorWatch,
    away: bool,
    behind: bool,
    unsent: u64,
    left_alone: u64,
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Told {
    fn now(counts: &Counts) -> Told {
        Told {
            lost: load(&counts.lost),
            repeated: load(&counts.repeated),
            done_already: load(&counts.done_already),
            given_up: load(&counts.given_up),
            given_up_done: load(&counts.given_up_done),
        }
    }
}

impl Health {
    /// Of a bus on a server.
    pub fn of_bus(bus: &RedisBus) -> Health {
        let counts = bus.counts();
        let told = Told::now(&counts);
        let of = OfBus { counts, away: false, told, losses: BusLosses::default() };
        Health { place: bus.config().place().to_owned(), of: Of::Bus(of) }
    }

    /// Of a copy.
    pub(super) fn of_mirror(place: &str, watch: MirrorWatch) -> Health {
        let of = OfMirror { watch, away: false, behind: false, unsent: 0, left_alone: 0 };
        Health { place: place.to_owned(), of: Of::Mirror(of) }
    }

    /// Appends what has changed since the last look. `trouble` and `losses` are those of the kernel's bus.
    pub fn look(&mut self, trouble: Option<&str>, losses: BusLosses, out: &mut Vec<Notice>) {
        let place = &self.place;
        let mut tell = |weight, what, text: String| {
            out.push(Notice { weight, what, text: format!("redis at {place}: {text}") });
        };
        match &mut self.of {
            Of::Bus(bus) => bus.look(trouble, losses, &mut tell),
            Of::Mirror(mirror) => mirror.look(&mut tell),
        }
    }

    /// Whether the copy holds all that the bus holds, or nobody is there to copy to; `true` where there is none.
    pub fn is_at_rest(&self) -> bool {
        match &self.of {
            Of::Bus(_) => true,
            Of::Mirror(mirror) => mirror.watch.is_settled() || !mirror.watch.is_connected(),
        }
    }

    /// The last word on a copy, at the end of a session.
    pub fn end(&mut self, out: &mut Vec<Notice>) {
        let Of::Mirror(mirror) = &mut self.of else { return };
        let left = mirror.watch.left();
        let left_alone = load(&mirror.watch.counts().left_alone);
        let (weight, what, text) = match (mirror.watch.is_settled(), left_alone) {
            (true, 0) => (
                Weight::Info,
                "mirror_complete",
                "the copy holds all that the bus holds".to_owned(),
            ),
            (true, keys) => (
                Weight::Warning,
                "mirror_incomplete",
                format!("the copy lacks {keys} keys that somebody else writes"),
            ),
            (false, _) => (
                Weight::Warning,
                "mirror_incomplete",
                format!(
                    "the copy is not what the bus holds: {left}; it is written anew by the next session with this mirror"
                ),
            ),
        };
        out.push(Notice { weight, what, text: format!("redis at {}: {text}", self.place) });
    }
}

impl OfBus {
    fn look(
        &mut self,
        trouble: Option<&str>,
        losses: BusLosses,
        tell: &mut impl FnMut(Weight, &'static str, String),
    ) {
        let counts = &self.counts;
        if losses.groups_made > self.losses.groups_made {
            let groups = losses.groups_made - self.losses.groups_made;
            tell(
                Weight::Error,
                "bus_data_lost",
                format!(
                    "{groups} consumer groups were gone and have been made again: the server has lost its data, also the locks, permits and positions that the pipeline kept there"
                ),
            );
            self.losses.groups_made = losses.groups_made;
        }
        match trouble {
            Some(problem) if !self.away => {
                self.away = true;
                tell(
                    Weight::Error,
                    "bus_lost",
                    format!(
                        "{problem}; until it answers again nothing is read or written there, and nothing is opened on what it did not answer"
                    ),
                );
            }
            None if self.away => {
                self.away = false;
                let now = Told::now(counts);
                let (before, since) = (self.told, self.losses);
                tell(
                    Weight::Warning,
                    "bus_back",
                    format!(
                        "it answers again; {} operations were given up, {} of them had been done; {} entries come again that were handled without it, {} acknowledgements are made up for, {} requests were made without its answer",
                        now.given_up - before.given_up,
                        now.given_up_done - before.given_up_done,
                        losses.kept - since.kept,
                        losses.acks_failed - since.acks_failed,
                        losses.unsure - since.unsure,
                    ),
                );
                (self.told, self.losses) = (now, losses);
            }
            None if load(&counts.lost) > self.told.lost => {
                let (now, before) = (Told::now(counts), self.told);
                tell(
                    Weight::Warning,
                    "bus_reconnected",
                    format!(
                        "the connection broke and was made again; {} operations were sent again, {} of them had been done and were not done twice",
                        now.repeated - before.repeated,
                        now.done_already - before.done_already,
                    ),
                );
                self.told = now;
            }
            _ => {}
        }
    }
}

impl OfMirror {
    fn look(&mut self, tell: &mut impl FnMut(Weight, &'static str, String)) {
        let counts = self.watch.counts();
        let (connected, unsent) = (self.watch.is_connected(), load(&counts.unsent));
        if !connected && !self.away {
            self.away = true;
            let problem = self.watch.problem();
            tell(
                Weight::Warning,
                "mirror_lost",
                format!(
                    "{problem}; the session goes on without its copy, which is written anew when the server is back"
                ),
            );
        } else if connected && self.away {
            self.away = false;
            let missed = unsent.saturating_sub(self.unsent);
            tell(
                Weight::Warning,
                "mirror_back",
                format!(
                    "it answers again; {missed} changes found no server, and all keys are written anew"
                ),
            );
            self.unsent = unsent;
        }
        let behind = self.watch.is_behind();
        if behind && !self.behind && !self.away {
            let dropped = load(&counts.dropped);
            tell(
                Weight::Warning,
                "mirror_behind",
                format!(
                    "it takes changes more slowly than they come: {dropped} were left out so far, and their keys are written anew when there is room"
                ),
            );
        }
        self.behind = behind;
        let left_alone = load(&counts.left_alone);
        if left_alone > self.left_alone {
            tell(
                Weight::Warning,
                "mirror_key_refused",
                format!("{left_alone} keys are not copied any more: somebody else writes them"),
            );
            self.left_alone = left_alone;
        }
    }
}
