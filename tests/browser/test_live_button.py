"""The button "Run this page here": what a page weighs and says before a reader asks for more."""

import gzip
import json
import sys

import pytest
from live_page import offered
from served import BOOK, PACK
from test_book import open_page

sys.path.append(str(BOOK.parents[1] / "book" / "_ext"))
import spinlive  # noqa: E402

pytestmark = pytest.mark.parametrize("page", ["light"], indirect=True)

SPIN = "book/chapter1/spin.html"
KNOWN = json.loads((spinlive.LIVE / "files.json").read_text("utf-8"))


def note(page, url):
    offered(page, url).wait_for()
    return page.locator(".live-note").inner_text()


def test_a_page_weighs_little_more_before_the_click(page, base_url):
    weights = {}
    page.on("response", lambda r: weights.setdefault(r.url, len(gzip.compress(r.body(), 6))))
    open_page(page, base_url + SPIN)
    offered(page, base_url + SPIN).wait_for()
    live = {
        url.split("/")[-1].split("?")[0]: size for url, size in weights.items() if "/live/" in url
    }
    assert {*live} == {"live.js", "outputs.js", "answers.js", "settings.js", "live.css"}
    assert sum(live.values()) <= 30e3, live
    assert page.problems == []


ARTICLE = """() => {
    const article = document.querySelector("article.bd-article").cloneNode(true);
    article.querySelectorAll(".live-bar, mjx-container").forEach(e => e.remove());
    return article.outerHTML;
}"""


def test_a_page_is_the_same_before_the_click(page, base_url):
    """But for the bar of the button."""
    offered(page, base_url + SPIN).wait_for()
    page.locator("[data-ready]").last.wait_for()
    with_button = page.evaluate(ARTICLE)
    page.route("**/live/live.js*", lambda route: route.abort())
    open_page(page, base_url + SPIN)
    page.locator("[data-ready]").last.wait_for()
    assert page.locator(".live-bar").count() == 0
    assert page.evaluate(ARTICLE) == with_button


def test_the_note_names_who_is_asked(page, base_url):
    """Without `make live`, the host that ``files.json`` names."""
    text = spinlive.settings(KNOWN["source"], KNOWN["bytes"])
    script = {"body": text, "content_type": "text/javascript"}
    page.route("**/live/settings.js", lambda route: route.fulfill(**script))
    said = note(page, base_url + SPIN)
    assert "46 MB from cdn.jsdelivr.net, once" in said and "Nothing that you write is sent" in said
    page.unroute("**/live/settings.js")
    said = note(page, base_url + SPIN)
    assert ("MB from this site, once" if PACK.exists() else "cdn.jsdelivr.net") in said


def test_pages_without_cells_have_no_button(page, base_url):
    open_page(page, base_url + "book/intro.html")
    assert page.locator(".live-bar").count() == 0 and page.problems == []
