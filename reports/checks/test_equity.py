"""Metrics of the equity curve against empyrical-reloaded, scipy and pandas."""

import empyrical as ep
import pytest

import cases
import equity
from conftest import close, differences


@pytest.mark.parametrize("settings", cases.SETTINGS)
@pytest.mark.parametrize("curve", cases.CURVES)
def test_equity(metrics_of, curve, settings):
    frame, settings = cases.CURVES[curve], cases.SETTINGS[settings]
    ours = metrics_of(equity=frame, settings=settings)["run"]
    theirs = equity.metrics(frame, **settings)
    assert differences(ours, theirs) == {}


@pytest.mark.parametrize("seed", range(5))
def test_calmar_of_one_sample_a_period(metrics_of, seed):
    """CALMAR_OF: there, empyrical's own Calmar is of the same drawdowns and the same years."""
    frame = cases.walk(seed, 400)
    ours = metrics_of(equity=frame)["run"]
    returns = frame["equity_usdt"].pct_change().dropna()
    assert close(ours["calmar"], ep.calmar_ratio(returns, annualization=365))
    assert close(ours["cagr"], ep.cagr(returns, annualization=365))
    assert close(ours["max_drawdown"], -ep.max_drawdown(returns))


@pytest.mark.parametrize("count", [20, 40, 100, 200, 1_000])
def test_expected_shortfall_of_a_whole_number_of_returns(metrics_of, count):
    """TAIL_WHOLE: there, empyrical's own has as many returns."""
    frame = cases.walk(count, count + 1)
    ours = metrics_of(equity=frame)["run"]
    returns = frame["equity_usdt"].pct_change().dropna()
    assert close(ours["expected_shortfall"], -ep.conditional_value_at_risk(returns, cutoff=0.05))


def test_expected_shortfall_of_a_part_of_a_return_differs(metrics_of):
    """TAIL_WHOLE: elsewhere it does not, so the difference is one that can be seen."""
    frame = cases.walk(1, 51)
    ours = metrics_of(equity=frame)["run"]
    returns = frame["equity_usdt"].pct_change().dropna()
    assert not close(ours["expected_shortfall"], -ep.conditional_value_at_risk(returns, cutoff=0.05))
