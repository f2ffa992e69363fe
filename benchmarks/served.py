"""The built book, served as hosts do, and a browser without a network: for tests and benchmarks."""

import contextlib
import functools
import http.server
import io
import os
import shutil
import threading
from pathlib import Path

BOOK = Path(__file__).parents[1] / "_build" / "html"
#: Python for the browser, where `make live` was able to bring it.
PACK = BOOK / "_static" / "live" / "packages.pack.gz"
NO_PACK = f"There is no _build/html/_static/live/{PACK.name}: no page can run. See `make live`."

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
    """As the hosts of books and of packages serve: connections last, files are kept a while.

    ``server.asked`` lists the paths that were asked for; ``server.changes`` holds what stands for a
    file, {path: bytes}.
    """

    protocol_version = "HTTP/1.1"
    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm",
    }  # fmt: skip

    def log_message(self, *args):
        pass

    def end_headers(self):
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def send_head(self):
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        if path not in self.server.changes:
            return super().send_head()
        body = self.server.changes[path]
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)


@contextlib.contextmanager
def serving(folder, changes=None):
    """A server of a folder; its ``url`` ends in a slash."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.url = f"http://127.0.0.1:{server.server_port}/"
    server.asked, server.changes = [], changes or {}
    server.handle_error = lambda *request: None  # a reader who left
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def installed_browser():
    """The program, or None."""
    return os.environ.get("CHROME_BIN") or next(filter(None, map(shutil.which, BROWSERS)), None)


def watched(page, *sites):
    """A page that asks these sites alone, and keeps a list of its problems."""
    page.problems = []

    def refuse(route):
        page.problems.append(f"asks another machine: {route.request.url}")
        route.abort()

    def on_console(message):
        if message.type == "error":
            page.problems.append(f"console: {message.text} ({message.location.get('url')})")

    page.route(lambda url: not url.startswith((*sites, "data:", "blob:")), refuse)
    page.on("console", on_console)
    page.on("pageerror", lambda error: page.problems.append(f"script error: {error}"))
    page.on("response", lambda r: r.status >= 400 and page.problems.append(f"{r.status}: {r.url}"))
    return page
