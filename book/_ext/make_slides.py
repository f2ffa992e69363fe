"""Make slides of pages of the book: ``make slides`` writes ``_build/slides``.

A page is executed as a whole.  On a slide is what a cell's metadata put there, in Jupyter's own
words: ``{"slideshow": {"slide_type": "slide"}}`` begins one, ``"-"`` goes on with it; cells without
are left out.  A heading within a cell begins a slide, too.  Of prose a slide keeps a sentence or
two (:func:`gist`); all of it is among the speaker's notes (key S).

nbconvert makes the pages.  It knows no MyST, so :func:`plain` writes what it knows.  reveal.js and
MathJax lie beside the slides: they ask no other site.
"""

import html
import importlib.util
import json
import re
import shutil
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import yaml
from pybtex.database import parse_file
from spinbook import AuthorYearLabels, copy_mathjax, prepare_kernels

from spinlab.teaching import svg_frames
from spinlab.teaching.figures import page_svg

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TARGET = ROOT / "_build" / "slides"
DECKS = ("chapter1/linear-element", "chapter3/members")
SIZE = 1280, 720

# --- the book's numbers ------------------------------------------------------------------

#: What is numbered through a chapter, in the order of its pages: formulas, figures, algorithms.
COUNTED = {
    "({})": r"\{math\}[^\n]*\n:label: (\S+)|^.*\$\$ \((\S+)\)",
    "Fig. {}": r"\{figure\}[^\n]*\n:name: (\S+)|^figure (\S+)$",
    "Algorithm {}": r"\{prf:algorithm\}[^\n]*\n:label: (\S+)",
}


def cells_of(path):
    """The cells of a page; a page of text is one cell."""
    if path.suffix == ".md":
        return [{"cell_type": "markdown", "metadata": {}, "source": path.read_text("utf-8")}]
    return json.loads(path.read_text("utf-8"))["cells"]


def figure_of(cell):
    return cell["metadata"].get("mystnb", {}).get("figure", {})


def text_of(cell):
    """What of a cell is counted."""
    if cell["cell_type"] == "markdown":
        return "".join(cell["source"])
    return f"figure {figure_of(cell)['name']}" if "name" in figure_of(cell) else ""


@cache
def numbers():
    """What a label is called in the book, such as ``(1.26)`` or ``Fig. 1.9``."""
    found, toc = {}, yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    numbered = [part["chapters"] for part in toc["parts"] if "numbered" in part]
    for chapter, (first,) in enumerate(numbered, 1):
        files = [first["file"], *(section["file"] for section in first["sections"])]
        pages = [path for name in files for path in ROOT.glob(f"{name}.*")]
        text = "\n\n".join(text_of(cell) for page in pages for cell in cells_of(page))
        for name, pattern in COUNTED.items():
            for k, match in enumerate(re.finditer(pattern, text, re.MULTILINE), 1):
                found[next(filter(None, match.groups()))] = name.format(f"{chapter}.{k}")
    return found


@cache
def works():
    """Authors and year of what the book cites."""
    entries = parse_file(str(ROOT / "book" / "references.bib")).entries
    return dict(zip(entries, AuthorYearLabels().format_labels(entries.values()), strict=True))


# --- from MyST to what nbconvert knows ---------------------------------------------------

#: A directive of a kind.
FENCE = (
    r"(?ms)^(?P<fence>:{{3,}}|`{{3,}})\{{(?:{})\}}(?P<title>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$"
)
OPTIONS = re.compile(r"\A(?::[\w-]+:[^\n]*\n)+")


def formula(match):
    """A labelled formula, with the book's number."""
    label = re.match(r":label: (\S+)\n", match["body"])
    tag = f" \\tag{{{numbers()[label[1]].strip('()')}}}" if label else ""
    return f"$$\n{OPTIONS.sub('', match['body']).strip()}{tag}\n$$"


def box(match):
    """An admonition or an algorithm: its title becomes a heading."""
    title = f"### {match['title'].strip()}\n\n" if match["title"].strip() else ""
    return title + OPTIONS.sub("", match["body"]).strip()


def reference(match):
    """What stands for a role."""
    role, text = match["role"], match["text"]
    if role in ("eq", "numref", "prf:ref"):
        return numbers().get(text, text)
    if role == "cite":
        return f"({'; '.join(works()[key.strip()] for key in text.split(','))})"
    return f"${text}$" if role == "math" else re.sub(r" *<[^>]*>", "", text)


def plain(text):
    """MyST as Markdown with formulas, without exercises and without links to other pages.

    >>> plain("The sum {math}`a + b` of [the page](spin.ipynb) {cite}`khaneja2005`.")
    'The sum $a + b$ of the page (Khaneja et al., 2005).'
    """
    text = re.sub(FENCE.format("exercise|solution"), "", text)
    text = re.sub(FENCE.format("math"), formula, text)
    text = re.sub(r"(?m)^(.*)\$\$ \((\S+)\)$",
                  lambda m: f"{m[1]} \\tag{{{numbers()[m[2]].strip('()')}}}$$", text)  # fmt: skip
    text = re.sub(FENCE.format(r"[\w:-]+"), box, text)
    text = re.sub(r"\{(?P<role>[a-z:]+)\}`(?P<text>[^`]+)`", reference, text)
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)\s]+\)", r"\1", text)


# --- from a page to slides ---------------------------------------------------------------

BLOCK = re.compile(r"(?ms)^\$\$.*?\$\$[ ]*$|^```.*?^```[ ]*$|^(?:[^\n]+(?:\n|\Z))+")
SOLID = re.compile(r"\$\$|```|[-*] |\d+\. |\||> ")
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z*(`$])|(?<=[.?!]\*\*)\s+")


def gist(paragraph, following):
    """What a slide keeps of a paragraph: words in bold at its beginning and the sentence after
    them; else its first and its last sentence before code or a figure; and its last two sentences
    before a formula or a list."""
    sentences, kept = SENTENCE.split(paragraph), set()
    last = len(sentences) - 1
    if paragraph.startswith("**"):
        kept |= {0, 1} if sentences[0].endswith("**") else {0}
    elif following == "code":
        kept |= {0, last}
    if following != "code" and SOLID.match(following):
        kept |= {last - 1, last}
    return " ".join(sentences[k] for k in sorted(kept) if 0 <= k <= last)


def slides(text, leads=False):
    """The parts of a cell, one for each heading: (heading, what is shown, what is said).

    ``leads`` says that code or a figure follows on the same slide.
    """
    blocks = [block.strip() for block in BLOCK.findall(plain(text)) if block.strip()]
    parts = [["", [], []]]
    for block, following in zip(blocks, [*blocks[1:], "code" if leads else ""], strict=True):
        if block.startswith("#"):
            parts.append([block, [], []])
        elif SOLID.match(block):
            parts[-1][1].append(block)
        else:
            parts[-1][1].append(gist(block, following))
            parts[-1][2].append(block)
    parts = [(head, "\n\n".join(filter(None, shown)), "\n\n".join(said))
             for head, shown, said in parts]  # fmt: skip
    return [part for part in parts if part[1] or part[2] or (leads and part is parts[-1])]


def slide_type(cell):
    return cell["metadata"].get("slideshow", {}).get("slide_type", "skip")


def describe(cell, prefix):
    """Let the drawings of a cell stand in the page, with their alternative text."""
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    for k, output in enumerate(cell.outputs):
        if drawing := output.get("data", {}).get("image/svg+xml"):
            output["data"] = {"text/html": page_svg(drawing, alt, f"{prefix}-{k}-")}


def deck(notebook):
    """A notebook of slides from an executed page."""
    from nbformat import v4

    chosen = [cell for cell in notebook.cells if slide_type(cell) != "skip"]
    cells, heading = [], ""

    def add(cell, kind):
        cell.metadata["slideshow"] = {"slide_type": kind}
        cells.append(cell)

    for cell, following in zip(chosen, [*chosen[1:], None], strict=True):
        kind = slide_type(cell)
        if cell.cell_type == "code":
            hidden = "hide-input" in cell.metadata.get("tags", ()) or bool(figure_of(cell))
            cell.metadata["transient"] = {"remove_source": hidden}
            describe(cell, f"cell{len(cells)}")
            if kind == "slide":
                add(v4.new_markdown_cell(heading), kind)
            add(cell, "-")
            if caption := figure_of(cell).get("caption"):
                number = numbers()[figure_of(cell)["name"]]
                words = html.escape(plain(caption), quote=False)
                add(v4.new_markdown_cell(f'<p class="caption">{number}. {words}</p>'), "-")
            continue
        leads = following is not None and following.cell_type == "code"
        leads = leads and slide_type(following) == "-"
        for head, shown, said in slides("".join(cell.source), leads):
            heading = head or heading
            begins = bool(head) or (kind == "slide" and (shown or leads))
            shown = shown or (SENTENCE.split(said)[0] if head else "")
            if begins or shown:
                text = f"{heading}\n\n{shown}" if begins else shown
                add(v4.new_markdown_cell(text), "slide" if begins else "-")
            if said:
                add(v4.new_markdown_cell(said), "notes")
    return v4.new_notebook(cells=cells, metadata=notebook.metadata)


# --- writing them ------------------------------------------------------------------------


def execute(page):
    """The notebook of a page, executed."""
    import nbclient
    import nbformat

    path = ROOT / "book" / f"{page}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    return nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=600, coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()  # fmt: skip


def render(notebook):
    """HTML of an executed page's slides."""
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        extra_template_basedirs=[str(HERE)], template_name="slides", exclude_input_prompt=True,
        exclude_output_prompt=True, reveal_url_prefix="reveal", reveal_theme="white",
        reveal_transition="none", reveal_number="c/t", reveal_width=str(SIZE[0]),
        reveal_height=str(SIZE[1]), mathjax_url="_static/mathjax/tex-chtml.js",
    )  # fmt: skip
    return exporter.from_notebook_node(deck(notebook))[0]


def copy_programs():
    """What the slides need of reveal.js, MathJax and the book's sliders."""
    copy_mathjax(SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=TARGET), None)
    for name in ("explore.js", "explore.css"):
        shutil.copy(Path(svg_frames.__file__).with_name(name), TARGET / "_static")
    shutil.copy(HERE / "slides" / "slides.css", TARGET / "_static")
    package = importlib.util.find_spec("sphinx_revealjs").submodule_search_locations[0]
    for name in ("dist", "plugin/notes"):
        shutil.copytree(Path(package, "_static/revealjs", name), TARGET / "reveal" / name,
                        dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.map"))  # fmt: skip


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    prepare_kernels(SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=TARGET))
    copy_programs()
    for page in DECKS:
        path = TARGET / f"{page.rpartition('/')[2]}.html"
        path.write_text(render(execute(page)), "utf-8")
        print(f"{path.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    main()
