"""Explorable figures: live sliders with a kernel, replayed frames or formulas in the built book."""

import base64
import gzip
import json
import re
import xml.etree.ElementTree as ET

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy as sp

import spinlab as sl
from spinlab.teaching import svg_frames as frames
from spinlab.teaching.figures import figure_svg
from spinlab.teaching.formula_sliders import javascript

PNG = b"\x89PNG\r\n"


def draw(periods, colour="red"):
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot(np.sin(np.linspace(0, 2 * np.pi * periods, 50)), color=colour)
    if periods == 3:
        axes.plot([0, 10], [0, 1])  # one frame has more elements than the others
    figure.text(0, 0, colour, color=colour)  # and something stands behind them
    return figure


def explore(**more):
    grids = {"periods": [1, 2, 3], "colour": ["red", "blue"]}
    return sl.explore(draw, alt='A "sine" & more', **grids, **more)


@pytest.fixture
def book(monkeypatch):
    monkeypatch.setenv("SPINLAB_BOOK", "1")


@pytest.mark.parametrize("start, values", [
    ({}, {"periods": 2, "colour": "blue"}),
    ({"periods": 1}, {"periods": 1, "colour": "blue"}),
    ({"periods": 3, "colour": "red"}, {"periods": 3, "colour": "red"}),
])  # fmt: skip
def test_start(start, values):
    assert explore(start=start).values == values


def test_arrays_become_plain_numbers():
    values = sl.explore(draw, alt="Sines", periods=np.linspace(1, 2, 3)).values
    assert values == {"periods": 1.5} and type(values["periods"]) is float


# With a kernel.


def test_live_sliders_move_the_picture(monkeypatch):
    monkeypatch.delenv("SPINLAB_BOOK", raising=False)
    slider, menu, image = explore().widget().children
    assert isinstance(slider, ipywidgets.SelectionSlider) and isinstance(menu, ipywidgets.Dropdown)
    assert (slider.value, menu.value) == (2, "blue")
    assert 'alt="A &quot;sine&quot; &amp; more"' in image.value
    pictures = [image.value]
    slider.value = 3
    pictures.append(image.value)
    menu.value = "red"
    pictures.append(image.value)
    assert len(set(pictures)) == 3
    slider.value, menu.value = 2, "blue"
    assert image.value == pictures[0]
    assert "application/vnd.jupyter.widget-view+json" in explore()._repr_mimebundle_()


def test_live_play_button():
    children = explore(play="periods").widget().children
    (player,) = [child for child in children if isinstance(child, ipywidgets.Play)]
    assert (player.min, player.max) == (0, 2)


def test_units_stand_beside_the_values():
    (slider,) = sl.explore(lambda offset_khz: draw(1), alt="x", offset_khz=[1.5, 2.0]).controls()
    assert (slider.label, slider.values) == ("offset", ("1.5 kHz", "2 kHz"))


@pytest.mark.parametrize("name, shown", [("T_1", "T1"), ("k_over_J", "k over J"), ("s0", "s0")])
def test_a_sliders_name_stands_beside_it(name, shown):
    (slider,) = sl.explore(lambda **values: draw(1), alt="x", **{name: [1, 2]}).controls()
    assert slider.label == shown


@pytest.mark.parametrize("grid, shown", [
    ([0.5, 1 / 3], ("0.5", "0.3333")),
    ([10000.5, 10001.5], ("10000", "10002")),
    ([1e4, 1.00001e4, 1.00002e4], ("10000", "10000.1", "10000.2")),
    ([0.1 + 0.2, 0.3], ("0.30000000000000004", "0.29999999999999999")),
    ([2.0, 2.0], ("2", "2")),
])  # fmt: skip
def test_values_that_differ_look_different(grid, shown):
    (slider,) = sl.explore(draw, alt="x", periods=grid).controls()
    assert slider.values == shown


def test_no_figure_stays_open():
    before = plt.get_fignums()
    explore().picture(periods=1)
    explore().page()
    assert plt.get_fignums() == before


# Without a kernel.


def replay(page):
    """What explore.js does, in Python: every frame of a page as the text of its SVG."""
    packed = re.search(r'<script type="application/spin-frames">(.*?)</script>', page).group(1)
    data = json.loads(gzip.decompress(base64.b64decode(packed)))
    text = re.search(r"<svg.*</svg>", page, flags=re.S).group()
    count = int(np.prod([len(values) for values in data["controls"]]))
    for frame in range(count):
        svg = ET.fromstring(text)
        inside = {id(e) for defs in svg.iter(f"{{{frames.SVG}}}defs") for e in defs.iter()}
        elements = [element for element in svg.iter() if id(element) not in inside]
        for position, name, values, used in data["channels"]:
            element, value = elements[position], values[used[frame]]
            if name == "#html":
                element[:] = []
                for child in ET.fromstring(f'<g xmlns="{frames.SVG}">{value}</g>'):
                    element.append(child)
            else:
                element.set(name, value)
        yield svg


def canonical(svg, prefix):
    """Names, attributes and texts, in order; identifiers without the prefix of the page."""
    for element in svg.iter():
        attributes = {k.split("}")[-1]: v.replace(prefix, "") for k, v in element.items()}
        attributes = {k: v for k, v in attributes.items() if k not in ("role", "aria-label")}
        yield element.tag.split("}")[-1], attributes, (element.text or "").strip()


@pytest.mark.parametrize("start", [1, 3])
def test_replayed_frames_are_the_drawings(book, start):
    """Frame by frame the page shows what matplotlib would draw, wherever it starts."""
    page = explore(start={"periods": start})._repr_mimebundle_()["text/html"]
    prefix = re.search(r'id="(s[0-9a-f]{8}-)', page).group(1)
    replayed = list(replay(page))
    combinations = [(p, c) for p in (1, 2, 3) for c in ("red", "blue")]
    assert len(replayed) == len(combinations)
    for svg, (periods, colour) in zip(replayed, combinations, strict=True):
        root, _ = frames.parse(figure_svg(draw(periods, colour)))
        svg.remove(svg.find(f"{{{frames.SVG}}}defs"))
        fresh = list(canonical(root, prefix))
        assert list(canonical(svg, prefix))[1:] == fresh[1:], (periods, colour)


def test_every_reference_of_a_page_has_its_target(book):
    page = explore()._repr_mimebundle_()["text/html"]
    for svg in replay(page):
        names = {element.get("id") for element in svg.iter()}
        text = ET.tostring(svg, encoding="unicode")
        wanted = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
        assert wanted and all((a or b) in names for a, b in wanted)


@pytest.mark.parametrize("link, kept", [
    ("javascript:alert(1)", False), (" JavaScript:alert(1)", False), ("data:text/html,x", False),
    ("https://example.org/#there", True),
])  # fmt: skip
def test_links_that_would_run_are_dropped(link, kept):
    """Matplotlib links what set_url() says; a page of ours leads to addresses only."""
    def draw(periods):
        figure, axes = plt.subplots()
        (line,) = axes.plot([0, periods])
        line.set_url(link)
        axes.text(0, 0, "text", url=link)
        return figure

    assert figure_svg(draw(1)).count(link) == 2
    page = sl.explore(draw, alt="x", periods=[1, 2]).page()
    links = [e.get("href") for svg in replay(page) for e in svg.iter(f"{{{frames.SVG}}}a")]
    assert links == [link if kept else None] * 4


def test_pages_do_not_share_identifiers():
    one, other = explore().page(), sl.explore(draw, alt="x", periods=[1, 2]).page()
    identifiers = [set(re.findall(r'\bid="([^"]+)"', page)) for page in (one, other)]
    assert identifiers[0] and not identifiers[0] & identifiers[1]


def test_book_shows_controls_and_a_text(book):
    bundle = explore(play="periods")._repr_mimebundle_()
    page = bundle["text/html"]
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert 'role="img" aria-label="A &quot;sine&quot; &amp; more"' in page
    assert '<input type="range" min="0" max="2"' in page and "<select" in page
    assert "<fieldset hidden>" in page and "<noscript>" in page and "Play</button>" in page
    assert "periods = 2" in bundle["text/plain"]


def test_same_picture_same_page():
    assert explore().page() == explore().page()


@pytest.mark.parametrize("style, themed", [
    ("stroke: #000000", "stroke: color-mix(in srgb, currentColor 100%,"),
    ("fill: #ffffff", "fill: color-mix(in srgb, currentColor 0%,"),
    ("stroke: #0072b2", "stroke: #0072b2"),
])  # fmt: skip
def test_black_follows_the_page(style, themed):
    assert frames.themed(style).startswith(themed)


# Formulas.

T, T2, NU = sp.symbols("t T2 nu", positive=True)
CURVES = {"decay": sp.exp(-T / T2), "wave": sp.cos(2 * sp.pi * NU * T) * sp.sqrt(T)}
ARGUMENTS = (T, 0.0, 2.0), "Decays", (-1.5, 1.5)


def formula(curves=CURVES):
    return sl.teaching.explore_formula(curves, *ARGUMENTS, T2=(0.1, 2.0, 0.5), nu=(0.0, 3.0, 1.0))


def test_formula_rows():
    t = np.linspace(0, 2, 241)
    decay, wave = formula().rows(T2=0.8, nu=2.0)
    assert np.allclose(decay, np.exp(-t / 0.8))
    assert np.allclose(wave, np.cos(4 * np.pi * t) * np.sqrt(t))
    assert np.allclose(formula().rows()[0], np.exp(-t / 0.5))


def test_formula_page_knows_where_the_curve_is(book):
    """The transform that the script uses puts the points where matplotlib has drawn them."""
    page = formula()._repr_mimebundle_()["text/html"]
    script = r'<script type="application/spin-formula">(.*?)</script>'
    data = json.loads(re.search(script, page).group(1))
    assert data["sources"] == [javascript(curve) for curve in CURVES.values()]
    assert (data["variable"], data["sliders"]) == ("t", ["T2", "nu"])
    sx, ox, sy, oy = data["transform"]
    svg = ET.fromstring(re.search(r"<svg.*</svg>", page, flags=re.S).group())
    (curve,) = [e for e in svg.iter() if (e.get("id") or "").endswith("-curve1")]
    path = curve.find(f"{{{frames.SVG}}}path").get("d")
    drawn = np.array(re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path), dtype=float)
    t, rows = np.linspace(0, 2, 241), formula().rows()
    for x, y in drawn:
        k = np.argmin(np.abs(sx * t + ox - x))
        assert abs(sx * t[k] + ox - x) < 0.02 and abs(sy * rows[1, k] + oy - y) < 0.02


def test_formula_with_a_kernel(monkeypatch):
    monkeypatch.delenv("SPINLAB_BOOK", raising=False)
    live = formula().live()
    assert all(len(grid) > 40 and grid == sorted(grid) for grid in live.grids.values())
    assert live.values == {"T2": 0.5, "nu": 1.0} and live.widget()
    assert "application/vnd.jupyter.widget-view+json" in formula()._repr_mimebundle_()


def test_formula_without_a_value_draws_nothing_there():
    poles = sl.teaching.explore_formula({"pole": 1 / T, "root": sp.sqrt(T - 1)}, *ARGUMENTS)
    rows = poles.rows()
    assert (
        np.isinf(rows[0, 0]) and np.isnan(rows[1, :120]).all() and np.isfinite(rows[:, 121:]).all()
    )
    assert poles.draw().axes


@pytest.mark.parametrize("expression, source", [
    (sp.sqrt(T), "Math.sqrt(t)"), (T**2, "Math.pow(t, 2)"), (sp.pi * T / 3, "(1/3)*Math.PI*t"),
    (sp.Max(T, 1), "Math.max(1, t)"), (sp.Abs(sp.sin(T)), "Math.abs(Math.sin(t))"),
])  # fmt: skip
def test_javascript(expression, source):
    assert javascript(expression) == source


@pytest.mark.parametrize("expression", [
    sp.erf(T), sp.besselj(0, T), sp.Sum(T, (T2, 1, 3)), sp.I * T, sp.oo * T, sp.Function("f")(T),
    sp.Piecewise((T, T > 1), (0, True)), sp.Heaviside(T - 1), sp.Mod(T, 2), sp.Integral(T, T),
    sp.cbrt(T), 1 / sp.cbrt(T), sp.Pow(-1, sp.Rational(2, 5)), sp.sqrt(sp.Symbol("k", negative=True)),
])  # fmt: skip
def test_what_javascript_cannot_do_is_refused(expression):
    with pytest.raises(ValueError, match="cannot compute"):
        javascript(expression)


@pytest.mark.parametrize("power", [sp.Rational(1, 2), sp.Rational(3, 2), sp.Rational(2, 3), -1])
def test_a_formula_draws_nothing_where_the_page_would_not(power):
    """A root of a negative number, a pole: NaN or inf in both, not the half of a complex number."""
    k = sp.Symbol("k")
    wrong = 0 if power == -1 else -8
    curve = sl.teaching.explore_formula({"a": T + k**power}, *ARGUMENTS, k=(-9, 9, wrong))
    assert not np.isfinite(curve.rows()).any()
    assert np.allclose(curve.rows(k=4), np.linspace(0, 2, 241) + 4.0 ** float(power))


def test_a_figure_keeps_the_names_it_was_made_with():
    """A later cell may use a name again; the sliders' pictures must not notice."""
    cell = {"plt": plt, "height": 1.0}
    exec(
        "def line():\n    return [0, height]\n"
        "def draw(n):\n    fig, axes = plt.subplots()\n    axes.plot(line())\n    return fig",
        cell,
    )
    exploration = sl.explore(cell["draw"], "A line.", n=[1, 2])
    before = exploration.picture()
    cell["height"], cell["line"] = -5.0, None
    assert exploration.picture() == before


def test_a_live_figure_says_what_went_wrong(monkeypatch):
    def draw(n):
        if n == 2:
            raise RuntimeError("no picture")
        return plt.figure()

    widget = sl.explore(draw, "A page.", play="n", start={"n": 3}, n=[1, 2, 3]).widget()
    slider, player, image = widget.children
    assert player.value == 2 and "<img" in image.value
    slider.value = 2
    assert "RuntimeError: no picture" in image.value
