"""How large the library is, and what it may grow to: ``make size``.

Small is a feature, and a feature needs a test: ``tests/test_size.py`` asks :func:`measures` of this
module whether each is within its budget.  Code is what is neither docstring, comment nor blank.
The checks are all of ``inputs.py``, every ``raise`` with the ``if`` or ``except`` in front of it,
every statement that calls a function of ``inputs.py`` that can refuse, and every function that is
called ``check...`` or ``require...``, but for the two that users call for an answer.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

import numpy as np

import spinlab as sl

LIBRARY = Path(sl.__file__).parent
WINGS = tuple(sorted(path.parent.name for path in LIBRARY.glob("*/__init__.py")))
#: What is not the core: spectra, files that leave the book, and what teaches.
BEYOND = ("mrs", "files", "teaching")
#: Longest file and longest function (its code), lines.
FILE, FUNCTION = 300, 50
CHECKS = ("check", "require", "need", "refuse")
#: What is called so and does not refuse.
NOT_CHECKS = {"check_gradient", "check_answer", "warn", "frozen"}


def files():
    """Name, text and syntax tree of every module, by its path in the library."""
    for path in sorted(LIBRARY.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(LIBRARY).as_posix(), text, ast.parse(text)


def code(text, tree):
    """Numbers of the lines that hold code."""
    quiet = {
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
        tokenize.ENDMARKER,
    }  # fmt: skip
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in quiet:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        speaks = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if speaks and ast.get_docstring(node):
            lines -= span(node.body[0])
    return lines


def span(node, last=None):
    return set(range(node.lineno, (last or node).end_lineno + 1))


def checks(name, tree, lines):
    """Those of the lines that only check."""
    if name == "inputs.py":
        return lines
    doors = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module
             and n.module.split(".")[-1] == "inputs"]  # fmt: skip
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    named = [n for n in functions
             if n.name.lstrip("_").startswith(CHECKS) and n.name not in NOT_CHECKS]  # fmt: skip
    words = {alias.name for door in doors for alias in door.names} | {n.name for n in named}
    words -= NOT_CHECKS

    def asks(node):
        if isinstance(node, ast.Tuple):
            return any(map(asks, node.elts))
        return isinstance(node, ast.Call) and getattr(node.func, "id", "") in words

    found = set().union(*map(span, named))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            found |= span(node, node.body[-1])
        elif isinstance(node, (ast.Expr, ast.Assign, ast.Return)) and asks(node.value):
            found |= span(node)
        elif isinstance(node, ast.Raise):
            found |= span(node)
        elif isinstance(node, ast.ExceptHandler):
            found |= span(node) if any(isinstance(n, ast.Raise) for n in node.body) else set()
    return found & lines


def floors():
    """Floors of the wings: how many one has to climb from the ground to the face."""
    below = {}
    for name, _, tree in files():
        *folders, room = name.removesuffix(".py").split("/")
        wing = folders[0] if folders else room
        for node in ast.walk(tree):
            beyond = isinstance(node, ast.ImportFrom) and node.level > len(folders)
            if beyond and wing != "__init__":
                names = [node.module.split(".")[0]] if node.module else [n.name for n in node.names]
                below.setdefault(wing, set()).update(names)

    def height(wing):
        return 1 + max(map(height, below.get(wing, ())), default=0)

    return 1 + max(map(height, below))


def calls(job, everything):
    """Python calls of a job on this thread: all, or those of the library's own functions."""
    count = 0

    def note(frame, event, _):
        nonlocal count
        ours = frame.f_code.co_filename.startswith((str(LIBRARY), "<lambdifygenerated"))
        count += event == "call" and (everything or ours)

    sys.setprofile(note)
    try:
        job()
    finally:
        sys.setprofile(None)
    return count


def third(goal, everything=False):
    """Calls of the third evaluation of a goal: what was to be prepared is."""
    x = goal.start(0)
    goal.value(x), goal.value(x + 0.1)
    return calls(lambda: goal.value(x + 0.2), everything)


def measures():
    """What is measured: {name: (value, budget)}."""
    rows, shares, longest = {}, {}, {"files": [], "functions": []}
    for name, text, tree in files():
        lines = code(text, tree)
        rows[name], shares[name] = len(lines), len(checks(name, tree, lines))
        if len(text.splitlines()) > FILE:
            longest["files"].append(name)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and len(span(node) & lines) > FUNCTION:
                longest["functions"].append(f"{name}:{node.name}")
    core = sum(n for name, n in rows.items() if name.split("/")[0] not in BEYOND)
    mrs = sum(n for name, n in rows.items() if name.startswith("mrs/"))
    rooms = [path for path in LIBRARY.iterdir() if path.suffix == ".py" or path.name in WINGS]
    names = set(sl.__all__) - set(sl.FACE)
    ensemble = sl.Ensemble.grid(np.linspace(-10e3, 10e3, 21), np.linspace(0.8, 1.2, 3))
    problem = sl.Problem("Iz", "Ix", 500e-6, 250, 10e3, ensemble=ensemble)
    spectral = sl.mrs.isolation_problem("Glu", "Gln")
    return {
        "rooms at the top of spinlab/": (len(rooms) - 1, 12),
        "floors of wings": (floors(), 7),
        "names on sl. beside the wings": (len(names), 40),
        # 3500 before bands and costs on the way, channels, space, bases and time as an unknown.
        "code lines, core": (core, 3780),
        # 4800 before sequences went to the scanner: slices, pathways, fits, relaxation, Pulseq; the
        # core's share of what it grew by since is here, too.
        "code lines, core and mrs": (core + mrs, 5680),
        "share of checks in the code, %": (100 * sum(shares.values()) / sum(rows.values()), 12),
        f"files over {FILE} lines": (len(longest["files"]), 0),
        f"functions over {FUNCTION} lines of code": (len(longest["functions"]), 0),
        "own calls of a FEM gradient, 63 x 250": (
            third(problem.goal(method="fem-quadratic-reduced")), 150),
        "calls of a spectral gradient": (third(spectral.goal(), everything=True), 300),
    }  # fmt: skip


def main():
    print(f"{'':44} {'now':>7} {'most':>6}")
    found = measures()
    for name, (value, budget) in found.items():
        print(f"{name:44} {value:7.4g} {budget:6}{'' if value <= budget else '  OVER'}")
    return int(any(value > budget for value, budget in found.values()))


if __name__ == "__main__":
    sys.exit(main())
