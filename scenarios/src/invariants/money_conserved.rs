//! The exchange's books sum to zero, and each position's worth is what its fills make it.

use super::{Invariant, Kinds, violated};
use crate::expect::{Failure, Run, World};

/// See the file.
#[derive(Clone, Default)]
pub(crate) struct MoneyConserved;

const NAME: &str = "money_conserved";

impl Invariant for MoneyConserved {
    fn hears(&self) -> Kinds {
        Kinds::NONE
    }

    fn end(&mut self, kernel: &mut Run, _: &World) -> Option<Failure> {
        kernel.exchange().check_conservation().err().map(|found| violated(NAME, None, found))
    }
}
