"""Slides: MyST becomes what nbconvert knows, with the book's numbers, and prose becomes notes."""

import doctest
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "book" / "_ext"))
make_slides = pytest.importorskip("make_slides")

PAGE = """\
## A section

First sentence. The mean $\\bar a$ of {eq}`eq-hat` and {numref}`fig-hats`, see [a page](spin.ipynb#top):

```{math}
:label: eq-weak-form
a = b
```

**Bold.** Kept. Not kept, {cite}`khaneja2005,svanberg1987`.

:::{admonition} Common mistakes
:class: warning

- One of {math}`x`.
:::

## Exercises

::::{exercise} Title
:label: ex-none
What?
::::

::::{solution} ex-none
:class: dropdown
```python
1
```
::::
"""


def test_a_cell_becomes_slides_and_notes():
    (section, shown, said), (mistakes, listed, silent) = make_slides.slides(PAGE)
    assert section == "## A section" and mistakes == "### Common mistakes"
    number = make_slides.numbers()
    hat, hats, weak = (number[name] for name in ("eq-hat", "fig-hats", "eq-weak-form"))
    lead = f"First sentence. The mean $\\bar a$ of {hat} and {hats}, see a page:"
    assert shown == f"{lead}\n\n$$\na = b \\tag{{{weak.strip('()')}}}\n$$\n\n**Bold.** Kept."
    assert said.startswith(lead) and said.endswith("Not kept, (Khaneja et al., 2005; Svanberg, 1987).")
    assert listed == "- One of $x$." and silent == ""


def test_numbers_run_through_a_chapter():
    """As the book's do, which tests/browser compares."""
    found = make_slides.numbers().values()
    for chapter in "1234":
        formulas = [name for name in found if name.startswith(f"({chapter}.")]
        assert formulas == [f"({chapter}.{k})" for k in range(1, len(formulas) + 1)] != []
    assert "Fig. 1.1" in found and "Algorithm 1.1" in found


def test_the_examples_run():
    assert doctest.testmod(make_slides).failed == 0


@pytest.mark.parametrize("page", make_slides.DECKS)
def test_nothing_of_myst_is_left_on_a_slide(page):
    cells = make_slides.cells_of(make_slides.ROOT / "book" / f"{page}.ipynb")
    chosen = [cell for cell in cells if make_slides.slide_type(cell) != "skip"]
    assert make_slides.slide_type(chosen[0]) == "slide"
    assert all(make_slides.slide_type(cell) in ("slide", "-") for cell in chosen)
    texts = ["".join(cell["source"]) for cell in chosen if cell["cell_type"] == "markdown"]
    parts = [part for text in texts for part in make_slides.slides(text)]
    assert len(parts) > 8
    for _, shown, said in parts:
        assert not any(sign in shown + said for sign in ("{eq}", "{cite}", "{numref}", ":label:", ":::", "```{", ".ipynb"))
        assert shown.count("$$") % 2 == 0
