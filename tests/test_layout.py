"""The shape of the project: reading order, who may import what, clean notebooks, no strangers."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Reading order is import order: a module imports earlier ones only.
ORDER = [
    "inputs", "operators", "systems", "generators",  # the spins
    "elements", "linearisation", "quaternions", "rotations", "grape", "fem",
    "methods", "checks", "objectives", "aggregates", "ensembles", "distortions", "pulses",  # time
    "spinors", "problems",
    "forms", "subproblems", "subsolvers", "mma", "descents", "optimisers", "constrained",
    "limits", "goals", "designs", "races", "referees", "reports", "adaptive",
    "pulse_formats", "pulse_vendors", "pulse_files",  # design
    "metabolites", "blocks", "simulation", "sequences", "spectra", "merits", "basis_sets",
    "splitstep", "spectral_adjoint", "spectral_problems", "isolation", "cramer_rao",
    "spectral_designs",  # measurement
    "answers1", "answers2", "answers3", "answers4", "exercises", "grade",  # questions
    "plotting", "frames", "widgets", "formulas",  # display
]  # fmt: skip
#: Who may import what costs time or needs a screen.
KEEPERS = {
    "matplotlib": {"plotting"},
    "ipywidgets": {"widgets"},
    "autograd": {"methods", "checks", "answers1", "splitstep"},
}
MODULES = {path.stem: ast.parse(path.read_text()) for path in (ROOT / "spinlab").glob("*.py")}
NOTEBOOKS = sorted((ROOT / "book").rglob("*.ipynb"))
CLUTTER = {".git", ".venv", "_build", "__pycache__", ".pytest_cache", ".ruff_cache"}


def relative_imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield from [node.module] if node.module else [alias.name for alias in node.names]


def absolute_imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_every_module_has_its_place():
    assert set(ORDER) == set(MODULES) - {"__init__"}


@pytest.mark.parametrize("name", ORDER)
def test_imports_go_one_way(name):
    later = set(ORDER[ORDER.index(name) :])
    assert not later & set(relative_imports(MODULES[name]))
    assert "spinlab" not in set(absolute_imports(MODULES[name]))


@pytest.mark.parametrize("package", KEEPERS)
def test_heavy_packages_are_kept_apart(package):
    importers = {name for name, tree in MODULES.items() if package in absolute_imports(tree)}
    assert importers == KEEPERS[package]


@pytest.mark.parametrize("name", ORDER)
def test_library_does_not_print(name):
    """Only a design does, if asked (test_designs); and nothing writes a file unasked."""
    calls = {
        node.func.id
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    allowed = {"optimisers": {"print"}, "exercises": {"open"}, "grade": {"open"}}.get(name, set())
    assert not calls & {"print", "open", "exec", "eval"} - allowed


@pytest.mark.parametrize("name", ORDER)
def test_everything_public_is_explained(name):
    tree = MODULES[name]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    nodes = [*tree.body, *(node for one in classes for node in one.body)]
    assert ast.get_docstring(tree)
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_clean_and_short(path):
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            assert not cell["outputs"] and cell["execution_count"] is None, "strip the outputs"
            assert len(source.strip().splitlines()) <= 15, source
            assert "def plot_" not in source, "plotting functions belong into the library"


def own_files():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in CLUTTER and not f.endswith(".egg-info")]
        yield from (Path(folder, name) for name in names)


def test_no_file_knows_the_machine_it_was_written_on():
    places = re.compile("(?<![\\w.])/(work|root|tmp|home)/")
    for path in own_files():
        try:
            found = places.search(path.read_text())
        except UnicodeDecodeError:
            continue
        assert not found, f"{path.relative_to(ROOT)}: {found}"


def test_readme_runs(tmp_path):
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("there is no README.md yet")
    blocks = re.findall(r"```python\n(.*?)```", readme.read_text(), flags=re.S)
    assert blocks, "the README shows no example"
    for block in blocks:
        assert len(block.strip().splitlines()) <= 20
        block = re.sub(r"max_iterations=\d+", "max_iterations=2", block)  # that it runs is enough
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "MPLBACKEND": "Agg"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
