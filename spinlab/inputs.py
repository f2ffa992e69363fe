"""Checks at the door: what every public function asks of its arguments, as sentences.

A function that is called by users passes its arguments through here once; what lies behind trusts
them.  Each check returns the value, so that it can stand where the value is needed.
"""

from __future__ import annotations

import math
import os
from numbers import Integral, Real
from pathlib import Path
from reprlib import repr as brief

import numpy as np

#: What a control may do within a step: stand still, or run straight to its next sample.
COURSES = ("constant", "linear")


def instance(name, value, kind, hint=""):
    """The value, if it is of the kind, or of one of a tuple of kinds."""
    if not isinstance(value, kind):
        names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        article = "an" if names[0] in "AEIOU" else "a"
        raise TypeError(
            f"{name} must be {article} {names}, but {type(value).__name__} arrived. {hint}"
            .rstrip()
        )
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
        raise ValueError(f"There is no {what} {value!r}; choose one of {', '.join(names)}.")
    return value


def file_path(path):
    """The path of a file, where no folder has it already."""
    path = Path(instance("path", path, (str, os.PathLike)))
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the path of a file in it.")
    return path


def _finite(value):
    """Whether a value is a real number that a float can hold."""
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def positive(name, value, unit=""):
    """The value, if it is a positive, finite number."""
    if not (_finite(value) and value > 0):
        raise ValueError(f"{name} must be a positive number{unit}, but {value!r} arrived.")
    return value


def not_negative(name, value, unit=""):
    """The value, if it is 0 or a positive, finite number."""
    if not (_finite(value) and value >= 0):
        raise ValueError(f"{name} must be 0 or a positive number{unit}, but {value!r} arrived.")
    return value


def echo_time(name, value):
    """The value, if it can be an echo time in seconds: one in milliseconds is far too long."""
    if positive(name, value, " of seconds") > 5:
        raise ValueError(f"{name} = {value:g} s is no echo time; give seconds, such as 0.03.")
    return value


def number(name, value, unit=""):
    """The value, if it is one real, finite number."""
    if finite_array(name, value).ndim:
        raise ValueError(f"{name} must be one number{unit}, but {value!r} arrived.")
    return value


def whole(name, value, least=1):
    """The value, if it is a whole number and not too small."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} must be a whole number of at least {least}, but {value!r} arrived."
        )
    return value


def finite_array(name, value, dtype=float):
    """The value as an array of finite numbers; the same where it is one already.

    With ``complex`` as dtype, complex numbers pass too; real ones stay real.
    """
    try:
        array = np.asarray(value)
        if array.dtype == object:  # such as SymPy's numbers
            array = array.astype(float)
    except OverflowError:
        array = np.asarray(np.inf)
    except (TypeError, ValueError):
        array = np.asarray("")
    if array.dtype.kind not in ("biufc" if dtype is complex else "biuf"):
        kind = "numbers" if dtype is complex else "real numbers"
        raise TypeError(
            f"{name} must hold {kind}, in rows of one length, but {brief(value)} arrived."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but NaN or inf arrived.")
    return array.astype(np.result_type(array, float), copy=False)


def two_rows(waveform, control, dtype=float):
    """The waveform, if it has the shape (2, samples) and as many samples as its course needs."""
    waveform = finite_array("The waveform", waveform, dtype)
    fewest = 1 + (control == "linear")
    if waveform.ndim != 2 or len(waveform) != 2 or waveform.shape[1] < fewest:
        raise ValueError(
            f"A piecewise {control} waveform has shape (2, samples), with at least "
            f"{fewest} samples, but {waveform.shape} arrived."
        )
    return waveform


def start_in_box(x0, lower, upper, room=False):
    """A start, (n,), and its bounds as arrays of that shape, if it lies between them.

    With ``room``, the bounds must be finite and leave some; without, they may be equal or infinite.
    """
    x0 = finite_array("x0", x0)
    if x0.ndim != 1 or not x0.size:
        raise ValueError(f"x0 must have shape (n,), but {x0.shape} arrived.")
    box = []
    for name, bound in (("lower", lower), ("upper", upper)):
        bound = finite_array(name, bound) if room else np.asarray(bound, dtype=float)
        if bound.shape not in ((), x0.shape) or np.isnan(bound).any():
            raise ValueError(
                f"{name} must be a number or have shape {x0.shape}, without NaN, "
                f"but {bound.shape} arrived."
            )
        box.append(np.broadcast_to(bound, x0.shape))
    low, high = box
    for wrong, sentence in (
        (low >= high if room else low > high, f"The bounds {'touch or ' if room else ''}cross"),
        ((x0 < low) | (x0 > high), "x0 starts outside its bounds"),
    ):
        if wrong.any():
            k = int(np.argmax(wrong))
            raise ValueError(
                f"{sentence}: unknown {k} is {x0[k]:g}, its bounds are {low[k]:g} and {high[k]:g}."
            )
    return x0, box
