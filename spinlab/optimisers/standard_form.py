"""Standard form of an optimisation with constraints, and what else can be brought to it.

All of it is ::

    minimise    f_0(x) + a0 z + sum_i (c_i y_i + d_i y_i^2 / 2)
    subject to  f_i(x) - a_i z - y_i <= 0,   lower <= x <= upper,   y >= 0,  z >= 0.

With a high price ``c`` the elastic ``y`` are zero wherever the constraints can be met.  Other
prices make of the same rows a sum of squares or a largest value: a form is these prices, and beside
each stands a function that arranges values and derivatives in rows.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..inputs import arrays, finite_array, hold, require, whole


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
        hold(self, "a0: > 0; a: m* >= 0; c: m* >= 0; d: m* >= 0")
        priced = np.all(self.c + self.d > 0)
        require(priced, "c + d must be positive in every row: else a violation costs nothing.")

    @classmethod
    def hard(cls, m):
        """The form of m constraints that are to hold: ``c = 1000``, ``d = 1``."""
        return cls(1.0, np.zeros(m), np.full(m, 1000.0), np.ones(m))

    def _shared(self, f):
        """The least ``z`` that meets the rows that have a share of it."""
        shared = self.a > 0
        return max(0.0, np.max(f[shared] / self.a[shared], initial=0.0))

    def cost(self, f0, f):
        """Objective of the standard form at given values, with the ``z`` that makes ``y`` zero."""
        z = self._shared(f)
        y = np.maximum(f - self.a * z, 0)
        return float(f0 + self.a0 * z + self.c @ y + self.d @ y**2 / 2)

    def missed(self, f):
        """By how much the rows are violated whose violation is not just a square, (m,)."""
        return np.where(self.c > 0, np.maximum(f - self.a * self._shared(f), 0), 0.0)


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
        ``f0, df0, f, df`` for :func:`spinlab.optimisers.mma.step`.

    Examples
    --------
    >>> from spinlab.optimisers import Goal, minimise
    >>> nothing = lambda x: (0.0, np.zeros(1))
    >>> rows = lambda x: least_squares_rows(np.array([x[0] - 1, x[0] - 4]), np.ones((2, 1)))[2:]
    >>> form = least_squares_form(2)
    >>> minimise(Goal(nothing, limits=rows), [0.0], "mma", -5, 5, form=form).x.round(4)
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
    >>> values = lambda x: np.array([x[0] ** 2, (x[0] - 2) ** 2])
    >>> f0, _, f, _ = minimax_rows(values([3.0]), 2 * np.c_[[3.0, 1.0]])
    >>> f, minimax_form(2).cost(f0, f)
    (array([9., 1.]), 9.0)
    """
    return _arranged((1,), values, jacobian, limits, slopes)


def _arranged(signs, values, jacobian, limits, slopes):
    """No objective, and rows: the values with each of the signs, then the limits."""
    values, jacobian = arrays("values: k; jacobian: k n", values=values, jacobian=jacobian)
    n = jacobian.shape[1]
    slopes = slopes if len(limits) else np.empty((0, n))
    limits, slopes = arrays(f"limits: l*; slopes: l* {n}", limits=limits, slopes=slopes)
    f = np.concatenate([*(sign * values for sign in signs), limits])
    return 0.0, np.zeros(n), f, np.concatenate([*(sign * jacobian for sign in signs), slopes])


def start_in_box(x0, lower, upper, room=False):
    """A start, (n,), and its bounds as arrays of that shape, if it lies between them.

    With ``room``, the bounds must be finite and leave some; without, they may be equal or infinite.
    """
    x0, box = arrays("x0: n", x0=x0), []
    for name, bound in (("lower", lower), ("upper", upper)):
        bound = finite_array(name, bound) if room else np.asarray(bound, dtype=float)
        require(bound.shape in ((), x0.shape),
                f"{name} must be a number or have shape {x0.shape}, but {bound.shape} arrived.")
        box.append(np.broadcast_to(bound, x0.shape))
    low, high = box
    closed = low >= high if room else low > high
    wrong = closed | ~((low <= x0) & (x0 <= high))
    if wrong.any():
        k = int(np.argmax(wrong))
        what = "The bounds leave no room" if closed[k] else "x0 starts outside its bounds"
        raise ValueError(f"{what}: unknown {k} is {x0[k]:g}, not in {low[k]:g} to {high[k]:g}.")
    return x0, box


#: form: (field of the goal, function of rows, function of prices)
FORMS = {
    "least-squares": ("members", least_squares_rows, least_squares_form),
    "tangent": ("residuals", least_squares_rows, least_squares_form),
    "minimax": ("members", minimax_rows, minimax_form),
}
