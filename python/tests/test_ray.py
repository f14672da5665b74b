"""A sweep on a real Ray cluster of this machine, one of whose workers is killed while it runs a trial."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

QSIM = os.environ["QSIM"]
PORT = "6391"
WORKERS = 3

BASE = "seed = 3\n[market.synthetic]\nminutes = 240\n"
SWEEP = """
scenario = "base.toml"
[sampler]
method = "tpe"
trials = 18
batch = 6
startup = 6
[[axis]]
path = "pipeline.trading_bot.min_confidence"
range = { from = 0.5, to = 0.9 }
[[axis]]
path = "account.wallet"
values = ["2000", "10000"]
[[objective]]
name = "end"
value = "figures['margin_balance']"
goal = "maximize"
[metrics]
period = "1h"
"""


@pytest.fixture
def cluster() -> Iterator[str]:
    """A head node with several workers, begun and ended by Ray's own command."""
    ray = Path(sys.executable).with_name("ray")
    start = ["start", "--head", f"--port={PORT}", f"--num-cpus={WORKERS}", "--include-dashboard=false"]
    subprocess.run([ray, *start, "--disable-usage-stats"], check=True, capture_output=True)
    try:
        yield f"127.0.0.1:{PORT}"
    finally:
        subprocess.run([ray, "stop", "--force"], check=False, capture_output=True)


def sweep(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Begins `qsim sweep`."""
    return subprocess.Popen(
        [QSIM, "sweep", "sweep.toml", *more],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def trials(folder: Path) -> list[dict[str, object]]:
    """The rows of a sweep's table."""
    return parquet.read_table(folder / "trials.parquet").to_pylist()


def busy() -> list[int]:
    """Processes of Ray's that run a trial now: those that have a `qsim trials` below them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[:2] == [QSIM.encode(), b"trials"]:
                status = (entry / "status").read_text()
                found.append(int(status.split("PPid:")[1].split()[0]))
        except (OSError, IndexError):
            continue
    return sorted(found)


def test_a_worker_dies_and_the_results_are_those_of_one_machine(tmp_path: Path, cluster: str) -> None:
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    local = sweep(tmp_path, "--into", "local")
    _, said = local.communicate(timeout=600)
    assert local.returncode == 0, said

    running = sweep(
        tmp_path, "--into", "ray", "--engine", "ray", "--address", cluster, "--python", sys.executable
    )
    killed = None
    deadline = time.monotonic() + 300
    while killed is None and time.monotonic() < deadline and running.poll() is None:
        if workers := busy():
            killed = workers[0]
            os.kill(killed, signal.SIGKILL)
        time.sleep(0.05)
    out, said = running.communicate(timeout=900)
    assert running.returncode == 0, said
    assert killed is not None, "a worker was killed while it ran a trial"

    one, other = trials(tmp_path / "local"), trials(tmp_path / "ray")
    assert len(one) == 18
    workers = {str(row["worker"]) for row in other}
    assert all(worker.startswith("ray-") for worker in workers)
    assert len(workers) >= 2, workers
    assert not any(worker.endswith(f"-{killed}") for worker in workers), "what it ran was run by another"
    apart = ("worker", "result")
    for a, b in zip(one, other, strict=True):
        assert {k: v for k, v in a.items() if k not in apart} == {k: v for k, v in b.items() if k not in apart}


def test_a_program_that_is_not_there_is_told(tmp_path: Path, cluster: str) -> None:
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    script = [sys.executable, "-m", "qsim.ray_driver", "--address", cluster, "--program", "/nowhere/qsim"]
    driver = subprocess.run(script, input="{}\n{}\n", text=True, capture_output=True, timeout=120, check=False)
    assert driver.returncode == 1
    assert "/nowhere/qsim" in driver.stderr
