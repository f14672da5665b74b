"""The metrics of an equity curve, by empyrical-reloaded, scipy and pandas.

Where the definitions differ, the difference has a name here, and what is compared is said:

PERIODS_A_YEAR  empyrical's years have 252 days of trading; crypto trades all year. `annualization` is given.
CAGR_YEARS      empyrical counts periods; ours is by time, 365 days a year, of which the last period may be
                a part only. `annualization` is given so that its years are those of the clock.
DRAWDOWN_OF     empyrical sees drawdowns in returns of periods; ours are of all samples. It gets the returns
                from sample to sample. It cannot compound a loss of everything, so pandas does that.
CALMAR_OF       as CAGR_YEARS and DRAWDOWN_OF: the quotient of the two, and empyrical's own where one sample
                is one period (test_calmar_of_one_sample_a_period).
TAIL_WHOLE      empyrical's expected shortfall has the worst int((n - 1) a) + 1 returns, all whole; ours
                n a of them, the last in part (Acerbi and Tasche). The two agree where n a is whole
                (test_expected_shortfall_of_a_whole_number_of_returns); elsewhere the mean of the empirical
                quantile function over (0, a) is compared.
ROUNDING        returns that differ by 1e-14 only are rounding. Ours divides by no such spread, drawdown or
                shortfall; empyrical has such a floor for some, and huge ratios for the others.
ONE_RETURN      empyrical wants two returns for Sortino and Omega; the formulas are defined for one.
RUIN            ours has no return of an equity that is gone: the returns end with the loss of it.
SAMPLE_SIZE     skew and kurtosis are corrected for the size of the sample: scipy's bias=False. ddof is 1.
SIGNS           drawdown, value at risk and expected shortfall are losses: above zero, where empyrical's are
                below.
"""

import empyrical as ep
import numpy as np
import pandas as pd
import scipy.stats

YEAR_NS = 365 * 86_400 * 10**9
DAY_NS = 86_400 * 10**9
ROUNDING = 1e-14


def distinct(frame):
    """The samples that count: of several at one time, the last."""
    return frame.groupby("time_ns")["equity_usdt"].last()


def period_ends(frame, period_ns):
    """By pandas' own resampling, from the first sample on."""
    series = distinct(frame)
    series.index = pd.to_datetime(series.index, unit="ns")
    period = pd.Timedelta(period_ns, unit="ns")
    ends = series.resample(period, closed="right", label="right", origin="start").last()
    return ends.ffill().to_numpy()


def returns_of(ends):
    """RUIN: until the first end that is not above zero, that one included."""
    gone = np.flatnonzero(ends <= 0.0)
    ends = ends[: gone[0] + 1] if len(gone) else ends
    return np.diff(ends) / ends[:-1]


def drawdown_metrics(frame):
    """Falls by pandas: a new one begins with each sample that stands at the peak."""
    series = distinct(frame)
    times = series.index.to_numpy()
    peak = series.cummax()
    depth = (peak - series) / peak
    falls = pd.DataFrame({"depth": depth.to_numpy(), "time": times})
    at_peak = (series >= peak).to_numpy()
    falls["fall"] = np.cumsum(at_peak)
    by_fall = falls.groupby("fall")
    found = pd.DataFrame({"depth": by_fall["depth"].max(), "begin": by_fall["time"].first()})
    # A fall ends where the next one's peak is, or with the series.
    found["end"] = found["begin"].shift(-1, fill_value=times[-1]).astype("int64")
    found["days"] = (found["end"] - found["begin"]) / DAY_NS
    found = found[found["depth"] > 0.0]
    span = times[-1] - times[0]
    if found.empty:
        return {
            "max_drawdown": 0.0,
            "max_drawdown_days": 0.0,
            "longest_drawdown_days": 0.0,
            "time_under_water": 0.0 if span else None,
            "average_drawdown": None,
        }
    # DRAWDOWN_OF.
    alive = (series > 0.0).all()
    steps = series.pct_change().dropna()
    return {
        "max_drawdown": -ep.max_drawdown(steps) if alive else found["depth"].max(),
        "max_drawdown_days": found.loc[found["depth"].idxmax(), "days"],
        "longest_drawdown_days": found["days"].max(),
        "time_under_water": found["days"].sum() * DAY_NS / span,
        "average_drawdown": found["depth"].mean(),
    }


def shortfall(returns, share):
    """TAIL_WHOLE: the mean over (0, share) of the empirical quantile function, step by step."""
    ordered = np.sort(returns)
    edges = np.arange(len(ordered) + 1) / len(ordered)
    widths = np.clip(np.minimum(edges[1:], share) - edges[:-1], 0.0, None)
    return -(ordered * widths).sum() / widths.sum()


def metrics(frame, period_ns, risk_free_rate, target_return, tail_level):
    """All metrics of the catalogue's part on equity."""
    ends = period_ends(frame, period_ns)
    r = returns_of(ends)
    a_year = YEAR_NS / period_ns  # PERIODS_A_YEAR
    free = np.expm1(np.log1p(risk_free_rate) / a_year)
    target = np.expm1(np.log1p(target_return) / a_year)
    times = frame["time_ns"]
    years = (times.iloc[-1] - times.iloc[0]) / YEAR_NS
    varies = len(r) > 0 and np.ptp(r) > ROUNDING
    short = len(r) > 0 and target - r.min() > ROUNDING
    ulcer = 1.0 - ends / np.maximum.accumulate(ends)
    figures = drawdown_metrics(frame)
    gone = (ends <= 0.0).any()

    figures["periods"] = len(ends) - 1
    figures["total_return"] = ends[-1] / ends[0] - 1.0 if gone else ep.cum_returns_final(r)
    if len(r) == 0:
        figures["total_return"] = 0.0
    figures["cagr"] = None
    if years > 0 and ends[-1] >= 0.0:
        # CAGR_YEARS. empyrical compounds the returns; a run that lost all has the same from its ends.
        by_clock = len(r) / years
        figures["cagr"] = (
            (ends[-1] / ends[0]) ** (1 / years) - 1 if gone else ep.cagr(r, annualization=by_clock)
        )
    deepest = figures["max_drawdown"]
    # CALMAR_OF, ROUNDING.
    defined = figures["cagr"] is not None and deepest > ROUNDING
    figures["calmar"] = figures["cagr"] / deepest if defined else None
    figures["volatility"] = ep.annual_volatility(r, annualization=a_year)
    # ROUNDING.
    sharpe = ep.sharpe_ratio(r, risk_free=free, annualization=a_year)
    figures["sharpe"] = sharpe if varies else None
    figures["sortino"] = figures["omega"] = None
    if short and len(r) == 1:
        # ONE_RETURN: below the target, so there is nothing gained.
        figures["sortino"], figures["omega"] = -np.sqrt(a_year), 0.0
    elif short:
        figures["sortino"] = ep.sortino_ratio(r, required_return=target, annualization=a_year)
        figures["omega"] = ep.omega_ratio(r, required_return=target_return, annualization=a_year)
    figures["ulcer_index"] = np.sqrt(np.mean(ulcer[1:] ** 2)) if len(ends) > 1 else None
    share = 1.0 - tail_level
    figures["value_at_risk"] = -ep.value_at_risk(r, cutoff=share) if len(r) else None
    figures["expected_shortfall"] = shortfall(r, share) if len(r) else None
    # SAMPLE_SIZE.
    enough = varies and len(r) >= 3
    figures["skew"] = scipy.stats.skew(r, bias=False) if enough else None
    enough = varies and len(r) >= 4
    figures["excess_kurtosis"] = scipy.stats.kurtosis(r, bias=False) if enough else None
    return figures
