//! Finds for each entry of one journal its like in the other.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use engine::{Lookup, Nanos};

use super::super::causes::is_plan;
use super::super::recording::{Kind, NONE, Recording};

/// Which entry is which: by the number in one journal, the number in the other.
pub(super) struct Aligned {
    pub(super) a: Vec<u32>,
    pub(super) b: Vec<u32>,
}

/// A series of things that begin by themselves: a service's timer, what it makes of market events.
type Series = BTreeMap<(String, Kind, String), Vec<(Nanos, u32)>>;

impl Aligned {
    pub(super) fn of(a: &Recording, b: &Recording) -> Aligned {
        let (mut ids_a, mut ids_b) = (vec![0; a.rows.len()], vec![0; b.rows.len()]);
        let (series_a, mut series_b) = (series(a), series(b));
        let mut next = 1;
        for (name, of_a) in series_a {
            let of_b = series_b.remove(&name).unwrap_or_default();
            for (one, other) in slots(&of_a, &of_b) {
                next += 1;
                one.into_iter().for_each(|entry| ids_a[entry as usize] = next);
                other.into_iter().for_each(|entry| ids_b[entry as usize] = next);
            }
        }
        for (_, entry) in series_b.into_values().flatten() {
            next += 1;
            ids_b[entry as usize] = next;
        }
        follow(a, &mut ids_a);
        follow(b, &mut ids_b);
        let mut by_id: Lookup<u64, u32> = Lookup::default();
        for (entry, id) in ids_b.iter().enumerate() {
            by_id.insert(*id, entry as u32);
        }
        let mut aligned = Aligned { a: vec![NONE; ids_a.len()], b: vec![NONE; ids_b.len()] };
        for (entry, id) in ids_a.iter().enumerate() {
            if let Some(&other) = by_id.get(id)
                && aligned.b[other as usize] == NONE
            {
                aligned.a[entry] = other;
                aligned.b[other as usize] = entry as u32;
            }
        }
        aligned
    }
}

/// Whether it begins by itself, as far as a journal tells.
fn begins(recording: &Recording, entry: u32) -> bool {
    let cause = recording.row(entry).cause;
    cause == NONE || recording.row(cause).kind == Kind::Market
}

fn series(recording: &Recording) -> Series {
    let mut series = Series::new();
    let start = recording.start();
    for (entry, row) in recording.rows.iter().enumerate() {
        let entry = entry as u32;
        if row.kind != Kind::Market && begins(recording, entry) {
            let (service, place) = (recording.whose(entry), general(recording.place(entry)));
            let key = (service.to_owned(), row.kind, place);
            series.entry(key).or_default().push((row.time - start, entry));
        }
    }
    series
}

/// Pairs what happened at nearly the same time: nearer than half of the usual pause between two.
fn slots(a: &[(Nanos, u32)], b: &[(Nanos, u32)]) -> Vec<(Option<u32>, Option<u32>)> {
    let near = pause(a).max(pause(b)).0 / 2;
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut pairs = Vec::new();
    loop {
        match (a.peek(), b.peek()) {
            (None, None) => return pairs,
            (Some((_, one)), None) => {
                pairs.push((Some(*one), None));
                a.next();
            }
            (None, Some((_, other))) => {
                pairs.push((None, Some(*other)));
                b.next();
            }
            (Some((at_a, one)), Some((at_b, other))) => {
                let apart = at_a.0 - at_b.0;
                if apart.abs() <= near {
                    pairs.push((Some(*one), Some(*other)));
                    a.next();
                    b.next();
                } else if apart < 0 {
                    pairs.push((Some(*one), None));
                    a.next();
                } else {
                    pairs.push((None, Some(*other)));
                    b.next();
                }
            }
        }
    }
}

/// The usual pause: the middle one.
fn pause(times: &[(Nanos, u32)]) -> Nanos {
    let mut pauses: Vec<Nanos> = times.windows(2).map(|two| two[1].0 - two[0].0).collect();
    pauses.sort_unstable();
    // Several of one instant say nothing of the pause.
    let after = pauses.partition_point(|pause| pause.0 == 0);
    pauses[after..].get((pauses.len() - after) / 2).copied().unwrap_or(Nanos(0))
}

/// Gives each entry that follows from another the id of its cause, with what it is, hashed.
fn follow(recording: &Recording, ids: &mut [u64]) {
    let mut seen: Lookup<u64, u32> = Lookup::default();
    for (entry, row) in recording.rows.iter().enumerate() {
        if ids[entry] != 0 || row.kind == Kind::Market {
            continue;
        }
        let mut hasher = DefaultHasher::new();
        ids[row.cause as usize].hash(&mut hasher);
        (row.kind as u8).hash(&mut hasher);
        recording.whose(entry as u32).hash(&mut hasher);
        general(recording.place(entry as u32)).hash(&mut hasher);
        let like = hasher.finish();
        let count = seen.get(&like).copied().unwrap_or(0);
        seen.insert(like, count + 1);
        count.hash(&mut hasher);
        ids[entry] = hasher.finish();
    }
}

/// A place without what is another one in every run: ids of plans, numbers, dates.
pub(super) fn general(place: &str) -> String {
    if !place.contains(':') {
        return place.to_owned();
    }
    let varies = |part: &str| {
        is_plan(part) || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
    };
    let parts = place.split(':').map(|part| if varies(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(times: &[i64]) -> Vec<(Nanos, u32)> {
        times.iter().enumerate().map(|(n, at)| (Nanos(*at), n as u32)).collect()
    }

    #[test]
    fn late_and_missing_beats_of_a_timer_are_told_apart() {
        let pairs = slots(&at(&[0, 10, 20, 30]), &at(&[1, 22, 29]));
        let wanted = [(Some(0), Some(0)), (Some(1), None), (Some(2), Some(1)), (Some(3), Some(2))];
        assert_eq!(pairs, wanted);
    }

    #[test]
    fn places_lose_what_varies() {
        assert_eq!(general("quantum:permit:p33:d2eedcfbadb23c88"), "quantum:permit:p33:*");
        assert_eq!(
            general("quantum:governor:daily:SOLUSDT:2026-01-01"),
            "quantum:governor:daily:SOLUSDT:*"
        );
    }
}
