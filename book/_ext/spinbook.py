"""The book's own Sphinx extension, loaded by ``_config.yml``.

It does what no setting can: it gives the notebooks' kernels a known environment, lets figures
follow the page's light or dark theme, insists on captions and alternative texts, brings MathJax
into the built book, and writes citations as author and year.  ``spinlinks.py`` beside it makes
links of the library's names and of the glossary's terms.
"""

import importlib.util
import os
from pathlib import Path

import pybtex.plugin
from docutils import nodes
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.fileutil import copy_asset

from spinlab.teaching import svg_frames
from spinlab.teaching.figures import page_svg

logger = logging.getLogger(__name__)


# --- the kernels' environment ------------------------------------------------------------

IPYTHON_CONFIG = """\
c = get_config()
# Sharp at any size, and small. A notebook opened by a reader keeps IPython's default, PNG.
c.InlineBackend.figure_formats = {"FORMAT"}
# No date in a figure: two builds of the same chapter are the same file.
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}
c.HistoryManager.enabled = False
# Kernels talk to this machine only; they need not warn of that in every chapter.
c.IPKernelApp.log_level = "ERROR"
"""


def prepare_kernels(app):
    """Set the environment that the kernels of this build inherit.

    ``SPINLAB_BOOK`` tells ``spinlab`` to write interactive figures that work without a
    kernel. A private ``IPYTHONDIR`` keeps the settings of whoever builds out of the book.
    """
    ipython = Path(app.outdir).parent / ".ipython"
    profile = ipython / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    drawing = "svg" if app.builder.format == "html" else "pdf"
    config = IPYTHON_CONFIG.replace("FORMAT", drawing)
    (profile / "ipython_kernel_config.py").write_text(config, encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(ipython)
    os.environ["SPINLAB_BOOK"] = "1"
    # The chapters print times. Idle threads of a linear-algebra library would count as work.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"


# --- figures -----------------------------------------------------------------------------


def finish_figures(app, doctree, docname):
    """Insist on descriptions, and put SVG figures where they see the theme: into the page.

    At this late point a cell's output is what the page will show of it.
    """
    if app.builder.format != "html":
        return
    for image in list(doctree.findall(nodes.image)):
        alt = image.get("alt", "").strip()
        if not alt:
            # A browser or screen reader would fall back on the name of the file.
            told = (
                "A figure has no alternative text. For a figure that a cell draws, put it into "
                'the cell\'s metadata: {"mystnb": {"image": {"alt": "..."}}}'
            )
            warn(told, docname, image, "alt")
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".svg" and path.parent.name == "jupyter_execute":
            svg = page_svg(path.read_text("utf-8"), alt, "fig" + path.stem[:8])
            image.replace_self(nodes.raw("", svg, format="html"))


def unframe_text(app, doctree):
    """Take words that a cell shows out of the figure: MyST-NB frames every output of the cell."""
    for figure in list(doctree.findall(nodes.figure)):
        boxes = figure.findall(nodes.container)
        kinds = {box["mime_type"] for box in boxes if "mime_type" in box}
        if kinds == {"text/plain"}:
            figure.replace_self([child for child in figure if not isinstance(child, nodes.caption)])


def insist_on_captions(app, doctree, docname):
    """Warn of a figure without a number: one without a name or a caption."""
    if app.builder.format != "html":
        return
    sliders = [node for node in doctree.findall(nodes.raw) if "<spin-" in node.astext()]
    for picture in [*doctree.findall(nodes.image), *sliders]:
        frame = picture
        while frame is not None and not isinstance(frame, nodes.figure):
            frame = frame.parent
        if frame is None or not frame["names"] or not frame.next_node(nodes.caption):
            told = (
                "A figure has no number or no caption. Put both into the cell's metadata: "
                '{"mystnb": {"figure": {"name": "fig-...", "caption": "..."}}}'
            )
            warn(told, docname, picture, "caption")


def warn(told, docname, node, subtype):
    """Warn at the line of the node or of what it is in: a cell's figure has none of its own."""
    while node is not None and not node.line:
        node = node.parent
    location = (docname, node.line if node is not None else None)
    logger.warning(told, location=location, type="spinbook", subtype=subtype)


def add_explore(app):
    """Bring the script that replays explorable figures, and its style, into every page."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    for name in ("explore.js", "explore.css"):
        copy_asset(str(Path(svg_frames.__file__).with_name(name)), str(static))
    app.add_js_file("explore.js", loading_method="defer")
    app.add_css_file("explore.css")


# --- equations without a network ---------------------------------------------------------

# What a page can ask for: the program (with its context menu), TeX packages that it loads on
# demand, the fonts, and what the menu's accessibility entries switch on. The rest of
# MathJax's 24 MB are other input and output formats.
MATHJAX_FILES = [
    "tex-chtml.js",
    "input/tex/extensions",
    "output/chtml/fonts",
    "a11y",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
]


def copy_mathjax(app, exception):
    """Copy MathJax from its Python package into the built book's ``_static/mathjax``."""
    if exception is not None or app.builder.format != "html":
        return
    package = importlib.util.find_spec("mathjax")
    source = Path(package.submodule_search_locations[0], "static/mathjax/es5") if package else None
    if source is None or not (source / "tex-chtml.js").exists():
        raise ExtensionError(
            "MathJax is not installed; 'make book' installs it, "
            "and so does: pip install django-static-mathjax"
        )
    target = Path(app.outdir, "_static/mathjax")
    for name in MATHJAX_FILES:
        # A folder is copied into the folder of its name, a file into its parent.
        into = target / name if (source / name).is_dir() else (target / name).parent
        into.mkdir(parents=True, exist_ok=True)
        copy_asset(str(source / name), str(into))


def drop_icon_script(app, exception):
    """Empty the theme's script of icons.

    The theme brings every icon of Font Awesome twice: as fonts, which a page fetches as far as
    it needs them, and as a script of half a megabyte (compressed) on each page. The fonts do.
    """
    script = Path(app.outdir, "_static/scripts/fontawesome.js")
    if exception is None and script.exists():
        script.write_text("/* The icons come from fonts: see book/_ext/spinbook.py. */\n", "utf-8")


# --- pages -------------------------------------------------------------------------------


def drop_repeated_scripts(app, pagename, templatename, context, doctree):
    """Keep one of each inline script.

    Sphinx 7.4 lists a script that an extension adds without a file name twice. The one of
    sphinx-thebe (which Jupyter Book always loads) defines constants, and doing that twice
    is an error in the browser's console.
    """
    seen = set()
    scripts = []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        inline = bool(body) and not getattr(script, "filename", None)
        if inline and body in seen:
            continue
        if inline:
            seen.add(body)
        scripts.append(script)
    context["script_files"] = scripts


# --- the bibliography --------------------------------------------------------------------


class AuthorYearLabels(BaseLabelStyle):
    """Labels as the text cites them: "Khaneja et al., 2005"."""

    def format_labels(self, sorted_entries):
        for entry in sorted_entries:
            names = [" ".join(p.prelast_names + p.last_names) for p in entry.persons["author"]]
            if len(names) > 2:
                names = [f"{names[0]} et al."]
            label = " and ".join(names)
            year = entry.fields.get("year")
            # LaTeX is decoded for the entries, not for labels: write names in plain letters.
            yield f"{label}, {year}" if year else label


class SpinbookStyle(PlainStyle):
    """Pybtex's plain style, sorted by author, with those labels."""

    default_label_style = AuthorYearLabels


def setup(app):
    pybtex.plugin.register_plugin("pybtex.style.formatting", "spinbook", SpinbookStyle)
    app.connect("builder-inited", prepare_kernels)
    app.connect("builder-inited", add_explore)
    app.connect("doctree-read", unframe_text, priority=400)
    # Before the figures become part of the page.
    app.connect("doctree-resolved", insist_on_captions, priority=400)
    app.connect("doctree-resolved", finish_figures)
    app.setup_extension("spinlinks")
    app.setup_extension("spinlive")
    # Late: after the extensions that add scripts.
    app.connect("html-page-context", drop_repeated_scripts, priority=900)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", drop_icon_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
