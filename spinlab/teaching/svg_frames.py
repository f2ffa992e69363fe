"""Frames: one figure drawn many times, kept as one SVG and what differs.

Drawings for all positions of a slider agree almost everywhere.  :func:`differences` finds what
changes; :func:`page_fragment` writes the first drawing, the changes (compressed) and native
controls as HTML.  A small custom element (``explore.js``) replays them: no kernel, no network.
"""

import base64
import gzip
import hashlib
import html
import itertools
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

# Attributes that hold lengths; elsewhere a decimal point may be part of a name or a scale.
LENGTHS = {"d", "x", "y", "x1", "y1", "x2", "y2", "points", "width", "height"}
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
#: Where a figure may lead or draw from; a ``javascript:`` link would run in the reader's browser.
LINKS = ("#", "https:", "http:", "data:image/png;")
TRANSLATION = re.compile(r"translate\([^)]*\)")
# JupyterLab would take the arrow keys for itself.
KEYS = 'data-lm-suppress-shortcuts="true"'


def parse(svg):
    """A drawing of matplotlib's, made comparable and small: root, and definitions by identifier.

    Definitions (glyphs, markers, clip paths) move to one place, lengths are rounded to 1/100 point,
    black becomes the colour of the page's text, so that the figure follows dark mode, and links
    other than :data:`LINKS` are dropped.
    """
    root = ET.fromstring(svg)
    definitions = {}
    _take_definitions(root, definitions)
    for element in itertools.chain(root.iter(), *(d.iter() for d in definitions.values())):
        element.tail = None
        element.text = (element.text or "").strip() or None
        for full_name, value in list(element.attrib.items()):
            del element.attrib[full_name]
            name = full_name.replace(f"{{{XLINK}}}", "")
            if name != "href" or value.startswith(LINKS):
                element.attrib[name] = _simplify(name, value)
    return root, definitions


def _take_definitions(element, definitions):
    for child in list(element):
        kind = child.tag.removeprefix(f"{{{SVG}}}")
        if kind == "defs":
            definitions.update({d.get("id"): d for d in child if d.get("id")})
        if kind in ("defs", "metadata"):
            element.remove(child)
        else:
            _take_definitions(child, definitions)


def _simplify(name, value):
    if name in LENGTHS:
        return re.sub(r"\s*([A-Za-z])\s*", r"\1", _rounded(value))
    if name == "transform":  # a rounded scale would change the size of the letters
        return TRANSLATION.sub(lambda match: _rounded(match.group()), value)
    return themed(value) if name == "style" else value


def themed(style):
    """Colours that follow the page's theme, light or dark.

    Every grey, from black ink to white paper, becomes the same mixture of the page's colours of
    text and background; colours stay what they are.
    """

    def mixture(grey):
        ink = round(100 * (1 - int(grey[1], 16) / 255))
        return f"color-mix(in srgb, currentColor {ink}%, var(--pst-color-background, Canvas))"

    return re.sub(r"#([0-9a-f]{2})\1\1(?![0-9a-f])", mixture, style)


def _rounded(text):
    return NUMBER.sub(lambda match: f"{round(float(match.group()), 2) + 0:.12g}", text)  # no -0


def serialise(element):
    """An element as text, without the namespaces that HTML does not need."""
    text = ET.tostring(element, encoding="unicode", short_empty_elements=True)
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", re.sub(r"<(/?)ns\d+:", r"<\1", text))


def differences(frames):
    """What changes from frame to frame, of elements from :func:`parse`.

    A list of triples: position of the element in document order, the attribute (or ``"#html"`` for
    its content), and the value in every frame.
    """
    channels = []

    def walk(versions, position):
        first = versions[0]
        for name in first.attrib:
            values = [version.get(name) for version in versions]
            if len(set(values)) > 1:
                channels.append((position, name, values))
        if _shapes_differ(versions):
            contents = ["".join(map(serialise, v)) or (v.text or "") for v in versions]
            channels.append((position, "#html", contents))
            return position + sum(1 for _ in first.iter())
        position += 1
        for children in zip(*versions, strict=True):
            position = walk(children, position)
        return position

    walk(frames, 0)
    return channels


def _shapes_differ(versions):
    """Whether the children must be replaced as a whole, instead of one by one."""
    first, *others = versions
    return any(
        (other.text or "") != (first.text or "")
        or len(other) != len(first)
        or any(a.tag != b.tag or set(a.attrib) != set(b.attrib)
               for a, b in zip(other, first, strict=True))
        for other in others
    )


@dataclass(frozen=True)
class Control:
    """A slider or, where the values are text, a drop-down list.

    Its ``label`` stands beside it, its ``values`` are shown as they are, unit included, and
    ``start`` is the position of the one that is chosen first.
    """

    label: str
    values: tuple
    start: int
    dropdown: bool

    def html(self):
        """Native HTML control with its label."""
        if self.dropdown:
            options = "".join(
                f'<option value="{k}"{" selected" if k == self.start else ""}>'
                f"{html.escape(value)}</option>"
                for k, value in enumerate(self.values)
            )
            label = f"<span>{html.escape(self.label)}</span>"
            return f"<label>{label}<select {KEYS}>{options}</select></label>"
        return range_input(
            self.label, 0, len(self.values) - 1, self.start, 1, self.values[self.start]
        )


#: Numbers that follow each command of a path.
ARGUMENTS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0, "z": 0}


def pack_path(path):
    """A path as its commands and second differences of its coordinates, in 1/100 point.

    Neighbouring points of a curve differ little, and their differences still less: small whole
    numbers, which compress several times better than the text.  ``explore.js`` undoes it.  A path,
    rounded as :func:`parse` leaves it, that holds anything else comes back as it is.

    Examples
    --------
    >>> pack_path("M0 1L1 2.5L2 4")
    ['MLL', [0, 100, 0], [100, 50, 0]]
    """
    commands = re.findall(r"([A-Za-z])([^A-Za-z]*)", path)
    letters = "".join(letter for letter, _ in commands)
    numbers = [float(text) for _, rest in commands for text in rest.split()]
    counts = [ARGUMENTS.get(letter) == len(rest.split()) for letter, rest in commands]
    if not (all(counts) and len(numbers) % 2 == 0):
        return path
    whole = [round(100 * number) for number in numbers]
    x, y = (_differences(_differences(row)) for row in (whole[0::2], whole[1::2]))
    return [letters, x, y]


def _differences(numbers):
    """The first number, then what each adds to the one before."""
    return numbers[:1] + [b - a for a, b in itertools.pairwise(numbers)]


def page_fragment(drawings, controls, alt, play=None):
    """HTML of an explorable figure.

    Parameters
    ----------
    drawings : list of str
        SVG of every combination of the controls' values, the last control running fastest.
    controls : list of Control
    alt : str
        Text alternative.
    play : int, optional
        Position of the control that the play button runs through.
    """
    parsed = [parse(drawing) for drawing in drawings]
    frames = [root for root, _ in parsed]
    definitions = {name: d for _, found in parsed for name, d in found.items()}
    start = 0
    for control in controls:
        start = start * len(control.values) + control.start
    prefix = _prefix(drawings[start])
    frames.insert(0, frames.pop(start))  # the others are changes of the one that is shown first
    channels = []
    for position, name, values in differences(frames):
        table = list(dict.fromkeys(values))
        used = [table.index(value) for value in values]
        used.insert(start, used.pop(0))
        stored = map(pack_path, table) if name == "d" else (_own(v, prefix, name) for v in table)
        channels.append([position, name, list(stored), used])
    values = [list(control.values) for control in controls]
    data = {"channels": channels, "controls": values, "play": play, "milliseconds": 150}
    packed = gzip.compress(json.dumps(data, separators=(",", ":")).encode(), 9, mtime=0)
    button = '<button type="button">▶ Play</button>' if play is not None else ""
    script = (
        f'<script type="application/spin-frames">{base64.b64encode(packed).decode()}</script>'
    )
    return _element(
        "spin-explore", _picture(frames[0], definitions, prefix, alt),
        "".join(control.html() for control in controls) + button, script,
    )


def figure_element(name, drawing, alt, controls, script):
    """HTML of a custom element around one drawing; its controls appear when its script runs."""
    root, definitions = parse(drawing)
    picture = _picture(root, definitions, _prefix(drawing + script), alt)
    return _element(name, picture, controls, script)


def range_input(label, low, high, start, step="any", shown=None):
    """A native slider with its label, and its value as it is shown."""
    shown = html.escape(f"{start:.3g}" if shown is None else shown, quote=True)
    return (
        f'<label><span>{html.escape(label)}</span><input type="range" min="{low}" max="{high}" '
        f'step="{step}" value="{start}" aria-valuetext="{shown}" {KEYS}>'
        f"<output>{shown}</output></label>"
    )


def _element(name, picture, controls, script):
    return (
        f"<{name}><fieldset hidden><legend class=\"spin-hidden\">Controls of the figure"
        f"</legend>{controls}</fieldset>{picture}<noscript><p>The sliders of this figure need "
        f"JavaScript.</p></noscript>{script}</{name}>"
    )


def _picture(root, definitions, prefix, alt):
    body = _own("".join(map(serialise, root)), prefix)
    shared = _own("".join(serialise(d) for d in definitions.values()), prefix)
    attributes = "".join(
        f' {name}="{root.get(name)}"' for name in ("viewBox", "width", "height") if root.get(name)
    )
    description = html.escape(alt, quote=True)
    return (
        f'<svg xmlns="{SVG}"{attributes} role="img" aria-label="{description}">'
        f"<defs>{shared}</defs>{body}</svg>"
    )


def _prefix(text):
    return "s" + hashlib.sha1(text.encode()).hexdigest()[:8] + "-"


def _own(text, prefix, attribute="#html"):
    """The same text, with identifiers that belong to this figure alone on the page."""
    if attribute == "id":
        return prefix + text
    if attribute == "href":
        return re.sub("^#", f"#{prefix}", text)
    text = re.sub(r"url\(#", f"url(#{prefix}", text)
    if attribute == "#html":
        text = re.sub(r'\bid="', f'id="{prefix}', text)
        text = re.sub(r'\bhref="#', f'href="#{prefix}', text)
    return text
