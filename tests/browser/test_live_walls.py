"""The walls of a page that runs: whom its Python may ask, what its outputs may do, which files it takes."""

import base64
import gzip
import hashlib
import json
import shutil
import sys

import pytest
from served import BOOK, NO_PACK, PACK, serving, watched

if not PACK.exists():
    pytest.skip(NO_PACK, allow_module_level=True)

from live_page import cell, idle, run, shown, start, status
from playwright.sync_api import expect

sys.path.append(str(BOOK.parents[1] / "book" / "_ext"))
import spinlive  # noqa: E402

SPIN = "book/chapter1/spin.html"
STORE = BOOK.parent / "live"
MOST = 40e6  # bytes, compressed: what the first click may make a reader fetch


@pytest.fixture
def new_page(browser):
    """``new_page(*sites)`` is a page that may ask these sites."""
    contexts = []

    def new(*sites):
        contexts.append(browser.new_context())
        return watched(contexts[-1].new_page(), *sites)

    yield new
    for context in contexts:
        context.close()


# --- whom Python may ask -----------------------------------------------------------------

ASKS = """import asyncio, js
from pyodide.http import pyfetch
def ask(url):
    request = js.XMLHttpRequest.new()
    request.open("GET", url, False)
    request.send()
    return request.status
js.fetch(URL)
js.WebSocket.new(URL.replace("http", "ws"))
task = asyncio.ensure_future(pyfetch(URL))
ask(URL)"""


def test_python_asks_this_site_and_no_other(new_page, tmp_path):
    with serving(BOOK) as book, serving(tmp_path) as other:
        page = new_page(book.url, other.url)
        start(page, book.url + SPIN)
        assert page.evaluate("url => fetch(url).then(reply => reply.ok)", other.url)
        assert other.asked == ["/"], "the page itself reaches the other server"
        error = shown(run(page, 4, f"URL = {other.url!r}\n{ASKS}"))
        assert "NetworkError" in error
        assert "Error" in shown(run(page, 4, "repr(task.exception())"))
        assert shown(run(page, 4, f"ask({book.url + SPIN!r})")) == "200"
        assert other.asked == ["/"], "Python reached another server"
        assert all("Content Security Policy" in problem for problem in page.problems)


# --- what outputs may do -----------------------------------------------------------------

HOSTILE = r"""
<p onclick="hit()" ONMOUSEOVER="hit()" style="background: url(http://a.example/)">text</p>
<p style="background: \75rl(http://a.example/)">more</p>
<img src="no.png" onerror="hit()"><img src="http://a.example/1" srcset="http://a.example/2">
<script>hit()</script><svg onload="hit()"><a xlink:href="javascript:hit()"><text>t</text></a>
<a><text>u</text><set attributeName="href" to="javascript:hit()"/></a><script>hit()</script>
<rect fill="url(http://a.example/#paint)"/><image href="http://a.example/3"/></svg>
<a href="javascript:hit()">one</a><a href=" java&#9;script:hit()">two</a>
<a href="https://www.example.org/">three</a><video poster="http://a.example/4"></video>
<iframe srcdoc="<script>parent.hit()</script>"></iframe><embed src="javascript:hit()">
<button form="search" formaction="javascript:hit()">four</button>
<style>@import url(http://a.example/5);</style><meta http-equiv="refresh" content="0">
"""
FORMULA = r"\href{javascript:hit()}{x}"
SHOW = f"from IPython.display import HTML, Math\ndisplay(HTML({HOSTILE!r}))\ndisplay(Math({FORMULA!r}))"

ACTIVE = r"""box => [...box.querySelectorAll("*")].flatMap(e => [
    ...(/^(script|style|iframe|embed|meta|set)$/i.test(e.localName) ? [e.outerHTML] : []),
    ...[...e.attributes].map(({ name, value }) => `${e.localName} ${name}=${value}`).filter(
        text => /^\w+ on|script:|a\.example/i.test(text))])"""


def test_what_a_cell_shows_does_nothing(new_page, base_url):
    page = new_page(base_url)
    start(page, base_url + SPIN)
    page.evaluate("() => { window.hits = 0; window.hit = () => { window.hits++; }; }")
    box = run(page, 4, SHOW)
    output = box.locator(".cell_output")
    expect(output.locator("mjx-container")).to_have_count(1)
    assert output.evaluate(ACTIVE) == []
    assert output.locator("a[href]").all_inner_texts() == ["three"]
    for text in ("text", "more", "one", "two", "four"):
        output.get_by_text(text, exact=True).click()
    output.locator("mjx-container").click()
    page.wait_for_timeout(300)
    assert page.evaluate("window.hits") == 0 and page.url.endswith(SPIN)
    assert page.problems == []


# --- which files are taken ---------------------------------------------------------------


def test_the_first_click_loads_what_the_note_says(new_page):
    with serving(BOOK) as book:
        page = new_page(book.url)
        start(page, book.url + SPIN)
        asked = {path for path in book.asked if "/_static/live/" in path}
        sizes = {path: len(gzip.compress((BOOK / path[1:]).read_bytes(), 6)) for path in asked}
    assert {"pyodide.asm.wasm", PACK.name} <= {path.split("/")[-1] for path in asked}
    assert "/_static/live/book.zip" not in asked, "the pack holds it"
    said = json.loads((PACK.parent / "settings.js").read_text().split("default ")[1].rstrip(";\n"))
    assert sum(sizes.values()) <= MOST and abs(sum(sizes.values()) / said["bytes"] - 1) < 0.02, sizes


@pytest.mark.parametrize("name", ["pyodide.asm.js", "pyodide.asm.wasm"])
def test_a_file_with_another_digest_is_refused(new_page, name):
    path = f"_static/live/{name}"
    with serving(BOOK, {f"/{path}": (BOOK / path).read_bytes() + b"\n"}) as book:
        page = new_page(book.url)
        page.goto(book.url + SPIN)
        before = cell(page, 8).locator(".cell_output").inner_html()
        page.get_by_role("button", name="Run this page here").click()
        idle(page)
        told = page.locator(".live-status")
        expect(told).to_contain_text(f"Python could not start: {name} cannot be loaded")
        assert cell(page, 8).locator(".cell_output").inner_html() == before
        assert page.locator("iframe").count() == 0
        assert page.locator(".live-state").first.text_content() == "stopped"


def mirror(folder):
    """A copy of what a host of Pyodide holds, as far as `make live` fetched it.

    SymPy, mpmath and autograd are builds of PyPI here, and some packages are missing: the list of
    packages says so.
    """
    lock = json.loads((STORE / "pyodide-lock.json").read_text("utf-8"))
    kept = {}
    for name, package in lock["packages"].items():
        found = STORE / package["file_name"]
        others = [found] if found.exists() else STORE.glob(f"{name}-{package['version']}-*.whl")
        for path in others:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            kept[name] = package | {"file_name": path.name, "sha256": digest}
    for package in kept.values():
        package["depends"] = [name for name in package["depends"] if name in kept]
    for path in STORE.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    (folder / "pyodide-lock.json").write_text(json.dumps(lock | {"packages": kept}), "utf-8")


def settings_for(url, folder):
    """``settings.js`` for another host, whose list of packages is not the official one."""
    known = spinlive.settings(url, 46_000_000)
    digest = hashlib.sha256((folder / "pyodide-lock.json").read_bytes()).digest()
    head, _, data = known.partition("export default ")
    data = json.loads(data.rstrip(";\n"))
    data["files"]["pyodide-lock.json"] = "sha256-" + base64.b64encode(digest).decode()
    return f"{head}export default {json.dumps(data)};".encode()


def test_a_page_runs_from_another_host(new_page, tmp_path):
    """As a book does that was built without `make live`."""
    mirror(tmp_path)
    with serving(tmp_path) as host:
        changes = {
            "/_static/live/settings.js": settings_for(host.url, tmp_path),
            "/_static/live/frame.html": spinlive.frame(host.url).encode(),
        }
        with serving(BOOK, changes) as book:
            page = new_page(book.url, host.url)
            start(page, book.url + SPIN)
            assert status(page) == "Ready.", status(page)
            source = "print(sl.__file__)\nnp.linalg.norm(sl.state('Ix'))"
            assert shown(run(page, 4, source)).startswith("/lib/python3.12/site-packages/spinlab")
            assert page.problems == []
            assert "/_static/live/book.zip" in book.asked and PACK.name not in str(book.asked)
            assert any(path.startswith("/scipy-") for path in host.asked)
