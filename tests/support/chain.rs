//! What a scenario tells the chain at once, as text: a state of the market that lets opens pass, and intents.
#![allow(unused_imports, unused_macros, reason = "each test file uses a part of it")]

/// A market state that is new for so long, such as `"10m"`.
macro_rules! market_state {
    ($fresh:literal) => {
        concat!(
            r#"
[state.keys."quantum:marketstate:{S}".hash]
symbol = "BTCUSDT"
sigma = 0.0006
mu = 0.00002
ts = 0.8
p_trend = 0.7
p_mr = 0.2
p_chop = 0.1
dp = 0.5
vr = 1.0
spike_proxy = 1.0
buffer_size = 300
regime = "TREND"
ts_timestamp = "$now_s+"#,
            $fresh,
            r#""
timestamp = "$now_s+"#,
            $fresh,
            "\"\n"
        )
    };
}

/// An intent to open. Its number is the last two digits of its correlation id, its worth is in USDT.
macro_rules! opens {
    (
        $number:literal at $at:literal, $side:literal $symbol:literal for $worth:literal at $entry:literal,
        stop $stop:literal, target $target:literal, leverage $leverage:literal
    ) => {
        concat!(
            "[[timeline]]\nat = \"",
            $at,
            "\"\npublish = { stream = \"trade.intent\", fields = { symbol = \"",
            $symbol,
            "\", action = \"",
            $side,
            "\", side = \"",
            $side,
            "\", confidence = 0.9, timestamp = \"$now\", position_size_usd = ",
            $worth,
            ", entry_price = ",
            $entry,
            ", leverage = ",
            $leverage,
            ", stop_loss = ",
            $stop,
            ", take_profit = ",
            $target,
            ", source = \"trading_bot\", correlation_id = \"00000000-0000-0000-0000-0000000000",
            $number,
            "\" } }\n"
        )
    };
}

pub(crate) use {market_state, opens};
