//! Plots as plain text, for a terminal or a log: no colours, no escape codes.
//!
//! Invariant: the text follows from the arguments alone. Nothing asks for a terminal, its size or the
//! time. What cannot be drawn (not finite, or not above zero on a log scale) is left out, and the first
//! line says how many.

mod curve;
mod heat_map;
mod histogram;
mod labels;
mod scale;
mod scatter;
mod sheet;
#[cfg(test)]
mod tests;

pub use curve::{curve, drawdown};
pub use heat_map::{HeatAxis, heat_map};
pub use histogram::histogram;
pub use scale::Scale;
pub use scatter::scatter;

/// How large a plot is, in characters, its title and labels included.
///
/// Widths below 20 or above 1,000 and heights below 8 or above 400 are moved to that bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Lines.
    pub height: u16,
}

impl Size {
    fn bounded(self) -> Self {
        Self { width: self.width.clamp(20, 1_000), height: self.height.clamp(8, 400) }
    }
}
