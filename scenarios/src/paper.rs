//! The exchange of a paper session: the scenario's own, on the market of a real venue.

use engine::{MarketWants, Symbol};
use serde::{Deserialize, Serialize};
use sim_exchange::{MarketDepth, RuleBook, SimExchange, StatedFilters};

use crate::market::OpenMarket;
use crate::session::SESSION_MAX;
use crate::{Scenario, ScenarioError, SessionHeader, SessionParts, venue};

/// What the exchange of a paper session is built from beside the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperTerms {
    /// The filters of the symbols, as the venue told them when the session began.
    pub filters: Vec<StatedFilters>,
}

impl SessionParts {
    /// Notes in the session's header from what its exchange is built.
    pub fn on_paper(mut self, terms: &PaperTerms) -> Result<SessionParts, serde_json::Error> {
        if let Some(session) = self.header.get_mut("session") {
            session["paper"] = serde_json::to_value(terms)?;
        }
        Ok(self)
    }
}

impl Scenario {
    /// The exchange of a session with this header, as it was at the session's beginning.
    pub fn paper_exchange(&self, session: &SessionHeader) -> Result<SimExchange, ScenarioError> {
        let build = |problem: String| ScenarioError::Build { origin: self.origin.clone(), problem };
        let rules = self.session_rules(session).map_err(build)?;
        let stated = self.exchange.funding_rate.is_some();
        let market = OpenMarket {
            feed: (),
            instruments: session.instruments.clone(),
            range: (session.start, session.start + SESSION_MAX),
            identity: serde_json::Value::Null,
            warnings: Vec::new(),
            // The venue tells its rates, unless the file has one of its own.
            tells_funding: !stated,
            tells_index: false,
            depth: self.paper_depth(),
            halts: Vec::new(),
        };
        venue::build(self, &market, &rules, Vec::new(), 0).map_err(build)
    }

    /// The rules of a session's symbols: what the file states, then what the venue told, then what we know.
    pub(crate) fn session_rules(&self, session: &SessionHeader) -> Result<RuleBook, String> {
        let symbols: Vec<Symbol> = session.instruments.iter().map(|one| one.symbol).collect();
        let rules = self.exchange.rules(&symbols)?;
        let Some(paper) = &session.paper else { return Ok(rules) };
        let stated = |symbol: Symbol| self.exchange.filters.iter().any(|own| own.symbol == symbol);
        let told: Vec<StatedFilters> =
            paper.filters.iter().filter(|told| !stated(told.symbol)).cloned().collect();
        rules.with_told(&told)
    }

    /// How much of the book the exchange of a paper session knows: levels, if the file's own market has a book, else
    /// trades. So orders fill as they do in the file's simulation.
    pub(crate) fn paper_depth(&self) -> MarketDepth {
        let synthetic = self.market.synthetic.as_ref().is_some_and(|market| market.tells_levels());
        let recorded = self.market.recorded.as_ref();
        match synthetic || recorded.is_some_and(|recorded| recorded.depth || recorded.quotes) {
            true => MarketDepth::Levels,
            false => MarketDepth::Trades,
        }
    }

    /// What the exchange of a paper session needs of the market, whatever the services want.
    pub fn paper_wants(&self) -> MarketWants {
        let depth = self.paper_depth() != MarketDepth::Trades;
        MarketWants { trades: true, marks: true, depth, ..MarketWants::NONE }
    }
}
