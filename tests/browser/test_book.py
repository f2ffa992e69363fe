"""Read the built book as a reader would: in a browser, in both themes, on a phone, offline.

Run by ``make browser``, after ``make book``. What is missing (the book, a browser) fails.
"""

import gzip
import json
import sys
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from served import BOOK

PHONE_WIDTH = 390

# Not index.html, which only leads to the first page; and the theme leaves two of its templates
# among its static files.
PAGES = sorted(
    path.relative_to(BOOK).as_posix()
    for path in BOOK.rglob("*.html")
    if path != BOOK / "index.html" and "_static" not in path.relative_to(BOOK).parts
)
# The pages that people wrote, without indices and listings of source code.
WRITTEN = [path for path in PAGES if path.startswith("book/")]
FIGURES = "spin-explore, spin-formula"
INTERACTIVE = [path for path in WRITTEN if "<spin-" in (BOOK / path).read_text("utf-8")]
NOTEBOOKS = sorted((BOOK.parents[1] / "book").rglob("*.ipynb"))
HEAVIEST = 1.5e6  # bytes, compressed: what a page of a chapter may make a reader fetch


@cache
def parse(path):
    return BeautifulSoup((BOOK / path).read_text("utf-8"), "html.parser")


def test_the_book_is_built():
    assert (BOOK / "index.html").exists(), "There is no built book: run `make book` first."
    assert WRITTEN, "The built book has no pages."


# --- what the files themselves show ------------------------------------------------------


@pytest.fixture(scope="session")
def anchors():
    """All link targets of each page."""
    found = {}
    for path in PAGES:
        soup = parse(path)
        found[path] = {tag["id"] for tag in soup.find_all(id=True)}
        found[path] |= {tag["name"] for tag in soup.find_all("a", attrs={"name": True})}
    return found


@pytest.mark.parametrize("path", PAGES)
def test_links_within_the_book_lead_somewhere(path, anchors):
    dead = []
    for link in parse(path).find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (BOOK / path).parent / unquote(parts.path) if parts.path else BOOK / path
        target = target.resolve()
        if not target.exists():
            dead.append(link["href"])
            continue
        name = target.relative_to(BOOK.resolve()).as_posix()
        fragment = unquote(parts.fragment)
        if fragment and name in anchors and fragment not in anchors[name]:
            dead.append(link["href"])
    assert dead == []


def test_slides_number_formulas_and_figures_as_the_book_does():
    sys.path.append(str(BOOK.parents[1] / "book" / "_ext"))
    import make_slides

    seen = {}
    for path in WRITTEN:
        for shown in parse(path).select("span.eqno"):
            label = shown.find("a")["href"].partition("#equation-")[2]
            seen[label] = shown.get_text().rstrip("#")
        for figure in parse(path).select("figure[id]"):
            if shown := figure.select_one("span.caption-number"):
                seen[figure["id"]] = shown.get_text().strip()
    numbers = make_slides.numbers()
    assert {label: name for label, name in numbers.items() if seen.get(label, name) != name} == {}
    assert len(seen.keys() & numbers.keys()) > 200


@pytest.mark.parametrize("path", WRITTEN)
def test_every_image_is_described(path):
    soup = parse(path).find("article")
    for image in soup.find_all("img"):
        alt = image.get("alt", "").strip()
        assert len(alt) > 10 and not alt.endswith((".png", ".svg", ".jpg")), image
    for drawing in soup.select("svg[role=img]"):
        assert drawing.get("aria-label", "").strip(), "an SVG figure has no aria-label"


@pytest.mark.parametrize("path", WRITTEN)
def test_no_dead_widgets(path):
    """An ipywidget needs a kernel: on a page its slider would move and its figure stand still."""
    assert "application/vnd.jupyter.widget" not in (BOOK / path).read_text("utf-8")


# Elements of the theme's, of MathJax's and of Sphinx's, whose faults are not ours to mend.
THEIRS = ["mjx-", "headerlink", "copybtn", "toggle-button", 'class="citation']

# --- what a browser shows ----------------------------------------------------------------

BROKEN_IMAGES = """
images => images.filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)
"""

# Folded things count when they are open: open them all.
UNFOLD = """() => {
    document.querySelectorAll("details").forEach(d => { d.open = true; });
    document.querySelectorAll(".toggle-hidden").forEach(e => e.classList.remove("toggle-hidden"));
}"""

# The page's width, and for the message what reaches over its edge. What is inside a box that
# scrolls by itself reaches over it too, and may.
OVERFLOW = """() => {
    const root = document.scrollingElement;
    const scrolls = e => e && e !== root && e !== document.body
        && (getComputedStyle(e).overflowX !== "visible" || scrolls(e.parentElement));
    const wide = [...document.querySelectorAll("body *")].filter(
        e => e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e));
    return [root.scrollWidth, wide.slice(0, 5).map(e => e.outerHTML.slice(0, 200))];
}"""


# What does not fit into the column of a wide screen: boxes of the text that scroll or cut, with
# the width that they have and the one that they need.  What is for screen readers alone needs
# none: of a formula only what is drawn counts.
CUT = """() => {
    const drawn = e => {
        const formulas = [...e.querySelectorAll("mjx-math")];
        const right = Math.max(...formulas.map(f => f.getBoundingClientRect().right));
        const left = e.getBoundingClientRect().left;
        const math = e.matches(".math, mjx-container, p");
        return formulas.length && math ? Math.round(right - left) : e.scrollWidth;
    };
    const boxes = [...document.querySelectorAll("article.bd-article *")].filter(e => {
        const style = getComputedStyle(e);
        return style.overflowX !== "visible" && style.position !== "absolute"
            && !e.closest("mjx-math, mjx-assistive-mml") && e.clientWidth > 0
            && drawn(e) > e.clientWidth + 1;
    });
    return boxes.filter(e => !boxes.some(inner => inner !== e && e.contains(inner))).map(e => {
        const kind = e.querySelector("mjx-math") ? "formula" : e.querySelector("table")
            ? "table" : e.tagName.toLowerCase();
        const widest = e.tagName !== "PRE" ? e.textContent : e.textContent.split("\\n").reduce(
            (longest, line) => line.length > longest.length ? line : longest, "");
        const text = widest.replace(/\\s+/g, " ").trim().slice(0, 100);
        return `${kind}, ${drawn(e)} px in ${e.clientWidth}: ${text}`;
    });
}"""


def open_page(page, url):
    page.goto(url)
    # Nothing may be judged before MathJax has typeset the equations and fetched its fonts.
    page.wait_for_function(
        "() => !window.MathJax || window.MathJax.startup?.promise?.then(() => true)"
    )
    page.evaluate("() => document.fonts.ready.then(() => true)")


def test_the_front_door(page, base_url):
    page.goto(base_url)
    page.wait_for_url(base_url + "book/intro.html")


@pytest.mark.parametrize("path", PAGES)
def test_page(page, base_url, path):
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 1280, "height": 900})
    open_page(page, base_url + path)

    raw = page.locator(".math:not(:has(mjx-container))")
    expect(raw, "an equation is raw TeX").to_have_count(0)
    assert page.locator("mjx-merror").all_inner_texts() == []
    assert page.locator("img").evaluate_all(BROKEN_IMAGES) == []

    page.evaluate(UNFOLD)
    for width in (1280, PHONE_WIDTH):
        page.set_viewport_size({"width": width, "height": 900})
        used, culprits = page.evaluate(OVERFLOW)
        assert used <= width + 1, f"wider than {width} pixels: {culprits}"

    assert page.problems == []


@pytest.mark.parametrize("page", ["light"], indirect=True)
@pytest.mark.parametrize("path", WRITTEN)
def test_nothing_is_cut_on_a_wide_screen(page, base_url, path):
    """No formula, table or line of code has to be scrolled at 1280 pixels."""
    page.set_viewport_size({"width": 1280, "height": 900})
    open_page(page, base_url + path)
    page.evaluate(UNFOLD)
    culprits = page.evaluate(CUT)
    assert not culprits, "\n".join([f"{len(culprits)} cut on {path}:", *culprits])


@pytest.mark.parametrize("width", [1280, PHONE_WIDTH])
def test_a_term_shows_what_it_means(page, base_url, width):
    """By pointer and by keyboard, within the window, until Escape."""
    from playwright.sync_api import expect

    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, base_url + "book/chapter1/grape.html")
    page.evaluate(UNFOLD)
    note, terms = page.locator(".term-note"), page.locator("a.term")
    assert terms.count() > 5
    for term in terms.all()[:8]:
        term.hover()
        expect(note).to_have_text(term.get_attribute("data-definition"))
        box = note.bounding_box()
        assert 0 <= box["x"] and box["x"] + box["width"] <= width
    page.mouse.move(0, 0)
    terms.first.focus()
    expect(note).to_be_visible()
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()


@pytest.mark.parametrize("page", ["light"], indirect=True)
@pytest.mark.parametrize("path", [path for path in INTERACTIVE if "/chapter" in path or "/beyond" in path])
def test_the_first_slider_is_on_the_first_screen(page, base_url, path):
    page.set_viewport_size({"width": 1280, "height": 900})
    open_page(page, base_url + path)
    box = page.locator(f"{FIGURES} >> css=label").first.bounding_box()
    assert box["y"] + box["height"] <= 900


@pytest.mark.parametrize("path", INTERACTIVE)
def test_every_slider_moves_its_figure(page, base_url, path):
    from playwright.sync_api import expect

    open_page(page, base_url + path)
    for figure in page.locator(FIGURES).all():
        expect(figure).to_have_attribute("data-ready", "1")
        drawing = figure.locator("svg").first
        for slider in figure.locator("input[type=range]").all():
            slider.focus()
            page.keyboard.press("Home")
            before = drawing.inner_html()
            page.keyboard.press("End")
            assert drawing.inner_html() != before, "the slider moves, the figure does not"
            assert slider.get_attribute("aria-valuetext"), "the slider does not say its value"
        for choice in figure.locator("select").all():
            choice.select_option(index=0)
            before = drawing.inner_html()
            choice.select_option(index=1)
            assert drawing.inner_html() != before, "the choice changes, the figure does not"
        for button in figure.locator("button").all():
            button.click()  # starts over where the slider is at its end
            before = drawing.inner_html()
            page.wait_for_timeout(600)
            assert drawing.inner_html() != before, "the play button does nothing"
            button.click()
    assert page.problems == []


def test_every_figure_with_sliders_is_on_its_page():
    """No call is lost on the way from the notebooks to the pages."""
    for notebook in NOTEBOOKS:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        code = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        page = BOOK / notebook.relative_to(BOOK.parents[1]).with_suffix(".html")
        calls = code.count("sl.explore(") + code.count("sl.teaching.explore_formula(")
        figures = parse(page.relative_to(BOOK).as_posix()).select(FIGURES)
        assert len(figures) == calls, notebook.name


@pytest.mark.parametrize("page", ["light"], indirect=True)
@pytest.mark.parametrize("path", [path for path in WRITTEN if "/chapter" in path or "/beyond" in path])
def test_page_weight(page, base_url, path):
    weights = {}
    page.on("response", lambda r: weights.setdefault(r.url, len(gzip.compress(r.body(), 5))))
    open_page(page, base_url + path)
    heaviest = sorted(weights.items(), key=lambda item: -item[1])[:4]
    assert sum(weights.values()) <= HEAVIEST, heaviest


def our_violations(page):
    """What axe-core finds against WCAG A or AA in what we wrote (the theme has its own tests)."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = Axe().run(page, context="article", options=options).response["violations"]
    return [
        (violation["id"], node["html"][:160])
        for violation in found
        for node in violation["nodes"]
        if not any(theirs in node["html"] for theirs in THEIRS)
    ]


@pytest.mark.parametrize("path", WRITTEN)
def test_accessibility(page, base_url, path):
    open_page(page, base_url + path)
    assert our_violations(page) == []
