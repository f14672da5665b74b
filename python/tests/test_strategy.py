"""Strategies and predictors in Python, on the simulated exchange."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import qsim

MINUTE = 60_000_000_000


class Listener(qsim.Strategy):
    """Buys and sells the first symbol, and notes what it is told."""

    def __init__(self, turn: int = 20) -> None:
        self.turn = turn
        self.bars = 0
        self.told: list[tuple[Any, ...]] = []
        self.fills: list[qsim.Fill] = []

    def on_start(self, ctx: qsim.Context) -> None:
        self.symbol = ctx.symbols[0]
        self.told.append(("start", ctx.now, ctx.wallet, ctx.position(self.symbol)))
        ctx.timer(90.0, 7)

    def on_bar(self, ctx: qsim.Context, bar: qsim.Bar) -> None:
        assert bar.time <= ctx.now and bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        if bar.symbol != self.symbol:
            return
        assert ctx.price(self.symbol) == bar.close
        self.bars += 1
        if self.bars % self.turn == 0:
            held = ctx.position(self.symbol)
            ctx.order(self.symbol, -held if held else 0.01, reduce_only=held != 0)

    def on_fill(self, ctx: qsim.Context, fill: qsim.Fill) -> None:
        self.fills.append(fill)

    def on_order(self, ctx: qsim.Context, order: qsim.Order) -> None:
        self.told.append(("order", order.id, order.status, order.side, order.quantity, order.filled))

    def on_timer(self, ctx: qsim.Context, key: int) -> None:
        self.told.append(("timer", ctx.now, key))
        ctx.ask_account()

    def on_account(self, ctx: qsim.Context, account: qsim.Account) -> None:
        self.told.append(("account", ctx.now, account.equity))

    def on_stop(self, ctx: qsim.Context) -> None:
        self.told.append(("stop", ctx.now, ctx.equity))


def test_a_strategy_trades_and_repeats(scenario: Path) -> None:
    listener = Listener()
    run = qsim.run(scenario, strategy=listener)
    assert run.verdict == "pass" and run.digest == qsim.run(scenario, strategy=Listener()).digest
    assert run.digest != qsim.run(scenario, strategy=Listener(turn=30)).digest
    assert listener.bars == 180
    start = listener.told[0][1]
    assert listener.told[0] == ("start", start, None, 0.0)
    # The answers take ten milliseconds, the timer fires on time.
    assert ("account", start + 10_000_000, 10_000.0) in listener.told
    assert ("timer", start + 90_000_000_000, 7) in listener.told
    stop = listener.told[-1]
    assert stop[:2] == ("stop", start + 180 * MINUTE)
    assert stop[2] == pytest.approx(run.figures["margin_balance"], abs=0.5)
    fills = run.fills.to_polars()
    assert [fill.order_id for fill in listener.fills] == fills["order_id"].to_list()
    # That of the last bar comes too late.
    assert len(fills) == 8
    assert [fill.price for fill in listener.fills] == fills["price"].to_list()
    assert sum(fill.commission for fill in listener.fills) == pytest.approx(-run.figures["commission"])
    assert ("order", "py1", "FILLED", "BUY", 0.01, 0.01) in listener.told
    assert len(run.trades) == 4


class Quotes(qsim.Strategy):
    """Rests an order, cancels it, and asks for what the exchange refuses."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_bar(self, ctx: qsim.Context, bar: qsim.Bar) -> None:
        if self.told or bar.symbol != ctx.symbols[0]:
            return
        # The order tick of BTCUSDT is 0.10.
        self.told.append(("sent", ctx.order(bar.symbol, 0.01, price=round(bar.close * 0.95, 1))))
        self.told.append(("sent", ctx.order(bar.symbol, -0.01, reduce_only=True)))
        ctx.timer(60.0, 1)

    def on_timer(self, ctx: qsim.Context, key: int) -> None:
        ctx.cancel(ctx.symbols[0], "py1")
        ctx.cancel(ctx.symbols[0], "nobody's")

    def on_order(self, ctx: qsim.Context, order: qsim.Order) -> None:
        self.told.append(("order", order.id, order.status, order.price is not None))

    def on_refused(self, ctx: qsim.Context, order_id: str, code: int, reason: str) -> None:
        self.told.append(("refused", order_id, code))


def test_orders_rest_are_cancelled_and_refused(scenario: Path) -> None:
    quotes = Quotes()
    qsim.run(scenario, strategy=quotes)
    assert quotes.told[:2] == [("sent", "py1"), ("sent", "py2")]
    assert ("order", "py1", "NEW", True) in quotes.told and ("order", "py1", "CANCELED", True) in quotes.told
    assert ("refused", "py2", -2022) in quotes.told
    assert ("refused", "nobody's", -2011) in quotes.told


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (lambda ctx: ctx.order("NONE", 1.0), KeyError, "no symbol"),
        (lambda ctx: ctx.order("BTCUSDT", 1e-9), ValueError, "less than a lot"),
        (lambda ctx: ctx.order("BTCUSDT", float("nan")), ValueError, "no amount"),
        (lambda ctx: ctx.order("BTCUSDT", 1.0, price=float("inf")), ValueError, "no amount"),
        (lambda ctx: ctx.order("BTCUSDT", 1.0, price=1.0, time_in_force="X"), ValueError, "there are GTC"),
        (lambda ctx: ctx.timer(-1.0, 0), ValueError, "have passed"),
        (lambda ctx: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_an_exception_ends_the_run(scenario: Path, act: Any, kind: type[Exception], words: str) -> None:
    class Acts(qsim.Strategy):
        calls = 0

        def on_bar(self, ctx: qsim.Context, bar: qsim.Bar) -> None:
            self.calls += 1
            act(ctx)

    strategy = Acts()
    with pytest.raises(kind, match=words):
        qsim.run(scenario, strategy=strategy)
    assert strategy.calls == 1


def test_lots_are_cut_not_rounded_up(scenario: Path) -> None:
    class Buys(qsim.Strategy):
        quantities: list[float] = []

        def on_bar(self, ctx: qsim.Context, bar: qsim.Bar) -> None:
            if bar.symbol == "BTCUSDT" and len(self.quantities) < 2:
                # 0.29 × 1000 is 290; 0.0299 holds 29 lots.
                ctx.order("BTCUSDT", [0.29, 0.0299][len(self.quantities)])
                self.quantities.append(0.0)

        def on_fill(self, ctx: qsim.Context, fill: qsim.Fill) -> None:
            self.quantities[int(fill.order_id[2:]) - 1] = fill.quantity

    buys = Buys()
    qsim.run(scenario, strategy=buys, set={"account.wallet": "1000000"})
    assert buys.quantities == [0.29, 0.029]


def test_any_object_with_callbacks_will_do(scenario: Path) -> None:
    class Plain:
        bars = 0

        def on_bar(self, ctx: qsim.Context, bar: qsim.Bar) -> None:
            self.bars += 1

    plain = Plain()
    qsim.run(scenario, strategy=plain)
    assert plain.bars == 3 * 180


def test_predictors_vote_and_repeat(scenario: Path) -> None:
    seen: list[dict[str, float]] = []

    def model(features: dict[str, float]) -> float | tuple[float, float, float]:
        seen.append(features)
        return 0.95 if features["rsi_14"] < 50 else (0.9, 0.05, 0.05)

    alone = qsim.run(scenario)
    with_it = qsim.run(scenario, predictors={"mine": model})
    assert len(seen) > 100 and len(seen[0]) == 18
    assert with_it.digest == qsim.run(scenario, predictors={"mine": model}).digest != alone.digest
    assert with_it.figures["ai_engine.models_loaded"] == alone.figures["ai_engine.models_loaded"] + 1
    instead = qsim.run(scenario, predictors={"xgb": model})
    assert instead.figures["ai_engine.models_loaded"] == alone.figures["ai_engine.models_loaded"]
    assert instead.digest not in (alone.digest, with_it.digest)
    # Its weight is its own.
    class Light:
        weight = 0.0

        def __call__(self, features: dict[str, float]) -> float:
            return 0.95

    class Heavy(Light):
        weight = 1.0

    assert qsim.run(scenario, predictors={"m": Light()}).digest != qsim.run(scenario, predictors={"m": Heavy()}).digest


def test_a_predictor_that_errs_is_told(scenario: Path) -> None:
    def errs(features: dict[str, float]) -> float:
        raise LookupError("no opinion")

    with pytest.raises(LookupError, match="no opinion"):
        qsim.run(scenario, predictors={"errs": errs})
    with pytest.raises(TypeError):
        qsim.run(scenario, predictors={"words": lambda features: "up"})
    # No probability is no vote, as with a model file.
    run = qsim.run(scenario, predictors={"odd": lambda features: 7.0})
    assert run.figures["ai_engine.models_without_a_probability"] > 0
    heavy = lambda features: 0.5  # noqa: E731
    heavy.weight = 2.0
    with pytest.raises(qsim.QsimError, match="weight"):
        qsim.run(scenario, predictors={"heavy": heavy})
    with pytest.raises(qsim.QsimError, match="one of the two"):
        qsim.run(scenario, predictors={"odd": errs}, strategy=Listener())


def test_chance_without_a_seed_shows(scenario: Path) -> None:
    class Rolls(qsim.Strategy):
        def __init__(self, dice: random.Random) -> None:
            self.dice = dice

        def on_bar(self, ctx: qsim.Context, bar: qsim.Bar) -> None:
            if self.dice.random() < 0.1:
                ctx.order(bar.symbol, 200.0 / bar.close if ctx.position(bar.symbol) <= 0 else -ctx.position(bar.symbol))

    def digest(seed: int) -> str:
        return qsim.run(scenario, strategy=Rolls(random.Random(seed))).digest

    assert digest(1) == digest(1) != digest(2)


def test_trades_and_funding_are_told(tmp_path: Path) -> None:
    class Hears(qsim.Strategy):
        def __init__(self) -> None:
            self.trades: list[qsim.Trade] = []
            self.rates: list[tuple[str, float]] = []
            self.refused: list[int] = []

        def on_trade(self, ctx: qsim.Context, trade: qsim.Trade) -> None:
            assert trade.time <= ctx.now and trade.price > 0 and trade.quantity > 0
            assert ctx.price(trade.symbol) == trade.price
            if not self.trades:
                ctx.order(trade.symbol, 0.01, price=round(trade.price * 0.95, 1))
                ctx.cancel_all(trade.symbol)
            self.trades.append(trade)

        def on_order(self, ctx: qsim.Context, order: qsim.Order) -> None:
            self.status = order.status

        def on_funding(self, ctx: qsim.Context, symbol: str, rate: float) -> None:
            self.rates.append((symbol, rate))

    flow = tmp_path / "flow.toml"
    flow.write_text('seed = 3\n[market.synthetic]\nmodel = "order_flow"\nminutes = 5\n')
    hears = Hears()
    qsim.run(flow, strategy=hears)
    assert len(hears.trades) > 50 and {trade.buyer_is_maker for trade in hears.trades} == {False, True}
    assert hears.status == "CANCELED"
    # Funding settles after eight hours.
    long = tmp_path / "long.toml"
    long.write_text("seed = 3\n[market.synthetic]\nminutes = 481\n")
    hears = Hears()
    qsim.run(long, strategy=hears)
    assert [symbol for symbol, _ in hears.rates] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"] * (len(hears.rates) // 3)
    assert len(hears.rates) >= 3 and all(0 < abs(rate) < 0.01 for _, rate in hears.rates)
