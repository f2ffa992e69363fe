"""Brings the page that runs into the built book: the button, and what its Python needs of ours.

Loaded by ``spinbook.py``.  The files of ``spinlab/teaching/live`` go to ``_static/live``, with
the library and the book's data as ``book.zip``, and with ``settings.js``, which says where Pyodide
comes from and what the sha256 of its files is.  ``make live`` (``make_live.py``) puts Pyodide
itself beside them; without it a reader's browser asks the source that ``files.json`` names.
"""

import base64
import importlib.util
import json
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes

import spinlab
from spinlab.teaching import live

LIBRARY = Path(spinlab.__file__).parent
LIVE = Path(live.__file__).parent
DATA = LIBRARY.parent / "book" / "data"
#: What the library is made of; pages need no more of it.
KINDS = {".py", ".json", ".mplstyle", ".js", ".css"}
#: Other pure packages that pages use and Pyodide does not have: whole, with their licences.
OTHERS = ("pypulseq",)


def settings(source, length, pack=None):
    """The text of ``settings.js``.

    Parameters
    ----------
    source : str
        Where Pyodide's files are: an address, or one relative to ``_static/live/``.
    length : int
        Bytes that a reader loads the first time.
    pack : str, optional
        File with all packages; without one the source has them as wheels.
    """
    known = json.loads((LIVE / "files.json").read_text("utf-8"))
    digests = {
        name: "sha256-" + base64.b64encode(bytes.fromhex(digest)).decode()
        for name, digest in known["files"].items()
    }
    data = {
        "source": source, "bytes": length, "pack": pack, "packages": known["packages"],
        "files": digests,
    }  # fmt: skip
    head = "// Written by book/_ext/spinlive.py: where the page's Python comes from.\n"
    return f"{head}export default {json.dumps(data, indent=2)};\n"


def frame(source):
    """The page of the worker; its policy names the source, if that is another site."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(source)) if "://" in source else ""
    return (LIVE / "frame.html").read_text("utf-8").replace(" SOURCE", f" {origin}".rstrip())


def book_files():
    """Path in ``site-packages``, and file, of all that ``book.zip`` holds."""
    for path in sorted(LIBRARY.rglob("*")):
        if path.suffix in KINDS and "__pycache__" not in path.parts:
            yield path.relative_to(LIBRARY.parent).as_posix(), path
    for path in sorted(DATA.glob("*.json")):
        yield f"book/data/{path.name}", path
    for name in OTHERS:
        found = importlib.util.find_spec(name)
        folder = Path(found.origin).parent if found else None
        for path in sorted(folder.rglob("*.py")) if folder else ():
            yield path.relative_to(folder.parent).as_posix(), path
        for path in sorted(folder.parent.glob(f"{name}-*.dist-info/**/*")) if folder else ():
            if path.is_file():
                yield path.relative_to(folder.parent).as_posix(), path


def write_files(app):
    """Fill ``_static/live``."""
    if app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", "live")
    target.mkdir(parents=True, exist_ok=True)
    for path in (*LIVE.glob("*.js"), LIVE / "live.css"):
        (target / path.name).write_bytes(path.read_bytes())
    known = json.loads((LIVE / "files.json").read_text("utf-8"))
    (target / "settings.js").write_text(settings(known["source"], known["bytes"]), "utf-8")
    (target / "frame.html").write_text(frame(known["source"]), "utf-8")
    with zipfile.ZipFile(target / "book.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in book_files():
            # A fixed date: the same files are the same archive.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), path.read_bytes())


def add_button(app, pagename, templatename, context, doctree):
    """The script of the button, on pages that have cells."""
    cells = doctree.findall(nodes.container) if doctree else ()
    if any(node.get("nb_element") == "cell_code" for node in cells):
        app.add_css_file("live/live.css")
        app.add_js_file("live/live.js", type="module")


def setup(app):
    app.connect("builder-inited", write_files)
    app.connect("html-page-context", add_button)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
