"""Figures with sliders that always move; the only module with ipywidgets.

``explore(draw, alt=..., offset_khz=[...])`` draws a figure for every value of its sliders: live
with a kernel (JupyterLab, Binder, Colab); in the built book, where no kernel runs, every frame is
drawn by the build and replayed in the reader's browser (:mod:`spinlab.teaching.svg_frames`).

Draw fast: make the figure once, outside ``draw``, and let ``draw`` move its lines and return it.
A new figure for every frame works as well and takes several times longer.
"""

import base64
import html
import itertools
import math
import os
import re
from types import FunctionType

from ..inputs import choice, function, instance, require, whole
from .figures import figure_png, figure_svg
from .svg_frames import Control, page_fragment

#: Endings of a slider's name that are units: ``offset_khz`` is shown as "offset: 3 kHz".
UNITS = {
    "hz": "Hz", "khz": "kHz", "s": "s", "ms": "ms", "us": "µs", "ppm": "ppm", "rad": "rad",
    "deg": "°", "percent": "%",
}
#: A page keeps a drawing of every position of its sliders: more would take minutes and megabytes.
MAX_FRAMES = 400


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
        No slider, an empty grid, more than :data:`MAX_FRAMES` positions in all, an unknown starting
        value or play button, no text alternative.

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
    function("draw", draw, "Give a function that returns a figure.")
    require(grids, "explore() needs at least one slider, such as T1=[0.5, 1.0, 1.5].")
    grids = {name: _grid(name, grid) for name, grid in grids.items()}
    frames = math.prod(map(len, grids.values()))
    whole("The number of drawings, one for each position of the sliders,", frames, 1, MAX_FRAMES)
    values = {name: grid[len(grid) // 2] for name, grid in grids.items()}
    for name, value in instance("start", {} if start is None else start, dict).items():
        grid = grids[choice("slider", name, grids)]
        (values[name],) = _grid(name, [value])
        require(values[name] in grid, f"start puts {name} at {value!r}, which is not in its grid.")
    require(play is None or not isinstance(grids[choice("slider", play, grids)][0], str),
            f"play must name a slider of numbers, but {play} has text.")
    return Exploration(_frozen(draw), described(alt), grids, values, play)


def described(alt):
    """The text alternative of a picture, if there is one."""
    require(isinstance(alt, str) and alt.strip(),
            "Please describe the picture in alt=; readers may not see it.")
    return alt


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
    countable = hasattr(values, "__len__") and getattr(values, "shape", None) != ()
    if isinstance(values, str) or not countable:
        raise TypeError(f"The slider {name} needs a list of values, but {values!r} arrived.")
    grid = [value.tolist() if hasattr(value, "tolist") else value for value in values]
    require(grid, f"The slider {name} has no values.")
    kinds = str if isinstance(grid[0], str) else (int, float)
    if wrong := [value for value in grid if not isinstance(value, kinds) or value != value]:
        raise TypeError(f"The values of the slider {name} must be all numbers or all strings, "
                        f"but {wrong[0]!r} arrived.")
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
                label(name), _shown(name, grid), grid.index(self.values[name]),
                isinstance(grid[0], str),
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
            before = figure
        return drawings

    def picture(self, **values):
        """The figure at the given values (the starting ones by default) as PNG, base64."""
        return base64.b64encode(figure_png(self.figure(**values))).decode()

    def page(self):
        """HTML for a page without a kernel."""
        play = None if self.play is None else list(self.grids).index(self.play)
        return page_fragment(self.drawings(), self.controls(), self.alt, play)

    def widget(self):
        """Live sliders over the picture."""
        import ipywidgets

        sliders = {}
        for (name, grid), control in zip(self.grids.items(), self.controls(), strict=True):
            kind = ipywidgets.Dropdown if control.dropdown else ipywidgets.SelectionSlider
            sliders[name] = kind(
                options=list(zip(control.values, grid, strict=True)),
                value=self.values[name],
                description=control.label,
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
        shown = ", ".join(f"{c.label} = {c.values[c.start]}" for c in self.controls())
        text = {"text/html": self.page(), "text/plain": f"explore: {shown}"}
        return {**text, "image/png": self.picture()}


def _unit(name):
    stem, _, ending = name.rpartition("_")
    return (stem, UNITS[ending]) if stem and ending in UNITS else (name, "")


def label(name):
    """A slider's name as it stands beside it: ``T_1`` is T1, ``k_over_J`` k over J."""
    stem = re.sub(r"^([^\W_]+)_(\w)$", r"\1\2", _unit(name)[0])
    return stem.replace("_", " ")


def _shown(name, grid):
    """The values with their unit, rounded as far as they stay apart."""
    for digits in range(4, 18):
        texts = [f"{v:.{digits}g}" if isinstance(v, float) else str(v) for v in grid]
        if len(set(texts)) == len(set(grid)):
            break
    return tuple(f"{text} {_unit(name)[1]}".strip() for text in texts)
