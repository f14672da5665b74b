"""Lets the tests find the package with its native half.

Where ``qsim`` is installed, they test that. Where ``QSIM_NATIVE`` names the library that Cargo has built (in a test build
``target/debug/deps/libqsim_python.so``), they test a copy of the package with it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import qsim

HERE = Path(__file__).parent
#: Sources of the package.
PACKAGE = HERE.parent


def _assemble() -> None:
    native = os.environ.get("QSIM_NATIVE")
    if native is None:
        return
    folder = Path(tempfile.mkdtemp(prefix="qsim-python-"))
    shutil.copytree(PACKAGE / "qsim", folder / "qsim", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shutil.copy2(native, folder / "qsim" / "_qsim.abi3.so")
    sys.path.insert(0, str(folder))
    # Processes that a test starts find the same.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    _copies.append(folder)


_copies: list[Path] = []
_assemble()


def pytest_unconfigure() -> None:
    """Takes the copy away."""
    for folder in _copies:
        shutil.rmtree(folder, ignore_errors=True)


MARKET = """
seed = 3
[market.synthetic]
minutes = {minutes}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """Three hours of a made market."""
    path = tmp_path / "made.toml"
    path.write_text(MARKET.format(minutes=180))
    return path


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> qsim.Run:
    """A run of a day of a made market, in which the pipeline trades."""
    import qsim

    path = tmp_path_factory.mktemp("day") / "day.toml"
    path.write_text(MARKET.format(minutes=1440))
    return qsim.run(path)
