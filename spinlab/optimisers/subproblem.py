"""The convex subproblem of the method of moving asymptotes, and when it is solved.

Every function of the problem is replaced by hyperbolas in one variable each, ::

    g_i(x) = sum_j  P_ij / (upp_j - x_j) + Q_ij / (x_j - low_j),

which is convex and separable.  What remains to be solved is ::

    minimise    g_0(x) + a0 z + sum_i (c_i y_i + d_i y_i^2 / 2)
    subject to  g_i(x) - a_i z - y_i <= b_i,   alpha <= x <= beta,   y >= 0,  z >= 0.

Its solvers are in ``subproblem_solvers.py``.

Source: K. Svanberg, Int. J. Numer. Meth. Eng. 24 (1987) 359 and SIAM J. Optim. 12 (2002) 555.
"""

from dataclasses import dataclass

import numpy as np

from .standard_form import Form


@dataclass(frozen=True)
class Subproblem:
    """A convex, separable approximation of a problem in standard form, n variables and m rows.

    Parameters
    ----------
    low, upp, alpha, beta : ndarray, (n,)
        Asymptotes and bounds, ``low < alpha < beta < upp``.
    p0, q0 : ndarray, (n,)
        Positive: the objective's coefficients.
    P, Q : ndarray, (m, n)
        The rows' coefficients; none is negative.
    b : ndarray, (m,)
    form : Form
        Prices of ``y`` and ``z``.
    """

    low: np.ndarray
    upp: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    p0: np.ndarray
    q0: np.ndarray
    P: np.ndarray
    Q: np.ndarray
    b: np.ndarray
    form: Form

    def rows(self, x):
        """The rows' values ``g(x) - b``, shape (m,)."""
        return self.P @ (1 / (self.upp - x)) + self.Q @ (1 / (x - self.low)) - self.b

    def jacobian(self, x, space=None):
        """Their derivatives, shape (m, n), made in ``space``, (2, m, n), if that is given.

        To be given new memory for so many numbers takes longer than to compute them.
        """
        G, other = np.empty((2, *self.P.shape)) if space is None else space
        np.multiply(self.P, (self.upp - x) ** -2, out=G)
        np.multiply(self.Q, (x - self.low) ** -2, out=other)
        return np.subtract(G, other, out=G)

    def gradient(self, x, lam):
        """First and second derivatives of ``g_0 + lam . g``, each of shape (n,)."""
        p, q = self.p0 + lam @ self.P, self.q0 + lam @ self.Q
        u, v = 1 / (self.upp - x), 1 / (x - self.low)
        return p * u**2 - q * v**2, 2 * (p * u**3 + q * v**3)


@dataclass(frozen=True)
class Solution:
    """What a solver of the subproblem found.

    Parameters
    ----------
    x, y : ndarray, (n,) and (m,)
    z : float
    lam : ndarray, (m,)
        Multipliers of the rows.
    iterations : int
        Newton steps.
    residual : float
        By how much the Karush-Kuhn-Tucker conditions are missed: see :func:`kkt_residual`.
    converged : bool
        Whether that is within the tolerance.
    message : str
        Which solver it was and how it ended.
    """

    x: np.ndarray
    y: np.ndarray
    z: float
    lam: np.ndarray
    iterations: int
    residual: float
    converged: bool
    message: str


def kkt_residual(x, y, z, lam, slope, rows, lower, upper, form):
    """Largest violation of the Karush-Kuhn-Tucker conditions of a problem in standard form.

    A variable with a bound is optimal where its derivative is zero, or where it is at the bound and
    the derivative pushes it outwards: where ``x = clip(x - slope, lower, upper)``.  The residual is
    the largest difference between the two sides over all ``x``, ``y``, ``z`` and multipliers.  Here
    ``slope`` is the derivative of the Lagrangian, ``df0 + lam @ df``, and ``rows`` are the ``f(x)``
    that shall be at most ``a z + y``; the rest is as in :class:`Subproblem` and :class:`Solution`.

    Examples
    --------
    >>> one, none = np.ones(1), np.zeros(1)  # minimise x with 1 <= x <= 2
    >>> kkt_residual(one, none, 0.0, none, one, -one, one, 2 * one, Form.hard(1))
    0.0
    """
    misses = np.concatenate([
        x - np.clip(x - slope, lower, upper),
        np.minimum(y, form.c + form.d * y - lam),
        np.minimum(lam, form.a * z + y - rows),
        [min(z, form.a0 - form.a @ lam)],
    ])
    return float(np.abs(misses).max())


def limit_of(sub, tolerance):
    """The tolerance, and what rounding leaves of the terms that have to cancel in the rows."""
    return tolerance + 1e-13 * np.abs(sub.b).max(initial=0)


def solution_of(sub, x, y, z, lam, iterations, limit, solver):
    """The solution with its residual, from what a solver ended at."""
    slope, curvature = sub.gradient(x, lam)
    limit += np.max(curvature * np.spacing(np.abs(x)))  # between two numbers next to each other
    residual = kkt_residual(x, y, z, lam, slope, sub.rows(x), sub.alpha, sub.beta, sub.form)
    converged = bool(residual <= limit)
    ended = "converged" if converged else "did not converge"
    told = f"residual {residual:.1e}, wanted {limit:.1e}"
    message = f"{solver} {ended} after {iterations} steps: {told}."
    return Solution(x, y, float(z), lam, iterations, residual, converged, message)
