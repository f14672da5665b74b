//! What the exchange tells about itself: assumptions, warnings, totals, and the proof of conservation.

use std::sync::Arc;

use engine::{
    AccountId, PositionRisk, PositionSide, PositionUpdate, PriceTicks, QtyLots, Symbol, SymbolIndex,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::adl::AdlFormula;
use crate::config::{Funding, LiquidationSize};
use crate::exchange::{Market, SimExchange};
use crate::ledger::{LedgerRecord, LedgerTotals};
use crate::limits::LimitCounts;
use crate::margin::Margin;
use crate::quotient::{cut8, cut8_ratio};

/// Counts and sums of one symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolCounts {
    /// Orders that were accepted.
    pub orders: u64,
    /// Fills of any order.
    pub fills: u64,
    /// Liquidation orders.
    pub liquidations: u64,
    /// Times a position was closed for somebody else's liquidation.
    pub deleveraged: u64,
    /// Funding payments, made or received.
    pub funding_payments: u64,
    /// Eight-hour spans in which a position saw no funding rate, with funding from data.
    pub funding_missed: u64,
    /// Rates of the data that were not used, because funding was stated otherwise.
    pub funding_ignored: u64,
    /// Trades and bar points off the order tick.
    pub off_tick_prices: u64,
    /// Realised profit in USDT, before fees.
    pub realized: Decimal,
    /// Fees in USDT, above zero when paid.
    pub commission: Decimal,
    /// Funding in USDT, above zero when received.
    pub funding: Decimal,
    /// Liquidation fees in USDT, above zero when paid.
    pub liquidation_fees: Decimal,
}

/// The state of the account's books, for a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeReport {
    /// Of the wallet, by income type.
    pub totals: LedgerTotals,
    /// In the order of the run's symbols.
    pub symbols: Vec<(Symbol, SymbolCounts)>,
    /// Market prices that were refused: not above zero, or absurd.
    pub bad_prices: u64,
    /// Liquidations whose rest traders of the market had to take who hold no account here.
    pub others_deleveraged: u64,
    /// Ledger records that were dropped for newer ones.
    pub ledger_dropped: u64,
    /// Requests that a limit refused, and bans.
    pub limits: LimitCounts,
}

/// The last answer to positionRisk, and the wallet that it was computed with.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptRisks {
    wallet: Decimal,
    rows: Arc<[PositionRisk]>,
    /// Of each row, while the rows are made: the memory is used again.
    margins: Vec<Margin>,
}

impl SimExchange {
    /// Counts and sums of the first account so far.
    pub fn report(&self) -> ExchangeReport {
        self.report_of(AccountId::default())
    }

    /// Counts and sums of an account so far; the first one's where there is no such account.
    pub fn report_of(&self, account: AccountId) -> ExchangeReport {
        let known = usize::from(account.0) < self.accounts.len();
        let account = if known { account } else { AccountId::default() };
        let row = |(n, market): (usize, &Market)| {
            let holding = self.holding(account, n);
            let counts = SymbolCounts {
                off_tick_prices: self.watch[n].off_tick,
                funding_ignored: market.funding_ignored,
                realized: holding.realized(),
                ..holding.counts
            };
            (market.rules.rules.symbol, counts)
        };
        ExchangeReport {
            totals: self.ledger.totals(account),
            symbols: self.markets.iter().enumerate().map(row).collect(),
            bad_prices: self.bad_prices,
            others_deleveraged: self.others_deleveraged,
            ledger_dropped: self.ledger.dropped(),
            limits: self.account(account).usage.counts,
        }
    }

    /// The first account's money.
    pub fn account_balance(&self) -> engine::AccountBalance {
        self.balances(AccountId::default())
    }

    /// What moved the first account's wallet so far, by income type.
    pub fn ledger_totals(&self) -> LedgerTotals {
        self.ledger.totals(AccountId::default())
    }

    /// The ledger's newest records, oldest first.
    pub fn ledger_records(&self) -> impl Iterator<Item = &LedgerRecord> {
        self.ledger.records()
    }

    /// How many orders were accepted, liquidation orders included.
    pub fn orders_total(&self) -> usize {
        self.orders_wiped + self.orders.count()
    }

    /// What is assumed about the exchange, in plain sentences.
    pub fn assumptions(&self) -> Vec<String> {
        let mut lines = self.config.fills.sentences();
        lines.extend([
            "Bars without a path pass open, nearer extreme, other extreme, close, all at their closing instant; on a tie the high comes first if the bar closes below its open.".to_owned(),
            format!("Fees: maker {}, taker {}; cut at 8 decimals toward zero (unverified).", self.config.maker_rate, self.config.taker_rate),
            self.config.latency.sentence(),
            self.config.limits.sentence(),
            format!("Timestamps: a signed request is refused when it is more than {} ms old at its arrival; the clients' clock is {} ms ahead.", self.config.recv_window_ms, self.config.client_clock_offset_ms),
            format!("Margin calls: at a margin ratio of {}, once until it has been below (the threshold is unpublished).", self.config.margin_call_ratio),
            self.rules_sentence(),
            self.margin_sentence(),
            "Insurance fund: it closes what it takes over at the taker price at once.".to_owned(),
        ]);
        if self.config.liquidation_size == LiquidationSize::Whole {
            lines.push("Liquidation: always of the whole position.".to_owned());
        }
        if self.config.adl_formula == AdlFormula::EffectiveLeverage {
            lines.push("Deleveraging: ranked by profit and notional over margin balance, not by the published formula.".to_owned());
        }
        lines.extend(self.collateral_sentence());
        lines.push(match &self.config.funding {
            Funding::None => "Funding: none, by configuration.".to_owned(),
            Funding::Index => "Funding: made every 5 s from the premium of the book over the index, paid at each symbol's interval within its cap and floor.".to_owned(),
            Funding::Data => "Funding: rates and times of the data, on the mark price.".to_owned(),
            Funding::Constant { rates } => {
                let rates: Vec<String> = rates.iter().map(|(s, r)| format!("{s} {r}")).collect();
                format!("Funding: constant rates every 8 h UTC: {}.", rates.join(", "))
            }
        });
        lines.extend(self.config.events.iter().map(ToString::to_string));
        lines.extend(self.config.faults.iter().map(ToString::to_string));
        lines.extend(self.config.positions.iter().map(ToString::to_string));
        lines.extend(self.config.notes.iter().cloned());
        lines.extend(self.funding_notes.iter().map(|note| format!("Funding: {note}.")));
        let notes = self.markets.iter().flat_map(|market| &market.rules.rules.notes);
        lines.extend(notes.map(|note| format!("Rules: {note}.")));
        let unmarked = self.markets.iter().filter(|market| market.mark.is_none());
        let unmarked: Vec<String> =
            unmarked.map(|market| market.rules.rules.symbol.to_string()).collect();
        if !unmarked.is_empty() {
            let names = unmarked.join(", ");
            lines.push(format!(
                "Mark price: the last price stands in for it in {names}, which had no mark data."
            ));
        }
        lines
    }

    fn margin_sentence(&self) -> String {
        let first = &self.accounts[0];
        let mode = if first.dual { "hedge mode" } else { "one-way mode" };
        let isolated = first.holdings.iter().filter(|holding| holding.is_isolated()).count();
        let margin = match isolated {
            0 => "cross margin",
            n if n == first.holdings.len() => "isolated margin",
            _ => "cross margin, of some symbols isolated",
        };
        format!(
            "Margin: {mode}, {margin}; liquidation orders pay no commission, the clearance fee goes to the insurance fund (unverified details)."
        )
    }

    /// What is doubtful about the rules or the data so far.
    pub fn warnings(&self) -> Vec<String> {
        let mut lines = self.warnings.clone();
        for (symbol, counts) in self.report().symbols {
            if counts.off_tick_prices > 0 {
                let count = counts.off_tick_prices;
                lines.push(format!("{symbol}: {count} market prices lie off the order tick; they are used as they are."));
            }
            if counts.funding_missed > 0 {
                let count = counts.funding_missed;
                lines.push(format!("{symbol}: a position was held over {count} span(s) of 8 h without a funding rate in the data."));
            }
            if counts.funding_ignored > 0 {
                let count = counts.funding_ignored;
                lines.push(format!("{symbol}: {count} funding rates of the data were ignored, because funding is configured otherwise."));
            }
        }
        if self.depth_ignored > 0 {
            lines.push(format!("{} depth events were ignored: the model of fills knows trades only; set its depth to levels or quotes.", self.depth_ignored));
        }
        if self.bad_prices > 0 {
            lines.push(format!(
                "{} market prices were refused: zero, negative or absurd.",
                self.bad_prices
            ));
        }
        lines
    }

    /// All positions of an account as `positionRisk` shows them. Rows are asked for far more often than
    /// they change, so the last answer is kept while wallet, marks, positions and settings are what they
    /// were.
    pub(crate) fn position_risks(&mut self, account: AccountId) -> Arc<[PositionRisk]> {
        let wallet = self.wallet_balance(account);
        let kept = &self.account(account).risks;
        if kept.wallet != wallet || !self.rows_hold(account, &kept.rows) {
            let mut margins = std::mem::take(&mut self.account_mut(account).risks.margins);
            let rows = self.risk_rows(account, wallet, &mut margins);
            self.account_mut(account).risks = KeptRisks { wallet, rows, margins };
        }
        Arc::clone(&self.account(account).risks.rows)
    }

    fn rows_hold(&self, account: AccountId, rows: &[PositionRisk]) -> bool {
        let account = self.account(account);
        rows.len() == self.markets.len() * account.sides().len()
            && rows.iter().all(|row| {
                let symbol = usize::from(row.symbol.0);
                let holding = &account.holdings[symbol];
                let position = holding.position(row.position_side);
                row.mark_price.0 == self.mark_or_zero(symbol)
                    && row.position_amt.0 == position.qty
                    && row.leverage == holding.leverage
                    && row.margin_type == holding.margin_type
                    && row.update_time == position.update_time
                    // A position on cross margin has no wallet of its own.
                    && (!holding.is_isolated() || row.isolated_wallet == position.isolated_wallet)
            })
    }

    pub(crate) fn risk_rows(
        &self,
        id: AccountId,
        wallet: Decimal,
        margins: &mut Vec<Margin>,
    ) -> Arc<[PositionRisk]> {
        let account = self.account(id);
        let sides = account.sides();
        let mut pool = Margin::default();
        margins.clear();
        for (symbol, holding) in account.holdings.iter().enumerate() {
            let first = margins.len();
            margins.extend(sides.iter().map(|side| self.margin_of(id, symbol, *side)));
            if !holding.is_isolated() && holding.is_held() {
                margins[first..].iter().for_each(|own| pool.add(*own));
            }
        }
        let cross = (wallet - account.isolated_wallets(), pool);
        // A range knows its length, so that the rows are written where they stay.
        let rows = (0..margins.len()).map(|row| {
            let (symbol, side) = (row / sides.len(), sides[row % sides.len()]);
            self.risk_row(id, symbol, side, margins[row], cross)
        });
        rows.collect()
    }

    fn risk_row(
        &self,
        account: AccountId,
        symbol: usize,
        side: PositionSide,
        own: Margin,
        cross: (Decimal, Margin),
    ) -> PositionRisk {
        let (market, holding) = (&self.markets[symbol], self.holding(account, symbol));
        let position = holding.position(side);
        let mark = self.mark_or_zero(symbol);
        let pool = if holding.is_isolated() { (position.isolated_wallet, own) } else { cross };
        let initial = if position.qty == 0 {
            Decimal::ZERO
        } else {
            let worth = market.rules.notional(mark, position.qty.abs());
            cut8_ratio(worth, Decimal::from(holding.leverage))
        };
        PositionRisk {
            symbol: SymbolIndex(symbol as u16),
            position_side: side,
            position_amt: QtyLots(position.qty),
            entry_price: position.entry_price(&market.rules),
            break_even_price: position.break_even_price(&market.rules),
            mark_price: PriceTicks(mark),
            unrealized_profit: cut8(own.unrealized),
            liquidation_price: self.liquidation_price(account, symbol, side, own, pool),
            leverage: holding.leverage,
            margin_type: holding.margin_type,
            isolated_wallet: position.isolated_wallet,
            initial_margin: initial,
            maint_margin: cut8(own.maintenance),
            update_time: position.update_time,
        }
    }

    /// A position as ACCOUNT_UPDATE shows it.
    pub(crate) fn position_update(
        &self,
        account: AccountId,
        symbol: usize,
        side: PositionSide,
    ) -> PositionUpdate {
        let (rules, holding) = (&self.markets[symbol].rules, self.holding(account, symbol));
        let position = holding.position(side);
        PositionUpdate {
            symbol: SymbolIndex(symbol as u16),
            position_side: side,
            position_amt: QtyLots(position.qty),
            entry_price: position.entry_price(rules),
            break_even_price: position.break_even_price(rules),
            accumulated_realized: position.realized(),
            unrealized_profit: cut8(self.margin_of(account, symbol, side).unrealized),
            margin_type: holding.margin_type,
            isolated_wallet: position.isolated_wallet,
        }
    }

    /// Whether all money is where it should be: the ledger sums to zero, and for each position the cash
    /// flow of its fills and its worth equal realised and unrealised profit, exactly.
    pub fn check_conservation(&self) -> Result<(), String> {
        self.ledger.check()?;
        for (account, stated) in self.accounts.iter().zip(self.config.accounts()) {
            account.collateral.check(&stated)?;
            let mut realized = Decimal::ZERO;
            for (n, holding) in account.holdings.iter().enumerate() {
                let rules = &self.markets[n].rules;
                for position in &holding.positions {
                    let checked = position.check(rules, self.mark_or_zero(n));
                    checked.map_err(|e| format!("{}: {e}", rules.rules.symbol))?;
                }
                realized += holding.realized();
            }
            let booked = self.ledger.totals(account.id).realized;
            if realized != booked {
                return Err(format!("positions realised {realized}, the ledger {booked}"));
            }
        }
        Ok(())
    }
}
