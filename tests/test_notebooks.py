"""The first cell of every chapter: it finds our library, and no other of the same name."""

import json
import sys
import types
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

import spinlab

NOTEBOOKS = sorted((Path(__file__).parents[1] / "book").rglob("*.ipynb"))


def first_cell(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return next(cell for cell in cells if cell["cell_type"] == "code")


SOURCE = "".join(first_cell(NOTEBOOKS[0])["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_all_chapters_begin_alike(path):
    cell = first_cell(path)
    assert "".join(cell["source"]) == SOURCE and cell["metadata"]["tags"] == ["remove-cell"]


def run(monkeypatch, found):
    """The commands that the cell gives to IPython where ``import spinlab`` finds this module."""
    commands = []

    def install(name, line):
        commands.append(f"{name} {line}")
        monkeypatch.setitem(sys.modules, "spinlab", spinlab)

    monkeypatch.setitem(sys.modules, "spinlab", found)
    shell = types.SimpleNamespace(run_line_magic=install)
    exec(TransformerManager().transform_cell(SOURCE), {"get_ipython": lambda: shell})
    return commands


def test_our_library_is_used(monkeypatch):
    assert run(monkeypatch, spinlab) == []


def test_a_missing_library_is_installed(monkeypatch):
    (command,) = run(monkeypatch, None)
    assert command.startswith("pip install") and "spinlab-book/spinlab" in command


def test_a_stranger_of_the_same_name_is_refused(monkeypatch):
    with pytest.raises(ImportError, match=r"another project .* fresh environment, .*\.$"):
        run(monkeypatch, types.ModuleType("spinlab"))
