"""A server for the built book, and a browser without a network."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[2] / "_build" / "html"

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

CHROMIUM_FLAGS = [
    # A container has no user namespaces and little shared memory; and only our own pages load.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    # No name but the server's own leads anywhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    # The browser's own errands.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def base_url():
    """Serve the built book; its address ends in a slash."""
    handler = functools.partial(QuietHandler, directory=str(BOOK))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    found = os.environ.get("CHROME_BIN") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.fail(f"No browser: set CHROME_BIN or install one of {', '.join(BROWSERS)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def page(request, browser, base_url):
    """A fresh page in the reader's light or dark theme.

    ``page.problems`` collects what a reader would not see: errors in the console, and
    requests to other machines, which fail.
    """
    context = browser.new_context(color_scheme=request.param)
    page = context.new_page()
    page.problems = []

    def refuse(route):
        page.problems.append(f"asks another machine: {route.request.url}")
        route.abort()

    def on_console(message):
        if message.type == "error":
            page.problems.append(f"console: {message.text} ({message.location.get('url')})")

    page.route(lambda url: not url.startswith((base_url, "data:", "blob:")), refuse)
    page.on("console", on_console)
    page.on("pageerror", lambda error: page.problems.append(f"script error: {error}"))
    page.on("response", lambda r: r.status >= 400 and page.problems.append(f"{r.status}: {r.url}"))
    yield page
    context.close()
