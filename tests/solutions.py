"""The printed solutions of the book, and as much of their pages as they need to run."""

import ast
import json
import re
import warnings
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt

BOOK = Path(__file__).parents[1] / "book"
SOLUTION = r"::::\{solution\} (ex-[\w-]+)\n(.*?)\n::::(?:\n|$)"


@cache
def cells():
    """Kind and text of every cell, {page: [(kind, text)]}."""
    return {
        path: [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        for path in sorted(BOOK.rglob("*.ipynb"))
    }


@cache
def solutions():
    """Page and code of every printed solution, {exercise: (page, code)}."""
    found = {}
    for path, page in cells().items():
        for kind, text in page:
            for label, body in re.findall(SOLUTION, text, flags=re.S) if kind == "markdown" else ():
                found[label] = path, "\n".join(re.findall(r"```python\n(.*?)```", body, flags=re.S))
    return found


def statements(path):
    """Statements of the code of a page, but for its first cell and without magic commands."""
    code = [text for kind, text in cells()[path] if kind == "code"][1:]
    return [node for text in code for node in ast.parse(re.sub(r"(?m)^\s*[%!].*", "", text)).body]


class Names(ast.NodeVisitor):
    """Names that code uses before it sets them, and names that it sets, in the order it runs."""

    def __init__(self, *nodes):
        self.used, self.set = set(), set()
        for node in nodes:
            self.visit(node)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.used |= {node.id} - self.set
        else:
            self.set.add(node.id)

    def visit_Assign(self, node):
        for part in (node.value, *node.targets):
            self.visit(part)

    def visit_AugAssign(self, node):
        self.visit(node.value)
        self.changes(node.target)

    def visit_For(self, node):
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_Subscript(self, node):
        if isinstance(node.ctx, ast.Load):
            return self.generic_visit(node)
        self.changes(node)

    def changes(self, node):
        """What is set in part is used as well."""
        inner = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        self.used |= inner - self.set
        self.set |= inner

    def comprehension(self, node):
        inside = Names(*[part for g in node.generators for part in (g.iter, g.target, *g.ifs)])
        for part in ("elt", "key", "value"):
            if hasattr(node, part):
                inside.visit(getattr(node, part))
        self.used |= inside.used - self.set

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension

    def visit_FunctionDef(self, node):
        given = {part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)}
        body = node.body if isinstance(node.body, list) else [node.body]
        self.used |= Names(*body).used - given - self.set
        self.used |= Names(*[part for part in (*node.args.defaults, *node.args.kw_defaults) if part]).used
        if not isinstance(node, ast.Lambda):
            self.used |= Names(*node.decorator_list).used
            self.set.add(node.name)

    visit_Lambda = visit_FunctionDef

    def visit_Import(self, node):
        self.set |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}

    visit_ImportFrom = visit_Import


def needed(code, page):
    """The statements of a page on which some code depends."""
    functions = {node.name: Names(node).used for node in page if isinstance(node, ast.FunctionDef)}
    wanted, kept = Names(*ast.parse(code).body).used, []

    def close():  # a function looks its names up when it is called
        while more := {name for f in wanted & {*functions} for name in functions[f]} - wanted:
            wanted.update(more)

    close()
    for node in reversed(page):
        found = Names(node)
        if isinstance(node, ast.Expr) or not found.set & wanted:
            continue
        kept.append(node)
        if isinstance(node, ast.Assign) and all(isinstance(t, (ast.Name, ast.Tuple)) for t in node.targets):
            wanted -= found.set
        wanted |= found.used
        close()
    return kept[::-1]


def run(label, record=None):
    """Run a printed solution; the verdict of its last line."""
    path, code = solutions()[label]
    *body, last = ast.parse(code).body
    tree = ast.Module([*needed(code, statements(path)), *body], [])
    space = {"__name__": "page", "display": lambda *shown: None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(tree, f"{path.stem}:{label}", "exec"), space)
        verdict = eval(compile(ast.Expression(last.value), label, "eval"), space)
    plt.close("all")
    return verdict
