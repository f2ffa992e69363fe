"""Standard form of an optimisation with constraints, and what else can be brought to it.

All of it is ::

    minimise    f_0(x) + a0 z + sum_i (c_i y_i + d_i y_i^2 / 2)
    subject to  f_i(x) - a_i z - y_i <= 0,   lower <= x <= upper,   y >= 0,  z >= 0.

With a high price ``c`` the elastic ``y`` are zero wherever the constraints can be met.  Other
prices make of the same rows a sum of squares or a largest value: a form is these prices, and beside
each stands a function that arranges values and derivatives in rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..inputs import finite_array, positive, whole


@dataclass(frozen=True)
class Form:
    """Prices of the elastic variables in the standard form.

    Parameters
    ----------
    a0 : float
        Price of ``z``, positive.
    a, c, d : ndarray, (m,)
        Share of ``z``, linear and quadratic price of ``y`` in each row; none is negative, and
        ``c + d`` is positive.

    Examples
    --------
    >>> Form.hard(2).c  # constraints that are to hold
    array([1000., 1000.])
    """

    a0: float
    a: np.ndarray
    c: np.ndarray
    d: np.ndarray

    def __post_init__(self):
        positive("a0", self.a0)
        shape = (np.size(self.a),)
        for name in ("a", "c", "d"):
            array = finite_array(name, getattr(self, name))
            if array.shape != shape or np.any(array < 0):
                raise ValueError(
                    f"{name} must have one number a row, {shape[0]}, and none negative, but "
                    f"{getattr(self, name)!r} arrived."
                )
            object.__setattr__(self, name, array)
        if np.any(self.c + self.d <= 0):
            raise ValueError("c + d must be positive in every row: else a violation costs nothing.")

    @classmethod
    def hard(cls, m):
        """The form of m constraints that are to hold: ``c = 1000``, ``d = 1``."""
        return cls(1.0, np.zeros(m), np.full(m, 1000.0), np.ones(m))

    def cost(self, f0, f):
        """Objective of the standard form at given values, with the ``z`` that makes ``y`` zero."""
        shared = self.a > 0
        z = max(0.0, np.max(f[shared] / self.a[shared], initial=0.0))
        y = np.maximum(f - self.a * z, 0)
        return float(f0 + self.a0 * z + self.c @ y + self.d @ y**2 / 2)


def least_squares_form(k, limits=0):
    """Prices that make :func:`least_squares_rows` of k residuals their sum of squares.

    Examples
    --------
    >>> form = least_squares_form(1, limits=1)  # twice k rows, and the limits
    >>> form.c, form.d
    (array([   0.,    0., 1000.]), array([2., 2., 0.]))
    """
    rows = np.repeat([0.0, 1.0], [2 * whole("k", k), whole("limits", limits, least=0)])
    return Form(1.0, 0 * rows, 1000 * rows, 2 - 2 * rows)


def least_squares_rows(residuals, jacobian, limits=(), slopes=()):
    """Standard form of ``sum_k r_k^2``: rows ``r_k <= y`` and ``-r_k <= y``, then the limits.

    Parameters
    ----------
    residuals, jacobian : ndarray, (k,) and (k, n)
        Such as ``1 - eta_k`` of all members, and derivatives.
    limits, slopes : ndarray, (l,) and (l, n), optional
        Constraints ``limits <= 0`` and derivatives.

    Returns
    -------
    tuple
        ``f0, df0, f, df`` for :func:`spinlab.optimisers.mma.step` or
        :func:`spinlab.optimisers.solve_mma`.

    Examples
    --------
    >>> from spinlab.optimisers.constrained import solve_mma
    >>> def functions(x):
    ...     return least_squares_rows(np.array([x[0] - 1, x[0] - 4]), np.ones((2, 1)))
    >>> solve_mma(functions, [0.0], -5, 5, form=least_squares_form(2)).x.round(4)
    array([2.5])
    """
    return _arranged((1, -1), residuals, jacobian, limits, slopes)


def minimax_form(k, limits=0):
    """Prices that make :func:`minimax_rows` of k values (none negative) the largest of them."""
    rows = np.repeat([1.0, 0.0], [whole("k", k), whole("limits", limits, least=0)])
    return replace(Form.hard(k + limits), a=rows)


def minimax_rows(values, jacobian, limits=(), slopes=()):
    """Standard form of the largest of k values, such as infidelities: rows ``value_k <= z``.

    Parameters and result as for :func:`least_squares_rows`.

    Examples
    --------
    >>> from spinlab.optimisers.constrained import solve_mma
    >>> def functions(x):
    ...     return minimax_rows(np.array([x[0] ** 2, (x[0] - 2) ** 2]), 2 * np.c_[[x[0], x[0] - 2]])
    >>> solve_mma(functions, [0.0], -5, 5, form=minimax_form(2)).x.round(4)
    array([1.])
    """
    return _arranged((1,), values, jacobian, limits, slopes)


def _arranged(signs, values, jacobian, limits, slopes):
    """No objective, and rows: the values with each of the signs, then the limits."""
    values, jacobian = finite_array("The values", values), finite_array("The jacobian", jacobian)
    if values.ndim != 1 or jacobian.ndim != 2 or len(jacobian) != len(values):
        raise ValueError(
            "The values must have shape (k,) and the jacobian (k, n), but "
            f"{values.shape} and {jacobian.shape} arrived."
        )
    k, n = jacobian.shape
    limits = finite_array("The limits", limits)
    slopes = finite_array("The slopes", slopes if len(limits) else np.empty((0, n)))
    if limits.ndim != 1 or slopes.shape != (len(limits), n):
        raise ValueError(
            f"The limits must have shape (l,) and the slopes (l, {n}), but {limits.shape} and "
            f"{slopes.shape} arrived."
        )
    f = np.concatenate([*(sign * values for sign in signs), limits])
    return 0.0, np.zeros(n), f, np.concatenate([*(sign * jacobian for sign in signs), slopes])
