"""Metrics of exposure, executions, trades and the pipeline against pandas and numpy, and whether any
metric of the catalogue is compared with nothing."""

import pytest

import cases
import equity
import trading
from conftest import close, differences, number

CURVES = ["walk 7", "irregular 0", "irregular 1", "gaps", "back from the dead", "all lost", "one sample"]


@pytest.mark.parametrize("curve", CURVES)
def test_exposure(metrics_of, curve):
    frame = cases.CURVES[curve]
    for seed in range(3):
        positions = cases.exposure(seed, frame)
        ours = metrics_of(equity=frame, exposure=positions)["run"]
        theirs = trading.exposure_metrics(frame, positions)
        assert differences(ours, theirs) == {}, seed


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("length", [0, 1, 500])
def test_fills(metrics_of, curve, length):
    frame, fills = cases.CURVES[curve], cases.fills(length, length)
    ours = metrics_of(equity=frame, fills=fills)["run"]
    assert differences(ours, trading.fill_metrics(frame, fills)) == {}


@pytest.mark.parametrize("name", cases.TRADES)
def test_trades(metrics_of, name):
    trades = cases.TRADES[name]
    printed = metrics_of(equity=cases.CURVES["flat"], trades=trades)
    frame = trading.by_trade(trades)
    ours = printed["run"]
    assert differences(ours, trading.trade_metrics(frame)) == {}
    for key, column in [("by_symbol", "symbol"), ("by_exit_reason", "exit_reason")]:
        groups = dict(tuple(frame.groupby(column)))
        assert list(ours[key]) == sorted(groups)
        for group, of in groups.items():
            assert differences(ours[key][group], trading.trade_metrics(of)) == {}, group


def test_each_trade(metrics_of):
    trades = cases.TRADES["random 0"]
    ours = metrics_of(equity=cases.CURVES["flat"], trades=trades)["by_trade"]
    theirs = trading.by_trade(trades)
    assert len(ours) == len(theirs)
    for found, wanted in zip(ours, theirs.itertuples()):
        assert close(number(found["net_pnl_usdt"]), wanted.net / 1e8)
        assert close(found["r_multiple"], None if wanted.r != wanted.r else wanted.r)
        assert close(found["mae"], wanted.mae) and close(found["mfe"], wanted.mfe)
        assert close(found["hours"], wanted.hours)


@pytest.mark.parametrize("name", cases.PIPELINES)
def test_pipeline(metrics_of, name):
    counted = cases.PIPELINES[name]
    ours = metrics_of(pipeline=counted)["pipeline"]
    whole, by_gate, by_stream = trading.pipeline_metrics(counted)
    assert differences(ours, whole) == {}
    assert set(ours["by_gate"]) == set(by_gate) and set(ours["by_stream"]) == set(by_stream)
    for gate, theirs in by_gate.items():
        assert differences(ours["by_gate"][gate], theirs) == {}, gate
    for stream, theirs in by_stream.items():
        assert differences(ours["by_stream"][stream], theirs) == {}, stream


def test_no_metric_is_compared_with_nothing(metrics_of):
    frame, settings = cases.CURVES["walk 7"], cases.SETTINGS["days"]
    whole, by_gate, by_stream = trading.pipeline_metrics(cases.PIPELINES["busy"])
    compared = {
        *equity.metrics(frame, **settings),
        *trading.exposure_metrics(frame, cases.exposure(0, frame)),
        *trading.fill_metrics(frame, cases.fills(0)),
        *trading.trade_metrics(trading.by_trade(cases.TRADES["random 0"])),
        *whole,
        *by_gate["risk"],
        *by_stream["intents"],
    }
    assert compared == {metric["name"] for metric in metrics_of()["catalogue"]}
