"""Curves given by a formula: SymPy writes the JavaScript, and the slider moves continuously.

Where a curve has a closed form nothing need be drawn in advance: the page computes it anew while
the slider moves.  What JavaScript would not compute faithfully is refused.
"""

import json
import os
from keyword import iskeyword

import numpy as np
import sympy as sp
from sympy.core.numbers import Exp1, Pi

from ..inputs import finite_array, instance, require, window
from .figures import figure_svg, plot_curves
from .sliders import Exploration, described, label
from .svg_frames import figure_element, range_input

#: What JavaScript computes as SymPy means it; the browser tests compare each of them.
FAITHFUL = (
    sp.Add, sp.Mul, sp.Pow, sp.Symbol, sp.Rational, sp.Float, Pi, Exp1,
    sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2, sp.sinh, sp.cosh, sp.tanh,
    sp.exp, sp.log, sp.Abs, sp.sign, sp.Min, sp.Max,
)
#: Names that JavaScript keeps for itself, besides those that Python does.
JAVASCRIPT_WORDS = set(
    "case catch const debugger default delete do enum export extends function instanceof let new "
    "null super switch this throw true false typeof var void Math".split()
)
POINTS = 240


def javascript(expression):
    """JavaScript of a real expression, or a ValueError where it would not compute faithfully.

    Examples
    --------
    >>> javascript(sp.exp(-sp.Symbol("t")))
    'Math.exp(-t)'
    >>> javascript(sp.erf(sp.Symbol("t")))
    Traceback (most recent call last):
        ...
    ValueError: JavaScript cannot compute erf(t) faithfully; draw the curve with explore() instead.
    """
    for part in sp.preorder_traversal(expression):
        require(isinstance(part, FAITHFUL) and part.is_real is not False and not _cube_root(part),
                f"JavaScript cannot compute {part} faithfully; draw the curve with explore() "
                "instead.")
    return sp.jscode(expression)


def _cube_root(part):
    """Of a negative number it is real in JavaScript, and has no real value in NumPy."""
    return part.is_Pow and part.exp in (sp.Rational(1, 3), sp.Rational(-1, 3))


def explore_formula(curves, variable, alt, ylim, xlabel="", ylabel="", **sliders):
    """Curves of closed-form expressions, with sliders that move them continuously.

    Parameters
    ----------
    curves : dict of str to sympy.Expr
        Label and expression of each curve.
    variable : tuple (sympy.Symbol, float, float)
        What runs along the horizontal axis, from where to where.
    alt : str
        What the picture shows, for those who cannot see it.
    ylim : tuple of float
        Limits of the vertical axis.
    xlabel, ylabel : str
    **sliders : tuple (low, high, start)
        One for each further symbol, by its name.

    Returns
    -------
    Formula or Exploration
        Shown by the notebook: a page without a kernel computes the curve itself; with a kernel it
        is an :func:`~spinlab.explore` of 41 values a slider, and its start.

    Raises
    ------
    ValueError
        Symbols and sliders do not match, or an expression cannot be computed by JavaScript.

    Examples
    --------
    >>> t, T2 = sp.symbols("t T2", positive=True)
    >>> explore_formula({"decay": sp.exp(-t / T2)}, (t, 0, 1), "A decay.", (0, 1),
    ...                 T2=(0.05, 1, 0.2)).sources
    ['Math.exp(-t/T2)']
    """
    require(instance("curves", curves, dict),
            "There is no curve; give at least one, as {label: expression}.")
    for name, curve in curves.items():
        instance(f"The curve {name!r}", curve, sp.Expr, "Give an expression of SymPy.")
    require(len(instance("variable", variable, tuple)) == 3,
            f"variable must be (symbol, low, high), but {variable!r} arrived.")
    symbol = instance("variable[0]", variable[0], sp.Symbol)
    variable = symbol, *window("The range", variable[1:], f"units of {symbol}")
    ylim = window("ylim", ylim, "units of the vertical axis")
    needed = {s.name for e in curves.values() for s in e.free_symbols} - {symbol.name}
    require(needed == set(sliders),
            f"The curves need sliders for {', '.join(sorted(needed)) or 'nothing'}, but there are "
            f"{', '.join(sorted(sliders)) or 'none'}.")
    for name in (symbol.name, *sliders):
        require(name not in JAVASCRIPT_WORDS and name.isidentifier() and not iskeyword(name),
                f"JavaScript has no room for a symbol called {name!r}; rename it.")
    for name, limits in sliders.items():
        sliders[name] = limits = finite_array(f"The slider {name}", limits).tolist()
        require(np.shape(limits) == (3,) and limits[0] <= limits[2] <= limits[1] > limits[0],
                f"The slider {name} needs low <= start <= high, not {limits}.")
    return Formula(curves, variable, described(alt), ylim, (xlabel, ylabel), sliders)


class Formula:
    """What :func:`explore_formula` returns; its arguments are checked there."""

    def __init__(self, curves, variable, alt, ylim, labels, sliders):
        self.curves, self.variable, self.alt, self.ylim = curves, variable, alt, ylim
        self.labels, self.sliders = labels, sliders
        self.sources = [javascript(e) for e in curves.values()]
        self.x = np.linspace(*variable[1:], POINTS + 1)
        names = [variable[0].name, *sliders]
        self._functions = [sp.lambdify(names, e, "numpy") for e in curves.values()]

    def rows(self, **values):
        """The curves at given values of the sliders, (curves, points)."""
        chosen = [values.get(name, start) for name, (_, _, start) in self.sliders.items()]
        chosen = np.array(chosen, dtype=float)  # of NumPy's numbers no root is complex
        with np.errstate(all="ignore"):  # where there is no finite value there is no curve
            return np.array([f(self.x, *chosen) + 0 * self.x for f in self._functions])

    def _figure(self, **values):
        return plot_curves(self.x, self.rows(**values), list(self.curves), self.ylim, *self.labels)

    def draw(self, **values):
        """The figure at given values of the sliders."""
        return self._figure(**values)[0]

    def page(self):
        """HTML for a page without a kernel."""
        figure, transform = self._figure()
        symbol, low, high = self.variable
        data = {
            "variable": symbol.name, "low": low, "high": high, "points": POINTS,
            "sliders": list(self.sliders), "sources": self.sources, "transform": transform,
        }  # fmt: skip
        controls = "".join(range_input(label(name), *row) for name, row in self.sliders.items())
        script = f'<script type="application/spin-formula">{json.dumps(data)}</script>'
        return figure_element("spin-formula", figure_svg(figure), self.alt, controls, script)

    def live(self):
        """The same with a kernel: an exploration on a grid."""
        starts = {name: start for name, (_, _, start) in self.sliders.items()}
        grids = {
            name: sorted({start, *np.linspace(low, high, 41).tolist()})
            for name, (low, high, start) in self.sliders.items()
        }
        return Exploration(self.draw, self.alt, grids, starts)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if os.environ.get("SPINLAB_BOOK") != "1":
            return self.live()._repr_mimebundle_(include, exclude)
        picture = Exploration(self.draw, self.alt, {}, {}).picture()
        return {"text/html": self.page(), "image/png": picture, "text/plain": "explore_formula"}
