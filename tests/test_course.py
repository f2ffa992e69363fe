"""The course's pages: plans that agree with the map, projects that start, exam answers that are right."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import spinlab as sl

BOOK = Path(__file__).parents[1] / "book"
COURSE = BOOK / "course"
ROW = re.compile(r"^\| (\d\.\d) \[[^\]]+\]\(((?:chapter\d|beyond)/[\w-]+\.ipynb)\) \| (\d+) \| (.) \| ([^|]*)\|", re.M)
#: page: (path, minutes, whether it is on the recommended path, what it needs)
MAP = {number: (path, int(minutes), mark == "●", needs) for number, path, minutes, mark, needs in ROW.findall((BOOK / "preface.md").read_text("utf-8"))}

#: Pages beside the plans.
FURTHER = re.findall(r"\[(\d\.\d)\]", (COURSE / "syllabus.md").read_text("utf-8").split("## For who goes on\n")[1].split("\n## ")[0])


def exercises_of(number):
    cells = json.loads((BOOK / MAP[number][0]).read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"\{exercise\}[^\n]*\n:label: (ex-[\w-]+)", text)


def needs(number):
    """Pages that a page really stands on, without what is needed for a part of it only."""
    found = []
    for part in MAP[number][3].split(";")[0].split(","):
        first, *last = re.findall(r"\d\.\d", part) or [None]
        found += [page for page in MAP if first and first <= page <= (last or [first])[0]]
    return found


def plan(heading):
    """The sessions of a plan: (pages, minutes, exercises)."""
    text = (COURSE / "syllabus.md").read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    for row in re.findall(r"^\| \d+[ab] \|(.*)\|$", text, re.M):
        pages, minutes, *exercises = row.split(" | ")
        links = re.findall(r"\[(\d\.\d)\]\(\.\./([^)]+)\)", pages)
        assert all(MAP[number][0] == path for number, path in links)
        yield [number for number, _ in links], int(minutes.strip() or 0), re.findall(r"<(ex-[\w-]+)>", " ".join(exercises))


@pytest.mark.parametrize("heading, sessions, minutes", [("Six weeks", 12, 465), ("Twelve weeks", 24, 920)])
def test_a_plan_agrees_with_the_map(heading, sessions, minutes):
    rows, read = list(plan(heading)), []
    for pages, spent, exercises in rows:
        assert spent == sum(MAP[number][1] for number in pages) <= 75
        for number in pages:
            read.append(number)
            assert set(needs(number)) <= set(read), number
        assert set(exercises) <= {label for number in pages for label in exercises_of(number)}
    assert len(rows) == sessions and sum(spent for _, spent, _ in rows) == minutes
    assert f"{minutes} minutes" in (COURSE / "syllabus.md").read_text("utf-8")
    assert sorted(read) == sorted({*MAP} - {*FURTHER}) if len(rows) > 12 else sorted(read) == [n for n in MAP if MAP[n][2]]


def test_twelve_weeks_have_every_exercise_once():
    given = [label for _, _, exercises in plan("Twelve weeks") for label in exercises]
    assert sorted(given) == sorted(label for number in {*MAP} - {*FURTHER} for label in exercises_of(number))


def test_projects_start(capsys):
    head, *starts = re.findall(r"```python\n(.*?)```", (COURSE / "projects.md").read_text("utf-8"), re.S)
    assert len(starts) == 4
    for start in starts:
        quick = re.sub(r"(max_iterations\"?[=:] ?)\d+", r"\g<1>2", start)
        exec(compile(head + quick, "project", "exec"), {})
    assert capsys.readouterr().out


# --- the exam ----------------------------------------------------------------------------


def precession():
    state = sl.propagate(sl.evaluate(offset_hz=-250.0, rf_hz=1.0), np.zeros((2, 1)), 1e-3, sl.state("Ix"))[-1]
    return "({:.0f}, {:.0f}, {:.0f})".format(*state.round(9) + 0.0)


def one_element():
    free, still = sl.evaluate(offset_hz=1.0, rf_hz=1.0), np.zeros((2, 1))
    x, y, _ = sl.propagate(free, still, 0.2 / (2 * np.pi), sl.state("Ix"), "fem-linear")[-1]
    return f"{abs(x + 1j * y):.4f}", f"{abs(x + 1j * y - np.exp(0.2j)):.4f}"


def adjoint():
    K, dK = np.array([[1, -0.5], [0.5, 1]]), np.array([[0, -1], [1, 0]])
    x, costate = np.linalg.solve(K, [1, 0]), np.linalg.solve(K.T, [0, 1])
    return "({:.1f}, {:.1f})".format(*x), "({:.1f}, {:.1f})".format(*costate), f"{-costate @ dK @ x:.2f}"


def roots():
    newton, residual = 0.2 / 2**5, 0.2 - np.tan(0.2)
    values = newton**2 / 2 / 1e-5, residual**2 / 2 / 1e-6
    return f"{newton:.5f}", f"{residual:.4f}", *map("{:.1f}".format, values)


def scaled():
    """The same waveform, half of the amplitude, twice the time, half of the offset."""
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 50))
    ends = [sl.propagate(sl.evaluate(offset_hz=nu, rf_hz=rf), waveform, dt, sl.state("Iz"))[-1] for nu, rf, dt in ((8e3, 10e3, 8e-6), (4e3, 5e3, 16e-6))]
    assert np.allclose(*ends)
    return "800 µs", "±4 kHz"


def quartet():
    shifts = 3.0 + np.array([-7.5, 7.5]) / 123.2
    pair, scanner = sl.mrs.SpinGroup(shifts, [[0, 15.0], [15.0, 0]]), sl.mrs.Scanner()
    molecule = sl.mrs.Metabolite("pair", (pair,))
    lines = sl.mrs.transitions(molecule, sl.mrs.simulate(molecule, sl.mrs.pulse_acquire(), scanner), scanner)
    found = sorted(zip(lines.offset_hz, np.abs(lines.amplitude), strict=True))
    return f"±{found[3][0]:.1f}", f"±{found[2][0]:.1f}", f"{found[3][1] / found[2][1]:.2f}"


def transferred():
    _, y, z = sl.spins.spin_matrices(2)
    pair = sl.mrs.SpinGroup([2.35, 2.04], [[0, 7.0], [7.0, 0]])
    state = sl.mrs.simulate(pair, sl.mrs.IdealPulse(90, 0), sl.mrs.Scanner(), start=2 * y[0] @ z[1])
    table = sl.mrs.product_coefficients(state).real.round(9)
    assert table[3, 2] == -1 and np.count_nonzero(table) == 1
    return ("$-2I_{1z}I_{2y}$",)


def bounds():
    a, b = np.array([3.0, 4.0]), np.array([4.0, 3.0])
    alone, own = 1 / np.linalg.norm(a), 1 / np.sqrt(a @ a - (a @ b) ** 2 / (b @ b))
    return f"{alone:.1f}", f"{own:.2f}", f"{own / alone:.1f}", f"{(own / alone) ** 2:.1f}"


EXAM = {
    1: lambda: (precession(),), 2: one_element, 3: adjoint,
    4: lambda: (f"{sl.design_grid(400e-6, 24e3).members} offsets", f"{1 / (2 * 400e-6):.0f}$ Hz"),
    5: lambda: (f"{0.05 * 0.01:.4f}", f"{0.004 - 0.05 * 0.01:.4f}"),
    6: roots, 7: lambda: (f"{np.rad2deg(2 * np.arccos(0.9995)):.1f}°",),
    8: lambda: map("{:g}".format, sl.Ensemble.grid([-10e3, 0, 5e3, 10e3], weights="trapezoidal").weights),
    9: scaled, 10: quartet, 11: transferred, 12: bounds,
}  # fmt: skip


@pytest.mark.parametrize("number", EXAM)
def test_the_answers_of_the_exam_are_right(number):
    text = (COURSE / "instructor.md").read_text("utf-8").split(f"\n**{number}** (")[1].split("\n**")[0]
    answer = text.split(":class: dropdown\n")[1]
    for value in EXAM[number]():
        assert value in answer


def test_solutions_can_be_taken_out(tmp_path, monkeypatch):
    """By the program that the instructor's page prints."""
    nbformat = pytest.importorskip("nbformat")
    (program,) = re.findall(r"```python\n(import re\n.*?)```", (COURSE / "instructor.md").read_text("utf-8"), re.S)
    page = BOOK / "chapter1" / "spin.ipynb"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["strip", str(page)])
    exec(compile(program, "strip", "exec"), {})
    before, after = (nbformat.read(path, as_version=4).cells for path in (page, tmp_path / "spin.ipynb"))
    text = "\n".join(cell.source for cell in after)
    assert len(before) == len(after) and "{solution}" not in text and text.count("::::{exercise}") == 2


# --- the paper on the book ---------------------------------------------------------------


def test_the_paper_has_what_its_journal_asks_for():
    text = (COURSE / "jose" / "paper.md").read_text("utf-8")
    _, head, body = text.split("---\n", 2)
    for field in ("title", "tags", "authors", "affiliations", "date", "bibliography"):
        assert re.search(rf"^{field}:", head, re.M)
    for heading in ("Summary", "Statement of Need", "Learning objectives", "Content and instructional design", "Acknowledgements", "References"):
        assert f"\n# {heading}\n" in body
    assert 800 < len(body.split()) < 1150
    exercises = sum(len(exercises_of(number)) for number in MAP)
    assert f"{len(MAP)} notebooks" in body and f"**Exercises**, {exercises} of them" in body


def test_the_paper_cites_entries_of_the_book():
    text, works = ((COURSE / "jose" / name).read_text("utf-8") for name in ("paper.md", "paper.bib"))
    entries = re.findall(r"@\w+\{(\w+),\n.*?\n\}\n", works, re.S)
    assert set(re.findall(r"@(\w+)[;\]]", text)) == set(entries)
    book = (BOOK / "references.bib").read_text("utf-8")
    assert all(entry in book for entry in re.findall(r"@\w+\{.*?\n\}\n", works, re.S))


def test_the_journal_finds_the_paper():
    """Its robot takes the first file, in alphabetical order of the folders, that ends on ``paper.md``."""
    assert min(BOOK.rglob("*paper.md"), key=lambda path: path.parts) == COURSE / "jose" / "paper.md"
