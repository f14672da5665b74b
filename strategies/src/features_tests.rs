use super::*;
use crate::test_support::close;

fn filled(count: usize) -> PriceHistory {
    let mut history = PriceHistory::new();
    for i in 0..count {
        let x = i as f64;
        history
            .push(100.0 + 3.0 * libm::sin(x / 4.0) + 0.1 * x, 10.0 + (i % 5) as f64)
            .expect("a usable tick");
    }
    history
}

#[test]
fn example_42() {
    let f = features(&filled(60), 107.0, 104.5);
    let expected = [
        ("price_change", f.price_change, -0.23076341119681992),
        ("high_low_range", f.high_low_range, 0.023072507647041874),
        ("volume_change", f.volume_change, 7.6923076923076925),
        ("volume_ma_ratio", f.volume_ma_ratio, 1.1666666666666667),
        ("ema_10", f.ema_10, 107.3085317106039),
        ("ema_20", f.ema_20, 105.9597726135046),
        ("ema_50", f.ema_50, 104.09534552240778),
        ("rsi_14", f.rsi_14, 95.58967806979041),
        ("macd", f.macd, 1.537519700147982),
        ("macd_signal", f.macd_signal, 1.3837677301331837),
        ("macd_hist", f.macd_hist, 0.15375197001479823),
        ("bb_position", f.bb_position, 0.8114727596991558),
        ("volatility_20", f.volatility_20, 0.005070175359213838),
        ("momentum_10", f.momentum_10, 4.220029880399611),
        ("momentum_20", f.momentum_20, 5.257962919533457),
        ("ema_10_20_cross", f.ema_10_20_cross, 0.012728973117175265),
        ("ema_10_50_cross", f.ema_10_50_cross, 0.03086772201072565),
        ("volume_ratio", f.volume_ratio, 1.1666666666666667),
    ];
    for (name, got, want) in expected {
        close(name, got, want, 1e-12);
    }
}

#[test]
fn short_histories_are_neutral() {
    let empty = features(&PriceHistory::new(), 0.0, 0.0);
    assert_eq!((empty.ema_10, empty.rsi_14, empty.volume_ratio), (0.0, 50.0, 1.0));
    let one = features(&filled(1), 101.0, 99.0);
    assert_eq!((one.ema_50, one.high_low_range, one.bb_position), (100.0, 0.0, 0.5));
    let fourteen = features(&filled(14), 101.0, 99.0);
    assert_eq!((fourteen.rsi_14, fourteen.macd, fourteen.volatility_20), (50.0, 0.0, 0.0));
    assert_ne!(fourteen.momentum_10, 0.0);
}

#[test]
fn the_history_keeps_the_newest() {
    let long = filled(1_000);
    assert_eq!(long.len(), HISTORY);
    let x = 999.0;
    assert_eq!(long.last(), Some(100.0 + 3.0 * libm::sin(x / 4.0) + 0.1 * x));
    let mut short = PriceHistory::new();
    for (price, volume) in long.prices().iter().zip(long.volumes()) {
        short.push(*price, *volume).expect("a usable tick");
    }
    assert_eq!(short, long);
}

#[test]
fn unusable_ticks_are_refused() {
    let mut history = filled(3);
    for (price, volume) in
        [(0.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY), (1.0, -1.0)]
    {
        assert!(history.push(price, volume).is_err());
    }
    assert_eq!(history.len(), 3);
}
