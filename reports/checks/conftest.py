"""Asks the crate for its metrics, by the example that `METRICS_OF` is the path of."""

import json
import os
import subprocess

import pandas as pd
import pytest


def close(ours, theirs):
    """Equal to nine digits; below 1e-12 there is only rounding. What is undefined is so on both sides."""
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return abs(ours - theirs) <= max(1e-9 * max(abs(ours), abs(theirs)), 1e-12)


def number(value):
    """Money comes as text, because it is exact."""
    return float(value) if isinstance(value, str) else value


@pytest.fixture
def metrics_of(tmp_path):
    """Runs the example: frames become CSV files, everything else options."""
    binary = os.environ.get("METRICS_OF")
    assert binary, "METRICS_OF is not set: cargo build -p reports --example metrics_of"

    def ask(pipeline=None, settings=None, **frames):
        command = [binary]
        for name, frame in frames.items():
            path = tmp_path / f"{name}.csv"
            # All 17 digits, so that both sides begin with the same floats.
            frame.to_csv(path, index=False, float_format="%.17g")
            command += [f"--{name}", str(path)]
        if pipeline is not None:
            path = tmp_path / "pipeline.json"
            path.write_text(json.dumps(pipeline))
            command += ["--pipeline", str(path)]
        for name, value in (settings or {}).items():
            command += [f"--{name.replace('_', '-')}", repr(value)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def differences(ours, theirs):
    """Which metrics are not close, with both figures."""
    unlike = {}
    for name, figure in theirs.items():
        figure = None if figure is None or pd.isna(figure) else float(figure)
        if not close(number(ours[name]), figure):
            unlike[name] = (ours[name], figure)
    return unlike
