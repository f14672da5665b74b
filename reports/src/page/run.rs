//! What a page of a run shows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Column, Figure, Lazy, Note};

/// One run, or two that are compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// Of the data: [`super::FORMAT`].
    pub format: u32,
    /// Of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// One or two.
    pub runs: Vec<Run>,
    /// Of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// A run. Times are milliseconds since 1970 UTC, money is USDT.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Run {
    /// What it is called.
    pub name: String,
    /// Its scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Its seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// BLAKE3 of its journal, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Of the program that ran it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its first instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// The first instant behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<i64>,
    /// Further facts: names and texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    /// What was assumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<Note>,
    /// What was noticed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Note>,
    /// Figures with their definitions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Figure>,
    /// What it traded; columns point into them.
    pub symbols: Vec<String>,
    /// Equity over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equity: Option<Lazy<Equity>>,
    /// One a symbol that has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<SymbolBars>,
    /// Positions from their opening to their end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trades: Option<Lazy<Trades>>,
    /// What the gates decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates: Option<Lazy<Gates>>,
    /// Streams, services and what went between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<Lazy<Topology>>,
    /// Metrics of each symbol's trades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_symbol: Option<Breakdown>,
    /// Metrics of the trades with each reason of exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_reason: Option<Breakdown>,
    /// Why a panel has no data: its name and a sentence.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<&'static str, String>,
}

/// Equity over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Equity {
    /// Rising.
    pub time_ms: Column,
    /// In USDT.
    pub equity: Column,
    /// By the highest equity so far, less one. The page works it out where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawdown: Option<Column>,
}

/// The bars of a symbol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SymbolBars {
    /// Into the run's symbols.
    pub symbol: usize,
    /// Its bars.
    pub bars: Lazy<Bars>,
}

/// Bars, in USDT.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bars {
    /// When each opens.
    pub time_ms: Column,
    /// First price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Column>,
    /// Highest price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<Column>,
    /// Lowest price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<Column>,
    /// Last price.
    pub close: Column,
}

/// How an exit is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// Its target was reached.
    Target,
    /// Its stop was.
    Stop,
    /// Its trailing stop was.
    Trailing,
    /// Its time was over.
    Time,
    /// The venue closed it.
    Liquidation,
    /// Somebody decided so.
    Signal,
    /// Anything else.
    Other,
}

/// A reason of exit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// As the pipeline says it.
    pub name: String,
    /// How it is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ReasonKind>,
}

/// Trades; all columns are equally long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trades {
    /// `reason` points into them.
    pub reasons: Vec<Reason>,
    /// From 1.
    pub id: Column,
    /// Into the run's symbols.
    pub symbol: Column,
    /// 0 long, 1 short.
    pub side: Column,
    /// When it was opened.
    pub entry_ms: Column,
    /// When it ended; nothing while it is open.
    pub exit_ms: Column,
    /// Mean of its entries.
    pub entry_price: Column,
    /// Mean of its exits.
    pub exit_price: Column,
    /// Largest size, in units of the base asset.
    pub qty: Column,
    /// Net, in USDT.
    pub pnl: Column,
    /// Paid.
    pub fees: Column,
    /// Received.
    pub funding: Column,
    /// Worse than decided.
    pub slippage: Column,
    /// Net profit by entry notional.
    pub ret: Column,
    /// Most adverse excursion by entry price, zero or below.
    pub mae: Column,
    /// Most favourable excursion by entry price, zero or above.
    pub mfe: Column,
    /// First stop.
    pub stop_price: Column,
    /// Into `reasons`; nothing while it is open.
    pub reason: Column,
    /// What led to each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chains: Option<LazyChains>,
}

/// What led to trades: entries `offsets[i]` to `offsets[i + 1]` are those of trade i, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chains {
    /// One more than there are trades, from 0.
    pub offsets: Vec<usize>,
    /// When.
    pub time_ms: Vec<i64>,
    /// Into `places`.
    pub place: Vec<usize>,
    /// Into `texts`.
    pub text: Vec<usize>,
    /// Services and streams.
    pub places: Vec<String>,
    /// What they said.
    pub texts: Vec<String>,
}

impl Default for Chains {
    fn default() -> Chains {
        let (offsets, time_ms, place, text) = (vec![0], Vec::new(), Vec::new(), Vec::new());
        Chains { offsets, time_ms, place, text, places: Vec::new(), texts: Vec::new() }
    }
}

impl Chains {
    /// Adds the chain of the next trade: times in ms, places and texts.
    pub fn push<'t>(&mut self, chain: impl IntoIterator<Item = (i64, &'t str, &'t str)>) {
        for (time_ms, place, text) in chain {
            let known = self.places.iter().position(|there| there == place);
            let known = known.unwrap_or_else(|| {
                self.places.push(place.to_owned());
                self.places.len() - 1
            });
            self.time_ms.push(time_ms);
            self.place.push(known);
            self.text.push(self.texts.len());
            self.texts.push(text.to_owned());
        }
        self.offsets.push(self.time_ms.len());
    }

    /// How many trades it tells of.
    pub fn trades(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The chain of a trade: times, places and texts; nothing where it has none.
    pub fn chain(&self, trade: usize) -> impl Iterator<Item = (i64, &str, &str)> {
        let offset = |at: usize| self.offsets.get(at).copied().unwrap_or(0);
        (offset(trade)..offset(trade + 1)).filter_map(|at| {
            let place = self.places.get(*self.place.get(at)?)?;
            Some((
                *self.time_ms.get(at)?,
                place.as_str(),
                self.texts.get(*self.text.get(at)?)?.as_str(),
            ))
        })
    }

    /// The same in pieces of so many trades.
    pub(super) fn pieces(&self, rows: usize) -> Vec<Chains> {
        let trades: Vec<usize> = (0..self.trades()).collect();
        let piece = |trades: &[usize]| {
            let mut piece = Chains::default();
            trades.iter().for_each(|trade| piece.push(self.chain(*trade)));
            piece
        };
        trades.chunks(rows.max(1)).map(piece).collect()
    }
}

/// Chains where they are, or the name of the parts that hold them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LazyChains {
    /// The parts `<part>/0`, `<part>/1` and so on.
    Parts {
        /// What their names begin with.
        part: String,
        /// Trades of each.
        rows_per_part: usize,
    },
    /// All of them.
    Here(Chains),
}

/// Decisions of the gates, by time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gates {
    /// Their names.
    pub gates: Vec<String>,
    /// Why they refused.
    pub reasons: Vec<String>,
    /// When.
    pub time_ms: Column,
    /// Into `gates`.
    pub gate: Column,
    /// 0 passed, 1 refused, 2 downgraded.
    pub outcome: Column,
    /// Into `reasons`, or nothing.
    pub reason: Column,
    /// Into the run's symbols, or nothing.
    pub symbol: Column,
    /// The kill score over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_score: Option<KillScore>,
}

/// The kill score over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KillScore {
    /// When.
    pub time_ms: Column,
    /// How high.
    pub value: Column,
    /// Where it closes positions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// What stands in the picture of streams and services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A service.
    Service,
    /// A stream.
    Stream,
    /// The exchange.
    Exchange,
    /// Anything else.
    Other,
}

/// A service or a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Entries that it put aside, because it could not read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<u64>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What went from one node to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edge {
    /// Into the nodes.
    pub from: usize,
    /// Into the nodes.
    pub to: usize,
    /// How often.
    pub count: u64,
    /// From publication to handling: what half of them do not exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_p50_ms: Option<f64>,
    /// What 99 % do not exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_p99_ms: Option<f64>,
}

/// Streams and services.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Topology {
    /// All of them.
    pub nodes: Vec<Node>,
    /// What went between them.
    pub edges: Vec<Edge>,
}

/// One line a key, one column a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Breakdown {
    /// The lines.
    pub keys: Vec<String>,
    /// The columns.
    pub metrics: Vec<BreakdownColumn>,
}

/// A column of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BreakdownColumn {
    /// Of the metric.
    pub name: String,
    /// Of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// One a line.
    pub values: Vec<Option<f64>>,
}

/// What two runs have not in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Where their journals first differ; nothing if they are equal. Left out where nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<Option<FirstDifference>>,
    /// Rows of the trades that only this run has, for each run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trades_only: Option<[Vec<usize>; 2]>,
    /// What else is unlike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// Where two journals first differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FirstDifference {
    /// The entry's number in the first journal, or else in the second.
    pub index: u64,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
    /// The entry of the first journal.
    pub a: String,
    /// The entry of the second journal.
    pub b: String,
    /// What led there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
}
