"""Figures with sliders that always move; the only module with ipywidgets.

``explore(draw, alt=..., offset_khz=[...])`` draws a figure for every value of its sliders: live
with a kernel (JupyterLab, Binder, Colab); in the built book, where no kernel runs, every frame is
drawn by the build and replayed in the reader's browser (:mod:`spinlab.teaching.svg_frames`).

Draw fast: make the figure once, outside ``draw``, and let ``draw`` move its lines and return it.
A new figure for every frame works as well and takes several times longer.
"""

from __future__ import annotations

import base64
import html
import itertools
import os
import re
from types import FunctionType

from ..inputs import instance
from ..plotting import close, figure_png, figure_svg
from .svg_frames import Control, page_fragment

#: Endings of a slider's name that are units: ``offset_khz`` is shown as "offset: 3 kHz".
UNITS = {
    "hz": "Hz", "khz": "kHz", "s": "s", "ms": "ms", "us": "µs", "ppm": "ppm", "rad": "rad",
    "deg": "°", "percent": "%",
}


def explore(draw, alt, start=None, play=None, **grids):
    """Draw a figure with one slider for each parameter.

    Parameters
    ----------
    draw : callable
        ``draw(**values)`` returns a matplotlib figure: the same one, with its lines moved, or a
        new one.
    alt : str
        What the picture shows, for those who cannot see it.
    start : dict, optional
        Starting values by name; default the middle of each grid.
    play : str, optional
        Name of a slider that gets a play button.
    **grids : sequence
        The values that each slider takes; text makes a drop-down list.  A name that ends in a unit
        (see :data:`UNITS`) is shown with it.

    Returns
    -------
    Exploration
        Shown by the notebook.

    Raises
    ------
    ValueError
        No slider, an empty grid, an unknown starting value or play button, no text alternative.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, numpy as np
    >>> fig, axes = plt.subplots()
    >>> line, = axes.plot(np.linspace(0, 1, 200), np.zeros(200))
    >>> def draw(periods):
    ...     line.set_ydata(np.sin(2 * np.pi * periods * line.get_xdata()))
    ...     return fig
    >>> explore(draw, alt="A sine wave.", periods=[1, 2, 3]).values
    {'periods': 2}
    """
    if not callable(draw):
        raise TypeError(f"explore() takes a drawing function first, not {type(draw).__name__}.")
    if not str(alt or "").strip():
        raise ValueError("Please describe the picture in alt=; readers may not see it.")
    if not grids:
        raise ValueError("explore() needs at least one slider, such as T1=[0.5, 1.0, 1.5].")
    grids = {name: _grid(name, grid) for name, grid in grids.items()}
    values = {name: grid[len(grid) // 2] for name, grid in grids.items()}
    for name, value in instance("start", start or {}, dict).items():
        if name not in grids:
            raise ValueError(f"start names {name!r}, but the sliders are {', '.join(grids)}.")
        if value not in grids[name]:
            raise ValueError(f"start puts {name} at {value!r}, which is not in its grid.")
        values[name] = value
    if play is not None and (play not in grids or isinstance(grids[play][0], str)):
        raise ValueError(f"play must name a slider ({', '.join(grids)}), but {play!r} arrived.")
    return Exploration(_frozen(draw), str(alt), grids, values, play)


def _frozen(draw):
    """``draw`` with the notebook's names as they are now: a later cell may use them again."""
    if not isinstance(draw, FunctionType):
        return draw
    outside, inside = draw.__globals__, dict(draw.__globals__)

    def bound(function):
        copy = FunctionType(
            function.__code__, inside, function.__name__, function.__defaults__,
            function.__closure__,
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        return copy

    for name, value in outside.items():
        if isinstance(value, FunctionType) and value.__globals__ is outside:
            inside[name] = bound(value)  # helpers that draw calls, too
    return bound(draw)


def _grid(name, values):
    """The values of a slider, as plain numbers or strings."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise TypeError(f"The slider {name} needs a list of values, but {values!r} arrived.")
    grid = [value.item() if hasattr(value, "item") else value for value in values]
    if not grid:
        raise ValueError(f"The slider {name} has no values.")
    kinds = str if isinstance(grid[0], str) else (int, float)
    if not all(isinstance(value, kinds) and value == value for value in grid):
        raise TypeError(f"The values of the slider {name} must be all numbers or all strings.")
    return grid


class Exploration:
    """What :func:`explore` returns: live widgets with a kernel, replayed frames in the built book.

    Parameters
    ----------
    draw, alt, grids, values, play
        As checked by :func:`explore`; ``values`` are the starting ones.
    """

    def __init__(self, draw, alt, grids, values, play=None):
        self.draw, self.alt, self.grids, self.values = draw, alt, grids, values
        self.play = play

    def figure(self, **values):
        """The figure at the given values; the starting ones by default."""
        figure = self.draw(**{**self.values, **values})
        if not hasattr(figure, "savefig"):
            raise TypeError(
                f"The drawing function must return a figure, but {type(figure).__name__} arrived."
            )
        return figure

    def controls(self):
        """The controls of the page, as data."""
        return [
            Control(
                name, _label(name), tuple(_shown(name, value) for value in grid),
                grid.index(self.values[name]), isinstance(grid[0], str),
            )
            for name, grid in self.grids.items()
        ]

    def drawings(self):
        """SVG of every combination of values, the last slider running fastest."""
        drawings, before = [], None
        for combination in itertools.product(*self.grids.values()):
            figure = self.figure(**dict(zip(self.grids, combination, strict=True)))
            if figure is before:  # its layout is settled: quicker, and nothing jumps
                figure.set_layout_engine("none")
            drawings.append(figure_svg(figure))
            close(figure)
            before = figure
        return drawings

    def picture(self, **values):
        """The figure at the given values (the starting ones by default) as PNG, base64."""
        figure = self.figure(**values)
        data = figure_png(figure)
        close(figure)
        return base64.b64encode(data).decode()

    def page(self):
        """HTML for a page without a kernel."""
        play = None if self.play is None else list(self.grids).index(self.play)
        return page_fragment(self.drawings(), self.controls(), self.alt, play)

    def widget(self):
        """Live sliders over the picture."""
        import ipywidgets

        sliders = {}
        for name, grid in self.grids.items():
            kind = ipywidgets.Dropdown if isinstance(grid[0], str) else ipywidgets.SelectionSlider
            sliders[name] = kind(
                options=[(_shown(name, value), value) for value in grid],
                value=self.values[name],
                description=_label(name),
            )
        image = ipywidgets.HTML()

        def show():
            data = self.picture(**{name: slider.value for name, slider in sliders.items()})
            alt = html.escape(self.alt, quote=True)
            image.value = (
                f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{data}">'
            )

        def update(_change):
            try:
                show()
            except Exception as error:  # a widget's callback would fail without a word
                image.value = f"<pre>{html.escape(f'{type(error).__name__}: {error}')}</pre>"

        for slider in sliders.values():
            slider.observe(update, "value")
        show()
        extra = [self._play_widget(ipywidgets, sliders)] if self.play else []
        return ipywidgets.VBox([*sliders.values(), *extra, image])

    def _play_widget(self, ipywidgets, sliders):
        grid = self.grids[self.play]
        start = grid.index(self.values[self.play])
        player = ipywidgets.Play(value=start, min=0, max=len(grid) - 1, interval=400)
        ipywidgets.jslink((player, "value"), (sliders[self.play], "index"))
        return player

    def _repr_mimebundle_(self, include=None, exclude=None):
        if os.environ.get("SPINLAB_BOOK") != "1":
            return self.widget()._repr_mimebundle_(include=include, exclude=exclude)
        shown = ", ".join(f"{_label(n)} = {_shown(n, v)}" for n, v in self.values.items())
        return {
            "text/html": self.page(),
            "image/png": self.picture(),
            "text/plain": f"explore: {shown}",
        }


def _unit(name):
    stem, _, ending = name.rpartition("_")
    return (stem, UNITS[ending]) if stem and ending in UNITS else (name, "")


def _label(name):
    stem = re.sub(r"_(\w)$", r"\1", _unit(name)[0])  # T_1 is T1
    return stem.replace("_", " ")


def _shown(name, value):
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{text} {_unit(name)[1]}".strip()
