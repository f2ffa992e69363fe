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
#: Wings and rooms from the ground floor upwards: a module imports from earlier lines only, or from
#: earlier modules of its own wing.  This is the reading order, too.
WINGS = {
    "inputs": "",
    "spins": "operators systems generators",
    "pulses": "distortion pulse unknowns filter_and_bound limits measures",
    "optimisers": "goal standard_form subproblem subproblem_solvers mma books descents asymptotes loop",
    "propagation": "elements adjoint arguments quaternions rotations grape fem methods spinors spinor_holds checks space",
    "files": "formats vendors save_load",
    "control": "objectives ensemble along goal exact judgement designs problem bands races adaptive shortest",
    "mrs": "metabolites macromolecules blocks relaxation selective_pulses sequences split_step simulation spectra "
    "basis_sets adjoint designs problem isolation fit_models fitting cramer_rao pulseq",
    "plotting": "",
    "teaching": "answers.plain answers.judged answers.judged_spectra answers.chapter1 answers.chapter2 answers.chapter3 answers.unknowns answers.chapter4 answers.beyond answers "
    "exercises grade timing svg_frames figures sliders formula_sliders live.kernel",
}
FLOORS = ["inputs", "spins pulses optimisers", "propagation files", "control", "mrs plotting", "teaching"]
#: Who may import what costs time or needs a screen.
KEEPERS = {
    "matplotlib": {"plotting", "teaching.figures", "teaching.live.kernel"},
    "ipywidgets": {"teaching.sliders"},
    "autograd": {"propagation.methods", "propagation.checks", "mrs.designs"},
}
LIBRARY = ROOT / "spinlab"
MODULES = {
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts): ast.parse(path.read_text())
    for path in sorted(LIBRARY.rglob("*.py"))
}
ORDER = [f"{wing}.{room}" if room else wing for wing, rooms in WINGS.items() for room in rooms.split() or [""]]
NOTEBOOKS = sorted((ROOT / "book").rglob("*.ipynb"))
CLUTTER = {".git", ".venv", "_build", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis"}


def relative_imports(name, tree):
    """Modules of the library that a module imports, by their full names."""
    here = name.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: -node.level] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                whole = ".".join([*base, alias.name])
                yield whole if whole in MODULES or f"{whole}.__init__" in MODULES else ".".join(base)


def absolute_imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_every_module_has_its_place():
    faces = {name for name in MODULES if name.endswith("__init__")}
    assert {"__init__", *(f"{wing}.__init__" for wing, rooms in WINGS.items() if rooms)} <= faces
    assert set(ORDER) - {"teaching.answers"} == set(MODULES) - faces


@pytest.mark.parametrize("name", sorted(set(ORDER) - {"teaching.answers"}))
def test_imports_go_one_way(name):
    """Within a wing to earlier modules; beyond it to lower floors only."""
    floor = {wing: k for k, wings in enumerate(FLOORS) for wing in wings.split()}
    wing = name.split(".")[0]
    for target in relative_imports(name, MODULES[name]):
        there = target.split(".")[0]
        if there == wing:
            assert ORDER.index(target) < ORDER.index(name), target
        else:
            assert floor[there] < floor[wing], target
    assert "spinlab" not in set(absolute_imports(MODULES[name]))


@pytest.mark.parametrize("package", KEEPERS)
def test_heavy_packages_are_kept_apart(package):
    importers = {name for name, tree in MODULES.items() if package in absolute_imports(tree)}
    assert importers == KEEPERS[package]


def test_the_face_waits_with_what_costs_time():
    """``import spinlab`` draws nothing yet, and knows its names all the same."""
    code = (
        "import sys, spinlab; "
        "assert not {'matplotlib', 'ipywidgets'} & {*sys.modules}, 'heavy'; "
        "assert all(hasattr(spinlab, name) for name in spinlab.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_library_does_not_print(name):
    """Only a design does, if asked (test_designs), and a time that does not hold (test_timing); and nothing writes a file unasked."""
    calls = {
        node.func.id
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    allowed = {"optimisers.loop": {"print"}, "optimisers.books": {"print"}, "control.shortest": {"print"}, "teaching.exercises": {"open"}, "teaching.grade": {"open"}, "teaching.live.kernel": {"exec", "eval"}, "teaching.timing": {"print"}}.get(name, set())
    assert not calls & {"print", "open", "exec", "eval"} - allowed


@pytest.mark.parametrize("name", sorted(MODULES))
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


def test_every_package_is_installed():
    """A wing that an editable installation finds is in a wheel, too."""
    listed = re.search(r"^packages = \[(.*)\]", (ROOT / "pyproject.toml").read_text(), re.M)[1]
    folders = [path.parent.relative_to(ROOT) for path in LIBRARY.rglob("__init__.py")]
    assert set(re.findall(r'"([\w.]+)"', listed)) == {".".join(one.parts) for one in folders}


def test_readme_runs(tmp_path):
    readme = ROOT / "README.md"
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
