"""What ties the book's pages together: the library's pages and names, the glossary, the index.

Loaded by ``spinbook.py``.  Pages and docstrings write ``sl.design`` or "costate", and this makes
links of it; a name that is not there is a warning, and so stops the build.
"""

import ast
import html
import pydoc
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.domains.std import StandardDomain
from sphinx.util import logging
from sphinx.util.fileutil import copy_asset
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)
ROOT = Path(__file__).parents[2]


# --- the library's pages -----------------------------------------------------------------

WING = re.compile(r"^```\{wing\} (\w+)\n```$", re.MULTILINE)
MODULE = """\
## {title}

```{{eval-rst}}
.. automodule:: {name}
   :members:
```
"""


@cache
def reading_order():
    """Modules of every wing as the tests hold them, so that no page can forget one."""
    tree = ast.parse((ROOT / "tests" / "test_layout.py").read_text("utf-8"))
    wings = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "WINGS"
    )
    return {wing: modules.split() for wing, modules in wings.items()}


def expand_wings(app, docname, source):
    """Replace ``{wing} spins`` by a wing's glossary and its modules, without the answers."""

    def pages(match):
        wing = match[1]
        if not (modules := reading_order()[wing]):  # one file is the whole wing
            return MODULE.format(title="All of it", name=f"spinlab.{wing}")
        face = MODULE.format(title="Its words", name=f"spinlab.{wing}")
        rest = [
            MODULE.format(title=name, name=f"spinlab.{wing}.{name}")
            for name in modules
            if not name.startswith("answers")
        ]
        return "\n".join([face.replace(":members:", ":no-members:"), *rest])

    source[0] = WING.sub(pages, source[0])


# --- the library's names -----------------------------------------------------------------

CODE = re.compile(r"(?:sl|spinlab)(?:\.[A-Za-z_]\w*)+")


@cache
def thing(name):
    """What a full name means in the library; None for nothing."""
    found = pydoc.locate(name)
    return getattr(found, "__func__", found)  # a class method is bound anew at every look


def documented(env, short):
    """Where the reference documents ``sl.design``, and what it is called there; or None."""
    name = re.sub(r"^sl\b", "spinlab", short)
    objects = env.get_domain("py").objects
    if name not in objects:
        last = name.rpartition(".")[2]
        same = (full for full in objects if full.rpartition(".")[2] == last)
        meant = thing(name)
        name = next((full for full in same if meant is not None and thing(full) is meant), None)
    return name and (name, objects[name])


def resolve_public_names(app, env, node, contnode):
    """Let ``spinlab.mrs.press``, and ``press`` in its wing, lead where it is documented.

    The wings re-export what users need, so that is how one writes it; the reference has each
    name once, in its own module.
    """
    if node.get("refdomain") != "py":
        return None
    target, module = node["reftarget"], node.get("py:module") or "spinlab"
    wing = ".".join(module.split(".")[:2])
    for short in (target, f"{wing}.{target}", f"spinlab.{target}"):
        if found := documented(env, short):
            full, entry = found
            return make_refnode(
                app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, full
            )
    return None


def link_code(app, doctree, docname):
    """Make links of inline code such as ``sl.design(problem)``; warn where one is not there."""
    for literal in list(doctree.findall(nodes.literal)):
        match = CODE.match(literal.astext())
        if not match or inside(literal, nodes.reference, nodes.title):
            continue
        if found := documented(app.env, match[0]):
            full, entry = found
            link = make_refnode(app.builder, docname, entry.docname, entry.node_id, [], full)
            literal.replace_self(link)
            link += literal
        elif match[0].startswith("sl.") and thing(f"spinlab{match[0][2:]}") is None:
            logger.warning(
                "%s is not in the library.", match[0],
                location=literal, type="spinbook", subtype="name",
            )  # fmt: skip


# --- the glossary ------------------------------------------------------------------------

#: Pages that explain terms or list names: no links from them.
NO_TERMS = ("book/library", "book/glossary", "book/notation", "book/bibliography", "book/intro")
#: Where a link would be in the way.
NO_LINKS = (
    nodes.reference, nodes.title, nodes.term, nodes.rubric, nodes.raw, nodes.literal,
    nodes.math, nodes.caption, nodes.field_list, addnodes.desc,
)  # fmt: skip


def inside(node, *kinds):
    """Whether a node is in one of these kinds."""
    while node is not None and not isinstance(node, kinds):
        node = node.parent
    return node is not None


def glossary(env):
    """Terms in lower case, with page, anchor and the first paragraph of the definition."""
    if not hasattr(env, "spin_glossary"):
        found = {}
        objects = env.domaindata["std"]["objects"]
        for (kind, name), (page, anchor) in objects.items():
            if kind != "term":
                continue
            entry = env.get_doctree(page).ids[anchor].parent
            text = next(entry.findall(nodes.paragraph)).astext().replace("\n", " ")
            found[name.lower()] = (page, anchor, text)
        env.spin_glossary = found
    return env.spin_glossary


def term_link(app, docname, page, anchor, definition, words):
    """A link that terms.js shows the definition of."""
    address = f"{app.builder.get_relative_uri(docname, page)}#{anchor}"
    shown, definition = (html.escape(text, quote=True) for text in (words, definition))
    link = f'<a class="term" href="{address}" data-definition="{definition}">{shown}</a>'
    return nodes.raw("", link, format="html")


def link_terms(app, doctree, docname):
    """Give every ``{term}``, and the first mention of any term on a page, its definition."""
    terms = glossary(app.env)
    if app.builder.format != "html" or not terms or docname.startswith(NO_TERMS):
        return
    seen = set()
    for link in list(doctree.findall(nodes.reference)):
        inner = link.next_node(nodes.inline)
        if inner is not None and "std-term" in inner["classes"]:
            anchor = link["refuri"].partition("#")[2]
            entry = next(entry for entry in terms.values() if entry[1] == anchor)
            seen.add(entry[1])
            link.replace_self(term_link(app, docname, *entry, link.astext()))
    names = "|".join(sorted(map(re.escape, terms), key=len, reverse=True))
    mention = re.compile(rf"\b({names})(?:s|es)?\b", re.IGNORECASE)
    for text in list(doctree.findall(nodes.Text)):
        if not inside(text, nodes.paragraph) or inside(text, *NO_LINKS):
            continue
        pieces, end = [], 0
        for match in mention.finditer(text):
            entry = terms[match[1].lower()]
            if entry[1] not in seen:
                seen.add(entry[1])
                link = term_link(app, docname, *entry, match[0])
                pieces += [nodes.Text(text[end : match.start()]), link]
                end = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


# --- the book on paper -------------------------------------------------------------------

PDF = Path("_build", "latex", "spinlab.pdf")


def offer_pdf(app, docname, source):
    """Where a page says ``<!-- pdf -->``, link to the PDF, if ``make pdf`` has made one."""
    link = "Here it is: <a href=\"../_static/spinlab.pdf\">spinlab.pdf</a>."
    there = app.builder.format == "html" and Path(app.srcdir, PDF).exists()
    source[0] = source[0].replace("<!-- pdf -->", link if there else "")


def copy_pdf(app, exception):
    """Put the PDF where that link leads."""
    if exception is None and app.builder.format == "html" and Path(app.srcdir, PDF).exists():
        copy_asset(str(Path(app.srcdir, PDF)), str(Path(app.outdir, "_static")))


# --- the index ---------------------------------------------------------------------------


def add_index(app, doctree):
    """Put Sphinx's index last into the table of contents, which can only name files."""
    virtual = StandardDomain._virtual_doc_names
    for tree in doctree.findall(addnodes.toctree):
        if tree.get("caption") == "Reference" and "genindex" in virtual:
            tree["entries"].append((None, "genindex"))


def setup(app):
    app.connect("source-read", expand_wings)
    app.connect("source-read", offer_pdf)
    app.connect("build-finished", copy_pdf)
    app.connect("doctree-read", add_index, priority=400)
    app.connect("missing-reference", resolve_public_names)
    app.connect("doctree-resolved", link_code)
    app.connect("doctree-resolved", link_terms)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
