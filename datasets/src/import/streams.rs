//! Recorded streams: one JSON message a line, as the exchange sent it, with or without the local time of
//! its arrival. A message of a kind that nothing here keeps is counted; one that does not fit is refused.

use std::collections::BTreeMap;
use std::io::BufRead;

use engine::Symbol;
use serde_json::value::RawValue;

use super::book::{Book, Message, Number};
use super::clocks::{LocalTimes, exchange_us, seconds_us};
use super::csv_rows::Stop;
use super::left_out::LeftOut;
use super::message::{self, Envelope, Head, Level};
use super::tapes::{Draft, Tapes};
use super::text_lines::TextLines;
use crate::decimal;
use crate::kind::Kind;
use crate::rows::{BLANK, SELL, SHARE_DECIMALS};

/// Lines after which open files may have to be relieved.
const SPILL_LINES: u64 = 1 << 12;
/// Streams whose messages look like changes of the book and are none: whole books of few levels, and a
/// book that orders of interfaces see.
const OTHER_BOOKS: [&str; 4] = ["depth5", "depth10", "depth20", "rpiDepth"];

/// Reads all messages of `input` into `tapes`, and answers with what is to be noted. `named` is the symbol
/// that the file's name begins with, if it does: a snapshot does not tell its own.
pub(super) fn read(
    input: &mut dyn BufRead,
    named: Option<Symbol>,
    tapes: &mut Tapes<'_>,
) -> Result<Vec<String>, Stop> {
    let mut lines = TextLines::new(input);
    let mut recording = Recording {
        named,
        tapes,
        line: 0,
        books: BTreeMap::new(),
        times: LocalTimes::default(),
        left_out: LeftOut::default(),
        echoes: 0,
        rounded: 0,
        nameless: None,
    };
    while let Some((number, line)) = lines.next()? {
        recording.line = number;
        recording.read_line(line)?;
        if number.is_multiple_of(SPILL_LINES) {
            recording.tapes.spill()?;
        }
    }
    let mut notes = recording.finish()?;
    notes.extend(lines.notes());
    Ok(notes)
}

struct Recording<'r, 't> {
    named: Option<Symbol>,
    tapes: &'r mut Tapes<'t>,
    line: u64,
    books: BTreeMap<Symbol, Book>,
    times: LocalTimes,
    left_out: LeftOut,
    /// Messages whose local time is but the exchange's.
    echoes: u64,
    /// Funding rates that were rounded.
    rounded: u64,
    /// The line of the first snapshot that tells no symbol.
    nameless: Option<u64>,
}

/// What stands around a message.
#[derive(Clone, Copy, Default)]
struct Around<'a> {
    local_us: i64,
    symbol: Option<&'a str>,
    ts_local: Option<&'a RawValue>,
    /// Whose stream it came by, if it is that of one symbol.
    of_stream: Option<&'a str>,
}

impl Recording<'_, '_> {
    fn at(&self, what: &str, reason: impl std::fmt::Display) -> Stop {
        Stop::Refused(format!("line {}: {what}: {reason}", self.line))
    }

    /// `{…}` or `<local time> {…}`.
    fn read_line(&mut self, text: &str) -> Result<(), Stop> {
        let (local, json) = match text.split_once([' ', '\t']) {
            Some((local, json)) if !text.starts_with(['{', '[']) => {
                (Some(local), json.trim_start())
            }
            _ => (None, text),
        };
        let local_us = match local {
            Some(local) => self.times.read(local).map_err(|reason| self.at("message", reason))?,
            None => 0,
        };
        self.value(json, Around { local_us, ..Around::default() })
    }

    /// A message with or without an envelope, or a list of them.
    fn value(&mut self, json: &str, around: Around<'_>) -> Result<(), Stop> {
        if json.starts_with('[') {
            return self.list(json, around);
        }
        let envelope: Envelope<'_> = serde_json::from_str(json)
            .map_err(|error| self.at("message", message::no_json(&error)))?;
        let Some(data) = envelope.data.map(RawValue::get) else {
            return self.message(json, None, around);
        };
        let of_stream = envelope.stream.and_then(|stream| stream.split_once('@'));
        let of_stream = of_stream.map(|(symbol, _)| symbol).filter(|name| !name.starts_with('!'));
        let (symbol, ts_local) = (envelope.symbol, envelope.ts_local);
        let around = Around { symbol, ts_local, of_stream, ..around };
        if let Some(stream) = envelope.stream {
            let name = stream.split('@').nth(1).unwrap_or(stream);
            if OTHER_BOOKS.contains(&name) {
                self.left_out.message(name);
                return Ok(());
            }
        }
        if data.starts_with('[') {
            return self.list(data, around);
        }
        self.message(data, envelope.kind, around)
    }

    fn list(&mut self, json: &str, around: Around<'_>) -> Result<(), Stop> {
        let all: Vec<&RawValue> = serde_json::from_str(json)
            .map_err(|error| self.at("list of messages", message::no_json(&error)))?;
        all.into_iter().try_for_each(|one| self.message(one.get(), None, around))
    }

    /// One message. `kind` is what a recorder calls it.
    fn message(
        &mut self,
        json: &str,
        kind: Option<&str>,
        mut around: Around<'_>,
    ) -> Result<(), Stop> {
        let head: Head<'_> = match first_field(json).filter(|_| around.ts_local.is_none()) {
            Some(e) => Head { e: Some(e), event_time: None, last_update_id: None },
            None => serde_json::from_str(json)
                .map_err(|error| self.at("message", message::no_json(&error)))?,
        };
        if let Some(ts_local) = around.ts_local {
            around.local_us = self.local_time(ts_local.get(), head.event_time)?;
        }
        match head.e {
            Some("depthUpdate") => self.depth(json, around),
            Some("bookTicker") => self.book_ticker(json, around),
            Some("aggTrade") => self.trade(json, Kind::AggTrades, around),
            Some("trade") => self.trade(json, Kind::Trades, around),
            Some("markPriceUpdate") => self.mark_price(json, around),
            Some("forceOrder") => self.force_order(json, around),
            Some(other) => {
                self.left_out.message(other);
                Ok(())
            }
            None if head.last_update_id.is_some() => self.snapshot(json, around),
            None => {
                self.left_out.message(kind.unwrap_or("no type"));
                Ok(())
            }
        }
    }

    /// What a recorder calls the local time may be a copy of the exchange's.
    fn local_time(&mut self, text: &str, event_time: Option<i64>) -> Result<i64, Stop> {
        let (us, cut) = seconds_us(text).map_err(|reason| self.at("field 'ts_local'", reason))?;
        if event_time.and_then(|time| exchange_us(time).ok()) == Some(us) {
            self.echoes += 1;
            return Ok(0);
        }
        self.times.count_cut(cut);
        Ok(us)
    }

    /// Nothing if the message is to be left out.
    fn symbol(
        &mut self,
        what: &str,
        around: Around<'_>,
        text: &str,
    ) -> Result<Option<Symbol>, Stop> {
        let symbol = self.left_out.symbol(text);
        let symbol =
            symbol.map_err(|error| self.at(what, format!("field 's': {error}; correct it")))?;
        if let Some(stream) = around.of_stream
            && symbol.is_some()
            && !stream.eq_ignore_ascii_case(text)
        {
            let reason = format!(
                "field 's': {text:?} came by the stream of {stream:?}; two recordings were mixed, or the line is damaged: take it out"
            );
            return Err(self.at(what, reason));
        }
        Ok(symbol)
    }

    fn time(&self, what: &str, name: &str, time: i64) -> Result<i64, Stop> {
        exchange_us(time).map_err(|reason| self.at(what, format!("field '{name}': {reason}")))
    }

    /// The exchange's time of a message that came at a local one.
    fn times(&mut self, what: &str, name: &str, time: i64, local_us: i64) -> Result<i64, Stop> {
        let us = self.time(what, name, time)?;
        if local_us > 0 {
            self.times.compare(us, local_us);
        }
        Ok(us)
    }

    fn above_zero(&self, what: &str, name: &str, text: &str) -> Result<Number, Stop> {
        let number = self.zero_or_more(what, name, text)?;
        if number.0 > 0 {
            return Ok(number);
        }
        Err(self.at(
            what,
            format!("field '{name}': {text:?} is not above zero; the recording is damaged"),
        ))
    }

    fn zero_or_more(&self, what: &str, name: &str, text: &str) -> Result<Number, Stop> {
        let number = decimal::parse(text.as_bytes()).filter(|(value, _)| *value >= 0);
        number.ok_or_else(|| {
            let reason = "is not a plain decimal number of at most 18 digits, from zero up";
            self.at(what, format!("field '{name}': {text:?} {reason}; the recording is damaged"))
        })
    }

    fn levels(
        &self,
        what: &str,
        [bids, asks]: [(&str, &[Level<'_>]); 2],
    ) -> Result<[Vec<(Number, Number)>; 2], Stop> {
        let read = |(name, levels): (&str, &[Level<'_>])| {
            let level = |&(price, qty): &Level<'_>| {
                let price = self.above_zero(what, name, price)?;
                Ok((price, self.zero_or_more(what, name, qty)?))
            };
            levels.iter().map(level).collect::<Result<Vec<_>, Stop>>()
        };
        Ok([read(bids)?, read(asks)?])
    }

    fn depth(&mut self, json: &str, around: Around<'_>) -> Result<(), Stop> {
        const WHAT: &str = "depthUpdate";
        let read = message::read(json, message::DEPTH_UPDATE);
        let update: message::DepthUpdate<'_> = read.map_err(|reason| self.at(WHAT, reason))?;
        let Some(symbol) = self.symbol(WHAT, around, update.symbol)? else { return Ok(()) };
        let message::DepthUpdate { first_id, last_id, previous_id, .. } = update;
        let follow = 0 < previous_id && previous_id < first_id && first_id <= last_id;
        if !follow {
            return Err(self.at(
                WHAT,
                format!(
                    "fields 'pu', 'U' and 'u' are {previous_id}, {first_id} and {last_id}, and each should \
                     be above the one before; the recording is damaged"
                ),
            ));
        }
        let message = Message {
            is_snapshot: false,
            time_us: Some(self.times(WHAT, "T", update.time, around.local_us)?),
            earliest_us: 0,
            local_us: around.local_us,
            last_id,
            previous_id,
            levels: self.levels(WHAT, [("b", &update.bids), ("a", &update.asks)])?,
            line: self.line,
        };
        let tape = self.tapes.of(Kind::Depth, symbol);
        self.books.entry(symbol).or_default().change(message, tape)
    }

    fn snapshot(&mut self, json: &str, around: Around<'_>) -> Result<(), Stop> {
        const WHAT: &str = "snapshot";
        let read = message::read(json, message::SNAPSHOT);
        let snapshot: message::Snapshot<'_> = read.map_err(|reason| self.at(WHAT, reason))?;
        let symbol = match (around.symbol, self.named) {
            (Some(symbol), _) => match self.symbol(WHAT, around, symbol)? {
                Some(symbol) => symbol,
                None => return Ok(()),
            },
            (None, named) => {
                self.nameless.get_or_insert(self.line);
                match named {
                    Some(symbol) => symbol,
                    // The changes tell it, at the end.
                    None => return Ok(()),
                }
            }
        };
        if snapshot.last_id <= 0 {
            let reason = format!("field 'lastUpdateId' is {}, not above zero", snapshot.last_id);
            return Err(self.at(WHAT, reason));
        }
        let levels = self.levels(WHAT, [("bids", &snapshot.bids), ("asks", &snapshot.asks)])?;
        let [bids, asks] = &levels;
        let bid = bids.iter().map(|(price, _)| wide(*price)).max();
        let ask = asks.iter().map(|(price, _)| wide(*price)).min();
        if bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask) {
            let reason = "is crossed: its best bid ('bids') is not below its best ask ('asks'); take the \
                          line out, or record again";
            return Err(self.at(WHAT, reason));
        }
        let time = snapshot.time.map(|time| self.time(WHAT, "T", time)).transpose()?;
        self.books.entry(symbol).or_default().snapshot(Message {
            is_snapshot: true,
            time_us: time,
            earliest_us: 0,
            local_us: around.local_us,
            last_id: snapshot.last_id,
            previous_id: 0,
            levels,
            line: self.line,
        });
        Ok(())
    }

    fn push(&mut self, kind: Kind, symbol: Symbol, draft: Draft) -> Result<(), Stop> {
        let line = self.line;
        self.tapes.of(kind, symbol).push(&draft, line)
    }

    fn book_ticker(&mut self, json: &str, around: Around<'_>) -> Result<(), Stop> {
        const WHAT: &str = "bookTicker";
        let read = message::read(json, message::BOOK_TICKER);
        let quotes: message::BookTicker<'_> = read.map_err(|reason| self.at(WHAT, reason))?;
        let Some(symbol) = self.symbol(WHAT, around, quotes.symbol)? else { return Ok(()) };
        let draft = [
            (self.times(WHAT, "T", quotes.time, around.local_us)?, 0),
            (quotes.id, 0),
            self.above_zero(WHAT, "b", quotes.bid)?,
            self.zero_or_more(WHAT, "B", quotes.bid_qty)?,
            self.above_zero(WHAT, "a", quotes.ask)?,
            self.zero_or_more(WHAT, "A", quotes.ask_qty)?,
            (around.local_us, 0),
            (0, 0),
        ];
        self.push(Kind::BookTicker, symbol, draft)
    }

    fn trade(&mut self, json: &str, kind: Kind, around: Around<'_>) -> Result<(), Stop> {
        let (what, id, needs) = match kind {
            Kind::AggTrades => ("aggTrade", "a", message::AGG_TRADE),
            _ => ("trade", "t", message::TRADE),
        };
        let read = message::read(json, needs);
        let trade: message::Trade<'_> = read.map_err(|reason| self.at(what, reason))?;
        if let Some(from) = trade.from.filter(|from| *from != "MARKET") {
            self.left_out.trade(from);
            return Ok(());
        }
        let Some(symbol) = self.symbol(what, around, trade.symbol)? else { return Ok(()) };
        let number = if kind == Kind::AggTrades { trade.aggregate } else { trade.id };
        let number = number.ok_or_else(|| self.at(what, message::missing(id)))?;
        let draft = [
            (self.times(what, "T", trade.time, around.local_us)?, 0),
            (number, 0),
            self.above_zero(what, "p", trade.price)?,
            self.above_zero(what, "q", trade.qty)?,
            (i64::from(trade.buyer_is_maker), 0),
            (around.local_us, 0),
            (0, 0),
            (0, 0),
        ];
        self.push(kind, symbol, draft)
    }

    fn mark_price(&mut self, json: &str, around: Around<'_>) -> Result<(), Stop> {
        const WHAT: &str = "markPriceUpdate";
        let read = message::read(json, message::MARK_PRICE);
        let mark: message::MarkPrice<'_> = read.map_err(|reason| self.at(WHAT, reason))?;
        let Some(symbol) = self.symbol(WHAT, around, mark.symbol)? else { return Ok(()) };
        let rate = match mark.rate {
            "" => BLANK,
            text => {
                let (rate, is_rounded) = decimal::rounded(text.as_bytes(), SHARE_DECIMALS)
                    .ok_or_else(|| {
                        self.at(WHAT, format!("field 'r': {text:?} is not a plain decimal number; the recording is damaged"))
                    })?;
                self.rounded += u64::from(is_rounded);
                rate
            }
        };
        let next_us = match mark.next_funding {
            // A contract without funding.
            0 => 0,
            time => self.time(WHAT, "T", time)?,
        };
        let draft = [
            (self.times(WHAT, "E", mark.time, around.local_us)?, 0),
            self.above_zero(WHAT, "p", mark.mark)?,
            self.zero_or_more(WHAT, "i", mark.index)?,
            (rate, 0),
            (next_us, 0),
            (around.local_us, 0),
            (0, 0),
            (0, 0),
        ];
        self.push(Kind::MarkPrice, symbol, draft)
    }

    fn force_order(&mut self, json: &str, around: Around<'_>) -> Result<(), Stop> {
        const WHAT: &str = "forceOrder";
        let read = message::read(json, message::FORCE_ORDER);
        let message::ForceOrder { order } = read.map_err(|reason| self.at(WHAT, reason))?;
        let Some(symbol) = self.symbol(WHAT, around, order.symbol)? else { return Ok(()) };
        let side = match order.side {
            "BUY" => 0,
            "SELL" => SELL,
            other => {
                let reason = format!("field 'S': {other:?} is neither BUY nor SELL");
                return Err(self.at(WHAT, reason));
            }
        };
        let draft = [
            (self.times(WHAT, "T", order.time, around.local_us)?, 0),
            (side, 0),
            self.above_zero(WHAT, "p", order.price)?,
            self.zero_or_more(WHAT, "ap", order.average)?,
            self.above_zero(WHAT, "q", order.qty)?,
            self.zero_or_more(WHAT, "z", order.filled)?,
            (around.local_us, 0),
            (0, 0),
        ];
        self.push(Kind::ForceOrder, symbol, draft)
    }

    /// Whether it is known whose the snapshots are that tell no symbol; the first stands in `line`.
    fn whose_snapshots(&self, line: u64) -> Result<(), Stop> {
        let changed = self.books.iter().filter(|(_, book)| book.has_changes());
        let changed: Vec<Symbol> = changed.map(|(symbol, _)| *symbol).collect();
        let reason = match (self.named, &changed[..]) {
            (Some(named), all) if all.is_empty() || all.contains(&named) => return Ok(()),
            (Some(named), _) => format!(
                "tells no symbol, and the file's name says {named}, of which the file has no changes; name \
                 the file after the symbol of its snapshots"
            ),
            (None, [only]) => return Err(Stop::OnlySymbol(*only)),
            (None, []) => {
                "nothing tells its symbol; name the file after it, such as btcusdt_20240808.gz"
                    .to_owned()
            }
            (None, all) => {
                let names: Vec<&str> = all.iter().map(Symbol::as_str).collect();
                format!(
                    "tells no symbol, and the file has changes of several symbols ({}); name the file after \
                     the symbol of its snapshots, or record each symbol in a file of its own",
                    names.join(", ")
                )
            }
        };
        Err(Stop::Refused(format!("line {line}: snapshot: {reason}")))
    }

    fn finish(mut self) -> Result<Vec<String>, Stop> {
        if let Some(line) = self.nameless {
            self.whose_snapshots(line)?;
        }
        let mut notes = Vec::new();
        for (&symbol, book) in &mut self.books {
            book.finish(self.tapes.of(Kind::Depth, symbol))?;
            notes.extend(book.notes().map(|note| format!("{}/{symbol}: {note}", Kind::Depth)));
        }
        notes.extend(self.left_out.notes());
        if self.echoes > 0 {
            notes.push(format!(
                "the local time of {} messages is but a copy of their event time (E); they count as \
                 without one",
                self.echoes
            ));
        }
        if self.rounded > 0 {
            notes.push(format!(
                "{} funding rates had more than {SHARE_DECIMALS} decimals and were rounded half to even",
                self.rounded
            ));
        }
        notes.extend(self.times.notes());
        Ok(notes)
    }
}

/// The value of `e`, where it comes first, as the exchange writes it.
fn first_field(json: &str) -> Option<&str> {
    let rest = json.strip_prefix("{\"e\":\"")?;
    rest.split_once('"').map(|(name, _)| name)
}

/// To compare prices of other decimals.
fn wide((value, decimals): Number) -> i128 {
    i128::from(value) * 10i128.pow(decimal::DECIMALS_MAX - decimals)
}
