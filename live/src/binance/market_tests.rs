use engine::{MarketWants, Symbol};

use super::*;

fn grid() -> Grid {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    Grid::new(vec![Instrument { symbol, price_decimals: 1, qty_decimals: 3 }])
}

fn market() -> Market {
    let wants =
        MarketWants { trades: true, bars: true, marks: true, depth: true, ..MarketWants::NONE };
    Market::new(&grid(), wants)
}

fn told(market: &mut Market) -> Vec<String> {
    let mut out = Vec::new();
    market.take(&mut out);
    let show = |incoming: Incoming| match incoming {
        Incoming::Market { venue_time, data, .. } => match data {
            MarketData::Trade(trade) => format!("{} trade {}", venue_time.millis(), trade.price.0),
            MarketData::Bar(bar) => format!("{} bar {}", venue_time.millis(), bar.close.0),
            MarketData::MarkPrice(mark) => format!("{} mark {}", venue_time.millis(), mark.0),
            MarketData::IndexPrice(index) => format!("{} index {}", venue_time.millis(), index.0),
            MarketData::FundingRate(rate) => format!("{} rate {rate}", venue_time.millis()),
            MarketData::Depth(row) => {
                format!(
                    "{} {} {} {}",
                    venue_time.millis(),
                    row.side.as_str(),
                    row.price.0,
                    row.qty.0
                )
            }
            MarketData::DepthClear => format!("{} clear", venue_time.millis()),
            MarketData::BestQuotes(best) => format!("{} best {}", venue_time.millis(), best.bid.0),
        },
        Incoming::Notice(notice) => notice.what.to_owned(),
        Incoming::Exchange(_) => unreachable!(),
    };
    out.into_iter().map(show).collect()
}

fn agg(id: u64, price: &str) -> String {
    format!(
        r#"{{"e":"aggTrade","E":1,"s":"BTCUSDT","a":{id},"p":"{price}","q":"0.001","f":1,"l":1,"T":{id},"m":false}}"#
    )
}

fn kline(open_time: i64) -> String {
    let close = open_time + 59_999;
    format!(
        r#"{{"e":"kline","E":1,"s":"BTCUSDT","k":{{"t":{open_time},"T":{close},"s":"BTCUSDT","i":"1m","f":1,"L":1,"o":"1.0","c":"1.0","h":"1.0","l":"1.0","v":"1","n":1,"x":true,"q":"1","V":"1","Q":"1","B":"0"}}}}"#
    )
}

#[test]
fn missed_trades_are_fetched_and_told_in_order() {
    let (grid, mut market) = (grid(), market());
    market.hear(&agg(1, "1.0"), &grid).unwrap();
    market.hear(&agg(4, "4.0"), &grid).unwrap();
    assert_eq!(told(&mut market), ["1 trade 10"]);
    let fetches = market.fetches(Nanos::ZERO);
    assert_eq!(fetches, [Fetch::Trades(SymbolIndex(0), Gap { from: 2, to: 3 })]);
    let call = Market::call(fetches[0], &grid);
    assert_eq!((call.params.get("fromId"), call.params.get("limit")), (Some("2"), Some("2")));
    // The second is off the grid: it is told as that, and the others go on.
    let rows = br#"[{"a":2,"p":"2.0","q":"0.001","f":1,"l":1,"T":2,"m":false},{"a":3,"p":"3.05","q":"0.001","f":1,"l":1,"T":3,"m":false}]"#;
    market.fetched(fetches[0], rows, &grid).unwrap();
    assert_eq!(told(&mut market), ["2 trade 20", "off_grid", "4 trade 40"]);
}

#[test]
fn bars_that_closed_during_a_cut_are_fetched_at_once() {
    let (grid, mut market) = (grid(), market());
    market.hear(&kline(60_000), &grid).unwrap();
    assert_eq!(told(&mut market), ["120000 bar 10"]);
    market.reconnected(false, Nanos::from_millis(305_000));
    let fetches = market.fetches(Nanos::ZERO);
    assert_eq!(fetches, [Fetch::Klines(SymbolIndex(0), Gap { from: 120_000, to: 240_000 })]);
    let row = |open: i64| {
        format!(r#"[{open},"1.0","1.0","1.0","1.0","1",{},"1",1,"1","1","0"]"#, open + 59_999)
    };
    let rows = format!("[{},{},{}]", row(120_000), row(180_000), row(240_000));
    market.fetched(fetches[0], rows.as_bytes(), &grid).unwrap();
    market.hear(&kline(240_000), &grid).unwrap();
    assert_eq!(told(&mut market), ["180000 bar 10", "240000 bar 10", "300000 bar 10"]);
}

#[test]
fn a_settled_rate_is_asked_for_until_it_is_there() {
    let (grid, mut market) = (grid(), market());
    let mark = |time: i64, next: i64| {
        format!(
            r#"{{"e":"markPriceUpdate","E":{time},"s":"BTCUSDT","p":"1.04","i":"1.06","P":"1","r":"0.0002","T":{next}}}"#
        )
    };
    market.hear(&mark(1_000, 28_800_000), &grid).unwrap();
    assert_eq!(told(&mut market), ["1000 index 11", "1000 mark 10"]);
    market.hear(&mark(28_800_500, 57_600_000), &grid).unwrap();
    told(&mut market);
    assert!(market.fetches(Nanos::from_millis(28_801_000)).is_empty());
    let later = Nanos::from_millis(28_806_000);
    let fetches = market.fetches(later);
    let payment = Nanos::from_millis(28_800_000);
    assert_eq!(fetches, [Fetch::Funding(SymbolIndex(0), payment)]);
    market.fetched(fetches[0], b"[]", &grid).unwrap();
    assert!(market.due().is_some(), "asked again");
    let row = br#"[{"symbol":"BTCUSDT","fundingRate":"0.00006188","fundingTime":28800005,"markPrice":"1.0"}]"#;
    market.fetched(fetches[0], row, &grid).unwrap();
    assert_eq!(told(&mut market), ["28800005 rate 6188"]);
    market.fetched(fetches[0], row, &grid).unwrap();
    assert!(told(&mut market).is_empty(), "once");
    assert_eq!(market.due(), None);
}

#[test]
fn a_book_begins_with_its_snapshot_and_a_gap_clears_it() {
    let (grid, mut market) = (grid(), market());
    let change = |first: u64, last: u64, previous: u64| {
        format!(
            r#"{{"e":"depthUpdate","E":1,"T":{last},"s":"BTCUSDT","U":{first},"u":{last},"pu":{previous},"b":[["1.0","0.002"]],"a":[]}}"#
        )
    };
    market.hear(&change(5, 6, 4), &grid).unwrap();
    assert_eq!(market.fetches(Nanos::ZERO), [Fetch::Snapshot(SymbolIndex(0))]);
    let snapshot = br#"{"lastUpdateId":5,"E":1,"T":5,"bids":[["0.9","1"]],"asks":[["1.1","1"]]}"#;
    market.fetched(Fetch::Snapshot(SymbolIndex(0)), snapshot, &grid).unwrap();
    assert_eq!(told(&mut market), ["5 clear", "5 BUY 9 1000", "5 SELL 11 1000", "6 BUY 10 2"]);
    market.hear(&change(9, 9, 8), &grid).unwrap();
    assert_eq!(told(&mut market), ["depth_gap"]);
    assert_eq!(market.fetches(Nanos::ZERO), [Fetch::Snapshot(SymbolIndex(0))]);
}

/// One that ends before its event, one that ends in a letter of two bytes, numbers without room for a sum.
#[test]
fn frames_that_are_none_are_told_as_that() {
    let (grid, mut market) = (grid(), market());
    market.hear(&agg(1, "1.0"), &grid).unwrap();
    told(&mut market);
    for frame in [
        "{\"stream\":\"x\",\"data\":".to_owned(),
        "{\"stream\":\"x\",\"data\":é".to_owned(),
        "{\"stream\":\"x\",\"data\":{\"e\":\"aggTrade\"é".to_owned(),
        String::new(),
        kline(i64::MAX - 59_999),
        agg(u64::MAX, "1.0"),
        agg(2, "79228162514264337593543950335"),
        agg(2, "1.0").replace("\"T\":2", &format!("\"T\":{}", i64::MAX)),
    ] {
        assert!(market.hear(&frame, &grid).is_err(), "{frame}");
        assert!(told(&mut market).is_empty() && market.fetches(Nanos::ZERO).is_empty(), "{frame}");
    }
    market.hear(&format!("{{\"stream\":\"x\",\"data\":{}}} \n", agg(2, "2.0")), &grid).unwrap();
    market.hear("{\"result\":null,\"id\":1}", &grid).unwrap();
    assert_eq!(told(&mut market), ["2 trade 20"]);
}

/// Frames made of the pieces of real ones, cut and put together at random.
mod anything {
    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 22] = [
        "{\"stream\":",
        "\"x\",",
        "\"data\":",
        "{",
        "}",
        "{\"e\":\"",
        "aggTrade\"",
        "kline\"",
        "depthUpdate\"",
        "markPriceUpdate\"",
        "ORDER_TRADE_UPDATE\"",
        "é",
        "\"",
        ",",
        "\"E\":1",
        "\"s\":\"BTCUSDT\"",
        "\"T\":9223372036854775807",
        "\"a\":18446744073709551615",
        "[",
        "]",
        "\"o\":",
        "🙂",
    ];

    proptest! {
        #[test]
        fn no_frame_is_too_much(picks in prop::collection::vec(0..PIECES.len(), 0..24), text in ".{0,40}") {
            let (grid, mut market) = (grid(), market());
            let built: String = picks.iter().map(|pick| PIECES[*pick]).collect();
            for frame in [built.clone(), text.clone(), format!("{{\"stream\"{text}"), built + &text] {
                let _ = market.hear(&frame, &grid);
                let _ = crate::binance::user_events::hear(unwrapped(&frame), &grid);
            }
        }

        #[test]
        fn no_number_is_too_much(time: i64, id: u64, open: i64, digits in "[0-9]{1,29}(\\.[0-9]{1,29})?") {
            let (grid, mut market) = (grid(), market());
            let frames = [
                agg(id, &digits).replace(&format!("\"T\":{id}"), &format!("\"T\":{time}")),
                agg(id / 2, &digits),
                kline(open.min(i64::MAX - 59_999)),
                kline(open.min(i64::MAX - 59_999) / 60_000 * 60_000).replace("1.0", &digits),
            ];
            for frame in frames.iter().chain(&frames) {
                let _ = market.hear(frame, &grid);
            }
            market.reconnected(false, Nanos(time));
            for fetch in market.fetches(Nanos(time)) {
                Market::call(fetch, &grid);
                let _ = market.fetched(fetch, b"[]", &grid);
            }
        }
    }
}

#[test]
fn trades_go_on_without_those_that_nobody_can_be_asked_for() {
    let (grid, mut market) = (grid(), market());
    let now = crate::binance::wall();
    for id in [1, 4, 5] {
        market.hear(&agg(id, "1.0"), &grid).unwrap();
    }
    let fetches = market.fetches(Nanos::ZERO);
    market.give_up(now, &grid);
    assert_eq!(told(&mut market), ["1 trade 10"]);
    market.give_up(now + TRADES_WAIT, &grid);
    let mut out = Vec::new();
    market.take(&mut out);
    let notice = out.iter().find_map(|one| match one {
        Incoming::Notice(notice) => Some((notice.what, notice.text.as_str())),
        _ => None,
    });
    let text = "BTCUSDT: trades are missing: 2, from id 2 on; they could not be asked for in time";
    assert_eq!(notice, Some(("trades_missing", text)));
    assert_eq!(out.len(), 3, "two trades, and the notice");
    assert!(!market.awaits(fetches[0]), "nobody asks on for what was given up");
}

#[test]
fn a_venue_that_was_set_up_anew_is_heard_from_its_first_trade() {
    let (grid, mut market) = (grid(), market());
    let at = |id: u64, time: i64| {
        agg(id, "1.0").replace(&format!("\"T\":{id}"), &format!("\"T\":{time}"))
    };
    for (id, time) in [(900, 10), (901, 20), (900, 10), (1, 30), (2, 40), (1, 30)] {
        market.hear(&at(id, time), &grid).unwrap();
    }
    let wanted = ["10 trade 10", "20 trade 10", "ids_begin_again", "30 trade 10", "40 trade 10"];
    assert_eq!(told(&mut market), wanted);
}

#[test]
fn streams_are_what_somebody_wants() {
    let grid = grid();
    let [public, rest] = market().streams(&grid);
    assert_eq!(public, ["btcusdt@depth@100ms", "btcusdt@bookTicker"]);
    assert_eq!(rest, ["btcusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@markPrice@1s"]);
    let none = Market::new(&grid, MarketWants::NONE).streams(&grid);
    assert!(none.iter().all(Vec::is_empty));
}

#[test]
fn rates_of_a_gap_are_told_once_and_a_doubtful_one_is_asked_for_a_while() {
    const HOUR: i64 = 3_600_000;
    let (grid, mut market) = (grid(), market());
    let symbol = SymbolIndex(0);
    let (since, now) = (Nanos::from_millis(HOUR / 2), Nanos::from_millis(9 * HOUR + 3_000));
    let Fetch::Funding(_, payment) = market.missed_funding(symbol, since, now) else { panic!() };
    assert_eq!(payment - FUNDING_JITTER, since, "asked for from there on");
    let row = |time: i64| {
        format!(
            r#"[{{"symbol":"BTCUSDT","fundingTime":{time},"fundingRate":"0.00010000","markPrice":"1"}}]"#
        )
    };
    let fetched = |market: &mut Market, fetch, time| {
        market.fetched(fetch, row(time).as_bytes(), &grid).unwrap();
        told(market)
    };
    let first = Fetch::Funding(symbol, payment);
    assert_eq!(fetched(&mut market, first, 8 * HOUR), ["28800000 rate 10000"]);
    assert!(fetched(&mut market, first, 8 * HOUR).is_empty(), "it is told once");
    // Nobody knows whether the last full hour has one.
    assert!(market.fetches(now).is_empty(), "not at once");
    let asked = market.fetches(now + FUNDING_AFTER);
    assert_eq!(asked, [Fetch::Funding(symbol, Nanos::from_millis(9 * HOUR))]);
    let mut other = market.clone();
    assert_eq!(fetched(&mut other, asked[0], 9 * HOUR), ["32400000 rate 10000"]);
    assert_eq!(other.due(), None, "it was there");
    assert!(market.fetches(now + FUNDING_DOUBT).is_empty(), "there was none");
    assert_eq!(market.due(), None);
}
