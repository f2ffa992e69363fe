"""Sliders: live with a kernel, a picture with a text in the built book."""

import base64

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest

import spinlab as sl

PNG = b"\x89PNG\r\n"


def draw(periods, colour="red"):
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot(np.sin(np.linspace(0, 2 * np.pi * periods, 50)), color=colour)
    return figure


def explore(**more):
    grids = {"periods": [1, 2, 3], "colour": ["red", "blue"]}
    return sl.explore(draw, alt='A "sine" & more', **grids, **more)


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


def test_book_shows_a_picture_with_its_text(monkeypatch):
    monkeypatch.setenv("SPINLAB_BOOK", "1")
    bundle = explore()._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert 'alt="A &quot;sine&quot; &amp; more"' in bundle["text/html"]
    assert bundle["image/png"] in bundle["text/html"] and "<script" not in bundle["text/html"]
    assert "periods = 2, colour = blue" in bundle["text/html"]
    assert "periods = 2" in bundle["text/plain"]


def test_live_sliders_move_the_picture(monkeypatch):
    monkeypatch.delenv("SPINLAB_BOOK", raising=False)
    box = explore().widget()
    slider, menu, image = box.children
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


def test_no_figure_stays_open():
    before = plt.get_fignums()
    explore().picture(periods=1)
    assert plt.get_fignums() == before
