"""Checks at the door: what every public function asks of its arguments, as sentences.

A function that is called by users passes its arguments through here once; what lies behind trusts
them.  Each check returns the value, so that it can stand where the value is needed.  Most arrays
are checked by a layout, which names their axes:

>>> waveform, dt = arrays("waveform: 2 samples; dt: > 0 (s)", waveform=[[0, 1], [1, 0]], dt=1e-6)
>>> arrays("costates: [members] d; weights: members", costates=np.ones((3, 4)), weights=np.ones(2))
Traceback (most recent call last):
    ...
ValueError: weights must have shape (members,) with members = 3, but (2,) arrived.
"""

import re
import sys
import warnings
from functools import cache
from numbers import Integral
from reprlib import repr as brief

import numpy as np

#: What a control may do within a step: stand still, or run straight to its next sample.
COURSES = ("constant", "linear")


def require(holds, sentence):
    """Refuse what does not hold, with a sentence."""
    if not holds:
        raise ValueError(sentence)


def instance(name, value, kind, hint=""):
    """The value, if it is of the kind, or of one of a tuple of kinds."""
    if not isinstance(value, kind):
        names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        kind, found = f"a{'n' * (names[0] in 'AEIOU')} {names}", type(value).__name__
        raise TypeError(f"{name} must be {kind}, but {found} arrived. {hint}".rstrip())
    return value


def function(name, value, hint=""):
    """The value, if it can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, but {brief(value)} arrived. {hint}".rstrip())
    return value


def choice(what, value, names):
    """The value, if it is among the names.

    Examples
    --------
    >>> choice("fruit", "plum", ("apple", "pear"))
    Traceback (most recent call last):
        ...
    ValueError: There is no fruit 'plum'; choose one of apple, pear.
    """
    if not (isinstance(value, str) and value in names):
        raise ValueError(f"There is no {what} {brief(value)}; choose one of {', '.join(names)}.")
    return value


def number(name, value, unit=""):
    """The value as a float, if it is one real, finite number."""
    try:
        found = finite_array(name, value)
        good = found.ndim == 0 and np.asarray(value).dtype != bool
    except (TypeError, ValueError):
        good = False
    require(good, f"{name} must be one number{unit}, but {brief(value)} arrived.")
    return float(found)


def whole(name, value, least=1, most=np.inf):
    """The value, if it is a whole number and neither too small nor too large."""
    good = isinstance(value, Integral) and not isinstance(value, bool) and least <= value <= most
    limit = f"at least {least}" if most == np.inf else f"{least} to {most}"
    require(good, f"{name} must be a whole number of {limit}, but {brief(value)} arrived.")
    return int(value)


def window(name, value, unit="ppm"):
    """Two rising numbers ``(low, high)``, as a tuple."""
    edges = finite_array(name, value)
    rising = edges.shape == (2,) and edges[0] < edges[1]
    require(rising, f"{name} must be (low, high) in {unit}, low first, but {brief(value)} arrived.")
    return tuple(edges.tolist())


def finite_array(name, value, dtype=float):
    """The value as an array of finite numbers; the same where it is one already.

    With ``complex`` as dtype, complex numbers pass too; real ones stay real.
    """
    if np.ma.isMaskedArray(value):
        raise TypeError(f"{name} is a masked array, whose mask would be lost; give plain numbers.")
    try:
        array = np.asarray(value)
        array = array.astype(float) if array.dtype == object else array  # of SymPy's numbers
    except (TypeError, ValueError, OverflowError) as error:
        array = np.asarray(np.inf if isinstance(error, OverflowError) else "")
    kinds, words = ("biufc", "numbers") if dtype is complex else ("biuf", "real numbers")
    if array.dtype.kind not in kinds:
        words += ", in rows of one length"
        raise TypeError(f"{name} must hold {words}, but {brief(value)} arrived.")
    require(np.isfinite(array).all(), f"{name} must be finite, but NaN or inf arrived.")
    return array.astype(complex if array.dtype.kind == "c" else float, copy=False)


#: condition of a layout: (function of array and bound, what must be)
CONDITIONS = {">": (np.greater, "above"), ">=": (np.greater_equal, "at least")}
CONDITIONS["<="] = np.less_equal, "at most"
CONDITION = r"(>=|<=|>)\s*(\S+)"


@cache
def _entries(layout):
    """The entries of a layout: (name, may be None, axes, kind, conditions, unit)."""
    entries = []
    for entry in layout.split(";"):
        name, _, rest = entry.strip().partition(":")
        unit = "".join(re.findall(r" \(.*\)", rest))
        conditions = tuple((sign, float(bound)) for sign, bound in re.findall(CONDITION, rest))
        axes = re.sub(CONDITION, "", rest.replace(unit, "")).split()
        kind = axes.pop(0) if axes and axes[0] in ("complex", "whole") else ""
        entries.append((name.rstrip("?"), name.endswith("?"), tuple(axes), kind, conditions, unit))
    return tuple(entries)


def arrays(layout, /, **values):
    """The values as arrays, or as numbers where no axis is named, if they are as the layout says.

    Parameters
    ----------
    layout : str
        Entries ``name: axes conditions`` with a semicolon between them.  An axis is a length or a
        name; axes of one name have one length.  ``[members]`` may be missing, but then everywhere;
        ``members?`` may be missing in this entry; ``...`` stands for any axes, in front.  Only an
        axis with a star, ``rows*``, may be empty.  ``complex`` in front lets complex numbers pass,
        ``whole`` asks for a whole number.  Conditions are ``> 0``, ``>= 0``, ``<= 1``; a unit is in
        parentheses; ``name?`` lets None pass.
    **values
        By the names of the layout.

    Returns
    -------
    tuple, or the only value
        In the order of the layout.

    Examples
    --------
    >>> arrays("radius: >= 0 (seconds)", radius=-1)
    Traceback (most recent call last):
        ...
    ValueError: radius must be at least 0 (seconds), but -1 arrived.
    """
    sizes, found = {}, []
    for name, optional, axes, kind, conditions, unit in _entries(layout):
        value = values[name]
        if optional and value is None:
            conditions = ()
        elif kind == "whole":
            value = whole(name, value, *(int(bound) for _, bound in conditions))
        elif axes:
            value = finite_array(name, value, complex if kind else float)
            _fit(name, value.shape, axes, sizes)
        else:
            value = number(name, value, unit)
        for sign, bound in conditions:
            holds, words = CONDITIONS[sign]
            if not np.all(holds(value, bound)):
                words = "positive" if (sign, bound) == (">", 0) else f"{words} {bound:g}"
                worst = np.max(value) if sign == "<=" else np.min(value)
                raise ValueError(f"{name} must be {words}{unit}, but {worst:g} arrived.")
        found.append(value)
    return tuple(found) if len(found) > 1 else found[0]


def _fit(name, shape, axes, sizes):
    """Refuse a shape that does not match the named axes, whose lengths are remembered."""
    known = dict(sizes)
    if not _matches(shape, axes, sizes):
        plain = [axis.strip("?*") for axis in axes if axis[0] != "["]
        before = [f"{axis} = {length}" for axis, length in known.items() if axis in plain]
        words = (", ".join(axes) + "," * (len(axes) == 1)).replace("*", "")
        words = f"({words}){' with ' * bool(before)}{' and '.join(before)}"
        raise ValueError(f"{name} must have shape {words}, but {shape} arrived.")


def _matches(shape, axes, sizes):
    left = list(shape)
    for axis in reversed(axes):
        if axis == "...":
            return all(left)
        here = sizes.setdefault(axis, bool(left)) if axis[0] == "[" else left or axis[-1] != "?"
        if here:
            plain, length = axis.strip("[]?*"), left.pop() if left else -1
            known = int(plain) if plain.isdigit() else sizes.setdefault(plain, length)
            if length != known or length < (axis[-1] != "*"):
                return False
    return not left


def hold(thing, layout):
    """Check fields of a frozen dataclass by a layout and keep them: arrays as read-only copies."""
    names = [name for name, *_ in _entries(layout)]
    found = arrays(layout, **vars(thing))
    for name, value in zip(names, found if len(names) > 1 else (found,), strict=True):
        object.__setattr__(thing, name, frozen(value) if isinstance(value, np.ndarray) else value)


def warn(sentence, category):
    """Warn at the line of the user's code that led here."""
    level, frame = 1, sys._getframe()
    while frame is not None and str(frame.f_globals.get("__name__")).split(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, category, stacklevel=level)


def frozen(array):
    """A read-only copy: what a frozen object or a cache hands out."""
    array = np.array(array)
    array.setflags(write=False)
    return array
