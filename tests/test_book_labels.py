"""What ties the book together: labels that exist, once each; a map and pages without a gap."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "book" / "paper.md"
PAGES = sorted([*(ROOT / "book").rglob("*.md"), *(ROOT / "book").rglob("*.ipynb")])
#: ``:label: eq-x`` of a directive, or ``$$ ... $$ (eq-x)``.
LABEL = re.compile(r"^:label: *(\S+)|^(?:.*)\$\$ \(([\w-]+)\)", re.MULTILINE)
CITED = re.compile(r"\{(?:eq|prf:ref|numref)\}`([\w-]+)`|:eq:`([\w-]+)`")


def prose(path):
    """What is written on a page, without its code."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def names(pattern, text):
    return [next(filter(None, found)) for found in pattern.findall(text)]


FIGURES = {
    cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
    for path in PAGES
    if path.suffix == ".ipynb"
    for cell in json.loads(path.read_text("utf-8"))["cells"]
}
NAMED = re.compile(r"^:name: *(\S+)|^\(([\w-]+)\)=", re.MULTILINE)
LABELS = Counter(name for path in PAGES for name in names(LABEL, prose(path)))
TARGETS = {*LABELS, *FIGURES, *(name for path in PAGES for name in names(NAMED, prose(path)))}


def test_no_label_is_given_twice():
    assert [name for name, count in LABELS.items() if count > 1] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_page_cites_what_exists(path):
    assert sorted({*names(CITED, prose(path))} - TARGETS) == []


def test_docstrings_cite_what_exists():
    sources = [path.read_text("utf-8") for path in sorted((ROOT / "spinlab").rglob("*.py"))]
    assert sorted({name for text in sources for name in names(CITED, text)} - TARGETS) == []


def test_every_equation_of_the_paper_has_its_row():
    rows = re.findall(r"^\| ([\d, -]+) \|", PAPER.read_text("utf-8"), flags=re.MULTILINE)
    listed = []
    for entry in ",".join(rows).split(","):
        first, _, last = entry.strip().partition("-")
        listed += range(int(first), int(last or first) + 1)
    assert sorted(listed) == list(range(1, 46))


def test_the_map_has_every_notebook():
    preface = (ROOT / "book" / "preface.md").read_text("utf-8")
    listed = re.findall(r"\]\(((?:chapter\d|beyond)/[\w-]+\.ipynb)\)", preface)
    notebooks = [path.relative_to(ROOT / "book").as_posix() for path in PAGES if path.suffix != ".md"]
    assert sorted(listed) == sorted(notebooks)


def test_every_wing_has_its_page():
    """It begins with the calls that one needs, and ends in all that there is."""
    folders = {path.parent.name for path in (ROOT / "spinlab").glob("*/__init__.py")}
    files = {path.stem for path in (ROOT / "spinlab").glob("*.py")} - {"__init__"}
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    for wing in folders | files:
        page = (ROOT / "book" / "library" / f"{wing}.md").read_text("utf-8")
        assert "| I want to ... | call |" in page
        assert page.endswith(f"```{{wing}} {wing}\n```\n")
        assert f"book/library/{wing}\n" in toc
