//! From scores to a universe: unlike symbols first, and few changes at a time (MSE 8.2).

use engine::Symbol;

/// Above this correlation a candidate is as good as held already.
const ALIKE: f64 = 0.85;
const ALIKE_PENALTY: f64 = 1.4;
const PENALTY: f64 = 0.7;
/// Replacements at a time.
const REPLACED_MAX: usize = 3;
/// A newcomer has to be so much better.
const BETTER: f64 = 1.15;

/// Picks up to `count` of the scored symbols, best first, each weighed down by its largest correlation
/// with those picked before: `score · (1 − penalty)`. Ties go by name. A correlation that is no number
/// counts as 1.
#[must_use]
pub fn select_diverse(
    scored: &[(Symbol, f64)],
    count: usize,
    correlation: impl Fn(Symbol, Symbol) -> f64,
) -> Vec<Symbol> {
    let mut left: Vec<(Symbol, f64, f64)> = scored
        .iter()
        .filter(|(_, score)| score.is_finite())
        .map(|(symbol, score)| (*symbol, *score, 0.0))
        .collect();
    left.sort_by_key(|(symbol, ..)| *symbol);
    left.dedup_by_key(|(symbol, ..)| *symbol);
    let mut picked = Vec::new();
    let adjusted = |(_, score, alike): &(Symbol, f64, f64)| {
        let penalty = if *alike > ALIKE { ALIKE_PENALTY } else { PENALTY * alike };
        score * (1.0 - penalty)
    };
    while picked.len() < count && !left.is_empty() {
        let mut best = 0;
        for at in 1..left.len() {
            if adjusted(&left[at]) > adjusted(&left[best]) {
                best = at;
            }
        }
        let (symbol, ..) = left.remove(best);
        for (other, _, alike) in &mut left {
            let with = correlation(symbol, *other).abs();
            *alike = alike.max(if with.is_finite() { with } else { 1.0 });
        }
        picked.push(symbol);
    }
    picked
}

/// The next universe from the current one and the newly picked: at most three replacements, each by a
/// newcomer whose score is 15 % above that of the one it replaces; the best newcomers against the weakest
/// held. A held symbol without a score has fallen out of the candidates: it goes first, at any score.
#[must_use]
pub fn guard_churn(
    current: &[Symbol],
    picked: &[Symbol],
    score: impl Fn(Symbol) -> Option<f64>,
) -> Vec<Symbol> {
    if current.is_empty() {
        return picked.to_vec();
    }
    let mut next = current.to_vec();
    let value = |symbol: &Symbol| score(*symbol).filter(|s| s.is_finite());
    let low = |symbol: &Symbol| value(symbol).unwrap_or(f64::NEG_INFINITY);
    let mut newcomers: Vec<Symbol> =
        picked.iter().copied().filter(|s| !current.contains(s) && value(s).is_some()).collect();
    newcomers.sort_by(|a, b| low(b).total_cmp(&low(a)).then(a.cmp(b)));
    let mut leaving: Vec<Symbol> =
        current.iter().copied().filter(|s| !picked.contains(s)).collect();
    leaving.sort_by(|a, b| low(a).total_cmp(&low(b)).then(a.cmp(b)));
    for (newcomer, old) in newcomers.into_iter().zip(leaving).take(REPLACED_MAX) {
        let better = value(&old).is_none_or(|old| low(&newcomer) >= BETTER * old);
        if let Some(place) = next.iter().position(|s| *s == old).filter(|_| better) {
            next[place] = newcomer;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(names: &[&str]) -> Vec<Symbol> {
        names.iter().map(|name| Symbol::new(name).expect("a symbol")).collect()
    }

    #[test]
    fn the_like_of_a_picked_symbol_comes_last() {
        let all = symbols(&["A", "B", "C"]);
        let scored = [(all[0], 10.0), (all[1], 9.0), (all[2], 5.0), (all[2], 5.0)];
        let alike = |a: Symbol, b: Symbol| if (a, b) == (all[0], all[1]) { -0.9 } else { 0.1 };
        assert_eq!(select_diverse(&scored, 9, alike), [all[0], all[2], all[1]]);
        assert_eq!(select_diverse(&scored, 1, alike), [all[0]]);
        assert_eq!(select_diverse(&[(all[0], f64::NAN)], 1, alike), []);
    }

    #[test]
    fn three_change_at_most_and_only_for_the_better() {
        let held = symbols(&["A", "B", "C", "D", "E"]);
        let picked = symbols(&["V", "W", "X", "Y", "A"]);
        let score = |s: Symbol| match s.as_str() {
            "V" => Some(9.0),
            "W" => Some(5.7),
            "X" => Some(8.0),
            "B" => None,
            "C" => Some(5.0),
            "D" => Some(7.0),
            _ => Some(6.0),
        };
        // V takes B's place, X takes C's, and Y with 6.0 is no 15 % above E's 6.0.
        assert_eq!(guard_churn(&held, &picked, score), symbols(&["A", "V", "X", "D", "E"]));
        assert_eq!(guard_churn(&[], &picked, score), picked);
    }
}
