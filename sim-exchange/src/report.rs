//! What the exchange tells about itself: assumptions, warnings, totals, and the proof of conservation.

use std::sync::Arc;

use engine::{
    MarginType, PositionRisk, PositionSide, PositionUpdate, PriceTicks, QtyLots, Symbol,
    SymbolIndex,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::account::cut8;
use crate::config::Funding;
use crate::exchange::SimExchange;
use crate::ledger::{LedgerRecord, LedgerTotals};
use crate::margin::SymbolMargin;

/// Counts and sums of one symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolCounts {
    /// Orders that were accepted.
    pub orders: u64,
    /// Fills of any order.
    pub fills: u64,
    /// Liquidation orders.
    pub liquidations: u64,
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
    /// Ledger records that were dropped for newer ones.
    pub ledger_dropped: u64,
}

/// The last answer to positionRisk, and the wallet that it was computed with.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptRisks {
    wallet: Decimal,
    rows: Arc<[PositionRisk]>,
    margins: Vec<SymbolMargin>,
}

impl SimExchange {
    /// Counts and sums so far.
    pub fn report(&self) -> ExchangeReport {
        let row = |(state, watch): (&crate::exchange::SymbolState, &crate::book::Watch)| {
            let counts = SymbolCounts {
                off_tick_prices: watch.off_tick,
                realized: state.position.realized(),
                ..state.counts
            };
            (state.rules.rules.symbol, counts)
        };
        ExchangeReport {
            totals: self.ledger.totals(),
            symbols: self.symbols.iter().zip(&self.watch).map(row).collect(),
            bad_prices: self.bad_prices,
            ledger_dropped: self.ledger.dropped(),
        }
    }

    /// What moved the wallet so far, by income type.
    pub fn ledger_totals(&self) -> LedgerTotals {
        self.ledger.totals()
    }

    /// The ledger's newest records, oldest first.
    pub fn ledger_records(&self) -> impl Iterator<Item = &LedgerRecord> {
        self.ledger.records()
    }

    /// How many orders were accepted, liquidation orders included.
    pub fn orders_total(&self) -> usize {
        self.orders.len()
    }

    /// What is assumed about the exchange, in plain sentences.
    pub fn assumptions(&self) -> Vec<String> {
        let spread = self.config.taker_spread_ticks;
        let mut lines = vec![
            format!("Fills: a taker fills completely at the last price moved {spread} order tick(s) against him."),
            "Fills: a resting order fills completely at its own price, as maker, when the market trades through it; a touch does not fill it.".to_owned(),
            "Bars without a path pass open, nearer extreme, other extreme, close, all at their closing instant; on a tie the high comes first if the bar closes below its open.".to_owned(),
            format!("Fees: maker {}, taker {}; cut at 8 decimals toward zero (unverified).", self.config.maker_rate, self.config.taker_rate),
            self.config.latency.sentence(),
            "Rules: filters and brackets are those of the start of the run.".to_owned(),
            "Margin: one-way mode, cross margin; liquidation orders pay no commission, the clearance fee goes to the insurance fund (unverified details).".to_owned(),
            "Insurance fund: it closes what it takes over at the taker price at once.".to_owned(),
        ];
        lines.push(match &self.config.funding {
            Funding::None => "Funding: none, by configuration.".to_owned(),
            Funding::Data => "Funding: rates and times of the data, on the mark price.".to_owned(),
            Funding::Constant { rates } => {
                let rates: Vec<String> = rates.iter().map(|(s, r)| format!("{s} {r}")).collect();
                format!("Funding: constant rates every 8 h UTC: {}.", rates.join(", "))
            }
        });
        let unmarked = self.symbols.iter().filter(|s| s.mark.is_none());
        let unmarked: Vec<String> = unmarked.map(|s| s.rules.rules.symbol.to_string()).collect();
        if !unmarked.is_empty() {
            let names = unmarked.join(", ");
            lines.push(format!(
                "Mark price: the last price stands in for it in {names}, which had no mark data."
            ));
        }
        lines
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
        if self.bad_prices > 0 {
            lines.push(format!(
                "{} market prices were refused: zero, negative or absurd.",
                self.bad_prices
            ));
        }
        lines
    }

    /// All positions as `positionRisk` shows them. Rows are asked for far more often than they change, so
    /// the last answer is kept while wallet, marks, positions and leverages are what they were.
    pub(crate) fn position_risks(&mut self) -> Arc<[PositionRisk]> {
        let wallet = self.wallet_balance();
        let mut kept = std::mem::take(&mut self.risks);
        if kept.wallet != wallet || !self.rows_hold(&kept.rows) {
            kept.wallet = wallet;
            kept.margins.clear();
            kept.margins.extend((0..self.symbols.len()).map(|symbol| self.margin_of(symbol)));
            let account = SymbolMargin::sum(&kept.margins);
            let rows = kept.margins.iter().enumerate();
            kept.rows = rows.map(|(symbol, own)| self.risk_row(symbol, *own, account)).collect();
        }
        let rows = Arc::clone(&kept.rows);
        self.risks = kept;
        rows
    }

    fn rows_hold(&self, rows: &[PositionRisk]) -> bool {
        rows.len() == self.symbols.len()
            && rows.iter().zip(&self.symbols).enumerate().all(|(symbol, (row, state))| {
                row.mark_price.0 == self.mark_or_zero(symbol)
                    && row.position_amt.0 == state.position.qty
                    && row.leverage == state.leverage
                    && row.update_time == state.position.update_time
            })
    }

    /// A position as ACCOUNT_UPDATE shows it.
    pub(crate) fn position_update(&self, symbol: usize) -> PositionUpdate {
        let state = &self.symbols[symbol];
        PositionUpdate {
            symbol: SymbolIndex(symbol as u16),
            position_side: PositionSide::Both,
            position_amt: QtyLots(state.position.qty),
            entry_price: state.position.entry_price(&state.rules),
            break_even_price: state.position.break_even_price(&state.rules),
            accumulated_realized: state.position.realized(),
            unrealized_profit: cut8(self.margin_of(symbol).unrealized),
            margin_type: MarginType::Crossed,
            isolated_wallet: Decimal::ZERO,
        }
    }

    fn risk_row(&self, symbol: usize, own: SymbolMargin, account: SymbolMargin) -> PositionRisk {
        let state = &self.symbols[symbol];
        let mark = self.mark_or_zero(symbol);
        PositionRisk {
            symbol: SymbolIndex(symbol as u16),
            position_side: PositionSide::Both,
            position_amt: QtyLots(state.position.qty),
            entry_price: state.position.entry_price(&state.rules),
            break_even_price: state.position.break_even_price(&state.rules),
            mark_price: PriceTicks(mark),
            unrealized_profit: cut8(own.unrealized),
            liquidation_price: self.liquidation_price(symbol, own, account),
            leverage: state.leverage,
            margin_type: MarginType::Crossed,
            isolated_wallet: Decimal::ZERO,
            initial_margin: cut8(
                state.rules.notional(mark, state.position.qty.abs())
                    / Decimal::from(state.leverage),
            ),
            maint_margin: cut8(own.maintenance),
            update_time: state.position.update_time,
        }
    }

    /// Whether all money is where it should be: the ledger sums to zero, and for each symbol the cash
    /// flow of its fills and the worth of its position equal realised and unrealised profit, exactly.
    pub fn check_conservation(&self) -> Result<(), String> {
        self.ledger.check()?;
        let mut realized = Decimal::ZERO;
        for (n, state) in self.symbols.iter().enumerate() {
            let symbol = state.rules.rules.symbol;
            let checked = state.position.check(&state.rules, self.mark_or_zero(n));
            checked.map_err(|e| format!("{symbol}: {e}"))?;
            realized += state.position.realized();
        }
        let booked = self.ledger.totals().realized;
        if realized != booked {
            return Err(format!("positions realised {realized}, the ledger {booked}"));
        }
        Ok(())
    }
}
