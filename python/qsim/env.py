"""A Gymnasium environment on the simulated exchange."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces

from qsim import _qsim
from qsim.strategy import Strategy

if TYPE_CHECKING:
    from qsim._qsim import Account, Bar, Context, Fill, Run

#: The environment's id: ``gymnasium.make("qsim/Trading-v0", path=...)``.
ID = "qsim/Trading-v0"
#: Features of a bar: its return, that within it, its range, and its volume against the mean of the window.
FEATURES = 4
#: Of the account: the target, the position as a part of the largest one, and the change of equity since the beginning.
ACCOUNT = 3


class _Left(Exception):
    """Nobody steps this run any more."""


class _Pilot(Strategy):
    """Stands in the run and asks for an action, every so many bars; waits until there is one.

    It waits in a callback, while virtual time stands still: how long that takes reaches nothing.
    """

    def __init__(self, symbol: str | None, every: int, window: int, leverage: float) -> None:
        self.symbol, self.every, self.leverage = symbol, every, leverage
        self.bars: deque[Bar] = deque(maxlen=window + 1)
        self.window = window
        self.seen = 0
        self.target = 0.0
        self.start_equity: float | None = None
        self.waits = False
        self.liquidated = False
        #: What the agent is shown, and what it answers.
        self.shown: SimpleQueue[Any] = SimpleQueue()
        self.chosen: SimpleQueue[float | None] = SimpleQueue()

    def on_start(self, ctx: Context) -> None:
        if self.symbol is None:
            self.symbol = ctx.symbols[0]
        elif self.symbol not in ctx.symbols:
            raise ValueError(f"no symbol {self.symbol!r}; there are {', '.join(ctx.symbols)}")

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        if bar.symbol != self.symbol:
            return
        self.bars.append(bar)
        self.seen += 1
        # The exchange's own figure, with fees and funding; the answer takes as long as answers do.
        if len(self.bars) > self.window and self.seen % self.every == 0:
            self.waits = True
            ctx.ask_account()

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        self.liquidated = self.liquidated or fill.liquidation

    def on_account(self, ctx: Context, account: Account) -> None:
        if not self.waits:
            return
        self.waits = False
        if self.start_equity is None:
            self.start_equity = account.equity
        self.shown.put((self.observation(ctx, account.equity), account.equity, self.facts(ctx, account)))
        target = self.chosen.get()
        if target is None:
            raise _Left
        self.trade(ctx, account, target)

    def facts(self, ctx: Context, account: Account) -> dict[str, Any]:
        assert self.symbol is not None
        return {
            "time": ctx.now,
            "price": self.bars[-1].close,
            "equity": account.equity,
            "position": ctx.position(self.symbol),
            "liquidated": self.liquidated,
        }

    def observation(self, ctx: Context, equity: float) -> np.ndarray:
        assert self.symbol is not None and self.start_equity is not None
        bars = list(self.bars)
        rows = []
        volume = sum(bar.volume for bar in bars[1:]) / self.window
        for before, bar in zip(bars, bars[1:]):
            rows += [
                bar.close / before.close - 1.0,
                bar.close / bar.open - 1.0,
                (bar.high - bar.low) / bar.close,
                bar.volume / volume if volume > 0.0 else 0.0,
            ]
        largest = self.leverage * max(equity, 1e-9) / bars[-1].close
        rows += [self.target, ctx.position(self.symbol) / largest, equity / self.start_equity - 1.0]
        return np.asarray(rows, dtype=np.float32)

    def trade(self, ctx: Context, account: Account, target: float) -> None:
        """A target is traded for when it changes: else each bar would be paid for."""
        assert self.symbol is not None
        if target == self.target:
            return
        self.target = target
        wanted = target * self.leverage * max(account.equity, 0.0) / self.bars[-1].close
        change = wanted - ctx.position(self.symbol)
        decimals = next(one.quantity_decimals for one in ctx.instruments if one.symbol == self.symbol)
        if abs(change) >= 10.0**-decimals:
            # What only closes may always be done, whatever its size.
            closes = target == 0.0
            ctx.order(self.symbol, change, reduce_only=closes)


def _fly(pilot: _Pilot, arguments: Mapping[str, Any]) -> None:
    """Runs the scenario in its own thread; the last thing that is shown is how it ended."""
    try:
        pilot.shown.put(_qsim.run(**arguments, strategy=pilot))
    except _Left:
        pass
    except BaseException as error:  # noqa: BLE001 - it is raised where the agent steps
        pilot.shown.put(error)


def _leave(pilot: _Pilot, thread: threading.Thread) -> None:
    pilot.chosen.put(None)
    thread.join()


class Env(gymnasium.Env):
    """A market of a scenario file, traded by an agent: one symbol, one decision every ``every`` bars.

    The agent's orders go through the kernel and the simulated exchange of ``qsim.run``, with its latencies, fees, funding and
    liquidations. An episode is one run of the file; ``reset(seed=…)`` gives the seed of all its random streams (a made market
    is another one then). The same seed and actions give the same observations, rewards and, at the end, the same
    ``info["digest"]``.

    * Action: with ``actions="discrete"`` 0, 1 or 2 for short, flat or long; with ``"box"`` an array of one number from -1 to
      1. It is the target position in parts of ``leverage`` × equity, traded by a market order when it changes.
    * Observation: four features of each of the last ``window`` bars (return, return within the bar, range, volume against the
      window's mean), then the target, the position as a part of the largest one, and the change of equity since the
      beginning; ``float32``.
    * Reward: the change of equity since the step before, fees and funding in it, in parts of the equity at the beginning.
    * Terminated when the position was liquidated or equity is at ``ruin`` (a part of that of the beginning) or below;
      truncated at the end of the market. ``info["run"]`` is then the ``Run``, if it came to its end.

    ``variant``, ``set`` and ``data`` are those of ``qsim.run``.
    """

    metadata = {"render_modes": []}

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        variant: str = "",
        set: Mapping[str, Any] | None = None,
        data: str | os.PathLike[str] | None = None,
        symbol: str | None = None,
        window: int = 32,
        every: int = 1,
        leverage: float = 1.0,
        actions: str = "discrete",
        ruin: float = 0.0,
        render_mode: str | None = None,
    ) -> None:
        if window < 1 or every < 1 or leverage <= 0.0:
            raise ValueError("window and every are 1 or more, leverage is above 0")
        if actions not in ("discrete", "box"):
            raise ValueError(f'actions is {actions!r}: give "discrete" or "box"')
        self.render_mode = render_mode
        self._arguments = {"path": path, "variant": variant, "set": dict(set or {}), "data": data}
        self._symbol, self._window, self._every = symbol, window, every
        self._leverage, self._ruin = leverage, ruin
        self.action_space: spaces.Space[Any] = (
            spaces.Discrete(3) if actions == "discrete" else spaces.Box(-1.0, 1.0, (1,), np.float32)
        )
        shape = (window * FEATURES + ACCOUNT,)
        self.observation_space = spaces.Box(-np.inf, np.inf, shape, np.float32)
        self._pilot: _Pilot | None = None
        self._end: weakref.finalize[Any, Any] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode; ``seed`` is the run's, else the next of the environment's own sequence."""
        super().reset(seed=seed)
        self.close()
        run_seed = seed if seed is not None else int(self.np_random.integers(2**31))
        pilot = _Pilot(self._symbol, self._every, self._window, self._leverage)
        arguments = {**self._arguments, "seed": run_seed}
        thread = threading.Thread(target=_fly, args=(pilot, arguments), daemon=True, name="qsim.Env")
        thread.start()
        self._pilot = pilot
        self._end = weakref.finalize(self, _leave, pilot, thread)
        shown = pilot.shown.get()
        if isinstance(shown, BaseException):
            self.close()
            raise shown
        if not isinstance(shown, tuple):
            self.close()
            raise _qsim.QsimError("the market ends before the first decision: give a longer one, or a smaller window")
        self._last, self._equity, info = shown
        self._start = self._equity
        return self._last, {**info, "seed": run_seed}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Trades for a target, and goes on to the next decision."""
        pilot = self._pilot
        if pilot is None:
            raise gymnasium.error.ResetNeeded("the episode is over, or has not begun: call reset()")
        pilot.chosen.put(self._target(action))
        shown = pilot.shown.get()
        if isinstance(shown, BaseException):
            self.close()
            raise shown
        if not isinstance(shown, tuple):
            return self._truncated(pilot, shown)
        self._last, equity, info = shown
        reward = (equity - self._equity) / self._start
        self._equity = equity
        terminated = info["liquidated"] or equity <= self._ruin * self._start
        if terminated:
            self.close()
        return self._last, reward, terminated, False, info

    def _target(self, action: Any) -> float:
        if isinstance(self.action_space, spaces.Discrete):
            return float(int(action) - 1)
        return float(np.clip(np.asarray(action, dtype=np.float64).reshape(-1)[0], -1.0, 1.0))

    def _truncated(self, pilot: _Pilot, run: Run) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """The market has ended: what the account came to is the run's own figure."""
        equity = run.figures["margin_balance"]
        reward = (equity - self._equity) / self._start
        self.close()
        ruined = pilot.liquidated or equity <= self._ruin * self._start
        info = {"equity": equity, "liquidated": pilot.liquidated, "digest": run.digest, "run": run}
        return self._last, reward, ruined, not ruined, info

    def close(self) -> None:
        """Ends the run, if one is under way."""
        self._pilot = None
        if self._end is not None:
            self._end()
            self._end = None


def register() -> None:
    """Makes ``gymnasium.make("qsim/Trading-v0", path=…)`` known."""
    if ID not in gymnasium.registry:
        gymnasium.register(id=ID, entry_point="qsim.env:Env")


register()
