"""Market data in an object store that speaks S3's protocol, against the same data in a folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

import qsim

QSIM = os.environ["QSIM"]
BUCKET = "market"

SCENARIO = """
[market.recorded]
symbols = ["LTCUSDT"]
bars = "1m"
from = "2026-01-01T00:00:00Z"
to = "2026-01-01T06:00:00Z"
[exchange]
funding_rate = "0.0001"
[strategy.ema_cross]
symbol = "LTCUSDT"
fast = 5
slow = 20
quantity = "1"
"""
SWEEP = """
scenario = "ltc.toml"
[sampler]
method = "grid"
[[axis]]
path = "strategy.ema_cross.fast"
values = [3, 5, 8]
[[axis]]
path = "market.window"
values = [
    { from = "2026-01-01T00:00:00Z", to = "2026-01-01T03:00:00Z" },
    { from = "2026-01-01T03:00:00Z", to = "2026-01-01T06:00:00Z" },
]
[[objective]]
name = "end"
value = "figures['margin_balance']"
goal = "maximize"
"""


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    """An S3 server with an empty bucket: what a process has to have in its environment to reach it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    reached = {
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "hush-hush-testing",
    }
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        client(reached).create_bucket(Bucket=BUCKET)
        yield reached
    finally:
        server.kill()
        server.wait()


def client(reached: dict[str, str]):
    """A client of the store that is not ours."""
    return boto3.client(
        "s3",
        endpoint_url=reached["AWS_ENDPOINT"],
        region_name=reached["AWS_REGION"],
        aws_access_key_id=reached["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=reached["AWS_SECRET_ACCESS_KEY"],
    )


def run(folder: Path, reached: dict[str, str], *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs ``qsim`` there, with a cache of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= reached | {"QSIM_DATA_CACHE": str(folder / "cache")}
    done = subprocess.run([QSIM, *words], cwd=folder, text=True, capture_output=True, env=environment, check=False)
    assert done.returncode == code, done
    assert "hush" not in done.stdout + done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path, store: dict[str, str]) -> Path:
    """Files of a sweep, and the data: imported, and copied into the bucket."""
    (tmp_path / "klines").mkdir()
    rows = []
    price = 60.0
    for minute in range(480):
        opens = 1_767_225_600_000 + minute * 60_000
        close = round(price + (minute * 7919 % 23 - 11) / 100 + (0.02 if minute // 40 % 2 else -0.02), 2)
        high, low = max(price, close) + 0.03, min(price, close) - 0.03
        rows.append(f"{opens},{price:.2f},{high:.2f},{low:.2f},{close:.2f},9.000,{opens + 59_999},0,0,0,0,0\n")
        price = close
    (tmp_path / "klines/LTCUSDT-1m-2026-01-01.csv").write_text("".join(rows))
    run(tmp_path, {}, "data", "import", "klines", "--into", "data")
    (tmp_path / "ltc.toml").write_text(SCENARIO)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    there = client(store)
    for path in (tmp_path / "data").rglob("*.parquet"):
        there.upload_file(str(path), BUCKET, f"sets/one/{path.relative_to(tmp_path / 'data')}")
    return tmp_path


URL = f"s3://{BUCKET}/sets/one"


def digest(done: subprocess.CompletedProcess[str]) -> str:
    """That of the only run."""
    return json.loads(done.stdout)["digest"]


def test_a_run_from_a_store_is_the_run_from_a_folder(folder: Path, store: dict[str, str]) -> None:
    words = ["run", "ltc.toml", "--format", "json", "--data"]
    here = run(folder, {}, *words, "data")
    there = run(folder, store, *words, URL)
    assert digest(there) == digest(here)
    assert "fetching 1 files" in there.stderr
    again = run(folder, store, *words, URL)
    assert digest(again) == digest(here)
    assert "fetching" not in again.stderr
    # The variable names a store as well.
    named = run(folder, store | {"QSIM_DATA": URL}, *words[:-1])
    assert digest(named) == digest(here)


def test_a_sweep_from_a_store_has_the_results_of_a_folder(folder: Path, store: dict[str, str]) -> None:
    run(folder, {}, "sweep", "sweep.toml", "--data", "data", "--into", "here")
    run(folder, store, "sweep", "sweep.toml", "--data", URL, "--into", "there")
    here, there = (
        sorted((row["number"], row["digest"]) for row in qsim.read_sweep(folder / name).trials.to_polars().to_dicts())
        for name in ("here", "there")
    )
    assert len(here) == 6
    assert here == there


def test_python_reads_from_a_store(folder: Path, store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("QSIM_DATA_CACHE", str(folder / "cache"))
    here = qsim.run(folder / "ltc.toml", data=folder / "data")
    assert qsim.run(folder / "ltc.toml", data=URL).digest == here.digest


def test_what_a_store_refuses_is_told(folder: Path, store: dict[str, str]) -> None:
    words = ["run", "ltc.toml", "--data"]
    told = run(folder, store, *words, f"s3://{BUCKET}/sets/two", code=2).stderr
    assert f"s3://{BUCKET}/sets/two: holds no files of klines/LTCUSDT/1m" in told
    told = run(folder, store, *words, "s3://another/sets/one", code=2).stderr
    assert "s3://another/sets/one: " in told
    assert "bucket" in told
    # Of a download only what is whole stays.
    assert not list((folder / "cache").rglob("*.parquet"))
