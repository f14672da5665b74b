"""The base of a strategy in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qsim._qsim import Account, Bar, Context, Fill, Order, Trade


class Strategy:
    """Trades on the simulated exchange: ``qsim.run(path, strategy=MyStrategy())``.

    Override what you need; what you do not override costs nothing. Each callback gets a ``Context``, which tells the virtual
    time and the positions, and takes orders. Times are virtual, in nanoseconds since 1970; a callback takes none of it.

    The run repeats, digest and all, as long as the code is deterministic: it must not look at the machine's clock, draw
    unseeded random numbers, or let the order of a set decide. The object lives as long as Python holds it: use a fresh one
    for each run, and know that a crash of the service in a file's timeline does not make it forget.
    """

    def on_start(self, ctx: Context) -> None:
        """The run begins."""

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """A bar has closed."""

    def on_trade(self, ctx: Context, trade: Trade) -> None:
        """Somebody has traded."""

    def on_mark(self, ctx: Context, symbol: str, price: float) -> None:
        """The mark price of a symbol has changed; in USDT."""

    def on_funding(self, ctx: Context, symbol: str, rate: float) -> None:
        """Funding settles at this rate: 0.0001 is paid by longs, 0.01 % of the position."""

    def on_order(self, ctx: Context, order: Order) -> None:
        """Something has happened to an order of the account."""

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """An order of the account was filled, in part or whole; called after ``on_order``."""

    def on_account(self, ctx: Context, account: Account) -> None:
        """The exchange tells the account: once at the start, and after each ``ctx.ask_account()``."""

    def on_refused(self, ctx: Context, order_id: str, code: int, reason: str) -> None:
        """The exchange has refused a request, with Binance's code and words; code 0 if no answer came at all."""

    def on_timer(self, ctx: Context, key: int) -> None:
        """The time of ``ctx.timer(seconds, key)`` has come."""

    def on_stop(self, ctx: Context) -> None:
        """The run ends."""
