"""Deterministic simulation of a crypto-futures trading pipeline.

``run`` runs a scenario file, ``sweep`` many variants of one; ``Strategy`` is the base of a strategy in Python and ``Env`` a
Gymnasium environment, both on the simulated exchange. Everything happens in virtual time: the same file, data, seed and code
give the same ``digest``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qsim._qsim import (
        Account,
        Bar,
        Context,
        Fill,
        Instrument,
        Order,
        QsimError,
        Run,
        SweepResults,
        Table,
        Trade,
        __version__,
        read_sweep,
        run,
        sweep,
    )
    from qsim.env import Env
    from qsim.strategy import Strategy

__all__ = [
    "Account",
    "Bar",
    "Context",
    "Env",
    "Fill",
    "Instrument",
    "Order",
    "QsimError",
    "Run",
    "Strategy",
    "SweepResults",
    "Table",
    "Trade",
    "__version__",
    "read_sweep",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    # Read when it is asked for: the driver of a cluster needs no native half, and a run no Gymnasium.
    if name not in __all__:
        raise AttributeError(f"module 'qsim' has no attribute {name!r}")
    home = {"Env": "qsim.env", "Strategy": "qsim.strategy"}.get(name, "qsim._qsim")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
