//! Price feed and multi-source feed (MSE 3.4): last and mark prices under keys, what the second venue says, how
//! far the venues are apart, and funding rates.
//!
//! It tells the run's symbols, which is all that it has a feed for. A source that the run does not have is
//! counted and told nothing of: OKX, global figures, fear and greed. Keys carry the time of the price, not of
//! the write, and a price that has grown old is left to die.

use engine::{
    BestQuotes, Context, Envelope, EpochMillis, EpochSeconds, Input, MarketData, MarketEvent,
    MarketWants, Nanos, PriceTicks, Service, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::market::{book_spread_bps, venue_spread};

use crate::grid;
use crate::keys;
use crate::records::{
    BookSpread, ExchangeRaw, Funding, MarketAlert, MarketPrice, Ticker, VenueName, VenueSpread,
    VenueTicker,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXCHANGE_RAW, MARKET_EVENTS};

settings! {
    /// Price feed.
    pub struct PriceFeedSettings {
        /// Between two looks at the other venues, in s.
        pub sources_interval_s: i64 = 5 => 1..,
        /// A price that is older is not told any more, in s. Bars speak once a minute.
        pub stale_after_s: i64 = 90 => 10..,
        /// Whether best bids and asks are told, where the market has them. It hears every change of the book then,
        /// which takes most of the time of a run with depth.
        pub quotes: bool = false,
    }
}

const PRICES: TimerKey = TimerKey(0);
const SOURCES: TimerKey = TimerKey(1);
const MINUTELY: TimerKey = TimerKey(2);
const SECOND: Nanos = Nanos::from_secs(1);
const MINUTE: Nanos = Nanos::from_secs(60);
/// A price that stands still is written again before its key dies.
const REFRESH: Nanos = Nanos::from_secs(5);
/// Minutes between two looks at fear and greed, and between two writes of the funding rates.
const FEAR_GREED_MIN: u64 = 15;
const FUNDING_MIN: u64 = 30;
/// Entries of exchange.raw that are looked at for each symbol.
const ENTRIES: usize = 8;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OneSymbol {
    symbol: Symbol,
    ticker_key: String,
    market_key: String,
    bybit_key: String,
    spread_key: String,
    book_key: String,
    funding_key: String,
    last: Option<(PriceTicks, Nanos)>,
    mark: Option<(PriceTicks, Nanos)>,
    /// Best bid and ask, where both sides hold something.
    quotes: Option<(BestQuotes, Nanos)>,
    /// Since the last write of them.
    quoted: bool,
    quotes_written: Nanos,
    /// Since the last write.
    moved: bool,
    written: Nanos,
    funding: Option<(i64, Nanos)>,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PriceFeed {
    settings: PriceFeedSettings,
    symbols: Vec<OneSymbol>,
    minutes: u64,
    /// Newest entry of exchange.raw that was looked at, in ms.
    looked_ms: u64,
}

impl OneSymbol {
    fn tell(&mut self, place: usize, stale: Nanos, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let Some((mark, marked)) = self.mark.or(self.last) else { return };
        let (last, traded) = self.last.unwrap_or((mark, marked));
        let time = marked.max(traded);
        if now - time > stale {
            return ctx.count("prices_stale", 1);
        }
        if !self.moved && now - self.written < REFRESH {
            return;
        }
        self.moved = false;
        self.written = now;
        let Some(instrument) = ctx.instruments().get(place) else { return };
        let (price, mark_price) = (grid::price(instrument, last), grid::price(instrument, mark));
        let timestamp = EpochMillis(time);
        let ticker = Ticker { symbol: self.symbol, price, mark_price, timestamp };
        let timestamp = EpochSeconds(marked);
        let market = MarketPrice { symbol: self.symbol, price: mark_price, timestamp };
        let saved = ctx.set_record(&self.ticker_key, &ticker, keys::TICKER.life);
        let also = ctx.set_record(&self.market_key, &market, keys::MARKET_PRICE.life);
        if saved.is_err() || also.is_err() {
            ctx.count("prices_not_saved", 1);
        }
    }

    /// The symbol's own spread, where the market tells its best bid and ask.
    fn tell_book(&mut self, place: usize, stale: Nanos, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let Some((quotes, time)) = self.quotes.filter(|(_, time)| now - *time <= stale) else {
            return;
        };
        if !self.quoted && now - self.quotes_written < REFRESH {
            return;
        }
        (self.quoted, self.quotes_written) = (false, now);
        let Some(instrument) = ctx.instruments().get(place) else { return };
        let (bid, ask) = (grid::price(instrument, quotes.bid), grid::price(instrument, quotes.ask));
        let spread =
            book_spread_bps(instrument.price_f64(quotes.bid), instrument.price_f64(quotes.ask));
        let Ok(Some(spread_bps)) = spread else {
            return ctx.count("prices_refused", 1);
        };
        let told = BookSpread { symbol: self.symbol, bid, ask, spread_bps, ts: EpochSeconds(time) };
        if ctx.set_record(&self.book_key, &told, keys::MARKET_BOOK.life).is_err() {
            ctx.count("prices_not_saved", 1);
        }
    }

    fn save_funding(&self, ctx: &mut Context<'_>) {
        let Some((rate, settled)) = self.funding else { return };
        let funding_rate = Decimal::new(rate, 8);
        let funding = Funding { symbol: self.symbol, funding_rate, ts: EpochSeconds(settled) };
        if ctx.set_record(&self.funding_key, &funding, keys::FUNDING.life).is_err() {
            ctx.count("prices_not_saved", 1);
        }
    }

    /// After a start: the rate that was settled last.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        match ctx.record::<Funding>(&self.funding_key) {
            Ok(Some(funding)) => {
                let rate = funding.funding_rate * Decimal::from(100_000_000);
                self.funding = i64::try_from(rate).ok().map(|rate| (rate, funding.ts.0));
            }
            Ok(None) => {}
            Err(_) => ctx.count("funding_unreadable", 1),
        }
    }

    /// What the venues say at one moment.
    fn compare(&self, binance: Option<Decimal>, bybit: Option<Decimal>, ctx: &mut Context<'_>) {
        let now = EpochSeconds(ctx.now());
        let mut saved = true;
        if let Some(price) = bybit {
            let (bid, ask, volume_24h, funding_rate) = (None, None, None, None);
            let source = VenueName::Bybit;
            let told = VenueTicker { price, bid, ask, volume_24h, funding_rate, ts: now, source };
            saved = ctx.set_record(&self.bybit_key, &told, keys::MARKET_BYBIT.life).is_ok();
        }
        if let (Some(binance), Some(bybit)) = (binance, bybit) {
            let Ok(Some(spread)) = venue_spread(&[grid::float(binance), grid::float(bybit)]) else {
                return ctx.count("prices_refused", 1);
            };
            let (spread_pct, symbol) = (spread.spread_pct, self.symbol);
            let told = VenueSpread { spread_pct, venues: 2, ts: now };
            saved &= ctx.set_record(&self.spread_key, &told, keys::MARKET_SPREAD.life).is_ok();
            if spread.alert {
                let kind = "SPREAD_ALERT".into();
                let alert = MarketAlert { kind, symbol, ts: now, spread_pct };
                crate::publish(ctx, MARKET_EVENTS, Envelope::Flat, alert);
                ctx.count("spread_alerts", 1);
            }
        }
        if !saved {
            ctx.count("prices_not_saved", 1);
        }
    }
}

impl PriceFeed {
    fn market(&mut self, event: &MarketEvent, ctx: &mut Context<'_>) {
        let Some(one) = self.symbols.get_mut(usize::from(event.symbol.0)) else { return };
        match &event.data {
            MarketData::Trade(trade) => one.last = Some((trade.price, event.time)),
            MarketData::Bar(bar) => one.last = Some((bar.close, event.time)),
            MarketData::MarkPrice(price) => one.mark = Some((*price, event.time)),
            MarketData::BestQuotes(quotes) => {
                let both = quotes.bid_qty.0 > 0 && quotes.ask_qty.0 > 0;
                (one.quotes, one.quoted) = (both.then_some((*quotes, event.time)), true);
                return;
            }
            MarketData::FundingRate(rate) => {
                one.funding = Some((*rate, event.time));
                return one.save_funding(ctx);
            }
            _ => return,
        }
        one.moved = true;
    }

    /// The newest close of each venue, where all of them are of the same minute or the one before.
    fn look(&mut self, ctx: &mut Context<'_>) {
        let count = ENTRIES * self.symbols.len();
        let Ok(newest) = ctx.newest(EXCHANGE_RAW.name, count) else {
            return ctx.count("venues_unreadable", 1);
        };
        let Some(first) = newest.first().filter(|entry| entry.id.ms != self.looked_ms) else {
            return ctx.count("venues_silent", 1);
        };
        self.looked_ms = first.id.ms;
        let stale = self.settings.stale_after_s * 1_000;
        let oldest = u64::try_from(ctx.now().millis() - stale).unwrap_or(0);
        let mut found = vec![[None; 2]; self.symbols.len()];
        for entry in newest.iter().filter(|entry| entry.id.ms >= oldest) {
            let read = entry.body.as_ref().and_then(|body| body.read::<ExchangeRaw>().ok());
            let Some(raw) = read else { continue };
            let place = self.symbols.iter().position(|one| one.symbol == raw.symbol);
            let venue = match raw.exchange {
                VenueName::Binance => 0,
                VenueName::Bybit => 1,
                VenueName::Coinbase => continue,
            };
            if let Some(slot) = place.map(|place| &mut found[place][venue]) {
                *slot = slot.or(Some((raw.timestamp.0, raw.close)));
            }
        }
        for (one, found) in self.symbols.iter().zip(found) {
            let newest = found.iter().flatten().map(|(opened, _)| *opened).max();
            let close = |of: Option<(Nanos, Decimal)>| {
                of.filter(|(opened, _)| newest.is_some_and(|newest| newest - *opened <= MINUTE))
                    .map(|(_, close)| close)
            };
            one.compare(close(found[0]), close(found[1]), ctx);
        }
    }

    /// What only another source could tell.
    fn minutely(&mut self, ctx: &mut Context<'_>) {
        self.minutes += 1;
        ctx.count("no_source_of_global_market", 1);
        if self.minutes.is_multiple_of(FEAR_GREED_MIN) {
            ctx.count("no_source_of_fear_greed", 1);
        }
        if self.minutes.is_multiple_of(FUNDING_MIN) {
            self.symbols.iter().for_each(|one| one.save_funding(ctx));
        }
    }
}

impl Configured for PriceFeed {
    type Settings = PriceFeedSettings;
    const COUNTERS: &'static [&'static str] = &[
        "funding_unreadable",
        "no_source_of_fear_greed",
        "no_source_of_global_market",
        "prices_not_saved",
        "prices_refused",
        "prices_stale",
        "spread_alerts",
        "venues_silent",
        "venues_unreadable",
    ];

    fn configured(settings: &PriceFeedSettings, setup: Setup<'_>) -> Result<PriceFeed, String> {
        let one = |symbol: &Symbol| OneSymbol {
            symbol: *symbol,
            ticker_key: keys::TICKER.of(symbol),
            market_key: keys::MARKET_PRICE.of(symbol),
            bybit_key: keys::MARKET_BYBIT.of(symbol),
            spread_key: keys::MARKET_SPREAD.of(symbol),
            book_key: keys::MARKET_BOOK.of(symbol),
            funding_key: keys::FUNDING.of(symbol),
            last: None,
            mark: None,
            quotes: None,
            quoted: false,
            quotes_written: Nanos::ZERO,
            moved: false,
            written: Nanos::ZERO,
            funding: None,
        };
        let symbols = setup.symbols.iter().map(one).collect();
        Ok(PriceFeed { settings: settings.clone(), symbols, minutes: 0, looked_ms: 0 })
    }
}

impl Service for PriceFeed {
    fn wiring(&self) -> Wiring {
        Wiring {
            market: MarketWants {
                trades: true,
                bar_path: true,
                bars: true,
                marks: true,
                depth: self.settings.quotes,
            },
            writes: vec![MARKET_EVENTS.name],
            looks: vec![EXCHANGE_RAW.name],
            keys_read: keys::patterns(&[keys::FUNDING]),
            keys_written: keys::patterns(&[
                keys::TICKER,
                keys::MARKET_PRICE,
                keys::MARKET_BYBIT,
                keys::MARKET_SPREAD,
                keys::MARKET_BOOK,
                keys::FUNDING,
            ]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let between_looks = Nanos::from_secs(self.settings.sources_interval_s);
        match input {
            Input::Market(event) => self.market(event, ctx),
            Input::Timer(PRICES) => {
                let stale = Nanos::from_secs(self.settings.stale_after_s);
                for (place, one) in self.symbols.iter_mut().enumerate() {
                    one.tell(place, stale, ctx);
                    one.tell_book(place, stale, ctx);
                }
                ctx.timer_after(SECOND, PRICES);
            }
            Input::Timer(SOURCES) => {
                self.look(ctx);
                ctx.timer_after(between_looks, SOURCES);
            }
            Input::Timer(_) => {
                self.minutely(ctx);
                ctx.timer_after(MINUTE, MINUTELY);
            }
            Input::Start => {
                self.symbols.iter_mut().for_each(|one| one.recover(ctx));
                ctx.timer_after(SECOND, PRICES);
                ctx.timer_after(between_looks, SOURCES);
                ctx.timer_after(MINUTE, MINUTELY);
            }
            _ => {}
        }
    }
}
