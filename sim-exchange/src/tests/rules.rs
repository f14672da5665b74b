//! The embedded tables: complete, dated, and honest about what is uncertain.

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;

use super::grid;
use crate::book::Multiples;
use crate::symbol_rules::GridRules;
use crate::{RuleBook, RulesError, StatedBrackets, StatedFilters};

const AT_2022_04_11_17: Nanos = Nanos::from_secs(1_649_696_400);
const AT_2022_04_11_18: Nanos = Nanos::from_secs(1_649_700_000);
const AT_2025_06: Nanos = Nanos::from_secs(1_748_736_000);
const AT_2025_09: Nanos = Nanos::from_secs(1_756_684_800);

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

#[test]
fn every_symbol_of_the_data_has_rules() {
    let book = RuleBook::embedded().unwrap();
    let names = "1000PEPE 1000SHIB ADA ALGO APE AVAX BCH BNB BTC DOGE DOT ENA ETC ETH FIL HBAR LAYER LINK LTC NEAR SOL SUI TON TRX VET XLM XMR XRP ZEC";
    for name in names.split(' ') {
        let name = symbol(&format!("{name}USDT"));
        let rules = book.for_symbol(name, AT_2025_09).unwrap();
        let grid = grid(name.as_str(), rules.price_precision, rules.quantity_precision);
        GridRules::new(rules, &grid).unwrap();
    }
}

#[test]
fn the_tick_of_btcusdt_changed_in_2022() {
    let book = RuleBook::embedded().unwrap();
    let tick = |at| book.for_symbol(symbol("BTCUSDT"), at).unwrap().tick_size;
    assert_eq!(tick(AT_2022_04_11_17), Decimal::new(1, 2));
    assert_eq!(tick(AT_2022_04_11_18), Decimal::new(1, 1));
}

#[test]
fn brackets_are_dated_and_doubts_are_said() {
    let book = RuleBook::embedded().unwrap();
    let of = |name, at| book.for_symbol(symbol(name), at).unwrap();
    assert_eq!(of("BTCUSDT", AT_2025_06).brackets[0].leverage, 125);
    assert!(of("BTCUSDT", AT_2025_06).notes.is_empty());
    let new = of("BTCUSDT", AT_2025_09);
    assert_eq!(new.brackets[0].leverage, 150);
    assert!(new.notes[0].contains("only the four tiers"));
    let early = of("BTCUSDT", AT_2022_04_11_18);
    assert!(early.warnings[0].contains("first known brackets"), "{:?}", early.warnings);
    assert!(of("LAYERUSDT", AT_2025_09).notes.iter().any(|w| w.contains("ENAUSDT")));
}

#[test]
fn an_unknown_symbol_and_a_coarse_grid_say_what_to_do() {
    let book = RuleBook::embedded().unwrap();
    let missing = book.for_symbol(symbol("NOSUCHUSDT"), AT_2025_09).unwrap_err().to_string();
    assert_eq!(
        missing,
        "NOSUCHUSDT has no filters in filters.toml: state them in the scenario, such as [exchange] filters = \
         [{ symbol = \"NOSUCHUSDT\", tick_size = \"0.01\", step_size = \"0.001\", min_notional = \"5\" }]"
    );
    let rules = book.for_symbol(symbol("ETHUSDT"), AT_2025_09).unwrap();
    let coarse = GridRules::new(rules, &grid("ETHUSDT", 1, 3)).unwrap_err();
    assert!(matches!(coarse, RulesError::Grid { what: "tick_size", .. }), "{coarse}");
}

fn stated(text: &str) -> Result<RuleBook, String> {
    #[derive(serde::Deserialize)]
    struct Table {
        #[serde(default)]
        filters: Vec<StatedFilters>,
        #[serde(default)]
        brackets: Vec<StatedBrackets>,
    }
    let Table { filters, brackets } = toml::from_str(text).map_err(|e| e.to_string())?;
    RuleBook::embedded().unwrap().with_stated(&filters, &brackets)
}

const NEW_SYMBOL: &str = r#"
filters = [{ symbol = "NEWUSDT", tick_size = "0.05", step_size = "1", min_notional = "5", max_num_orders = 9 }]
brackets = [{ symbol = "NEWUSDT", tiers = [
  { cap = "5000", mmr = "0.01", leverage = 50 }, { cap = "10000", mmr = "0.03", leverage = 20 } ] }]
"#;

#[test]
fn a_scenario_states_the_rules_of_a_symbol() {
    let rules =
        stated(NEW_SYMBOL).unwrap().for_symbol(symbol("NEWUSDT"), AT_2022_04_11_17).unwrap();
    assert_eq!((rules.price_precision, rules.quantity_precision), (2, 0));
    assert_eq!((rules.tick_size, rules.min_price), (Decimal::new(5, 2), Decimal::new(5, 2)));
    assert_eq!((rules.min_qty, rules.max_num_orders), (Decimal::ONE, 9));
    assert_eq!(rules.brackets[1].cum, Decimal::from(100), "5000 × (3 % - 1 %)");
    assert!(rules.warnings.is_empty(), "{:?}", rules.warnings);
    let [filters, brackets] = rules.notes.as_slice() else { panic!("{:?}", rules.notes) };
    assert!(filters.starts_with("NEWUSDT: filters as the scenario states them; it does not say"));
    assert!(
        filters.contains("max_qty 10000000, min_price 0.05, max_price 0, min_qty 1"),
        "{filters}"
    );
    assert!(!filters.contains("max_num_orders"), "{filters}");
    assert_eq!(brackets, "NEWUSDT: leverage brackets as the scenario states them");
    // One that the tables know: what is stated takes the place of all their rows.
    let known = NEW_SYMBOL.replace("NEWUSDT", "BTCUSDT");
    let known = stated(&known).unwrap();
    for at in [AT_2022_04_11_17, AT_2025_09] {
        assert_eq!(known.for_symbol(symbol("BTCUSDT"), at).unwrap().tick_size, Decimal::new(5, 2));
    }
    assert_eq!(known.dates_after(symbol("BTCUSDT"), AT_2022_04_11_17), (vec![], vec![]));
    let dated = NEW_SYMBOL
        .replace("\"NEWUSDT\", tick", "\"NEWUSDT\", valid_from = \"2025-08-01T00:00:00Z\", tick");
    let dated = stated(&dated).unwrap().for_symbol(symbol("NEWUSDT"), AT_2025_06).unwrap();
    assert!(dated.warnings[0].contains("first known filters are of 2025-08-01"), "{dated:?}");
}

#[test]
fn wrong_rules_of_a_scenario_are_refused_with_their_place() {
    for (from, to, reason) in [
        ("\"0.05\"", "\"0\"", "[[exchange.filters]] number 1 (NEWUSDT): tick_size is 0"),
        ("\"0.05\"", "\"1e20\"", "tick_size"),
        ("\"5\", max", "\"-5\", max", "min_notional is -5 and must be from 0 to"),
        ("tick_size", "price_precision = 1, tick_size", "raise price_precision to 2"),
        ("tick_size", "valid_from = \"soon\", tick_size", "valid_from = \"soon\" is no UTC time"),
        ("20 }", "60 }", "[[exchange.brackets]] number 1 (NEWUSDT): tier 2: cap and mmr must rise"),
        ("20 }", "20, cum = \"7\" }", "tier 2: cum is 7 and must be 100"),
        ("10000", "79228162514264337593543950335", "must be at most 1000000000000"),
    ] {
        let text = NEW_SYMBOL.replace(from, to);
        let refused = stated(&text).err().unwrap_or_else(|| panic!("{text}"));
        assert!(refused.contains(reason), "{refused}");
    }
    let twice = NEW_SYMBOL.replace("= 9 }]", "= 9 }, { symbol = \"NEWUSDT\", tick_size = \"1\", step_size = \"1\", min_notional = \"5\" }]");
    assert!(stated(&twice).err().unwrap().contains("two blocks of NEWUSDT"));
    let only = NEW_SYMBOL.split("brackets").next().unwrap();
    let missing =
        stated(only).unwrap().for_symbol(symbol("NEWUSDT"), AT_2025_06).unwrap_err().to_string();
    assert!(
        missing.contains("no brackets") && missing.contains("[exchange] brackets = [{ symbol"),
        "{missing}"
    );
}

#[test]
fn a_table_with_a_wrong_cum_or_key_is_refused_with_its_place() {
    let wrong = super::TOY_RULES.replace("cum = \"400\"", "cum = \"401\"");
    let text = RuleBook::parse(&wrong, "toy.toml").err().unwrap().to_string();
    assert!(text.contains("tier 2: cum is 401 and must be 400"), "{text}");
    let wrong = super::TOY_RULES.replace("max_num_orders = 3", "max_orders = 3");
    let text = RuleBook::parse(&wrong, "toy.toml").err().unwrap().to_string();
    assert!(text.contains("max_orders") && text.contains("line"), "{text}");
}

#[test]
fn multiples_agree_with_the_remainder() {
    for divisor in [1, 2, 3, 5, 10, 12, 25, 96, 100, 1_000, 99_991, 1 << 40] {
        let multiples = Multiples::of(divisor);
        for n in
            (0..2_000).chain([divisor - 1, divisor, divisor + 1, divisor * 77, divisor * 77 + 1])
        {
            assert_eq!(multiples.contains(n), n % divisor == 0, "{n} of {divisor}");
        }
    }
}
