r"""Finite elements in time: one table of shape functions, from which SymPy derives every matrix.

On an element of length ``h`` the state is a combination of shape functions
:math:`\varphi_j(s)` of the local time :math:`s \in [0, 1]`, and the control a combination of
:math:`\psi_q(s)`.  Galerkin's method then needs only

.. math::

   C_{ij} = \int_0^1 \varphi_i \varphi_j' \, ds, \qquad
   M^q_{ij} = \int_0^1 \varphi_i \varphi_j \psi_q \, ds,

and the element matrix is :math:`K_e = C \otimes 1 - h \sum_q M^q \otimes A(u_q)`,
:eq:`eq-element-matrix`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy as sp

from ..inputs import choice, frozen, require, whole

S = sp.Symbol("s")

#: Shape functions of the state on [0, 1].  Hermite's second and fourth carry ``h rho'``.
SHAPES = {
    "linear": (1 - S, S),
    "quadratic": ((1 - S) * (1 - 2 * S), 4 * S * (1 - S), S * (2 * S - 1)),
    "hermite": (1 - 3 * S**2 + 2 * S**3, S - 2 * S**2 + S**3, 3 * S**2 - 2 * S**3, S**3 - S**2),
}

#: Shape functions of the control: one sample per element, or one at each of its two ends.
CONTROL_SHAPES = {"constant": (sp.Integer(1),), "linear": (1 - S, S)}

#: name: (shapes of the state, Gauss points for M or None for the exact integral, generator scaling)
ELEMENTS = {
    "linear": ("linear", None, None),
    "quadratic": ("quadratic", None, None),
    "hermite": ("hermite", None, None),
    "linear-reduced": ("linear", 1, None),
    "quadratic-reduced": ("quadratic", 2, None),
    "exact": ("linear", 1, "tan"),
}

#: (element, control): why the two do not go together.
REFUSED = {
    ("hermite", "constant"): "a jump contradicts its continuous derivative; use control='linear'",
    ("exact", "linear"): "it would no longer be exact; use 'quadratic-reduced'",
}


@dataclass(frozen=True)
class Element:
    """A line of the table, ready for assembly.

    Parameters
    ----------
    name : str
    control : {"constant", "linear"}
        Course of the control within an element.
    C : ndarray, (m, m)
        For the time derivative.
    M : ndarray, (q, m, m)
        For the generator, one matrix per control sample of the element.
    shared : int
        Degrees of freedom that neighbouring elements have in common.
    scaling : None or "tan"
        Whether the generator is rescaled to make single-spin rotations exact.
    """

    name: str
    control: str
    C: np.ndarray
    M: np.ndarray
    shared: int
    scaling: str | None

    @property
    def local(self):
        """Degrees of freedom of one element, each a state vector."""
        return len(self.C)

    @property
    def step(self):
        """New degrees of freedom an element."""
        return self.local - self.shared


def gauss_points(count):
    """Up to five Gauss-Legendre points and their weights on [0, 1], by symbols."""
    whole("points", count, 1, 5)
    polynomial = sp.legendre(count, S)
    points, slope = sorted(sp.roots(polynomial, S)), polynomial.diff(S)
    weights = [1 / ((1 - p**2) * slope.subs(S, p) ** 2) for p in points]
    return [((1 + p) / 2, w) for p, w in zip(points, weights, strict=True)]


def integrate(polynomial, points=None):
    """Integral of a polynomial over [0, 1]: exact, or by Gauss's rule with so many points."""
    if points is None:
        return sp.Poly(polynomial, S).integrate().eval(1)
    return sp.expand(sum(w * polynomial.subs(S, s) for s, w in gauss_points(points)))


def element_matrices(shapes, control="constant", points=None):
    """Derive C and M, :eq:`eq-element-matrix`, from a row of :data:`SHAPES`.

    Parameters
    ----------
    shapes : {"linear", "quadratic", "hermite"}
    control : {"constant", "linear"}
    points : int, optional
        Gauss points for M ("reduced integration"), at most 5; default: the exact integral.

    Returns
    -------
    C : sympy.ImmutableMatrix, (m, m)
    M : tuple of sympy.ImmutableMatrix, (m, m)
        One a control sample.

    Examples
    --------
    >>> C, (M,) = element_matrices("linear")
    >>> (2 * C).tolist(), (6 * M).tolist()
    ([[-1, 1], [-1, 1]], [[2, 1], [1, 2]])
    """
    choice("family of shape functions", shapes, SHAPES), choice("control", control, CONTROL_SHAPES)
    phi = sp.ImmutableMatrix(SHAPES[shapes])  # a column
    C = (phi * phi.diff(S).T).applyfunc(integrate)
    M = tuple((psi * phi * phi.T).applyfunc(lambda entry: integrate(entry, points))
              for psi in CONTROL_SHAPES[control])
    return C, M


def element(name, control="constant"):
    """Look up an element of :data:`ELEMENTS` and derive its matrices.

    Parameters
    ----------
    name : str
        "linear", "quadratic", "hermite", "linear-reduced" (Crank-Nicolson), "quadratic-reduced"
        (order 4) or "exact" (one spin without relaxation).
    control : {"constant", "linear"}
        Course of the control within an element.

    Returns
    -------
    Element

    Raises
    ------
    ValueError
        Unknown name, or a pair that would lose accuracy silently.

    Examples
    --------
    >>> element("hermite", control="linear").C.shape
    (4, 4)
    """
    choice("element", name, ELEMENTS), choice("control", control, CONTROL_SHAPES)
    reason = REFUSED.get((name, control))
    require(not reason, f"The element {name!r} takes no {control} control: {reason}.")
    return _element(name, control)


@cache
def _element(name, control):
    shapes, points, scaling = ELEMENTS[name]
    C, M = (frozen(np.array(table, float)) for table in element_matrices(shapes, control, points))
    return Element(name, control, C, M, 2 if shapes == "hermite" else 1, scaling)
