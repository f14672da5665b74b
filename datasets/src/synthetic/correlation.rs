//! Correlated shocks of several symbols: `L z`, where `L Lᵀ` is the given matrix (Cholesky) and `z` are
//! independent normals.

use engine::NamedRng;

/// Least diagonal of the factor: below it a symbol is a copy of others, up to rounding.
const PIVOT_MIN: f64 = 1e-9;

/// The lower triangle `L` of a correlation matrix.
pub(super) fn cholesky(matrix: &[Vec<f64>], symbols: usize) -> Result<Vec<Vec<f64>>, String> {
    if matrix.len() != symbols || matrix.iter().any(|row| row.len() != symbols) {
        return Err(format!(
            "correlation must have {symbols} rows of {symbols} numbers, one for each symbol"
        ));
    }
    for (i, row) in matrix.iter().enumerate() {
        for (j, &value) in row.iter().enumerate() {
            let place = format!("correlation of row {} and column {}", i + 1, j + 1);
            if !(-1.0..=1.0).contains(&value) {
                return Err(format!("{place} is {value}, and must be -1 to 1"));
            }
            if i == j && (value - 1.0).abs() > 0.0 {
                return Err(format!("{place} is {value}: a symbol's correlation with itself is 1"));
            }
            if (value - matrix[j][i]).abs() > 0.0 {
                return Err(format!(
                    "{place} is {value} and the other way round {}: make them equal",
                    matrix[j][i]
                ));
            }
        }
    }
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(symbols);
    for (i, given) in matrix.iter().enumerate() {
        let mut row = vec![0.0; i + 1];
        for j in 0..=i {
            let known: f64 =
                (0..j).map(|k| row[k] * if j == i { row[k] } else { factor[j][k] }).sum();
            let rest = given[j] - known;
            if j < i {
                row[j] = rest / factor[j][j];
            } else if rest > PIVOT_MIN {
                row[j] = libm::sqrt(rest);
            } else {
                return Err(format!(
                    "correlation is not positive definite: row {} contradicts the rows above it; bring its numbers nearer to 0 (times 0.9, say), or take all of the matrix from one estimate",
                    i + 1
                ));
            }
        }
        factor.push(row);
    }
    Ok(factor)
}

/// The correlated normals of one symbol. Each symbol draws the factors that it needs from generators of
/// the same names, so that symbols can be made one by one and still have them in common.
#[derive(Clone)]
pub(super) struct Shocks {
    factors: Vec<(f64, NamedRng)>,
}

impl Shocks {
    /// `row` is the symbol's row of the Cholesky factor, `name` that of the generators.
    pub fn new(seed: u64, name: &str, row: &[f64]) -> Shocks {
        let named = |(place, &weight): (usize, &f64)| {
            (weight, NamedRng::new(seed, &format!("{name}:{place}")))
        };
        let used = row.iter().enumerate().filter(|(_, weight)| weight.abs() > 0.0);
        Shocks { factors: used.map(named).collect() }
    }

    pub fn next(&mut self) -> f64 {
        self.factors.iter_mut().map(|(weight, rng)| *weight * rng.normal()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_gives_the_matrix_back() {
        let matrix = vec![vec![1.0, 0.8, 0.3], vec![0.8, 1.0, -0.2], vec![0.3, -0.2, 1.0]];
        let factor = cholesky(&matrix, 3).expect("positive definite");
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..=i.min(j)).map(|k| factor[i][k] * factor[j][k]).sum();
                assert!((product - matrix[i][j]).abs() < 1e-12, "{i} {j}: {product}");
            }
        }
    }

    #[test]
    fn a_matrix_that_cannot_be_is_refused_with_the_remedy() {
        let refused = |matrix: &[&[f64]], parts: &[&str]| {
            let matrix: Vec<Vec<f64>> = matrix.iter().map(|row| row.to_vec()).collect();
            let error = cholesky(&matrix, 3).expect_err("it cannot be");
            parts.iter().for_each(|part| assert!(error.contains(part), "{error}: no {part}"));
        };
        let contradiction: &[&[f64]] = &[&[1.0, 0.9, -0.9], &[0.9, 1.0, 0.9], &[-0.9, 0.9, 1.0]];
        refused(contradiction, &["not positive definite", "row 3", "nearer to 0"]);
        refused(&[&[1.0, 1.0, 0.0], &[1.0, 1.0, 0.0], &[0.0, 0.0, 1.0]], &["row 2"]);
        refused(&[&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0]], &["3 rows of 3"]);
        refused(&[&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0]], &["3 rows of 3"]);
        refused(&[&[1.0, 0.5, 0.0], &[0.4, 1.0, 0.0], &[0.0, 0.0, 1.0]], &["make them equal"]);
        refused(&[&[0.9, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]], &["with itself is 1"]);
        refused(&[&[1.0, f64::NAN, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]], &["-1 to 1"]);
    }

    #[test]
    fn shocks_of_two_symbols_correlate_as_stated() {
        let matrix = vec![vec![1.0, -0.6], vec![-0.6, 1.0]];
        let factor = cholesky(&matrix, 2).expect("positive definite");
        let (mut a, mut b) = (Shocks::new(1, "a", &factor[0]), Shocks::new(1, "a", &factor[1]));
        let draws = 100_000;
        let (mut ab, mut bb) = (0.0, 0.0);
        for _ in 0..draws {
            let (x, y) = (a.next(), b.next());
            ab += x * y;
            bb += y * y;
        }
        assert!((ab / f64::from(draws) + 0.6).abs() < 0.02, "{ab}");
        assert!((bb / f64::from(draws) - 1.0).abs() < 0.02, "{bb}");
    }
}
