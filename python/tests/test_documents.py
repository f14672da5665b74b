"""What the documents say is run: the page's examples, the notebook, the stubs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

import qsim._qsim

PACKAGE = Path(__file__).parent.parent
PAGE = (PACKAGE / "README.md").read_text()
NOTEBOOKS = PACKAGE / "notebooks"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
EXAMPLES = [text for kind, text in BLOCKS if kind == "python"]
FILES = [text for kind, text in BLOCKS if kind == "toml"]


@pytest.mark.parametrize("example", EXAMPLES, ids=[re.findall(r"qsim\.(\w+)", text)[0] for text in EXAMPLES])
def test_examples_of_the_page_run(example: str, tmp_path: Path) -> None:
    for name, text in zip(["made.toml", "sweep.toml"], FILES, strict=True):
        (tmp_path / name).write_text(text)
    ran = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_the_page_has_an_example_of_each() -> None:
    for name in ("qsim.run", "qsim.sweep", "qsim.Strategy", "predictors=", "qsim/Trading-v0"):
        assert any(name in example for example in EXAMPLES), name
    assert all(len(example.splitlines()) <= 16 for example in EXAMPLES)


def test_the_notebook_runs(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    notebook = nbformat.read(folder / "sweep.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    tables = [output for output in outputs if "text/html" in output.get("data", {})]
    assert len(pictures) == 2 and len(tables) == 2
    assert qsim._qsim.run(NOTEBOOKS / "made.toml").digest in json.dumps(notebook)


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOKS / "sweep.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)


def test_the_stubs_are_what_is_there() -> None:
    installed = Path(qsim._qsim.__file__).parent.parent
    check = [sys.executable, "-m", "mypy.stubtest", "qsim._qsim"]
    ran = subprocess.run(check, cwd=installed, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_package_is_typed() -> None:
    installed = Path(qsim._qsim.__file__).parent
    check = [sys.executable, "-m", "mypy", "--strict", "--exclude", "ray_driver", installed]
    ran = subprocess.run(check, cwd=installed.parent, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (installed / "py.typed").exists()


def test_what_is_public_says_what_it_does() -> None:
    for name in qsim._qsim.__dict__:
        thing = getattr(qsim._qsim, name)
        if not name.startswith("_"):
            assert thing.__doc__, name
        if isinstance(thing, type):
            for member, value in vars(thing).items():
                assert member.startswith("_") or value.__doc__, f"{name}.{member}"
