"""Equity curves, random ones and nasty ones."""

import numpy as np
import pandas as pd

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: 2026-01-01, midnight UTC.
BEGIN = 1_767_225_600 * SECOND


def curve(times, values):
    return pd.DataFrame(
        {"time_ns": np.asarray(times, dtype="int64"), "equity_usdt": np.asarray(values, dtype=float)}
    )


def regular(values, step=DAY):
    return curve(BEGIN + step * np.arange(len(values)), values)


def walk(seed, length, mean=0.0005, spread=0.02, start=10_000.0, step=DAY):
    """A random walk whose steps are those of a normal distribution."""
    rng = np.random.default_rng(seed)
    steps = np.exp(rng.normal(mean, spread, length - 1))
    return regular(start * np.concatenate([[1.0], np.cumprod(steps)]), step)


def irregular(seed, length, gap=6 * HOUR):
    """Samples at random times, several of them at once."""
    rng = np.random.default_rng(seed)
    gaps = rng.integers(0, gap, length) * rng.integers(0, 2, length)
    steps = 1.0 + rng.normal(0.0001, 0.01, length)
    return curve(BEGIN + np.cumsum(gaps), 10_000.0 * np.cumprod(steps))


def gaps(seed):
    """A walk with weeks of silence in it, and an end within a period."""
    frame = walk(seed, 400, step=HOUR)
    frame.loc[100:, "time_ns"] += 17 * DAY + 5 * HOUR + 123
    frame.loc[250:, "time_ns"] += 40 * DAY
    return frame


def crashes(seed):
    """Small gains and rare losses of a third: skewed to the left."""
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(500) < 0.01, 0.67, 1.004)
    return regular(1_000.0 * np.cumprod(steps))


def plateaus(seed):
    """A walk in whole dollars: many equal samples, many returns to the same peak."""
    rng = np.random.default_rng(seed)
    return regular(np.maximum(1_000.0 + np.cumsum(rng.integers(-2, 3, 800)), 1.0), HOUR)


CURVES = {
    **{f"walk {seed}": walk(seed, length) for seed, length in enumerate([2, 3, 4, 5, 21, 101, 366, 3_000])},
    **{f"irregular {seed}": irregular(seed, 500) for seed in range(4)},
    **{f"plateaus {seed}": plateaus(seed) for seed in range(3)},
    "gaps": gaps(1),
    "crashes": crashes(2),
    "minutes of a month": walk(3, 43_201, mean=1e-6, spread=5e-4, step=MINUTE),
    "tiny spread": walk(4, 500, mean=1e-7, spread=1e-9),
    "large mean, tiny spread": walk(5, 300, mean=0.01, spread=1e-7),
    "cents": walk(6, 200, start=0.01),
    "billions": walk(7, 200, start=4.2e12),
    "one sample": regular([10_000.0]),
    "one sample, twice": curve([BEGIN, BEGIN], [1.0, 10_000.0]),
    "two samples in one period": curve([BEGIN, BEGIN + HOUR], [100.0, 99.9]),
    "flat": regular([10_000.0] * 50),
    "flat, then one step": regular([10_000.0] * 49 + [10_001.0]),
    "all losing": regular(10_000.0 * 0.99 ** np.arange(60) - np.arange(60)),
    "all winning": regular(10_000.0 + np.arange(60) ** 1.5),
    "constant growth": regular(10_000.0 * 1.01 ** np.arange(60)),
    "constant loss": regular(10_000.0 * 0.99 ** np.arange(60)),
    "all lost": regular([100.0, 120.0, 90.0, 30.0, 0.0]),
    "all lost and then some": regular([100.0, 120.0, 90.0, 30.0, -5.0]),
    "back from the dead": regular([100.0, 120.0, 90.0, -5.0, 10.0, 130.0]),
    "one wild day": regular([100.0] * 30 + [100_000.0] + [100.0] * 30),
}

SETTINGS = {
    "days": dict(period_ns=DAY, risk_free_rate=0.0, target_return=0.0, tail_level=0.95),
    "hours, rates": dict(period_ns=HOUR, risk_free_rate=0.04, target_return=0.1, tail_level=0.99),
    "odd periods": dict(
        period_ns=7 * HOUR + 11 * MINUTE, risk_free_rate=-0.01, target_return=-0.2, tail_level=0.9
    ),
}


def exposure(seed, frame, length=300):
    """Positions that come and go, some before the curve begins and some after it ends."""
    rng = np.random.default_rng(seed)
    first, last = frame["time_ns"].iloc[0], frame["time_ns"].iloc[-1]
    span = max(last - first, DAY)
    times = np.sort(rng.integers(first - span // 20, last + span // 20, length))
    # Some at the very times of the curve, and some twice.
    times[10:20] = rng.choice(frame["time_ns"], 10)
    times[30] = times[31]
    net = 10_000.0 * rng.normal(0.0, 1.5, length) * rng.integers(0, 2, length)
    gross = np.abs(net) * rng.uniform(1.0, 2.0, length)
    return pd.DataFrame({"time_ns": np.sort(times), "gross_usdt": gross, "net_usdt": net})


def money(values):
    """Eight places, as text."""
    return [f"{value:.8f}" for value in values]


def fills(seed, length=500):
    rng = np.random.default_rng(seed)
    notional = rng.lognormal(6.0, 2.0, length)
    return pd.DataFrame(
        {
            "notional_usdt": money(notional),
            "fee_usdt": money(notional * rng.uniform(-0.0001, 0.0005, length)),
            "liquidity": rng.choice(["maker", "taker"], length),
        }
    )


def trades(seed, length=400, win=0.4, stop=0.7):
    """Trades of five symbols, no two of which end at one time."""
    rng = np.random.default_rng(seed)
    entry = rng.lognormal(6.0, 2.0, length)
    exit_price = entry * np.where(rng.random(length) < win, 1.02, 0.985)
    exit_price = np.where(rng.random(length) < 0.05, entry, exit_price)
    side = rng.choice(["long", "short"], length)
    qty = 1_000.0 / entry
    pnl = np.where(side == "long", 1.0, -1.0) * (exit_price - entry) * qty
    free = rng.random(length) < 0.1
    entry_time = BEGIN + rng.integers(0, 90 * DAY, length)
    # Of random nanoseconds no two are the same.
    exits = entry_time + rng.integers(1, DAY, length)
    away = rng.uniform(-0.01, 0.05, length)
    stops = np.where(side == "long", entry * (1 - away), entry * (1 + away))
    return pd.DataFrame(
        {
            "symbol": rng.choice(["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "1000PEPEUSDT"], length),
            "side": side,
            "qty": qty,
            "entry_time_ns": entry_time,
            "entry_price": entry,
            "exit_time_ns": exits,
            "exit_price": exit_price,
            "exit_reason": rng.choice(["stop_loss", "take_profit", "time", "liquidation"], length),
            "realised_pnl_usdt": money(pnl),
            "fees_usdt": money(np.where(free, 0.0, rng.uniform(-0.1, 1.0, length))),
            "funding_usdt": money(np.where(free, 0.0, rng.normal(0.0, 0.5, length))),
            "slippage_usdt": money(rng.normal(0.1, 0.3, length)),
            "highest_price": np.maximum(entry, exit_price) * rng.uniform(1.0, 1.05, length),
            "lowest_price": np.minimum(entry, exit_price) * rng.uniform(0.95, 1.0, length),
            "initial_stop_price": np.where(rng.random(length) < stop, stops, np.nan),
            "leverage": rng.integers(1, 21, length).astype(float),
            "liquidated": np.where(rng.random(length) < 0.02, "true", "false"),
        }
    )


TRADES = {
    **{f"random {seed}": trades(seed) for seed in range(5)},
    "many": trades(5, 20_000),
    "odd number": trades(6, 101),
    "one": trades(7, 1),
    "none": trades(8, 0),
    "all won": trades(9, 50, win=1.0).assign(side="long", fees_usdt="0", funding_usdt="1"),
    "all lost": trades(10, 50, win=0.0).assign(side="long", fees_usdt="5", funding_usdt="0"),
    "no stops": trades(11, 50, stop=0.0),
    "nothing won, nothing lost": trades(12, 20).assign(
        realised_pnl_usdt="1", fees_usdt="1", funding_usdt="0"
    ),
}

PIPELINES = {
    "busy": dict(
        proposals=1_000,
        refusals={"risk": 120, "heat": 33, "portfolio": 0},
        permits_granted=777,
        permits_denied=41,
        actions=600,
        downgrades=17,
        lag_ns={
            "intents": np.sort(np.random.default_rng(1).integers(0, 10**9, 999)).tolist(),
            "fills": np.sort(np.random.default_rng(2).integers(0, 10**12, 2)).tolist(),
            "ticks": [5_000],
            "silent": [],
        },
    ),
    "idle": dict(
        proposals=0,
        refusals={},
        permits_granted=0,
        permits_denied=0,
        actions=0,
        downgrades=0,
        lag_ns={},
    ),
}
