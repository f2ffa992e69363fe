"""A page that runs in its reader's browser: what it makes a reader wait for, and fetch.

Needs the built book with Python in it (``make book live``), Playwright (the extra ``browser``) and
Chromium; where one is missing a line says so, and there are no rows.
"""

import gzip
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
from measure import record
from served import BOOK, CHROMIUM_FLAGS, NO_PACK, PACK, installed_browser, serving

PAGES = ("chapter1/spin", "chapter1/adjoint", "chapter2/asymptotes", "chapter4/sequences")
NATIVE = "the same cells by spinlab.teaching.live.kernel in this Python, in a fresh process"
#: What a page fetches of ``_static/live`` before the click.
BEFORE = ("live.js", "outputs.js", "answers.js", "settings.js", "live.css")
#: Runs all cells as the page does: the first one, and then all; prints the seconds of the latter.
RUN = """
import json, sys, time
import matplotlib
matplotlib.use("Agg")
from spinlab.teaching.live.kernel import Session
cells, session = json.load(sys.stdin), Session(lambda message: None)
assert session.run(cells[0], "cell 1")
began = time.perf_counter()
assert all(session.run(source, f"cell {k}") for k, source in enumerate(cells, 1))
print(time.perf_counter() - began)
"""


def missing():
    """What the rows of this area need and do not find; empty if all is here."""
    if not PACK.exists():
        return NO_PACK
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed: pip install '.[browser]'."
    return "" if installed_browser() else "There is no Chromium."


def sizes():
    """Bytes that each file of ``_static/live`` has on its way to a reader."""
    return {path.name: len(gzip.compress(path.read_bytes(), 6)) for path in PACK.parent.iterdir()}


def native(page):
    """Seconds that this Python takes for the cells of a page."""
    notebook = BOOK.parents[1] / "book" / f"{page}.ipynb"
    _, *cells = [cell["source"] for cell in json.loads(notebook.read_text("utf-8"))["cells"]
                 if cell["cell_type"] == "code"]  # but for the first, which no page shows
    sources = json.dumps(["".join(lines) for lines in cells])
    done = subprocess.run([sys.executable, "-c", RUN], input=sources, text=True, check=True,
                          stdout=subprocess.PIPE, cwd=BOOK.parents[1])  # fmt: skip
    return float(done.stdout.split()[-1])


def seconds(job):
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def started(context, url):
    """A page whose Python runs, and the seconds from the click to the end of its first cell."""
    from live_page import idle, offered

    page = context.new_page()
    button = offered(page, url)
    return page, seconds(lambda: (button.click(), idle(page)))


def all_cells(context, url):
    """Seconds from the click to the end of a page's first cell, and for all of its cells."""
    from live_page import run_all

    page, start = started(context, url)
    took = seconds(lambda: run_all(page))
    states = page.locator(".live-state").all_text_contents()
    page.close()
    assert all(re.fullmatch(r"[\d.]+ s", state) for state in states), f"{url}: {states}"
    return start, took


def stopped(page, code):
    """Seconds from a click on Stop, while a loop runs that never ends, to the next result."""
    from live_page import begin, cell, run, shown, stop

    begin(page, 1, code)
    took = seconds(lambda: (stop(page), run(page, 2, "6 * 7")))
    assert shown(cell(page, 2)) == "42"
    return took


def records(rounds=3):
    """Rows of the area "live"."""
    if reason := missing():
        return print(f"NO ROWS OF THE AREA live: {reason}")
    weight = sizes()
    before = sum(weight[name] for name in BEFORE)
    yield record("a page before the click, more to fetch", before / 1e3, "kB", at_most=30)
    first = sum(weight.values()) - weight["book.zip"]
    yield record("the first click fetches, compressed", first / 1e6, "MB", at_most=40)
    yield from timed(rounds)


def timed(rounds):
    """The rows that need a browser, which keeps what it has fetched, as a reader's does."""
    from live_page import DEAF, LOOP
    from playwright.sync_api import sync_playwright

    with (
        serving(BOOK) as server, sync_playwright() as playwright,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):  # fmt: skip
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=installed_browser(), args=CHROMIUM_FLAGS)  # fmt: skip
        urls = {page: f"{server.url}book/{page}.html" for page in PAGES}
        page, _ = started(context, urls[PAGES[0]])  # fills the cache
        again = [stopped(page, LOOP) for _ in range(rounds)]
        name = "Stop of an endless loop to the next result"
        yield record(name, np.median(again), "s", at_most=6)
        name = "the same in a call of compiled code: Python must start anew"
        yield record(name, stopped(page, DEAF), "s")
        page.close()
        for page in PAGES:
            runs = [(*all_cells(context, urls[page]), native(page)) for _ in range(rounds)]
            start, here, there = np.median(runs, axis=0)
            name = f"click to the end of the first cell of {page}, files in the cache"
            yield record(name, start, "s", at_most=10)
            name = f"Run all on {page} ({here:.1f} s), over native"
            yield record(name, here / there, "x", at_most=4, baseline=NATIVE)
        context.close()
