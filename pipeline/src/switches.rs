//! Switches that stop things: the operator's kill switches, safe mode, emergency stop. One that cannot be read
//! counts as set and is counted, because somebody has set it to something.

use engine::Context;

use crate::keys;

/// Whether the switch holds one of these words, in any case.
pub(crate) fn is_set(key: &str, words: &[&str], ctx: &mut Context<'_>) -> bool {
    match ctx.get(key) {
        Ok(Some(value)) => return words.iter().any(|on| value.eq_ignore_ascii_case(on)),
        // What is not text reads as absent.
        Ok(None) if !ctx.exists(key) => return false,
        Ok(None) | Err(_) => {}
    }
    ctx.count("switches_unreadable", 1);
    true
}

/// Both of the operator's kill switches, by the one reader of them.
pub(crate) fn killed(ctx: &mut Context<'_>) -> bool {
    keys::KILL_SWITCHES.iter().any(|key| is_set(key.name, &["1", "true", "yes"], ctx))
}
