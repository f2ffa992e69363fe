"""Figures with sliders; the only module with ipywidgets.

``explore(draw, T=[...])`` draws a figure as a function of sliders.  With a kernel (JupyterLab,
Binder, Colab) the sliders are live.  In the built book, where no kernel runs, the same call leaves
the picture of the starting values.
"""

from __future__ import annotations

import base64
import html
import io
import os

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from .inputs import instance


def explore(draw, alt, start=None, **grids):
    """Draw a figure with one slider for each parameter.

    Parameters
    ----------
    draw : callable
        ``draw(**values)`` returns a matplotlib figure.
    alt : str
        What the picture shows, for those who cannot see it.
    start : dict, optional
        Starting values by name; default the middle of each grid.
    **grids : sequence
        The values that each slider takes; strings make a drop-down list.

    Returns
    -------
    Exploration
        Shown by the notebook.

    Raises
    ------
    ValueError
        No slider, an empty grid, an unknown or absent starting value, no text alternative.

    Examples
    --------
    >>> import numpy as np
    >>> def draw(periods):
    ...     fig, axes = plt.subplots()
    ...     axes.plot(np.sin(np.linspace(0, 2 * np.pi * periods, 200)))
    ...     return fig
    >>> explore(draw, alt="A sine wave.", periods=[1, 2, 3]).values
    {'periods': 2}
    """
    if not callable(draw):
        raise TypeError(f"explore() takes a drawing function first, not {type(draw).__name__}.")
    if not instance("alt", alt, str).strip():
        raise ValueError("Please describe the picture in alt=; readers may not see it.")
    if not grids:
        raise ValueError("explore() needs at least one slider, such as T1=[0.5, 1.0, 1.5].")
    grids = {name: _grid(name, grid) for name, grid in grids.items()}
    values = {name: grid[len(grid) // 2] for name, grid in grids.items()}
    for name, value in instance("start", start or {}, dict).items():
        if name not in grids:
            raise ValueError(f"start names {name!r}, but the sliders are {', '.join(grids)}.")
        if value not in grids[name]:
            raise ValueError(f"start puts {name} at {value}, which is not in its grid.")
        values[name] = value
    return Exploration(draw, alt, grids, values)


def _grid(name, values):
    """The values of a slider, as plain Python numbers or strings."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise TypeError(f"The slider {name} needs a list of values, but {values!r} arrived.")
    grid = [value.item() if hasattr(value, "item") else value for value in values]
    if not grid:
        raise ValueError(f"The slider {name} has no values.")
    kinds = (str,) if isinstance(grid[0], str) else (int, float)
    if not all(isinstance(value, kinds) and value == value for value in grid):
        raise TypeError(f"The values of the slider {name} must be all numbers or all strings.")
    return grid


class Exploration:
    """What :func:`explore` returns: live widgets with a kernel, a picture in the built book."""

    def __init__(self, draw, alt, grids, values):
        self.draw, self.alt, self.grids, self.values = draw, alt, grids, values

    def picture(self, **values):
        """The figure at the given values as PNG, base64."""
        figure = self.draw(**{**self.values, **values})
        instance("What the drawing function returns", figure, Figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=144)
        plt.close(figure)
        return base64.b64encode(buffer.getvalue()).decode()

    def widget(self):
        """Live sliders over the picture."""
        import ipywidgets

        def slider(name, grid):
            options = {
                "options": [(_label(value), value) for value in grid],
                "value": self.values[name],
                "description": name,
            }
            if isinstance(grid[0], str):
                return ipywidgets.Dropdown(**options)
            return ipywidgets.SelectionSlider(**options, continuous_update=False)

        sliders = {name: slider(name, grid) for name, grid in self.grids.items()}
        image = ipywidgets.HTML()

        def update(_change=None):
            data = self.picture(**{name: one.value for name, one in sliders.items()})
            image.value = self._image(data)

        for one in sliders.values():
            one.observe(update, "value")
        update()
        return ipywidgets.VBox([*sliders.values(), image])

    def _image(self, data):
        alt = html.escape(self.alt, quote=True)
        return f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{data}">'

    def _repr_mimebundle_(self, include=None, exclude=None):
        if os.environ.get("SPINLAB_BOOK") != "1":
            return self.widget()._repr_mimebundle_(include=include, exclude=exclude)
        data = self.picture()
        shown = ", ".join(f"{name} = {_label(value)}" for name, value in self.values.items())
        caption = f"Drawn at {shown}. With a kernel (the rocket above) sliders move it."
        figure = (
            f"<figure>{self._image(data)}<figcaption>{html.escape(caption)}</figcaption></figure>"
        )
        return {"text/html": figure, "image/png": data, "text/plain": f"explore: {shown}"}


def _label(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
