//! Before a session begins: is the account as the pipeline needs it?

use std::fmt;
use std::sync::Arc;

use binance_wire as wire;
use engine::{MarginType, Nanos, Symbol};
use rust_decimal::Decimal;

use super::answers::AccountMoney;
use super::calls::{Auth, Call};
use super::rest::{Failure, Measured, Rest};
use super::secret::Keys;
use super::start::{NoAnswer, needed, rest_of};
use super::symbols::{Filters, LooseInfo};
use super::{BinanceConfig, BinanceLink};
use crate::clock::LiveClock;

/// So many round trips measure the clock; the fastest counts.
const SAMPLES: usize = 5;

/// What the pipeline needs of a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolExpectation {
    /// Which.
    pub symbol: Symbol,
    /// Cross or isolated.
    pub margin_type: MarginType,
    /// The leverage that is set; `None` if the pipeline sets it itself.
    pub leverage: Option<u32>,
    /// The filters that the pipeline will round by; `None` if it asks for them itself.
    pub filters: Option<Filters>,
}

/// What the pipeline needs of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    /// Hedge mode, or else one-way.
    pub dual_side_position: bool,
    /// All assets are collateral, or each for itself.
    pub multi_assets: bool,
    /// The symbols that it will trade.
    pub symbols: Vec<SymbolExpectation>,
    /// The least that must be free for orders, in USDT.
    pub available_min: Decimal,
    /// The most that the clocks may differ.
    pub clock_off_max: Nanos,
    /// Open orders and positions are this session's own, as after a restart.
    pub may_hold: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What, such as `BTCUSDT leverage`.
    pub subject: String,
    /// As it is.
    pub is: String,
    /// As it should be.
    pub should_be: String,
    /// What to change; empty if nothing is to be changed.
    pub change: String,
    /// The session must not begin.
    pub stops: bool,
}

impl Finding {
    /// As it should be.
    pub fn is_fine(&self) -> bool {
        self.change.is_empty()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { subject, is, should_be, change, .. } = self;
        match self.is_fine() {
            true => write!(f, "{subject}: {is}"),
            false => write!(f, "{subject}: is {is}, should be {should_be}: {change}"),
        }
    }
}

/// Looks at an account before a link is made. Blocks.
#[derive(Debug)]
pub struct Preflight;

impl Preflight {
    /// Looks at the account of a key: every finding, good and bad.
    pub fn look(
        config: &BinanceConfig,
        keys: &Arc<Keys>,
        clock: &Arc<LiveClock>,
        expectations: &Expectations,
    ) -> Vec<Finding> {
        look(&rest_of(config, Some(keys), clock), clock, expectations)
    }

    /// Looks at what everybody may ask: the clock, and whether the symbols are traded.
    pub fn look_at_market(
        config: &BinanceConfig,
        clock: &Arc<LiveClock>,
        expectations: &Expectations,
    ) -> Vec<Finding> {
        let rest = rest_of(config, None, clock);
        let mut findings = Findings::default();
        if look_at_clock(&rest, clock, expectations, &mut findings).is_some() {
            look_at_info(&rest, expectations, &mut findings);
        }
        findings.found
    }
}

impl BinanceLink {
    /// Looks at the account: every finding, good and bad. Blocks, so before the session's loop begins.
    pub fn preflight(&self, expectations: &Expectations) -> Vec<Finding> {
        look(&self.rest, &self.clock, expectations)
    }
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    found: Vec<Finding>,
    /// After 429 or 418 nothing more is asked: whoever asks on is banned for longer.
    told_off: bool,
}

impl Findings {
    fn add(
        &mut self,
        subject: impl fmt::Display,
        is: impl fmt::Display,
        should_be: impl fmt::Display,
        change: Option<(&str, bool)>,
    ) {
        let (change, stops) = change.map_or((String::new(), false), |(c, s)| (c.to_owned(), s));
        let subject = subject.to_string();
        let (is, should_be) = (is.to_string(), should_be.to_string());
        self.found.push(Finding { subject, is, should_be, change, stops });
    }

    /// A finding that stops the session if the two differ.
    fn equal<T: fmt::Display + PartialEq>(
        &mut self,
        subject: impl fmt::Display,
        is: T,
        should_be: T,
        change: &str,
    ) {
        let change = (is != should_be).then_some((change, true));
        self.add(subject, is, should_be, change);
    }

    /// An answer that is needed, or the finding that there is none.
    fn have<T>(&mut self, subject: &str, ask: impl FnOnce() -> Result<T, NoAnswer>) -> Option<T> {
        if self.told_off {
            return None;
        }
        match ask() {
            Ok(answer) => Some(answer),
            Err(NoAnswer { problem, told_off }) => {
                self.told_off = told_off.is_some();
                let change = match told_off {
                    Some(told_off) => format!("{told_off}: wait, and try again"),
                    None => remedy(&problem).to_owned(),
                };
                let is = format!("without an answer ({problem})");
                self.add(subject, is, "answered", Some((&change, true)));
                None
            }
        }
    }
}

/// What to change where the venue gave no answer, by Binance's code.
fn remedy(problem: &str) -> &'static str {
    let codes = [
        (-2014, "this is no API key: check live.key_env or live.key_file"),
        (
            -2015,
            "the venue does not take this API key: check live.key_env or live.key_file, that the key is one of this venue, that it may trade futures, and that its list of addresses has this machine",
        ),
        (
            -1022,
            "the secret is not the one of this API key: check live.secret_env or live.secret_file",
        ),
        (-1021, "set this machine's clock (NTP)"),
    ];
    let said = |code: &i32| problem.contains(&format!(": {code} "));
    let known = codes.iter().find(|(code, _)| said(code)).map(|(_, change)| *change);
    known.unwrap_or("check the address and whether the venue runs, then key and permissions")
}

fn look(rest: &Rest, clock: &LiveClock, expected: &Expectations) -> Vec<Finding> {
    let mut findings = Findings::default();
    // Where nobody answers, or not to this key, asking on says nothing new.
    if look_at_clock(rest, clock, expected, &mut findings).is_none() {
        return findings.found;
    }
    let get = |path| Call::get(path, Auth::Signature, 1);
    let mode = || needed::<wire::PositionMode>(rest, &get("/fapi/v1/positionSide/dual"));
    let Some(mode) = findings.have("API key", mode) else { return findings.found };
    let word = |dual| if dual { "hedge" } else { "one-way" };
    let change = "switch the position mode (POST /fapi/v1/positionSide/dual), without orders and positions, or say hedge_mode as it is in [account]";
    let should_be = word(expected.dual_side_position);
    findings.equal("position mode", word(mode.dual_side_position), should_be, change);
    if let Some(mode) = findings.have("multi-assets mode", || {
        needed::<wire::MultiAssetsMode>(rest, &get("/fapi/v1/multiAssetsMargin"))
    }) {
        let word = |on| if on { "on" } else { "off" };
        let change = "switch the multi-assets mode (POST /fapi/v1/multiAssetsMargin), or say multi_assets as it is in [account]";
        let should_be = word(expected.multi_assets);
        findings.equal("multi-assets mode", word(mode.multi_assets_margin), should_be, change);
    }
    let account = || needed::<AccountMoney>(rest, &get("/fapi/v2/account"));
    if let Some(account) = findings.have("account", account) {
        look_at_account(&account, expected, &mut findings);
    }
    let rows = || needed::<Vec<wire::SymbolConfig>>(rest, &get("/fapi/v1/symbolConfig"));
    if let Some(rows) = findings.have("settings of the symbols", rows) {
        look_at_settings(&rows, expected, &mut findings);
    }
    look_at_info(rest, expected, &mut findings);
    look_at_holdings(rest, expected, &mut findings);
    findings.found
}

fn look_at_info(rest: &Rest, expected: &Expectations, findings: &mut Findings) {
    let call = Call::get("/fapi/v1/exchangeInfo", Auth::Nothing, 1);
    if let Some(info) = findings.have("exchangeInfo", || needed::<LooseInfo>(rest, &call)) {
        look_at_filters(&info, expected, findings);
    }
}

fn look_at_clock(
    rest: &Rest,
    clock: &LiveClock,
    expected: &Expectations,
    findings: &mut Findings,
) -> Option<()> {
    let no_answer = |failure: Failure| {
        let problem = failure.problem;
        NoAnswer { problem, told_off: failure.told_off }
    };
    let measure = || rest.measure(SAMPLES).map_err(no_answer);
    let measured = findings.have("venue", measure)?;
    let Measured { ahead, wrong_by } = measured;
    if measured.corrects(clock.venue_ahead()) {
        clock.set_venue_ahead(ahead);
    }
    if wrong_by > expected.clock_off_max {
        let took = (2 * clock.takes(wrong_by)).as_millis();
        let is = format!("too slow to measure (the fastest of {SAMPLES} answers took {took} ms)");
        let should_be = format!("known to within {} ms", expected.clock_off_max.millis());
        let change = "look for what makes the way to the venue slow, and try again";
        findings.add("clock", is, should_be, Some((change, true)));
        return Some(());
    }
    let off = ahead.0.abs() > expected.clock_off_max.0;
    let (ms, word) = (ahead.millis().abs(), if ahead.0 < 0 { "ahead of" } else { "behind" });
    let is = format!("{ms} ms {word} the venue's");
    let should_be = format!("within {} ms", expected.clock_off_max.millis());
    let change =
        "set this machine's clock (NTP): requests are stamped with the venue's time until then";
    findings.add("clock", is, should_be, off.then_some((change, true)));
    Some(())
}

fn look_at_account(account: &AccountMoney, expected: &Expectations, findings: &mut Findings) {
    let allowed = |is: bool| if is { "allowed" } else { "not allowed" };
    if let Some(can_trade) = account.can_trade {
        let change = "ask the venue why the account may not trade";
        findings.equal("trading", allowed(can_trade), "allowed", change);
    }
    let available = account.totals.available_balance.value().normalize();
    let short = available < expected.available_min;
    let change = "transfer USDT into the futures wallet, or lower live.available_min";
    let should_be = format!("at least {} USDT", expected.available_min);
    findings.add(
        "available balance",
        format!("{available} USDT"),
        should_be,
        short.then_some((change, true)),
    );
}

fn look_at_settings(rows: &[wire::SymbolConfig], expected: &Expectations, findings: &mut Findings) {
    for one in &expected.symbols {
        let symbol = one.symbol;
        let Some(row) = rows.iter().find(|row| &*row.symbol == symbol.as_str()) else {
            let change = "take it out of the session's symbols";
            findings.add(format_args!("{symbol}"), "not there", "listed", Some((change, true)));
            continue;
        };
        let change = "switch it (POST /fapi/v1/marginType), without orders and position, or say margin_type as it is in [account]";
        let should_be = one.margin_type.as_str();
        findings.equal(
            format_args!("{symbol} margin type"),
            row.margin_type.as_str(),
            should_be,
            change,
        );
        if let Some(leverage) = one.leverage {
            let change = "set it (POST /fapi/v1/leverage), or say leverage as it is in [account]";
            findings.equal(format_args!("{symbol} leverage"), row.leverage, leverage, change);
        }
    }
}

fn look_at_filters(info: &LooseInfo, expected: &Expectations, findings: &mut Findings) {
    for one in &expected.symbols {
        let symbol = one.symbol;
        let Some(row) = info.symbols.iter().find(|row| &*row.symbol == symbol.as_str()) else {
            continue;
        };
        let word = |trades| if trades { "trading" } else { "not trading" };
        let change = "take it out of the session's symbols";
        findings.equal(format_args!("{symbol}"), word(row.trades()), "trading", change);
        let Some(should_be) = one.filters else { continue };
        let is = row.filters();
        let change = "bring the session's rules up to date";
        for (what, is, should_be) in [
            ("tick size", is.tick_size, should_be.tick_size),
            ("step size", is.step_size, should_be.step_size),
            ("smallest quantity", is.min_qty, should_be.min_qty),
            ("largest market quantity", is.market_max_qty, should_be.market_max_qty),
            ("smallest notional", is.min_notional, should_be.min_notional),
        ] {
            let (is, should_be) = (is.normalize(), should_be.normalize());
            findings.equal(format_args!("{symbol} {what}"), is, should_be, change);
        }
    }
}

fn look_at_holdings(rest: &Rest, expected: &Expectations, findings: &mut Findings) {
    let get = |path| Call::get(path, Auth::Signature, 1);
    let change = |count: usize, change: &'static str| {
        (count > 0 && !expected.may_hold).then_some((change, true))
    };
    let should_be = if expected.may_hold { "any number" } else { "none" };
    let orders = || needed::<Vec<wire::OrderRow>>(rest, &get("/fapi/v1/openOrders"));
    if let Some(rows) = findings.have("open orders", orders) {
        let text = "cancel them, or say live.may_hold = true if they are this session's own";
        findings.add("open orders", rows.len(), should_be, change(rows.len(), text));
    }
    // A venue without the algo service has none.
    let algos = || match needed::<Vec<wire::AlgoOrderRow>>(rest, &get("/fapi/v1/openAlgoOrders")) {
        Err(NoAnswer { problem, .. }) if problem.contains("HTTP 404") => Ok(Vec::new()),
        other => other,
    };
    if let Some(rows) = findings.have("open conditional orders", algos) {
        let text = "cancel them, or say live.may_hold = true if they are this session's own";
        findings.add("open conditional orders", rows.len(), should_be, change(rows.len(), text));
    }
    let positions = || needed::<Vec<wire::PositionRiskV2>>(rest, &get("/fapi/v2/positionRisk"));
    if let Some(rows) = findings.have("positions", positions) {
        let held = rows.iter().filter(|row| !row.position_amt.0.is_zero());
        let held: Vec<String> =
            held.map(|row| format!("{} {}", row.symbol, row.position_amt.0.normalize())).collect();
        let is = if held.is_empty() { "none".to_owned() } else { held.join(", ") };
        let text = "close them, or say live.may_hold = true if they are this session's own";
        findings.add("positions", is, should_be, change(held.len(), text));
    }
}
