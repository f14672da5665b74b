"""Scenarios: what a run tells, and what it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pandas
import polars
import pyarrow
import pytest

import qsim


def test_a_run_is_that_of_the_command_line(scenario: Path) -> None:
    run = qsim.run(scenario)
    program = os.environ.get("QSIM")
    if program is None:
        pytest.skip("QSIM names no program to compare with")
    said = subprocess.run([program, "run", "--format", "json", scenario], check=True, capture_output=True, text=True)
    assert run.digest in said.stdout
    assert qsim.run(scenario, seed=4).digest not in said.stdout


def test_a_run_tells_what_it_came_to(scenario: Path) -> None:
    run = qsim.run(scenario)
    assert (run.name, run.seed, run.verdict, run.failed) == ("made", 3, "pass", [])
    assert len(run.digest) == 64 and run.virtual_seconds == 10_800.0 and run.events > 10_000
    assert run.figures["wallet_balance"] == pytest.approx(10_000.0, rel=0.01)
    assert all(isinstance(line, str) for line in run.assumptions)
    metrics = run.metrics(period="1h")
    assert metrics["periods"] == 3 and metrics["trades"] == len(run.trades)
    assert run.returns("1h") and len(run.returns("1h")) == 3
    with pytest.raises(qsim.QsimError, match="period"):
        run.metrics(period="a while")


def test_what_fails_is_named(scenario: Path) -> None:
    with scenario.open("a") as file:
        file.write('[[expect]]\nname = "a fortune"\nfigure = "wallet_balance"\nat_least = 1000000\n')
    run = qsim.run(scenario)
    assert run.verdict == "fail"
    assert [failure["name"] for failure in run.failed] == ["a fortune"]


def test_values_and_variants_are_set(scenario: Path) -> None:
    text = scenario.read_text()
    scenario.write_text(text + "[variants.poor.account]\nwallet = 50\n")
    assert qsim.run(scenario).figures["wallet_balance"] > 9_000
    assert qsim.run(scenario, variant="poor").figures["wallet_balance"] == pytest.approx(50, abs=5)
    run = qsim.run(scenario, set={"account.wallet": "5000", "market.synthetic.minutes": 60}, seed=9)
    assert run.seed == 9 and run.virtual_seconds == 3_600
    assert run.equity.to_polars()["equity"][0] == 5_000
    assert qsim.run(scenario, set={"seed": 9}).digest == qsim.run(scenario, seed=9).digest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"variant": "x"}, 'no variant "x"'),
        ({"set": {"pipeline.nope": 1}}, "unknown key `nope`"),
        ({"set": {"account.wallet": "-1"}}, "account.wallet is -1"),
        ({"set": {"market.recorded.from": "x"}}, "missing key `symbols`"),
    ],
)
def test_what_cannot_be_run_is_refused(scenario: Path, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(qsim.QsimError, match=words):
        qsim.run(scenario, **arguments)
    with pytest.raises(TypeError, match="no value of a scenario file"):
        qsim.run(scenario, set={"account.wallet": object()})
    with pytest.raises(qsim.QsimError, match="nowhere.toml"):
        qsim.run(scenario.with_name("nowhere.toml"))


@pytest.mark.parametrize("name", ["equity", "fills", "trades"])
def test_tables_are_taken_as_they_are(day: qsim.Run, name: str) -> None:
    table = getattr(day, name)
    frame, arrow, data = polars.DataFrame(table), pyarrow.table(table), table.to_pandas()
    assert isinstance(data, pandas.DataFrame)
    assert len(table) == len(frame) == len(arrow) == len(data) > 0
    assert frame.columns == arrow.column_names == list(data.columns) == table.columns
    assert frame.equals(table.to_polars()) and arrow.equals(table.to_arrow())
    assert polars.DataFrame(arrow).equals(frame)
    for column, kind in frame.schema.items():
        times = column == "time" or column.endswith("_time")
        assert (kind == polars.Datetime("ns", "UTC")) == times, column
    # Taken once more, and kept when the table is gone.
    again = polars.DataFrame(table)
    del table
    assert again.equals(frame)


def test_buffers_are_shared(scenario: Path) -> None:
    table = qsim.run(scenario).equity
    buffers = [pyarrow.table(table).column("equity").chunk(0).buffers()[1].address for _ in range(2)]
    assert buffers[0] == buffers[1]


def test_trades_are_those_of_the_report(day: qsim.Run, scenario: Path, tmp_path: Path) -> None:
    program = os.environ.get("QSIM")
    if program is None:
        pytest.skip("QSIM names no program to compare with")
    scenario.write_text(scenario.read_text().replace("minutes = 180", "minutes = 1440"))
    file = tmp_path / "trades.parquet"
    subprocess.run([program, "report", scenario, "--format", "parquet", "--into", file], check=True, capture_output=True)
    closed, still_open = day.trades.to_polars(), day.open_trades.to_polars()
    assert len(closed) > 0 and closed["exit_time"].null_count() == 0
    assert still_open["exit_time"].null_count() == len(still_open)
    assert polars.read_parquet(file).equals(polars.concat([closed, still_open]))
    net = closed["realized"] - closed["fees"] + closed["funding"]
    assert closed["pnl"].to_list() == pytest.approx(net.to_list())
    assert (closed["mae"] <= 0).all() and (closed["mfe"] >= 0).all()


def test_tables_agree_with_the_figures(day: qsim.Run) -> None:
    run = day
    equity, fills, trades = run.to_polars(), run.fills.to_polars(), run.trades.to_polars()
    assert equity["equity"][-1] == pytest.approx(run.figures["margin_balance"])
    # The figure is what the account got.
    assert fills["commission"].sum() == pytest.approx(-run.figures["commission"])
    assert len(fills) == run.figures["fills"]
    assert set(trades["symbol"]) <= set(run.symbols) and set(trades["side"]) <= {"LONG", "SHORT"}
    assert (trades["exit_time"] >= trades["entry_time"]).all()
    assert run.to_pandas().index.name == "time"


def test_others_go_on_while_it_runs(scenario: Path) -> None:
    beats = 0
    over = threading.Event()

    def beat() -> None:
        nonlocal beats
        while not over.wait(0.001):
            beats += 1

    thread = threading.Thread(target=beat)
    thread.start()
    qsim.run(scenario)
    over.set()
    thread.join()
    assert beats > 20


def test_ctrl_c_ends_it(scenario: Path) -> None:
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        qsim.run(scenario, set={"market.synthetic.minutes": 100_000})


def test_what_is_public_is_there() -> None:
    assert sorted(qsim.__all__) == dir(qsim)
    for name in qsim.__all__:
        assert getattr(qsim, name) is not None
    with pytest.raises(AttributeError):
        qsim.nothing
