"""What runs in the reader's browser, run without one: cells, answers, frames, and their files."""

import hashlib
import json
import sys
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from spinlab.teaching.grade import grade
from spinlab.teaching.live import kernel

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "book" / "_ext"))


@pytest.fixture
def session(monkeypatch):
    """A session whose messages are in ``session.told``."""
    monkeypatch.setattr(plt, "show", plt.show)
    told = []
    made = kernel.Session(lambda message: told.append(json.loads(message)))
    made.told = told
    yield made
    plt.close("all")


def kinds(session):
    return [message["kind"] for message in session.told]


def test_a_cell_shows_what_a_notebook_would(session):
    assert session.run("print('one')\nprint('two', end='')\nx = 3\nx + 1", "cell 1")
    assert [m["text"] for m in session.told] == ["one\n", "two", "4"] and kinds(session)[-1] == "value"
    assert session.run("x + 1;  # quiet\n", "cell 2") and session.run("None", "cell 3")
    assert len(session.told) == 3
    assert session.run("import sympy as sp\nsp.Rational(1, 2)", "cell 4") and kinds(session)[-1] == "latex"
    session.run("class H:\n    def _repr_html_(self): return '<b>h</b>'\nH()", "cell 5")
    assert session.told[-1] == {"kind": "html", "html": "<b>h</b>"}
    session.run("display(1, 'a')", "cell 6")
    assert [m["text"] for m in session.told[-2:]] == ["1", "'a'"]
    assert session.run("H", "cell 7") and kinds(session)[-1] == "value"  # a class shows no value of its own


def test_figures_are_shown_once_and_closed(session):
    source = "import matplotlib.pyplot as plt\nfor k in range(2):\n    plt.figure(); plt.plot([0, k])"
    assert session.run(source, "cell 1")
    pictures = [m["svg"] for m in session.told if m["kind"] == "svg"]
    assert len(pictures) == 2 and not plt.get_fignums()
    assert all(svg.startswith("<svg") and "<style" not in svg for svg in pictures)
    names = [{part.split('"')[0] for part in svg.split(' id="')[1:]} for svg in pictures]
    assert names[0] and not names[0] & names[1], "two figures of a page share an identifier"


SLIDER = """
import matplotlib.pyplot as plt
from spinlab import explore
fig, axes = plt.subplots()
line, = axes.plot([0, 1], [0, 1])
def draw(height, colour):
    line.set_data([0, 1], [0, height]); line.set_color(colour)
    return fig
explore(draw, alt="A line.", height=[1, 2, 5], colour=["C0", "C1"], play="height")
"""


def test_a_slider_asks_for_its_frames(session):
    assert session.run(SLIDER, "cell 1"), session.told
    (shown,) = session.told
    assert shown["kind"] == "explore" and shown["play"] == 0 and len(shown["controls"][0]) == 3
    assert 'type="range"' in shown["html"] and "<select" in shown["html"]
    first, same = session.frame(shown["key"], [1, 1]), session.frame(shown["key"], [1, 1])
    assert first == same and 'aria-label="A line."' in first
    assert first != session.frame(shown["key"], [2, 1]) != session.frame(shown["key"], [2, 0])


def test_a_slider_follows_the_function_that_was_run_anew(session):
    session.run(SLIDER, "cell 1")
    before = session.frame(0, [1, 1])
    session.run(SLIDER.replace("[0, height]", "[height, 0]"), "cell 1")
    assert session.frame(1, [1, 1]) != before == session.frame(0, [1, 1])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = 1\n1 / 0", "cell 1, line 2: 1 / 0\nZeroDivisionError: division by zero"),
        ("x = (", "SyntaxError: '(' was never closed"),
        ("raise SystemExit(3)", "cell 1, line 1: raise SystemExit(3)\nSystemExit: 3"),
        ("import spinlab as sl\nsl.state('Ix', 0)", "cell 1, line 2"),
        ("class A:\n    def __repr__(self): return 1\nA()", "TypeError"),
    ],
)
def test_an_error_is_short_and_names_the_line(session, source, told):
    assert not session.run(source, "cell 1")
    assert kinds(session) == ["error"] and told in session.told[0]["text"]
    assert len(session.told[0]["text"].splitlines()) <= 4
    assert session.run("2", "cell 2") and sys.stdout is not None


def test_what_was_printed_before_an_error_is_shown(session):
    session.run("print('before'); print('part', end=''); 1 / 0", "cell 1")
    assert [m["kind"] for m in session.told] == ["text", "text", "error"]


# --- answers -----------------------------------------------------------------------------

RIGHT = [
    "1 / 6", "third = 1 / 3\nthird / 2", "third = 1 / 3; third / 2  # as derived",
    "answer = 1 / 6", "(1\n / 6)", "from spinlab import check_answer as c\nimport spinlab as sl\nsl.check_answer('ex-last-row', 1 / 6)",
]  # fmt: skip


@pytest.mark.parametrize("source", RIGHT)
def test_a_right_answer_is_right_however_it_is_written(session, source):
    session.check("ex-last-row", source)
    assert session.told == [{"kind": "verdict", "right": True, "text": "Right."}]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1 / 3", "factor of 2"),
        ("", "End with the answer"),
        ("for k in range(3): pass", "End with the answer"),
        ("2 /", "This is no Python yet"),
        ("nowhere + 1", "nowhere is not defined yet: run the page's cells first"),
        ("1 / 0", "division by zero"),
        ("print('loud')\n1 / 3", "factor of 2"),
    ],
)
def test_a_wrong_answer_gets_one_sentence(session, source, told):
    session.check("ex-last-row", source)
    (verdict,) = session.told
    assert verdict["kind"] == "verdict" and not verdict["right"] and told in verdict["text"]


def test_an_answer_uses_the_names_of_the_page(session):
    session.run("third = 1 / 3", "cell 1")
    session.check("ex-last-row", "third / 2")
    assert session.told[-1]["right"]


def test_the_downloaded_notebook_is_graded_alike(tmp_path):
    cells = ["third = 1 / 3"]
    answers = {"ex-last-row": "third / 2", "ex-sign": "[0, -1, 0]", "ex-weak": "this is no Python"}
    written = kernel.notebook(cells, answers)
    (tmp_path / "page.ipynb").write_text(written, encoding="utf-8")
    rows = {exercise: right for _, exercise, right, _ in grade(tmp_path, timeout=60)}
    assert rows == {"ex-last-row": 1, "ex-sign": 0}


def test_words_of_ipython_without_ipython():
    shown = []
    modules = kernel.display_module(shown.append)
    display = modules["IPython.display"]
    assert display.Math("x")._repr_latex_() == "$\\displaystyle x$"
    assert display.HTML("<i>")._repr_html_() == "<i>" and "&lt;" in display.Markdown("<i>")._repr_html_()
    display.display(3)
    assert shown == [3]


# --- the files -----------------------------------------------------------------------------


def test_the_archive_of_the_book_holds_the_library_and_the_data(tmp_path):
    import spinlive

    names = {name for name, _ in spinlive.book_files()}
    wanted = {"spinlab/__init__.py", "spinlab/spinlab.mplstyle", "book/data/opponents.json", "pypulseq/__init__.py"}
    assert wanted <= names and not any("__pycache__" in name for name in names)
    assert any(name.endswith("LICENSE") for name in names), "pypulseq comes with its licence"


def test_settings_name_each_file_by_its_digest():
    import base64

    import spinlive

    text = spinlive.settings("./", 39_000_000, "packages.pack.gz")
    data = json.loads(text.split("export default ")[1].rstrip(";\n"))
    known = json.loads((spinlive.LIVE / "files.json").read_text())["files"]
    assert {name: "sha256-" + base64.b64encode(bytes.fromhex(d)).decode() for name, d in known.items()} == data["files"]
    assert "wasm" in " ".join(known) and data["pack"] == "packages.pack.gz"


def test_the_policy_names_the_source_and_nobody_else():
    import spinlive

    assert "connect-src 'self' blob: https://cdn.example;" not in spinlive.frame("./")
    assert "connect-src 'self' blob:\"" in spinlive.frame("./")
    assert "connect-src 'self' blob: https://cdn.example\"" in spinlive.frame("https://cdn.example/full/")


def test_a_file_with_another_digest_is_refused(tmp_path):
    import make_live

    path = tmp_path / "wheel.whl"
    path.write_bytes(b"right")
    digest = hashlib.sha256(b"right").hexdigest()
    assert make_live.verified(path, digest) == path
    path.write_bytes(b"wrong")
    with pytest.raises(make_live.Unavailable, match="has the sha256"):
        make_live.verified(path, digest)
    assert not path.exists()


def test_what_cannot_be_had_is_a_sentence(tmp_path, monkeypatch):
    import make_live

    with pytest.raises(make_live.Unavailable, match="no-such-program-here"):
        make_live.run("no-such-program-here")
    with pytest.raises(make_live.Unavailable, match="failed: ValueError: why"):
        make_live.run(sys.executable, "-c", "raise ValueError('why')")
    (tmp_path / "book.zip").write_bytes(b"")
    monkeypatch.setattr(make_live, "TARGET", tmp_path)
    monkeypatch.setattr(make_live, "STORE", tmp_path / "store")
    monkeypatch.setattr(make_live, "run", lambda *command, cwd=None: (_ for _ in ()).throw(make_live.Unavailable("no npm")))
    with pytest.raises(SystemExit, match="the book is as it was: no npm"):
        make_live.main()


def test_scripts_stay_small_enough_to_read():
    lengths = {path.name: len(path.read_text().splitlines()) for path in Path(kernel.__file__).parent.glob("*.js")}
    assert len(lengths) == 5 and max(lengths.values()) <= 250, lengths


def test_answers_and_arrays_survive_the_way(session):
    session.run("import numpy as np\nnp.arange(3)", "cell 1")
    assert session.told[-1]["text"] == repr(np.arange(3))


def test_zip_is_readable(tmp_path):
    import spinlive

    class App:
        class builder:
            format = "html"

        outdir = str(tmp_path)

    spinlive.write_files(App)
    with zipfile.ZipFile(tmp_path / "_static" / "live" / "book.zip") as archive:
        assert archive.testzip() is None and "spinlab/teaching/live/kernel.py" in archive.namelist()
    assert (tmp_path / "_static" / "live" / "settings.js").read_text().startswith("// Written by")
