"""Explorable figures in a browser: a replayed frame is the frame that matplotlib draws."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy as sp

import spinlab as sl
from spinlab.teaching.formula_sliders import javascript

SCRIPT = (Path(sl.teaching.__file__).with_name("explore.js")).read_text("utf-8")
X = np.linspace(0, 1, 50)


def draw(periods, kind):
    fig, axes = plt.subplots(figsize=(4, 2.5))
    axes.plot(X, getattr(np, kind)(2 * np.pi * periods * X), "--" if kind == "cos" else "-")
    axes.set(ylim=(-1.2, 1.2), title=f"{kind}, {periods} periods")
    return fig


def html(start):
    exploration = sl.explore(
        draw, alt="A wave.", start=start, play="periods", periods=[1, 2, 3], kind=["sin", "cos"]
    )
    return f"<!doctype html><meta charset='utf-8'>{exploration.page()}<script>{SCRIPT}</script>"


def shown(page):
    page.wait_for_selector("[data-ready]")
    return re.sub(r"s[0-9a-f]{8}-", "", page.locator("svg").evaluate("e => e.innerHTML"))


@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_replayed_frames_are_fresh_drawings(page):
    fresh = {}
    for periods in (1, 2, 3):
        for kind in ("sin", "cos"):
            page.set_content(html({"periods": periods, "kind": kind}))
            fresh[periods, kind] = shown(page)
    assert len(set(fresh.values())) == 6
    page.set_content(html({"periods": 2, "kind": "cos"}))
    shown(page)
    for (periods, kind), drawing in fresh.items():
        page.locator("select").select_option(label=kind)
        page.locator("input").fill(str(periods - 1))
        assert shown(page) == drawing
        assert page.locator("output").inner_text() == str(periods)
    assert page.problems == []


@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_play_runs_to_the_end(page):
    page.set_content(html({"periods": 1, "kind": "sin"}))
    shown(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('input').value === '2'")
    page.get_by_role("button", name="Play").wait_for()


def test_without_javascript_the_picture_remains(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(html({"periods": 1, "kind": "sin"}))
    assert page.locator("svg").is_visible()
    assert not page.locator("input").is_visible()
    context.close()


x = sp.Symbol("x", real=True)
FUNCTIONS = [
    x + 2, x / 3, x**2, sp.sqrt(x), x ** sp.Rational(-3, 2), sp.pi * x, sp.E**x, sp.sin(x),
    sp.cos(x), sp.tan(x), sp.asin(x / 2), sp.acos(x / 2), sp.atan(x), sp.atan2(x, 2), sp.sinh(x),
    sp.cosh(x), sp.tanh(x), sp.exp(-x), sp.log(x), sp.Abs(x - 1), sp.sign(x - 1), sp.Min(x, 1),
    sp.Max(x, 1), 0.1 * x, -x,
]


@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_javascript_computes_what_sympy_means(page):
    values = [0.3, 0.9, 1.7]
    for function in FUNCTIONS:
        source = javascript(function)
        given = page.evaluate(f"{values}.map(x => {source})")
        assert np.allclose(given, [float(function.subs(x, v)) for v in values], rtol=1e-13), source


@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_page_and_kernel_draw_the_same_curve(page):
    """And none at the same places: a root below zero, a pole."""
    values = np.array([-1.7, -0.3, 0.0, 0.9])
    for function in [*FUNCTIONS, x ** sp.Rational(2, 3), 1 / x]:
        source = javascript(function)
        given = np.array(page.evaluate(f"{values.tolist()}.map(x => {source})"), dtype=float)
        with np.errstate(all="ignore"):
            drawn = sp.lambdify(x, function, "numpy")(values)
        there = np.isfinite(drawn)
        assert np.array_equal(np.isfinite(given), there), source
        assert np.allclose(given[there], drawn[there], rtol=1e-13), source


@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_a_formula_redraws_what_matplotlib_drew(page):
    t, rate = sp.symbols("t rate")
    formula = sl.teaching.explore_formula(
        {"decay": sp.exp(-rate * t)}, (t, 0, 2), "A decay.", (0, 1), rate=(0.5, 4, 1)
    )

    def numbers(path):
        return np.array(re.findall(r"-?[0-9]+(?:[.][0-9]+)?", path), dtype=float).reshape(-1, 2)

    drawn = re.search(r'-curve0"[^>]*><path[^>]* d="([^"]*)"', formula.page())
    page.set_content(f"{formula.page()}<script>{SCRIPT}</script>")
    shown(page)
    path = page.locator("[id$='-curve0'] path")
    by_script = numbers(path.get_attribute("d"))
    assert drawn, "the formula's page has no curve"
    by_matplotlib = numbers(drawn[1])
    # matplotlib leaves out points that lie on a line: compare the curves, not the points
    heights = np.interp(by_script[:, 0], *by_matplotlib.T)
    assert np.abs(heights - by_script[:, 1]).max() < 0.05
    page.locator("input").fill("2.5")
    faster = numbers(path.get_attribute("d"))
    assert np.abs(faster[:, 1] - by_script[:, 1]).max() > 10
