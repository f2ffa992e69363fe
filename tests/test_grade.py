"""Grading a folder of notebooks: each is judged by itself, and hostile ones cost their own rows."""

import csv
import os

import pytest

from spinlab.teaching import grade as grading
from spinlab.teaching.grade import grade, main

pytest.importorskip("nbclient")
CHECK = "from spinlab.teaching.exercises import check_answer\nRIGHT = 'ex-last-row', 1 / 6\n"


def notebook(path, *cells):
    import nbformat

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(book, path)


def read(text):
    header, *rows = csv.reader(text.splitlines())
    assert header == ["notebook", "exercise", "right", "sentence"]
    return rows


def test_an_honest_folder(tmp_path, capsys):
    (tmp_path / "more").mkdir()
    notebook(
        tmp_path / "one.ipynb",
        CHECK,
        "check_answer('ex-last-row', 0.1)\ncheck_answer(*RIGHT)",
        "1 / 0",
        "import numpy as np, spinlab as sl\ncheck_answer('ex-roof', lambda d, J: d)\n"
        "check_answer('ex-ring-down', lambda b, r: -np.log(r) / (np.pi * b))\n"
        "check_answer('ex-own-pulse', sl.Pulse(np.ones((2, 9)) / 2, 1e-6, 1e4))",
    )
    notebook(tmp_path / "more" / "two.ipynb", "x = 1")
    (tmp_path / "broken.ipynb").write_text("not a notebook")
    table = tmp_path / "grades.csv"
    main([str(tmp_path), "--output", str(table), "--timeout", "300"])
    rows = read(table.read_text(encoding="utf-8"))
    assert [row[:3] for row in rows] == [
        ["broken.ipynb", "(notebook)", "0"],
        ["more/two.ipynb", "(notebook)", "0"],
        ["one.ipynb", "ex-last-row", "1"],
        ["one.ipynb", "ex-own-pulse", "0"],
        ["one.ipynb", "ex-ring-down", "1"],
        ["one.ipynb", "ex-roof", "0"],
    ]
    assert "dense grid" in rows[3][3] and rows[0][3].startswith("Stopped: ")


WRITE = "import json, os\nplace = os.environ['SPINLAB_GRADES']\nwrite = lambda text: open(place, 'a').write(text + '\\n')\n"
KEEP = WRITE + "write('[\"ex-last-row\", [0.1667], \"?\"]')"  # what check_answer writes
#: name of the notebook: (cells, exercises that are right)
HOSTILE = {
    "=cmd|' ! A0": ((WRITE, "write('[\"ex-sign\", 100, \"Right.\"]'); write('[\"ex-roof\", null, \"=HYPERLINK(1)\"]')"), []),
    "forge": ((WRITE, "for name in ('ex-sign', 'ex-floor', 'nothing'): write(json.dumps([name, True, 'Right.']))"), []),
    "judge": ((CHECK, "import spinlab.teaching.exercises as e\ne.judge = lambda *a: e.Verdict('', True, '')", "assert check_answer('ex-last-row', 3).right"), []),
    "garbage": ((KEEP, "write('what?'); write('[]'); write('[[1], 2, 3]'); write('[' * 9999); open(place, 'ab').write(b'\\x00\\xff\\n')"), ["ex-last-row"]),
    "folder": ((WRITE, "os.mkdir(place)"), []),
    "pipe": ((WRITE, "os.mkfifo(place)"), []),
    "surrogate": ((CHECK, "def bad(*a): raise ValueError('\\ud800')", "check_answer('ex-roof', bad)\ncheck_answer(*RIGHT)"), ["ex-last-row"]),
    "remove": ((KEEP, "import glob, shutil\n[os.remove(p) for p in glob.glob('*') + glob.glob('../*.ipynb')]\nshutil.rmtree(os.getcwd())"), ["ex-last-row"]),
    "dead": ((KEEP, "import os\nos._exit(1)"), ["ex-last-row"]),
    "parent": ((KEEP, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"), ["ex-last-row"]),
    "zz last": ((KEEP,), ["ex-last-row"]),
}  # fmt: skip


def test_hostile_notebooks_cost_their_own_rows(tmp_path):
    for name, (cells, _) in HOSTILE.items():
        notebook(tmp_path / f"{name}.ipynb", *cells)
    table = tmp_path / "grades.csv"
    main([str(tmp_path), "--output", str(table)])
    text = table.read_bytes().decode("utf-8")
    rows = read(text)
    for name, (_, right) in HOSTILE.items():
        mine = [row for row in rows if row[0].lstrip("'") == f"{name}.ipynb"]
        assert mine and [row[1] for row in mine if row[2] == "1"] == right, (name, mine)
        assert all(row[2] in "01" for row in mine)
    assert not any(cell[:1] in ("=", "+", "-", "@") for row in rows for cell in row)
    stopped = {row[0] for row in rows if row[3].startswith("Stopped")}
    assert {"dead.ipynb", "parent.ipynb"} <= stopped and "zz last.ipynb" not in stopped
    assert sorted(path.name for path in tmp_path.glob("*.ipynb")) == sorted(f"{name}.ipynb" for name in HOSTILE)


def test_a_notebook_has_a_time_limit(tmp_path):
    notebook(tmp_path / "hang.ipynb", "import time\nfor k in range(99):\n    time.sleep(9)", "2")
    ((_, exercise, right, sentence),) = grade(tmp_path, timeout=3)
    assert (exercise, right) == ("(notebook)", 0) and sentence.startswith("Stopped: ") and "time" in sentence.lower()


def test_the_rows_so_far_are_kept(tmp_path, monkeypatch):
    """Ctrl-C at the second notebook."""
    for name in "abc":
        notebook(tmp_path / f"{name}.ipynb", "1")
    table = tmp_path / "grades.csv"

    def run(place, record, timeout):
        if table.read_text().count("\n") > 1:
            raise KeyboardInterrupt
        record.write_text('["ex-last-row", [0.16667], "?"]\n')

    monkeypatch.setattr(grading, "_run", run)
    with pytest.raises(SystemExit, match="Interrupted"):
        main([str(tmp_path), "--output", str(table)])
    assert read(table.read_text()) == [["a.ipynb", "ex-last-row", "1", "Right."]]


def test_the_table_is_opened_before_anything_runs(tmp_path, monkeypatch, capsys):
    notebook(tmp_path / "a.ipynb", "1")
    monkeypatch.setattr(grading, "_run", lambda *a: pytest.fail("ran"))
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--output", str(tmp_path / "no" / "x.csv")])
    assert "No such file" in capsys.readouterr().err


def test_a_mistyped_folder_leaves_the_last_table_alone(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("of last week")
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--output", str(table)])
    assert "There is no notebook" in capsys.readouterr().err
    assert table.read_text() == "of last week"


def test_what_is_too_large_is_not_read(tmp_path, monkeypatch):
    notebook(tmp_path / "a.ipynb", "1")
    line = '["ex-last-row", [0.16667], "?"]\n'
    for size, exercise in ((1, "ex-last-row"), (400_000, "(notebook)")):

        def run(place, record, timeout, size=size):
            record.write_text(line * size)

        monkeypatch.setattr(grading, "_run", run)
        ((_, found, _, _),) = grade(tmp_path)
        assert found == exercise


def test_nothing_to_grade(tmp_path):
    with pytest.raises(ValueError, match="There is no notebook"):
        grade(tmp_path)
    with pytest.raises(SystemExit):
        main([str(tmp_path)])


def test_answers_are_recorded_only_if_asked(tmp_path, monkeypatch):
    from spinlab.teaching.exercises import check_answer

    monkeypatch.delenv("SPINLAB_GRADES", raising=False)
    monkeypatch.chdir(tmp_path)
    check_answer("ex-last-row", 1 / 6)
    assert not os.listdir(tmp_path)
    monkeypatch.setenv("SPINLAB_GRADES", str(tmp_path / "record"))
    check_answer("ex-last-row", 1 / 6)
    check_answer("ex-last-row", 1j)
    first, second = (tmp_path / "record").read_text().splitlines()
    assert first == '["ex-last-row", [0.16666666666666666], "Right."]' and second.startswith('["ex-last-row", null, ')
