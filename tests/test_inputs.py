"""The checker of named axes: what passes, what is refused, and what the sentence says."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from spinlab.inputs import arrays, frozen, function, hold, number, whole, window

nan = float("nan")


@pytest.mark.parametrize("layout, values", [
    ("drift: [members] d d; controls: [members] k d d", (np.eye(3), np.ones((2, 3, 3)))),
    ("drift: [members] d d; controls: [members] k d d", (np.ones((5, 3, 3)), np.ones((5, 2, 3, 3)))),
    ("offset: members?; scale: members?", (1.0, [1.0, 2.0])),
    ("spectra: complex ... points; ppm: points", (np.ones((2, 4, 7)) * 1j, np.ones(7))),
    ("t1?: members > 0; t2: members", (None, [1.0])),
    ("steps: whole >= 2; share: > 0 <= 1", (3, 0.5)),
    ("x: 2 n", ([[1, 2, 3], [4, 5, 6]],)),
])  # fmt: skip
def test_what_fits_passes(layout, values):
    names = [entry.split(":")[0].strip().rstrip("?") for entry in layout.split(";")]
    found = arrays(layout, **dict(zip(names, values, strict=True)))
    for one, value in zip(found if len(names) > 1 else [found], values, strict=True):
        assert value is None and one is None or np.array_equal(one, value)


@pytest.mark.parametrize("layout, values, sentence", [
    ("drift: [members] d d", (np.ones((3, 4)),), "drift must have shape ([members], d, d), but (3, 4)"),
    ("drift: [members] d d; controls: [members] k d d", (np.eye(3), np.ones((5, 2, 3, 3))),
     "controls must have shape ([members], k, d, d) with d = 3, but (5, 2, 3, 3) arrived."),
    ("a: n; b: n", (np.ones(3), np.ones(4)), "b must have shape (n,) with n = 3, but (4,) arrived."),
    ("a: n", (np.ones(0),), "a must have shape (n,), but (0,) arrived."),
    ("a: 3", (np.ones(4),), "a must have shape (3,), but (4,) arrived."),
    ("a: ... n", (1.0,), "a must have shape (..., n), but () arrived."),
    ("a: n > 0", ([1.0, -2.0],), "a must be positive, but -2 arrived."),
    ("a: >= 0 (seconds)", (-1,), "a must be at least 0 (seconds), but -1 arrived."),
    ("a: <= 1", (3,), "a must be at most 1, but 3 arrived."),
    ("a: n", ([1.0, nan],), "a must be finite"),
    ("a: n", ([1j],), "a must hold real numbers"),
    ("a: n", (["1"],), "a must hold real numbers"),
    ("a: n", (np.ma.masked_array([1.0, 2.0], [0, 1]),), "a is a masked array"),
    ("a: > 0", (True,), "a must be one number, but True arrived."),
    ("a: > 0", ("1",), "a must be one number, but '1' arrived."),
    ("a: whole >= 2", (1,), "a must be a whole number of at least 2, but 1 arrived."),
    ("a: whole >= 1 <= 4", (10**30,), "a must be a whole number of 1 to 4"),
    ("a: whole", (2.0,), "a must be a whole number of at least 1, but 2.0 arrived."),
])  # fmt: skip
def test_what_does_not_fit_is_refused(layout, values, sentence):
    names = [entry.split(":")[0].strip() for entry in layout.split(";")]
    with pytest.raises((ValueError, TypeError)) as caught:
        arrays(layout, **dict(zip(names, values, strict=True)))
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("value", [Fraction(1, 4), sp.Rational(1, 4), np.longdouble(0.25), np.array(0.25)])
def test_every_kind_of_number_becomes_a_float(value):
    assert type(number("x", value)) is float and number("x", value) == 0.25
    assert arrays("x: n", x=[value, value]).dtype == float


def test_words():
    assert window("A window", [1, 2]) == (1.0, 2.0)
    with pytest.raises(ValueError, match="low first"):
        window("A window", (2, 1))
    with pytest.raises(TypeError, match="loss must be a function, but 3 arrived"):
        function("loss", 3)
    with pytest.raises(ValueError, match="whole number"):
        whole("steps", True)


def test_what_is_held_can_not_be_written_to():
    class Thing:
        pass

    thing, mine = Thing(), np.ones(3)
    thing.weights = mine
    hold(thing, "weights: members >= 0")
    mine[:] = -1
    assert np.all(thing.weights == 1)
    with pytest.raises(ValueError, match="read-only"):
        thing.weights[0] = 2
    with pytest.raises(ValueError, match="read-only"):
        frozen([1.0])[0] = 2
