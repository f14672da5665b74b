//! P2.7: which symbols move together, and how much stress that is (EHR 3.10, MSE 15.3).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, positive};

/// Keeps the standard score of a price that stands still finite.
const SD_EPS: f64 = 1e-9;

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSettings {
    /// Symbols with at least this correlation are of one cluster.
    pub correlation_min: f64,
    /// Returns that a symbol needs.
    pub returns_min: usize,
}

impl Default for ClusterSettings {
    fn default() -> ClusterSettings {
        ClusterSettings { correlation_min: 0.70, returns_min: 10 }
    }
}

/// A symbol, its prices, oldest first, and what is held of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusterInput<'a> {
    /// Whose. Symbols have to come in a fixed order; clusters are told in it.
    pub symbol: &'a str,
    /// Above zero.
    pub prices: &'a [f64],
    /// Signed, in USDT.
    pub notional_usd: f64,
}

/// Symbols that move together.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster<'a> {
    /// In the order of the input.
    pub symbols: Vec<&'a str>,
    /// Gross, in USDT.
    pub notional_usd: f64,
    /// Share of the book's gross, 0 to 1.
    pub weight: f64,
    /// Net over gross, 0 to 1.
    pub concentration: f64,
    /// Mean over the pairs that are held, -1 to 1; 0 when there is none.
    pub correlation: f64,
    /// The product of the three, 0 to 1.
    pub stress: f64,
}

/// All clusters of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters<'a> {
    /// Correlation of each pair, by place in the input, the first below the second.
    pub correlations: Vec<(usize, usize, f64)>,
    /// In the order of their first symbols.
    pub clusters: Vec<Cluster<'a>>,
    /// Sum of the stresses, 0 to 1.
    pub stress: f64,
}

/// Why there are no clusters: nothing is written then, and readers fall back on the proxy.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotReady {
    /// Fewer than two symbols have enough returns.
    #[error("{ready} symbols have enough returns, at least 2 are needed")]
    TooFewSymbols {
        /// That many have.
        ready: usize,
    },
    /// A number is none, or a price is not above zero.
    #[error(transparent)]
    Refused(#[from] RefusedNumber),
}

/// Finds the clusters. Symbols with too few returns are left out.
///
/// # Errors
/// [`NotReady`].
pub fn clusters<'a>(
    input: &[ClusterInput<'a>],
    settings: &ClusterSettings,
) -> Result<Clusters<'a>, NotReady> {
    let mut scores: Vec<Option<Vec<f64>>> = Vec::with_capacity(input.len());
    for of in input {
        finite("notional_usd", of.notional_usd)?;
        let enough = of.prices.len() > settings.returns_min;
        scores.push(if enough { Some(standard_scores(of.prices)?) } else { None });
    }
    let ready = scores.iter().flatten().count();
    if ready < 2 {
        return Err(NotReady::TooFewSymbols { ready });
    }
    let correlations = pair_correlations(&scores);
    let group = connected(input.len(), &correlations, settings.correlation_min);
    let total: f64 = input
        .iter()
        .zip(&scores)
        .filter(|(_, s)| s.is_some())
        .map(|(i, _)| i.notional_usd.abs())
        .sum();
    let mut found = Vec::new();
    for first in 0..input.len() {
        if scores[first].is_some() && group[first] == first {
            let members: Vec<usize> =
                (first..input.len()).filter(|at| group[*at] == first).collect();
            found.push(cluster(input, &members, &correlations, total));
        }
    }
    let stress = found.iter().map(|c| c.stress).sum::<f64>().clamp(0.0, 1.0);
    Ok(Clusters { correlations, clusters: found, stress })
}

/// Log returns in units of their standard deviation from their mean.
fn standard_scores(prices: &[f64]) -> Result<Vec<f64>, RefusedNumber> {
    prices.iter().try_for_each(|p| positive("price", *p).map(drop))?;
    let returns: Vec<f64> = prices.windows(2).map(|w| libm::log(w[1] / w[0])).collect();
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let variance = returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / n;
    let sd = finite("standard deviation", variance.sqrt())? + SD_EPS;
    Ok(returns.iter().map(|r| (r - mean) / sd).collect())
}

fn pair_correlations(scores: &[Option<Vec<f64>>]) -> Vec<(usize, usize, f64)> {
    let mut pairs = Vec::new();
    for (i, one) in scores.iter().enumerate() {
        for (j, two) in scores.iter().enumerate().skip(i + 1) {
            if let (Some(one), Some(two)) = (one, two) {
                let common = one.len().min(two.len());
                let tail = one[one.len() - common..].iter().zip(&two[two.len() - common..]);
                let mean = tail.map(|(a, b)| a * b).sum::<f64>() / common as f64;
                pairs.push((i, j, mean.clamp(-1.0, 1.0)));
            }
        }
    }
    pairs
}

/// The first member of each one's connected component.
fn connected(count: usize, pairs: &[(usize, usize, f64)], from: f64) -> Vec<usize> {
    let mut group: Vec<usize> = (0..count).collect();
    for (i, j, correlation) in pairs {
        let (a, b) = (group[*i], group[*j]);
        if *correlation >= from && a != b {
            let (keep, drop) = (a.min(b), a.max(b));
            group.iter_mut().filter(|g| **g == drop).for_each(|g| *g = keep);
        }
    }
    group
}

fn cluster<'a>(
    input: &[ClusterInput<'a>],
    members: &[usize],
    correlations: &[(usize, usize, f64)],
    total: f64,
) -> Cluster<'a> {
    let gross: f64 = members.iter().map(|at| input[*at].notional_usd.abs()).sum();
    let net: f64 = members.iter().map(|at| input[*at].notional_usd).sum();
    let held = |at: &usize| members.contains(at) && input[*at].notional_usd != 0.0;
    let pairs = correlations.iter().filter(|(i, j, _)| held(i) && held(j));
    let (count, sum) = pairs.fold((0u32, 0.0), |(n, sum), (_, _, c)| (n + 1, sum + c));
    let share = |part: f64, whole: f64| if whole > 0.0 { (part / whole).min(1.0) } else { 0.0 };
    let (weight, concentration) = (share(gross, total), share(net.abs(), gross));
    let correlation = if count == 0 { 0.0 } else { sum / f64::from(count) };
    Cluster {
        symbols: members.iter().map(|at| input[*at].symbol).collect(),
        notional_usd: gross,
        weight,
        concentration,
        correlation,
        stress: (weight * concentration * correlation).clamp(0.0, 1.0),
    }
}
