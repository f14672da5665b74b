//! Tests of the depth book as text: rows, trades and orders in, fills and outcomes out.

mod examples;
mod ladder;
mod properties;
mod recorded;
mod tape;

use engine::{
    BestQuotes, DepthRow, MarketData, OrderId, PriceTicks, QtyLots, Side, TimeInForce, Trade,
    TradeOrigin,
};

use crate::depth::{DepthBook, DepthFill, DepthOrder, Placed, QueueKind};

pub(crate) fn row(side: Side, price: i64, qty: i64) -> MarketData {
    MarketData::Depth(DepthRow { side, price: PriceTicks(price), qty: QtyLots(qty) })
}

pub(crate) fn trade(taker: Side, price: i64, qty: i64) -> MarketData {
    MarketData::Trade(Trade {
        price: PriceTicks(price),
        qty: QtyLots(qty),
        buyer_is_maker: taker == Side::Sell,
        origin: TradeOrigin::Tape,
    })
}

fn quotes(numbers: [i64; 4]) -> MarketData {
    let [bid, bid_qty, ask, ask_qty] = numbers;
    MarketData::BestQuotes(BestQuotes {
        bid: PriceTicks(bid),
        bid_qty: QtyLots(bid_qty),
        ask: PriceTicks(ask),
        ask_qty: QtyLots(ask_qty),
    })
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// The id of an order called `a`, `b`, ...
fn id(name: &str) -> OrderId {
    OrderId(u64::from(name.as_bytes()[0]))
}

fn side(word: &str) -> Side {
    if word == "buy" { Side::Buy } else { Side::Sell }
}

fn show(fill: &DepthFill) -> String {
    let role = if fill.maker { "maker" } else { "taker" };
    let name = char::from(fill.id.0 as u8);
    format!("{name} {} @ {} {role}", fill.qty.0, fill.price.0)
}

/// `bid 100 5`, `ask 101 5`, `sold 100 3` (a taker sold), `bought 101 3`, `clear`,
/// `best 100 5 101 7`, `buy a 5 @ 100 gtx`, `sell b 5 market`, `cancel buy a`, `shrink buy a 2`, `queue buy`,
/// `rest buy a 5 @ 100`, `left buy` (best bid with something left), `take buy 100 2`, `level buy 2`.
fn line(book: &mut DepthBook, line: &str, log: &mut Vec<String>) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = |n: usize| number(words[n]);
    let mut fills = Vec::new();
    let mut said = None;
    match words[0] {
        "bid" => book.observe(&row(Side::Buy, at(1), at(2)), &mut fills),
        "ask" => book.observe(&row(Side::Sell, at(1), at(2)), &mut fills),
        "sold" => book.observe(&trade(Side::Sell, at(1), at(2)), &mut fills),
        "bought" => book.observe(&trade(Side::Buy, at(1), at(2)), &mut fills),
        "clear" => book.observe(&MarketData::DepthClear, &mut fills),
        "best" => book.observe(&quotes([at(1), at(2), at(3), at(4)]), &mut fills),
        "cancel" => {
            said = Some(match book.cancel(side(words[1]), id(words[2])) {
                Some(left) => format!("{} cancelled {}", words[2], left.0),
                None => format!("{} unknown", words[2]),
            });
        }
        "shrink" => {
            said = Some(match book.shrink(side(words[1]), id(words[2]), QtyLots(at(3))) {
                Some(left) => format!("{} left {}", words[2], left.0),
                None => format!("{} unknown", words[2]),
            });
        }
        "rest" => book.rest(id(words[2]), side(words[1]), PriceTicks(at(5)), QtyLots(at(3))),
        "take" => book.take(side(words[1]), PriceTicks(at(2)), QtyLots(at(3))),
        "left" => {
            said = Some(match book.best_left(side(words[1])) {
                Some((price, qty)) => format!("{} left @ {}", qty.0, price.0),
                None => "none left".to_owned(),
            });
        }
        "level" => {
            let price = book.ladder().nth(side(words[1]), at(2) as usize);
            said = Some(price.map_or("no level".to_owned(), |price| format!("level {}", price.0)));
        }
        "queue" => {
            let side = side(words[1]);
            for (id, _, left, ahead) in book.resting(side) {
                log.push(format!("{} {left} behind {ahead}", char::from(id.0 as u8)));
            }
        }
        "buy" | "sell" => {
            let tif =
                [("ioc", TimeInForce::Ioc), ("fok", TimeInForce::Fok), ("gtx", TimeInForce::Gtx)];
            let stated = tif.iter().find(|(name, _)| words.contains(name)).map(|(_, tif)| *tif);
            let order = DepthOrder {
                id: id(words[1]),
                side: side(words[0]),
                limit: words.iter().position(|w| *w == "@").map(|n| PriceTicks(at(n + 1))),
                qty: QtyLots(at(2)),
                time_in_force: stated.unwrap_or(TimeInForce::Gtc),
            };
            said = Some(match book.place(&order, &mut fills) {
                Placed::Rests(left) => format!("{} rests {}", words[1], left.0),
                Placed::Filled => format!("{} filled", words[1]),
                Placed::Expired(left) => format!("{} expired {}", words[1], left.0),
                Placed::WouldTake => format!("{} would take", words[1]),
                Placed::WouldNotFill => format!("{} would not fill", words[1]),
            });
        }
        other => panic!("no such line: {other}"),
    }
    log.extend(fills.iter().map(show));
    log.extend(said);
}

/// Runs lines separated by `|` on a book with order tick 1; the log is separated by `|` too.
fn run(model: QueueKind, script: &str) -> String {
    let mut book = DepthBook::new(1, model);
    let mut log = Vec::new();
    for text in script.split('|').map(str::trim).filter(|l| !l.is_empty()) {
        line(&mut book, text, &mut log);
    }
    log.join(" | ")
}

pub(crate) fn check(model: QueueKind, script: &str, expected: &str) {
    assert_eq!(run(model, script), expected, "\n{model:?}: {script}");
}
