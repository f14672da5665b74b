"""The metrics of exposure, executions, trades and the pipeline, by pandas and numpy.

No library that is compared with has them; they are written here from their definitions alone.
"""

import numpy as np
import pandas as pd

from equity import DAY_NS, YEAR_NS, distinct


def held(series, times):
    """The last value until each of the times."""
    return series.reindex(series.index.union(times)).ffill().reindex(times)


def exposure_metrics(equity, exposure):
    """On the union of all times, with the last value held."""
    series = distinct(equity)
    begin, end = series.index[0], series.index[-1]
    positions = exposure.groupby("time_ns").last()
    inside = positions.index[(positions.index > begin) & (positions.index < end)]
    times = series.index.union(inside).union(positions.index[positions.index == end])
    frame = pd.DataFrame({"equity": held(series, times)})
    for column in ("gross_usdt", "net_usdt"):
        frame[column] = held(positions[column], times).fillna(0.0)
    frame["weight"] = np.append(np.diff(times.to_numpy()), 0).astype(float)
    in_market = frame["gross_usdt"] > 0.0
    solvent = frame[frame["equity"] > 0.0]
    leverage = solvent["gross_usdt"] / solvent["equity"]

    def mean(values, weight):
        return (values * weight).sum() / weight.sum() if weight.sum() > 0 else None

    return {
        "exposure": mean(in_market.astype(float), frame["weight"]),
        "gross_exposure_mean": mean(leverage, solvent["weight"]),
        "net_exposure_mean": mean(solvent["net_usdt"] / solvent["equity"], solvent["weight"]),
        "leverage_mean": mean(leverage, solvent["weight"] * (solvent["gross_usdt"] > 0.0)),
        "leverage_max": leverage.max() if len(leverage) else None,
    }


def fill_metrics(equity, fills):
    series = distinct(equity)
    widths = np.diff(series.index.to_numpy())
    span = float(widths.sum())
    mean_equity = np.average(series.to_numpy()[:-1], weights=widths) if span else np.nan
    notional = fills["notional_usdt"].astype(float)
    maker = notional[fills["liquidity"] == "maker"].sum()
    turnover = notional.sum() / mean_equity if mean_equity > 0 else None
    return {
        "fills": len(fills),
        "volume": notional.sum(),
        "fill_fees": fills["fee_usdt"].astype(float).sum(),
        "maker_share": maker / notional.sum() if notional.sum() else None,
        "turnover": turnover,
        "turnover_annual": turnover * YEAR_NS / span if turnover is not None else None,
    }


def by_trade(trades):
    """What each trade comes to."""
    frame = trades.copy()
    for column in ("realised_pnl_usdt", "fees_usdt", "funding_usdt", "slippage_usdt"):
        # In whole units of 1e-8 USDT, so that a trade that made nothing made exactly that.
        frame[column] = (frame[column].astype(float) * 1e8).round().astype("int64")
    frame["net"] = frame["realised_pnl_usdt"] - frame["fees_usdt"] + frame["funding_usdt"]
    long = frame["side"] == "long"
    entry = frame["entry_price"]
    up = (frame["highest_price"] - entry).clip(lower=0.0) / entry
    down = (entry - frame["lowest_price"]).clip(lower=0.0) / entry
    frame["mae"], frame["mfe"] = np.where(long, down, up), np.where(long, up, down)
    distance = np.where(long, entry - frame["initial_stop_price"], frame["initial_stop_price"] - entry)
    risk = pd.Series(distance * frame["qty"], index=frame.index)
    frame["r"] = frame["net"] / 1e8 / risk.where(risk > 0.0)
    frame["hours"] = (frame["exit_time_ns"] - frame["entry_time_ns"]) / (DAY_NS / 24)
    return frame


def longest_run(flags):
    """The most of them that are set, one after the other."""
    flags = pd.Series(np.asarray(flags))
    return int(flags.groupby((~flags).cumsum()).sum().max()) if len(flags) else 0


def trade_metrics(frame):
    """Of trades as `by_trade` gives them, all or a group."""
    net = frame["net"]
    won, lost = net[net > 0], net[net < 0]
    # Only the exit orders them here; trades of the tests that share it are told apart in `cases`.
    ordered = frame.sort_values(["exit_time_ns", "entry_time_ns"])
    profit, loss = won.sum() / 1e8, -lost.sum() / 1e8
    some = len(frame) > 0
    return {
        "trades": len(frame),
        "net_pnl": net.sum() / 1e8,
        "gross_profit": profit,
        "gross_loss": loss,
        "fees": frame["fees_usdt"].sum() / 1e8,
        "funding": frame["funding_usdt"].sum() / 1e8,
        "slippage": frame["slippage_usdt"].sum() / 1e8,
        "hit_rate": (net > 0).mean() if some else None,
        "payoff_ratio": -won.mean() / lost.mean() if len(won) and len(lost) else None,
        "profit_factor": profit / loss if len(lost) else None,
        "expectancy": net.mean() / 1e8 if some else None,
        "expectancy_r": frame["r"].mean(),
        "mae_mean": frame["mae"].mean(),
        "mfe_mean": frame["mfe"].mean(),
        "time_in_trade_hours_mean": frame["hours"].mean(),
        "time_in_trade_hours_median": frame["hours"].median(),
        "set_leverage_mean": frame["leverage"].mean(),
        "set_leverage_max": frame["leverage"].max(),
        "liquidations": (frame["liquidated"] == "true").sum(),
        "longest_losing_streak": longest_run(ordered["net"] < 0),
    }


def pipeline_metrics(counted):
    refusals = sum(counted["refusals"].values())
    permits = counted["permits_granted"] + counted["permits_denied"]

    def share(part, whole):
        return part / whole if whole else None

    def lag(samples):
        ms = np.asarray(samples) / 1e6
        quantiles = {
            f"lag_ms_p{q}": np.percentile(ms, q) if len(ms) else None for q in (50, 90, 99)
        }
        return {"lag_samples": len(ms), **quantiles, "lag_ms_max": ms.max() if len(ms) else None}

    whole = {
        "refusals": refusals,
        "refusal_rate": share(refusals, counted["proposals"]),
        "permit_grant_rate": share(counted["permits_granted"], permits),
        "downgrade_rate": share(counted["downgrades"], counted["actions"]),
    }
    by_gate = {
        gate: {
            "gate_refusals": count,
            "gate_refusal_rate": share(count, counted["proposals"]),
            "gate_share": share(count, refusals),
        }
        for gate, count in counted["refusals"].items()
    }
    return whole, by_gate, {stream: lag(ns) for stream, ns in counted["lag_ns"].items()}
