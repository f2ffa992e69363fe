"""Every notebook of the book runs in the browser, and every exercise is judged there."""

import ast
import os
import re
from pathlib import Path

import pytest
import solutions
from served import BOOK, NO_PACK, PACK, watched

if not PACK.exists():
    pytest.skip(NO_PACK, allow_module_level=True)

import spoilt
from live_page import check, run_all, start

from spinlab.teaching.exercises import EXERCISES

ROOT = BOOK.parents[1]
NOTEBOOKS = sorted((ROOT / "book").glob("*/*.ipynb"))
#: Pages of every chapter that take less than a minute here. The others take up to ten minutes each:
#: SPINLAB_ALL_PAGES=1 runs them, too; the summary names those that were left out.
QUICK = {"spin", "linear-element", "adjoint", "what-goes-wrong", "asymptotes", "members", "scanner"}
LONG = 20  # seconds; a page says of a cell that takes longer how long it takes
SLOWER = 4  # so many times slower may the machine be that tests


def page_of(notebook):
    """Address of a notebook's page in the book."""
    return notebook.relative_to(ROOT).with_suffix(".html").as_posix()


def labels_of(notebook):
    """The exercises of a page."""
    text = (BOOK / page_of(notebook)).read_text("utf-8")
    return re.findall(r'<div class="exercise[^>]* id="(ex-[\w-]+)"', text)


def spoil(code):
    """A wrong answer from a right one, which has just been run: its last value, spoilt."""
    last = ast.parse(code).body[-1]
    last.value.args[1] = ast.Call(ast.Name("spoilt"), [last.value.args[1]], [])
    return f"{Path(spoilt.__file__).read_text('utf-8')}\n\n{ast.unparse(last)}"


TIMES = """() => [...document.querySelectorAll("div.cell:has(.live-state)")].map(box => [
    parseFloat(box.querySelector(".live-state").textContent),
    Number(/tag_takes-(\\d+)-s/.exec(box.className)?.[1] ?? 0)])"""


def surprises(page):
    """Cells that take much longer, or shorter, than their page says before they run."""
    crowd = max(1, os.getloadavg()[0] / os.cpu_count())  # how many share a processor
    found = []
    for number, (seconds, said) in enumerate(page.evaluate(TIMES), 1):
        if not said / 4 <= seconds <= SLOWER * crowd * (said or LONG):
            found.append(f"cell {number} took {seconds} s, said {said or 'nothing'}")
    return found


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_exercises_are_judged(browser, base_url, notebook):
    if notebook.stem not in QUICK and not os.environ.get("SPINLAB_ALL_PAGES"):
        pytest.skip(f"{notebook.stem} takes longer; SPINLAB_ALL_PAGES=1 runs it, too.")
    context = browser.new_context()
    page = watched(context.new_page(), base_url)
    start(page, base_url + page_of(notebook))
    assert run_all(page) == []
    assert page.problems == []
    assert surprises(page) == []
    verdicts = {}
    for label in labels_of(notebook):
        _, code = solutions.solutions()[label]
        verdicts[label] = check(page, label, code), check(page, label, spoil(code))
    right, wrong = zip(*verdicts.values(), strict=True)
    assert {*right} == {"✓ Right."}, verdicts
    assert not [said for said in wrong if said[0] != "✗" or re.search(r"Error\b|raised", said)], verdicts
    done = f"Exercises done: 0 of {len(verdicts)}"  # the last answer to each was wrong
    assert page.locator(".live-done").inner_text() == done
    assert page.problems == []
    context.close()


def test_no_notebook_and_no_exercise_is_left_out():
    assert len(NOTEBOOKS) >= 31
    labels = [label for notebook in NOTEBOOKS for label in labels_of(notebook)]
    assert len(labels) == len({*labels}) >= 96
    assert {*labels} == {*solutions.solutions()} == {*EXERCISES}
    assert all(solutions.solutions()[label][0] == n for n in NOTEBOOKS for label in labels_of(n))
