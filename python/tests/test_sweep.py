"""Sweeps: results, progress, interruption."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import polars
import pytest

import qsim

SWEEP = """
scenario = "made.toml"
figures = ["wallet_balance"]
[sampler]
method = "grid"
[[axis]]
path = "account.wallet"
values = ["2000", "10000"]
[[axis]]
path = "pipeline.trading_bot.min_confidence"
values = [0.5, 0.6, 0.7]
[[objective]]
name = "return"
value = 'metrics["total_return"]'
goal = "maximize"
[metrics]
period = "1h"
"""


@pytest.fixture
def file(scenario: Path) -> Path:
    path = scenario.with_name("sweep.toml")
    path.write_text(SWEEP)
    return path


def test_a_sweep_is_a_table(file: Path, scenario: Path) -> None:
    told: list[tuple[int, int]] = []
    results = qsim.sweep(file, jobs=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]
    assert Path(results.folder) == file.with_suffix(".sweep") and len(results) == 6
    trials = results.to_polars()
    assert trials["number"].to_list() == list(range(6)) and trials["error"].is_null().all()
    assert trials["param.account.wallet"].to_list() == ["2000"] * 3 + ["10000"] * 3
    assert trials["returns"].dtype == polars.List(polars.Float64) and trials["returns"].list.len().to_list() == [3] * 6
    assert trials["figure.wallet_balance"][5] == pytest.approx(10_000, rel=0.01)
    assert len(results.to_pandas()) == 6
    # A trial is the run of its values.
    alone = qsim.run(scenario, set={"account.wallet": "2000", "pipeline.trading_bot.min_confidence": 0.6})
    assert trials["digest"][1] == alone.digest
    summary = results.summary
    assert (summary["done"], summary["failed"]) == (6, 0) and sorted(summary["best"]) == list(range(6))
    # Each is known, or there are words that say why not.
    for name in ("deflated", "overfitting", "neighbourhood"):
        assert isinstance(summary[name], (dict, str)) and summary[name]
    again = qsim.read_sweep(results.folder)
    assert again.to_polars().equals(trials)


def test_an_interrupted_sweep_goes_on(file: Path, tmp_path: Path) -> None:
    whole = qsim.sweep(file, into=tmp_path / "whole").to_polars().drop("worker", "result")

    def stop(done: int, total: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        qsim.sweep(file, into=tmp_path / "parts", jobs=1, progress=stop)
    before = qsim.read_sweep(tmp_path / "parts")
    assert 0 < len(before) < 6
    told: list[int] = []
    after = qsim.sweep(file, into=tmp_path / "parts", progress=lambda done, total: told.append(done))
    assert told == list(range(len(before) + 1, 7))
    assert after.to_polars().drop("worker", "result").equals(whole)


def test_an_exception_of_the_progress_ends_it(file: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        qsim.sweep(file, jobs=1, progress=stop)
    assert 0 < len(qsim.read_sweep(file.with_suffix(".sweep"))) < 6


def test_what_cannot_be_swept_is_refused(file: Path) -> None:
    file.write_text(SWEEP.replace("account.wallet", "account.walet"))
    with pytest.raises(qsim.QsimError, match="walet"):
        qsim.sweep(file)
    with pytest.raises(qsim.QsimError, match="nowhere"):
        qsim.read_sweep(file.with_name("nowhere"))
