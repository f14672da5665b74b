//! A sorted set: members in the order of their scores, then of their bytes.

/// Members with scores, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct SortedSet {
    members: Vec<(f64, Box<[u8]>)>,
}

impl SortedSet {
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        self.members.iter().find(|(_, m)| **m == *member).map(|(score, _)| *score)
    }

    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let place = self.members.iter().position(|(_, m)| **m == *member);
        place.map(|place| self.members.remove(place)).is_some()
    }

    /// Sets the score of a member; `true` when it is new.
    pub(crate) fn insert(&mut self, member: &[u8], score: f64) -> bool {
        let new = !self.remove(member);
        let before =
            |(s, m): &(f64, Box<[u8]>)| s.total_cmp(&score).then_with(|| (**m).cmp(member)).is_lt();
        let place = self.members.partition_point(before);
        self.members.insert(place, (score, member.into()));
        new
    }

    pub(crate) fn slice(
        &self,
        range: std::ops::Range<usize>,
    ) -> impl Iterator<Item = (f64, &[u8])> {
        self.members[range].iter().map(|(score, member)| (*score, &**member))
    }

    pub(crate) fn remove_range(&mut self, range: std::ops::Range<usize>) {
        self.members.drain(range);
    }

    /// Places of the scores between two bounds such as `5`, `(5`, `-inf` and `+inf`.
    pub(crate) fn between(&self, low: &str, high: &str) -> Option<std::ops::Range<usize>> {
        let (low, without_low) = bound(low)?;
        let (high, without_high) = bound(high)?;
        let first = self.members.partition_point(|(s, _)| *s < low || without_low && *s == low);
        let end = self.members.partition_point(|(s, _)| *s < high || !without_high && *s == high);
        Some(first..end.max(first))
    }
}

fn bound(text: &str) -> Option<(f64, bool)> {
    let (text, open) = text.strip_prefix('(').map_or((text, false), |rest| (rest, true));
    match text {
        "-inf" => Some((f64::NEG_INFINITY, open)),
        "+inf" | "inf" => Some((f64::INFINITY, open)),
        number => number.parse().ok().map(|number| (number, open)),
    }
}
