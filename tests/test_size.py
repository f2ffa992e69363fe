"""Small is a feature: the library stays within its budgets, which ``make size`` prints."""

import re
from pathlib import Path

import pytest
from size import measures

FOUND = measures()


@pytest.mark.parametrize("name", FOUND)
def test_the_library_stays_within_its_budget(name):
    value, budget = FOUND[name]
    assert value <= budget


@pytest.mark.parametrize("page", ["preface.md", "course/jose/paper.md"])
def test_the_pages_say_how_large_it_is(page):
    text = (Path(__file__).parents[1] / "book" / page).read_text("utf-8")
    told = re.search(r"about (\d),(\d00) lines of\scode,\D*(\d),(\d00)", text).groups()
    counted = [FOUND[f"code lines, {part}"][0] for part in ("core", "core and mrs")]
    assert [int(a + b) for a, b in (told[:2], told[2:])] == [round(n, -2) for n in counted]
