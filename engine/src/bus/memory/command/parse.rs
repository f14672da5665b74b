//! Arguments.

use super::super::number::{integer, not_an_integer};
use super::super::stream::{after, before};
use super::{Words, error};
use crate::{BusError, EntryId, Nanos};

pub(super) fn int(word: &[u8]) -> Result<i64, BusError> {
    integer(word).ok_or_else(not_an_integer)
}

/// Whether the word is this option, in any case.
pub(super) fn is(word: &[u8], option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}

/// Milliseconds that may be any number; below zero counts as zero.
pub(super) fn idle(word: &[u8], problem: &str) -> Result<Nanos, BusError> {
    let ms = integer(word).ok_or_else(|| error(problem))?;
    Ok(Nanos::from_millis(ms.max(0)))
}

/// The words behind an option, if there are enough of them.
pub(super) fn next<'a>(words: Words<'a>, at: &mut usize) -> Option<&'a [u8]> {
    let word = words.get(*at + 1).copied();
    if word.is_some() {
        *at += 1;
    }
    word
}

pub(super) fn bad_id() -> BusError {
    error("Invalid stream ID specified as stream command argument")
}

/// `ms` or `ms-seq`; `sequence` is what a missing one means.
pub(super) fn id(word: &[u8], sequence: u64) -> Result<EntryId, BusError> {
    let text = std::str::from_utf8(word).map_err(|_| bad_id())?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| bad_id());
    match text.split_once('-') {
        None => Ok(EntryId { ms: number(text)?, seq: sequence }),
        Some((ms, seq)) => Ok(EntryId { ms: number(ms)?, seq: number(seq)? }),
    }
}

/// As [`id`], or `-` and `+` for the ends.
fn end(word: &[u8], sequence: u64) -> Result<EntryId, BusError> {
    match word {
        b"-" => Ok(EntryId::ZERO),
        b"+" => Ok(EntryId::MAX),
        word => id(word, sequence),
    }
}

/// The lower end of a range; a parenthesis excludes it.
pub(super) fn low(word: &[u8]) -> Result<EntryId, BusError> {
    match word.strip_prefix(b"(") {
        Some(word) if !word.is_empty() => {
            after(id(word, 0)?).ok_or_else(|| error("invalid start ID for the interval"))
        }
        _ => end(word, 0),
    }
}

/// The upper end of a range; a parenthesis excludes it.
pub(super) fn high(word: &[u8]) -> Result<EntryId, BusError> {
    match word.strip_prefix(b"(") {
        Some(word) if !word.is_empty() => {
            before(id(word, u64::MAX)?).ok_or_else(|| error("invalid end ID for the interval"))
        }
        _ => end(word, u64::MAX),
    }
}

/// A count that is not limited when it is zero or less.
pub(super) fn count_or_all(word: &[u8]) -> Result<usize, BusError> {
    Ok(match int(word)? {
        ..=0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(usize::MAX),
    })
}

/// A count that is zero when it is less.
pub(super) fn count_or_none(word: &[u8]) -> Result<usize, BusError> {
    Ok(usize::try_from(int(word)?.max(0)).unwrap_or(usize::MAX))
}
