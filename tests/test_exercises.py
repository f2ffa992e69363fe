"""Self-checking exercises: the right answer passes, the usual slips get their hint."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from spinlab.teaching.exercises import EXERCISES, check_answer, diagnose
from spinlab.teaching.grade import grade, main

REFERENCES = [name for name, task in EXERCISES.items() if not task.judge]


@pytest.mark.parametrize("name", REFERENCES)
def test_the_reference_is_right(name):
    assert check_answer(name, EXERCISES[name].reference).right


def changed(reference, change):
    if not callable(reference):
        return change(np.asarray(reference, dtype=float))
    return lambda *arguments: change(np.asarray(reference(*arguments)))


CHANGES = {
    "sign": lambda x: -x,
    "offset": lambda x: x + 0.3 * np.abs(x).max() + 0.1,
    "nan": lambda x: x * np.nan,
    "shape": lambda x: np.stack([x, x]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", REFERENCES)
def test_wrong_answers_are_wrong(name, change):
    verdict = check_answer(name, changed(EXERCISES[name].reference, CHANGES[change]))
    assert not verdict.right and verdict.sentence


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("answer", [None, "no", lambda: 1 / 0, [], {}], ids=repr)
def test_strange_answers_are_answered(name, answer):
    verdict = check_answer(name, answer)
    assert not verdict.right and verdict.sentence and repr(verdict).startswith("✗")


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("change", [lambda x: x + 5j, lambda x: np.array(x, dtype=str)], ids=["complex", "text"])
def test_numbers_must_be_real(name, change):
    verdict = check_answer(name, changed(EXERCISES[name].reference, change))
    assert not verdict.right and "real numbers" in verdict.sentence


VECTOR, MATRIX = np.array([1.0, 2.0, -4.0]), np.array([[1.0, 2.0], [0.0, 3.0]])
SLIPS = [
    (VECTOR, VECTOR, ""),
    (-VECTOR, VECTOR, "sign"),
    (2 * np.pi * VECTOR, VECTOR, "2 pi"),
    (VECTOR / 2, VECTOR, "factor of 2."),
    (5 * VECTOR, VECTOR, "not normalised"),
    (VECTOR[::-1], VECTOR, "reversed"),
    (MATRIX.T, MATRIX, "transposed"),
    (MATRIX[:1], MATRIX, "shape"),
    (np.zeros(3), VECTOR, "zero"),
    (VECTOR + 0.04, VECTOR, "off by 0.01"),
    (VECTOR + 1e-9, VECTOR, ""),
    ("a", VECTOR, "real numbers"),
]


@pytest.mark.parametrize("answer, reference, hint", SLIPS)
def test_slips_get_their_hint(answer, reference, hint):
    sentence = diagnose(answer, reference)
    assert (hint in sentence) if hint else sentence == ""


def test_grades_are_recorded_only_if_asked(tmp_path, monkeypatch):
    record = tmp_path / "grades"
    monkeypatch.delenv("SPINLAB_GRADES", raising=False)
    check_answer("ex-sign", [0, 1, 0])
    assert not record.exists()
    monkeypatch.setenv("SPINLAB_GRADES", str(record))
    check_answer("ex-sign", [0, 1, 0])
    check_answer("ex-sign", [0, -1, 0])
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [line[:2] for line in lines] == [["ex-sign", True], ["ex-sign", False]]


# Grading a folder of notebooks.


def notebook(folder, name, *cells):
    import nbformat

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(book, folder / name)


def test_grading(tmp_path, capsys):
    pytest.importorskip("nbclient")
    (tmp_path / "more").mkdir()
    notebook(
        tmp_path, "one.ipynb",
        "from spinlab.teaching.exercises import check_answer",
        "check_answer('ex-sign', [0, -1, 0])\ncheck_answer('ex-sign', [0, 1, 0])",
        "1 / 0",
        "check_answer('ex-last-row', 7)",
    )  # fmt: skip
    notebook(tmp_path / "more", "two.ipynb", "x = 1")
    (tmp_path / "broken.ipynb").write_text("not a notebook")
    main([str(tmp_path)])
    header, *rows = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert header == ["notebook", "exercise", "right", "sentence"]
    assert [row[:3] for row in rows] == [
        ["broken.ipynb", "(notebook)", "0"],
        ["more/two.ipynb", "(notebook)", "0"],
        ["one.ipynb", "ex-sign", "1"],
        ["one.ipynb", "ex-last-row", "0"],
    ]
    table = tmp_path / "grades.csv"
    (tmp_path / "one.ipynb").unlink()
    main([str(tmp_path / "more"), "--output", str(table)])
    assert table.read_text().startswith("notebook,exercise,right,sentence")


def test_nothing_to_grade(tmp_path):
    with pytest.raises(ValueError, match="There is no notebook"):
        grade(tmp_path)
    with pytest.raises(SystemExit):
        main([str(tmp_path)])


def test_every_exercise_of_the_book_is_wired():
    """Each label has its check, each check its exercise, and the page says how to call it."""
    pages = sorted((Path(__file__).parents[1] / "book").rglob("*.ipynb"))
    sources = [
        "".join(cell["source"])
        for page in pages
        for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    ]
    text = "\n".join(sources)
    labels = re.findall(r"\{exercise\}[^\n]*\n:label: (ex-[\w-]+)", text)
    assert sorted(labels) == sorted(EXERCISES)
    for label in labels:
        assert f'sl.check_answer("{label}", answer)' in text
        assert f"{{solution}} {label}\n:class: dropdown" in text
