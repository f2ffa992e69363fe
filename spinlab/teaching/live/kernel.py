"""What a page's Python does in the reader's browser: run cells, judge answers, draw frames.

A :class:`Session` is to a page what a kernel is to a notebook.  It is plain Python, without
IPython, and runs anywhere: its tests run it without a browser.
"""

import ast
import html
import io
import json
import linecache
import re
import sys
import traceback
import types
from importlib.util import find_spec

import matplotlib.pyplot as plt

from ..exercises import Verdict
from ..figures import figure_svg, page_svg
from ..formula_sliders import Formula
from ..sliders import Exploration
from ..svg_frames import figure_element

#: How a value shows itself: method, and kind of the message.
VIEWS = {"_repr_html_": "html", "_repr_svg_": "html", "_repr_latex_": "latex"}
#: What ``IPython.display`` has, as far as a page needs it: {class: (method, format)}.
SHOWN = {
    "Math": ("_repr_latex_", "$\\displaystyle {}$"), "Latex": ("_repr_latex_", "{}"),
    "HTML": ("_repr_html_", "{}"), "SVG": ("_repr_svg_", "{}"),
}  # fmt: skip


class Stream(io.TextIOBase):
    """Standard output: each line is a message as soon as it is complete."""

    def __init__(self, emit):
        self.emit, self.text = emit, ""

    def writable(self):
        """As every standard output."""
        return True

    def write(self, text):
        """Keep a text, and emit what ends with a line."""
        self.text += text
        if "\n" in text:
            self.flush()
        return len(text)

    def flush(self):
        """Emit what is kept."""
        if self.text:
            self.emit("text", text=self.text)
            self.text = ""


class Session:
    """The names of a page, and what its cells have shown.

    Parameters
    ----------
    post : callable
        ``post(message)`` takes JSON of ``{"kind": ..., ...}``: text (a printed line), value, latex,
        html, svg, explore (a figure with sliders), error, verdict.
    """

    def __init__(self, post):
        self.post, self.figures, self.explorations = post, 0, []
        self.names = {"__name__": "__main__", "display": self.display}
        plt.show = lambda *ignored, **options: self.show_figures()
        if find_spec("IPython") is None:
            sys.modules.update(display_module(self.display))

    def emit(self, kind, **data):
        """Post a message of a kind."""
        self.post(json.dumps({"kind": kind, **data}))

    # --- cells ---------------------------------------------------------------------------

    def run(self, source, name):
        """Run a cell; whether it came to its end.  Its last value is shown, as in a notebook."""
        quiet = re.sub(r"#.*$", "", source.rstrip().rpartition("\n")[2]).rstrip().endswith(";")
        ended, value = self.execute(source, name)
        if ended and not quiet:
            ended, _ = self.attempt(lambda: self.show(value))
        self.attempt(self.show_figures)
        return ended

    def execute(self, source, name):
        """Whether a source came to its end, and the value of its last expression."""
        # Where a traceback finds the lines of what is in no file.
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)

        def job():
            tree, value = ast.parse(source, name), None
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), self.names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), name, "eval"), self.names)
            return value

        return self.attempt(job)

    def attempt(self, job):
        """Do what may raise anything: whether it ended, and what it returned."""
        streams = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = stream = Stream(self.emit)
        try:
            return True, job()
        except BaseException as error:  # SystemExit, too, must not end the page
            stream.flush()
            self.emit("error", name=type(error).__name__, text=short_traceback(error))
            return False, None
        finally:
            stream.flush()
            sys.stdout, sys.stderr = streams

    # --- what is shown -------------------------------------------------------------------

    def display(self, *values):
        """Show values before the end of a cell, in the order in which all is shown."""
        sys.stdout.flush()
        for value in values:
            self.show(value)

    def show(self, value):
        """Show a value as a notebook would."""
        if value is None:
            return
        if isinstance(value, Exploration):
            self.explorations.append(value)
            key = len(self.explorations) - 1
            play = None if value.play is None else list(value.grids).index(value.play)
            controls = [list(control.values) for control in value.controls()]
            return self.emit("explore", key=key, html=self.frame(key), controls=controls, play=play)
        if hasattr(value, "savefig"):
            return self.show_figure(value)
        if isinstance(value, Formula):
            return self.emit("html", html=value.page())
        bundle = getattr(value, "_repr_mimebundle_", dict)()
        if "text/html" in bundle:
            return self.emit("html", html=bundle["text/html"])
        for method, kind in VIEWS.items():
            view = None if isinstance(value, type) else getattr(value, method, None)
            if text := view() if callable(view) else None:
                return self.emit(kind, **{kind: text})
        self.emit("value", text=repr(value))

    def show_figures(self):
        """Show every figure that is open, and close it: what a notebook does after each cell."""
        figures = [plt.figure(number) for number in plt.get_fignums()]
        plt.close("all")
        for figure in figures:
            self.show_figure(figure)

    def show_figure(self, figure):
        """Show a figure as it is now."""
        self.figures += 1  # keeps the identifiers of figures apart
        text = io.StringIO()
        figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
        self.emit("svg", svg=page_svg(text.getvalue(), "", f"live{self.figures}"))

    def frame(self, key, positions=None):
        """HTML of a figure with sliders, at these positions of theirs or at its starting ones."""
        shown, values = self.explorations[key], {}
        if positions is not None:
            pairs = zip(shown.grids.items(), positions, strict=True)
            values = {name: grid[at] for (name, grid), at in pairs}
        controls = "".join(control.html() for control in shown.controls())
        button = '<button type="button">▶ Play</button>' if shown.play is not None else ""
        drawing = figure_svg(shown.figure(**values))
        return figure_element("spin-explore", drawing, shown.alt, controls + button, "")

    # --- answers -------------------------------------------------------------------------

    def check(self, label, source):
        """Judge an answer to an exercise, by what the grader will run of it; a verdict follows."""
        try:
            source = with_check(label, source)
        except SyntaxError as error:
            said = f"This is no Python yet: {error.msg}, line {error.lineno}."
            return self.emit("verdict", right=False, text=said)
        messages, post = [], self.post
        self.post = messages.append
        ended, verdict = self.execute(source, f"answer to {label}")
        self.post = post
        plt.close("all")
        texts = [json.loads(message) for message in messages]
        if isinstance(verdict, Verdict):
            return self.emit("verdict", right=verdict.right, text=verdict.sentence)
        if ended:
            said = "End with the answer: an expression, a definition, or name = value."
            return self.emit("verdict", right=False, text=said)
        error = texts[-1]["text"]
        if missing := re.search(r"NameError: name '(\w+)' is not defined", error):
            error = f"{missing[1]} is not defined yet: run the page's cells first, or define it."
        self.emit("verdict", right=False, text=error)


def with_check(label, source):
    """The source of an answer, with its last value handed to ``check_answer``.

    >>> print(with_check("ex-last-row", "third = 1 / 3\\n2 * third"))
    third = 1 / 3
    from spinlab import check_answer
    check_answer('ex-last-row', 2 * third)
    """
    body = ast.parse(source).body
    last = body[-1] if body else None
    if isinstance(last, ast.Expr):
        value = ast.get_source_segment(source, last.value)
        if "check_answer(" in value:
            return source
        lines = source.splitlines(True)
        head = "".join(lines[: last.lineno - 1])
        same_line = lines[last.lineno - 1].encode()[: last.col_offset].decode()
        head += same_line.rstrip(" ;") + "\n" if same_line.strip() else ""
    elif isinstance(last, (ast.FunctionDef, ast.ClassDef)):
        head, value = source.rstrip() + "\n", last.name
    elif isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
        head, value = source.rstrip() + "\n", last.targets[0].id
    else:
        return source
    return f"{head}from spinlab import check_answer\ncheck_answer({label!r}, {value})"


def notebook(cells, answers):
    """A page as a notebook, whose answers ``python -m spinlab.teaching.grade`` judges.

    Parameters
    ----------
    cells : list of str
        The page's cells.
    answers : dict
        ``{exercise: source}``.

    Returns
    -------
    str
        JSON of a notebook, format 4.5.
    """
    sources = list(cells)
    for label, source in answers.items():
        try:
            sources.append(with_check(label, source))
        except SyntaxError:
            sources.append(source)  # the grader says what is wrong with it
    written = [
        {
            "cell_type": "code", "id": f"cell-{k}", "metadata": {}, "execution_count": None,
            "outputs": [], "source": source.splitlines(True),
        }
        for k, source in enumerate(sources)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": written}, indent=1
    )


def short_traceback(error):
    """Where an error arose in the reader's own lines, where in the library, and what it says."""
    said = traceback.format_exception_only(error)
    if isinstance(error, SyntaxError):
        return "".join(said).rstrip()
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(("cell ", "answer "))]
    lines = [f"{frame.filename}, line {frame.lineno}: {frame.line}" for frame in own]
    lines = list(dict.fromkeys(lines))  # a comprehension is a frame of its own
    if own and frames[-1] is not own[-1]:
        module = re.split(r"site-packages/|lib/", frames[-1].filename)[-1]
        lines.append(f"  in {frames[-1].name}, {module}, line {frames[-1].lineno}")
    return "\n".join([*lines, said[-1].rstrip()])


def display_module(display):
    """What stands for ``IPython.display`` where there is no IPython: {name: module}."""

    def shown(method, form):
        return type("Shown", (), {
            "__init__": lambda self, data: setattr(self, "data", data),
            method: lambda self: form.format(self.data),
        })  # fmt: skip

    package, module = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    for name, (method, form) in SHOWN.items():
        setattr(module, name, shown(method, form))
    module.Markdown = lambda text: module.HTML(f"<pre>{html.escape(text)}</pre>")
    module.display, package.display, package.get_ipython = display, module, lambda: None
    return {"IPython": package, "IPython.display": module}
