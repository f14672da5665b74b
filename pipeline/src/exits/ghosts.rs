//! The clean-up of the audited harvest brain: at its start it deleted the positions that the exchange did not confirm,
//! and took for one whatever lay below their prefix.

use engine::{Context, Symbol};

use crate::keys;

/// What lies below the prefix of positions.
pub(super) const KEYS: [keys::Key; 5] = [
    keys::POSITION,
    keys::POSITION_BOOK,
    keys::POSITION_LEDGER,
    keys::POSITION_SNAPSHOT,
    keys::POSITION_UNTRUSTED,
];

/// Deletes all of it, but the positions of these symbols.
pub(super) fn clean_up(held: &[Symbol], ctx: &mut Context<'_>) {
    let confirmed: Vec<String> = held.iter().map(|symbol| keys::POSITION.of(symbol)).collect();
    for key in ctx.scan(&keys::POSITION.of("*")) {
        if !confirmed.contains(&key) && ctx.del(&key) {
            ctx.count("ghosts_deleted", 1);
        }
    }
}
