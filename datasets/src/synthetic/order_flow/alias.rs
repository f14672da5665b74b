//! Draws from a finite list of weights in constant time: the alias method of A. J. Walker (1977), with the
//! table built as M. D. Vose (1991) does.

/// A table of weights.
#[derive(Clone)]
pub(super) struct Alias {
    /// Of each place, the share that stays, and where the rest goes.
    places: Vec<(f64, u32)>,
}

impl Alias {
    /// `weights` are above zero and not many.
    pub fn new(weights: &[f64]) -> Alias {
        let count = weights.len();
        let mean = weights.iter().sum::<f64>() / count as f64;
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut places: Vec<(f64, u32)> = (0u32..).take(count).map(|place| (1.0, place)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..count).partition(|place| shares[*place] < 1.0);
        while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
            places[low] = (shares[low], high as u32);
            shares[high] -= 1.0 - shares[low];
            if shares[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        Alias { places }
    }

    /// The place that a uniform number in [0, 1) draws.
    #[inline]
    pub fn draw(&self, uniform: f64) -> usize {
        let scaled = uniform * self.places.len() as f64;
        let place = (scaled as usize).min(self.places.len() - 1);
        let (stays, other) = self.places[place];
        if scaled - (place as f64) < stays { place } else { other as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_by_their_weights() {
        let weights = [5.0, 1.0, 3.0, 0.5, 0.5];
        let alias = Alias::new(&weights);
        let mut counts = [0.0; 5];
        for i in 0..100_000 {
            counts[alias.draw((f64::from(i) + 0.5) / 1e5)] += 1e-4;
        }
        for (count, weight) in counts.iter().zip(weights) {
            assert!((count - weight).abs() < 1e-2, "{counts:?}");
        }
        assert_eq!(Alias::new(&[2.0]).draw(0.999), 0);
    }
}
