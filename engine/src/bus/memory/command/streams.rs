//! Streams without groups.

use super::super::keyspace::Keyspace;
use super::super::resp::Resp;
use super::super::stream::{Cut, NewId};
use super::parse::{self, is, next};
use super::{Outcome, Words, error, syntax_error, wrong_arity};
use crate::{Body, BusError, EntryId, Fields, Nanos, Trim};

/// The options of XADD and XTRIM, and where they end.
struct TrimOptions {
    cut: Option<Cut>,
    create: bool,
    /// The id of XADD, which ends them, and its place.
    id: Option<(NewId, usize)>,
}

/// Reads options from `words[1..]`. For XADD they end at the first word that is none: the id.
fn trim_options(words: Words<'_>, for_add: bool) -> Result<TrimOptions, BusError> {
    let mut read = TrimOptions { cut: None, create: true, id: None };
    let mut limit = None;
    let mut at = 1;
    while at < words.len() {
        let word = words[at];
        let more = at + 1 < words.len();
        if is(word, "maxlen") && more {
            let mut whole_nodes = false;
            if matches!(words[at + 1], b"~" | b"=") && at + 2 < words.len() {
                whole_nodes = words[at + 1] == b"~";
                at += 1;
            }
            let keep = parse::int(next(words, &mut at).ok_or_else(syntax_error)?)?;
            let keep =
                u64::try_from(keep).map_err(|_| error("The MAXLEN argument must be >= 0."))?;
            read.cut =
                Cut::new(if whole_nodes { Trim::Approximate(keep) } else { Trim::Exact(keep) });
        } else if is(word, "limit") && more {
            let most = parse::int(next(words, &mut at).ok_or_else(syntax_error)?)?;
            let most =
                u64::try_from(most).map_err(|_| error("The LIMIT argument must be >= 0."))?;
            limit = Some(most);
        } else if for_add && is(word, "nomkstream") {
            read.create = false;
        } else if for_add {
            read.id = Some((new_id(word)?, at));
            break;
        } else {
            return Err(syntax_error());
        }
        at += 1;
    }
    if let Some(limit) = limit {
        let problem = match &mut read.cut {
            Some(cut) if cut.whole_nodes => {
                cut.limit = limit;
                return Ok(read);
            }
            Some(_) => "the special ~ option",
            None => "specifying a trimming strategy",
        };
        return Err(error(&format!("syntax error, LIMIT cannot be used without {problem}")));
    }
    Ok(read)
}

fn new_id(word: &[u8]) -> Result<NewId, BusError> {
    if word == b"*" {
        return Ok(NewId::Auto);
    }
    if let Some(ms) = word.strip_suffix(b"-*") {
        return parse::id(ms, 0).map(|id| NewId::AutoSequence(id.ms));
    }
    parse::id(word, 0).map(NewId::Exact)
}

pub(super) fn xadd(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let options = trim_options(words, true)?;
    let Some((id, place)) = options.id else { return Err(wrong_arity("xadd")) };
    let fields = &words[place + 1..];
    if fields.is_empty() || !fields.len().is_multiple_of(2) {
        return Err(wrong_arity("xadd"));
    }
    if matches!(id, NewId::Exact(EntryId::ZERO)) {
        return Err(error("The ID specified in XADD must be greater than 0-0"));
    }
    if !options.create && keys.stream(now, words[0])?.is_none() {
        return Ok(Resp::Nil);
    }
    let pairs = fields.chunks_exact(2).map(|pair| (pair[0].into(), pair[1].into()));
    let body = Body::Fields(Fields(pairs.collect()).into());
    let stream = keys.stream_or_new(now, words[0])?;
    let id = stream.append(now, id, body)?;
    if let Some(cut) = options.cut {
        stream.trim(cut);
    }
    Ok(Resp::id(id))
}

pub(super) fn xtrim(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let options = trim_options(words, false)?;
    let Some(cut) = options.cut else {
        return Err(error("syntax error, XTRIM must be called with trimming strategy"));
    };
    Ok(Resp::count(keys.stream(now, words[0])?.map_or(0, |stream| stream.trim(cut))))
}

pub(super) fn xlen(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::count(keys.stream(now, words[0])?.map_or(0, |stream| stream.len())))
}

pub(super) fn xdel(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let Some(stream) = keys.stream(now, words[0])? else { return Ok(Resp::Int(0)) };
    // All ids are read first: a bad one must not leave half of the work done.
    let ids: Vec<EntryId> =
        words[1..].iter().map(|word| parse::id(word, 0)).collect::<Result<_, _>>()?;
    Ok(Resp::count(ids.into_iter().filter(|id| stream.delete(*id)).count()))
}

pub(super) fn xrange(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (low, high) = (parse::low(words[1])?, parse::high(words[2])?);
    range(keys, now, words, low, high, false)
}

pub(super) fn xrevrange(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (low, high) = (parse::low(words[2])?, parse::high(words[1])?);
    range(keys, now, words, low, high, true)
}

fn range(
    keys: &mut Keyspace,
    now: Nanos,
    words: Words<'_>,
    low: EntryId,
    high: EntryId,
    newest_first: bool,
) -> Outcome {
    let mut count = None;
    let mut at = 3;
    while at < words.len() {
        if !is(words[at], "count") {
            return Err(syntax_error());
        }
        count = Some(parse::count_or_none(next(words, &mut at).ok_or_else(syntax_error)?)?);
        at += 1;
    }
    let Some(stream) = keys.stream(now, words[0])? else { return Ok(Resp::Array(Vec::new())) };
    if count == Some(0) {
        return Ok(Resp::Nil);
    }
    let count = count.unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    if newest_first {
        stream.range_back(high, low, count, &mut entries);
    } else {
        stream.range(low, high, count, &mut entries);
    }
    Ok(Resp::entries(&entries))
}

/// The words of XREAD and XREADGROUP behind their options.
pub(super) struct ReadOptions<'a> {
    pub(super) count: usize,
    pub(super) keep: bool,
    /// GROUP: its name, and the consumer's.
    pub(super) group: Option<(&'a [u8], &'a [u8])>,
    pub(super) keys: Words<'a>,
    pub(super) ids: Words<'a>,
}

pub(super) fn read_options<'a>(
    words: Words<'a>,
    grouped: bool,
) -> Result<ReadOptions<'a>, BusError> {
    let (mut count, mut keep, mut group, mut at) = (usize::MAX, true, None, 0);
    while at < words.len() {
        let word = words[at];
        if is(word, "count") {
            count = parse::count_or_all(next(words, &mut at).ok_or_else(syntax_error)?)?;
        } else if is(word, "block") {
            parse::int(next(words, &mut at).ok_or_else(syntax_error)?)?;
        } else if is(word, "group") && grouped && at + 2 < words.len() {
            group = Some((words[at + 1], words[at + 2]));
            at += 2;
        } else if is(word, "noack") && grouped {
            keep = false;
        } else if is(word, "streams") && at + 1 < words.len() {
            let rest = &words[at + 1..];
            if !rest.len().is_multiple_of(2) {
                let (name, special) = if grouped { ("xreadgroup", '>') } else { ("xread", '$') };
                return Err(error(&format!(
                    "Unbalanced '{name}' list of streams: for each stream key an ID or '{special}' must be specified."
                )));
            }
            let (keys, ids) = rest.split_at(rest.len() / 2);
            return Ok(ReadOptions { count, keep, group, keys, ids });
        } else {
            return Err(syntax_error());
        }
        at += 1;
    }
    Err(syntax_error())
}

pub(super) fn xread(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let options = read_options(words, false)?;
    let mut places = Vec::new();
    for (key, word) in options.keys.iter().zip(options.ids) {
        let stream = keys.stream(now, key)?;
        let after = match *word {
            b"$" => stream.map_or(EntryId::ZERO, |stream| stream.last_id),
            b">" => {
                return Err(error(
                    "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
                ));
            }
            word => parse::id(word, 0)?,
        };
        places.push((*key, after));
    }
    let mut found = Vec::new();
    for (key, after) in places {
        let mut entries = Vec::new();
        if let Some(stream) = keys.stream(now, key)? {
            stream.read_after(after, options.count, &mut entries);
        }
        if !entries.is_empty() {
            found.push(Resp::Array(vec![Resp::bytes(key), Resp::entries(&entries)]));
        }
    }
    Ok(if found.is_empty() { Resp::Nil } else { Resp::Array(found) })
}
