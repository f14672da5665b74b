//! The embedded tables: complete, dated, and honest about what is uncertain.

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;

use super::grid;
use crate::book::Multiples;
use crate::symbol_rules::GridRules;
use crate::{RuleBook, RulesError};

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
        "NOSUCHUSDT has no filters in filters.toml: add a `[[filters]]` block with valid_from for it"
    );
    let rules = book.for_symbol(symbol("ETHUSDT"), AT_2025_09).unwrap();
    let coarse = GridRules::new(rules, &grid("ETHUSDT", 1, 3)).unwrap_err();
    assert!(matches!(coarse, RulesError::Grid { what: "tick_size", .. }), "{coarse}");
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
