"""The Gymnasium environment."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import qsim
import qsim.env


def play(env: gymnasium.Env[Any, Any], seed: int, choose: Any) -> tuple[list[float], list[np.ndarray], dict[str, Any]]:
    observation, first = env.reset(seed=seed)
    rewards, observations = [], [observation]
    while True:
        observation, reward, terminated, truncated, info = env.step(choose(len(rewards)))
        rewards.append(reward)
        observations.append(observation)
        if terminated or truncated:
            return rewards, observations, {**info, "start": first["equity"], "truncated": truncated}


@pytest.mark.parametrize("actions", ["discrete", "box"])
def test_gymnasium_takes_it(scenario: Path, actions: str) -> None:
    env = gymnasium.make("qsim/Trading-v0", path=scenario, window=8, actions=actions)
    with warnings.catch_warnings():
        # Features have no bounds.
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_the_same_seed_and_actions_are_the_same_run(scenario: Path) -> None:
    def turns(step: int) -> int:
        return step // 7 % 3

    env = qsim.Env(scenario, window=8, leverage=3)
    one, other = play(env, 5, turns), play(env, 5, turns)
    assert one[0] == other[0] and all(np.array_equal(a, b) for a, b in zip(one[1], other[1], strict=True))
    assert one[2]["digest"] == other[2]["digest"] and one[2]["truncated"]
    assert play(env, 6, turns)[2]["digest"] != one[2]["digest"]
    assert play(env, 5, lambda step: 1)[2]["digest"] != one[2]["digest"]
    # The first decision is after the ninth bar; that of the last bar comes too late.
    assert len(one[0]) == 180 - 9


def test_rewards_are_the_change_of_equity(scenario: Path) -> None:
    rewards, observations, info = play(qsim.Env(scenario, window=8, leverage=3), 5, lambda step: step // 7 % 3)
    run = info["run"]
    assert info["start"] == 10_000
    assert sum(rewards) * info["start"] == pytest.approx(run.figures["margin_balance"] - info["start"])
    assert run.figures["commission"] < -100 and info["equity"] == run.figures["margin_balance"]
    # Short is asked for at the first step, and held at the next.
    assert observations[1][-3] == -1.0 and observations[1][-2] == pytest.approx(-1.0, abs=0.02)
    assert observations[-1].dtype == np.float32


def test_who_does_nothing_keeps_all(scenario: Path) -> None:
    rewards, _, info = play(qsim.Env(scenario, window=8, every=5), 5, lambda step: 1)
    assert set(rewards) == {0.0} and info["equity"] == 10_000 and len(info["run"].fills) == 0
    assert len(rewards) == 34


def test_a_box_is_a_part_of_the_largest_position(scenario: Path) -> None:
    env = qsim.Env(scenario, window=8, leverage=2, actions="box", symbol="ETHUSDT")
    env.reset(seed=3)
    _, _, _, _, info = env.step(np.array([0.5], dtype=np.float32))
    assert info["position"] * info["price"] == pytest.approx(10_000, rel=0.01)
    _, _, _, _, info = env.step(np.array([0.0], dtype=np.float32))
    assert info["position"] == 0.0
    env.close()


CRASH = """
seed = 3
[market.synthetic]
minutes = 180
[[market.synthetic.events]]
event = "flash_crash"
at_minute = 60
depth = 0.4
fall_minutes = 10
recovery_minutes = 60
recovered_share = 0.5
volume_factor = 6.0
"""


@pytest.fixture
def crash(tmp_path: Path) -> Path:
    path = tmp_path / "crash.toml"
    path.write_text(CRASH)
    return path


def test_a_liquidation_terminates(crash: Path) -> None:
    rewards, _, info = play(qsim.Env(crash, window=8, leverage=8), 3, lambda step: 2)
    assert info["liquidated"] and not info["truncated"]
    assert sum(rewards) < -0.3 and len(rewards) < 200


def test_ruin_terminates(crash: Path) -> None:
    rewards, _, info = play(qsim.Env(crash, window=8, leverage=1, ruin=0.9), 3, lambda step: 2)
    # In the crash, and not only at the end of the market.
    assert len(rewards) < 80 and "run" not in info
    assert info["equity"] < 9_000 and not info["truncated"] and not info["liquidated"]


def test_what_cannot_be_played_is_refused(scenario: Path) -> None:
    with pytest.raises(qsim.QsimError, match="nowhere"):
        qsim.Env(scenario.with_name("nowhere.toml")).reset()
    with pytest.raises(ValueError, match="no symbol 'NONE'"):
        qsim.Env(scenario, symbol="NONE").reset()
    with pytest.raises(qsim.QsimError, match="smaller window"):
        qsim.Env(scenario, window=500).reset()
    with pytest.raises(ValueError, match="actions"):
        qsim.Env(scenario, actions="words")
    env = qsim.Env(scenario, window=8)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)


def test_nothing_is_left_behind(scenario: Path) -> None:
    before = threading.active_count()
    for seed in range(3):
        env = qsim.Env(scenario, window=8)
        env.reset(seed=seed)
        env.step(2)
        env.reset()
        del env
    assert threading.active_count() == before
    # A program that ends in the middle of an episode ends.
    code = "import sys, qsim; env = qsim.Env(sys.argv[1], window=8); env.reset(seed=1); env.step(2)"
    subprocess.run([sys.executable, "-c", code, scenario], check=True, timeout=60)
