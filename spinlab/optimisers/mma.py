"""The method of moving asymptotes, step by step, for any smooth problem in standard form.

:func:`step` replaces each function by hyperbolas through its value and slope, whose poles move with
the progress, and solves the convex subproblem that results.  :func:`gcmma_step` does it again with
more curvature until no function exceeds its approximation: the globally convergent version.  The
standard form is explained in ``standard_form.py``; ``asymptotes.py`` repeats the steps.

Source: K. Svanberg, Int. J. Numer. Meth. Eng. 24 (1987) 359; SIAM J. Optim. 12 (2002) 555; MMA and
GCMMA, two methods for nonlinear optimization (notes, KTH Stockholm, 2007).
"""

from dataclasses import dataclass, replace

import numpy as np

from ..inputs import arrays, instance
from .standard_form import Form, start_in_box
from .subproblem import Solution, Subproblem
from .subproblem_solvers import solve


@dataclass(frozen=True)
class MMAOptions:
    """How far a step goes; lengths in parts of ``upper - lower``.

    Parameters
    ----------
    asyinit : float
        First distance of the asymptotes from ``x``.
    asyincr, asydecr : float
        What it is multiplied by where ``x_j`` went on in its direction, and where it turned back.
    asymin, asymax : float
        Least and greatest distance.
    albefa : float
        ``x`` stays away from an asymptote by this part of the distance.
    move : float
        Longest step.
    raa0 : float
        Least curvature of the approximations.
    inner : int
        At most so many subproblems in a :func:`gcmma_step`.
    """

    asyinit: float = 0.5
    asyincr: float = 1.2
    asydecr: float = 0.7
    asymin: float = 0.01
    asymax: float = 10.0
    albefa: float = 0.1
    move: float = 0.5
    raa0: float = 1e-5
    inner: int = 30

    def __post_init__(self):
        arrays("; ".join(f"{name}: > 0" for name in vars(self)), **vars(self))


@dataclass(frozen=True)
class MMAState:
    """All that a step needs to know of the past; make the first by :func:`start`.

    Parameters
    ----------
    x, lower, upper : ndarray, (n,)
    form : Form
    before, earlier : ndarray, (n,), or None
        The last iterate and the last but one.
    low, upp : ndarray, (n,), or None
        Asymptotes of the last approximation.
    solution : Solution or None
        Of the last subproblem: its ``y``, ``z``, multipliers, and whether it converged.
    """

    x: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    form: Form
    before: np.ndarray | None = None
    earlier: np.ndarray | None = None
    low: np.ndarray | None = None
    upp: np.ndarray | None = None
    solution: Solution | None = None


def start(x0, lower, upper, form):
    """The state before the first step, of ``x0`` and the bounds, (n,), and a
    :class:`spinlab.optimisers.Form`.

    Raises
    ------
    ValueError
        Bounds that are crossed or equal, a start outside of them, shapes that do not fit.
    """
    x, (lower, upper) = start_in_box(x0, lower, upper, room=True)
    return MMAState(x.copy(), lower, upper, instance("form", form, Form))


def checked(state, f0, df0, f, df):
    """Values and derivatives at ``state.x``, ``(f0, df0, f, df)``, or a sentence as ValueError."""
    n, m = len(state.x), f"{len(state.form.c)}*"
    return arrays(f"f0: ; df0: {n}; f: {m}; df: {m} {n}", f0=f0, df0=df0, f=f, df=df)


def asymptotes(state, options):
    """Where the poles of the next approximation are: wider apart where progress was steady."""
    x, span = state.x, state.upper - state.lower
    if state.earlier is None:
        return x - options.asyinit * span, x + options.asyinit * span
    trend = (x - state.before) * (state.before - state.earlier)
    factor = np.where(trend > 0, options.asyincr, np.where(trend < 0, options.asydecr, 1.0))
    nearest, farthest = options.asymin * span, options.asymax * span
    below = np.clip(factor * (state.before - state.low), nearest, farthest)
    above = np.clip(factor * (state.upp - state.before), nearest, farthest)
    return x - below, x + above


def hyperbolas(x, low, upp, span, f, df, rho):
    """Coefficients ``P, Q, b`` of approximations with value ``f`` and slope ``df`` at ``x``.

    Convex whatever the slope; ``rho > 0`` adds curvature.  For one function (``df`` of shape (n,))
    or for m of them, (m, n) with ``rho`` a number or (m, 1).
    """
    up, size = np.maximum(df, 0), 0.001 * np.abs(df) + rho / span
    P = (upp - x) ** 2 * (up + size)
    Q = (x - low) ** 2 * (up - df + size)
    return P, Q, P @ (1 / (upp - x)) + Q @ (1 / (x - low)) - f


def approximate(state, f0, df0, f, df, options, rho=None):
    """The subproblem at the state's ``x``; ``rho``, (1 + m,), adds curvature to each function."""
    x, span = state.x, state.upper - state.lower
    rho = np.full(1 + len(f), options.raa0) if rho is None else rho
    low, upp = asymptotes(state, options)
    alpha = np.maximum(low + options.albefa * (x - low), x - options.move * span)
    beta = np.minimum(upp - options.albefa * (upp - x), x + options.move * span)
    p0, q0, _ = hyperbolas(x, low, upp, span, f0, df0, rho[0])
    P, Q, b = hyperbolas(x, low, upp, span, f, df, rho[1:, None])
    alpha, beta = np.maximum(alpha, state.lower), np.minimum(beta, state.upper)
    return Subproblem(low, upp, alpha, beta, p0, q0, P, Q, b, state.form)


def step(state, f0, df0, f, df, options=None):
    """One step of the method of moving asymptotes.

    Parameters
    ----------
    state : MMAState
    f0, df0 : float and ndarray, (n,)
        Objective at ``state.x`` and its gradient.
    f, df : ndarray, (m,) and (m, n)
        Constraints ``f <= 0`` and their gradients.
    options : MMAOptions, optional

    Returns
    -------
    MMAState
        With the next ``x``; whether its subproblem was solved is in ``solution.converged``.

    Examples
    --------
    Minimise the distance to (1, 1) on the disc of radius 1.

    >>> from spinlab.optimisers import Form
    >>> state = start(np.zeros(2), -1, 1, Form.hard(1))
    >>> for _ in range(20):
    ...     x = state.x
    ...     state = step(state, sum((x - 1)**2), 2 * (x - 1), np.array([x @ x - 1]), 2 * x[None])
    >>> state.x.round(5)
    array([0.70711, 0.70711])
    """
    sub = approximate(state, *checked(state, f0, df0, f, df), options or MMAOptions())
    return _advance(state, sub, solve(sub, _multipliers(state)))


def gcmma_step(state, f0, df0, f, df, values, options=None):
    """One step of the globally convergent version: no function may exceed its approximation.

    As :func:`step`, with ``values(x) -> (f0, f)`` for the points that are tried.
    """
    options = options or MMAOptions()
    f0, df0, f, df = checked(state, f0, df0, f, df)
    span, here = state.upper - state.lower, np.concatenate([[f0], f])
    sizes = np.concatenate([[np.abs(df0) @ span], np.abs(df) @ span])
    rho, warm = np.maximum(0.1 / len(span) * sizes, 1e-6), _multipliers(state)
    for _ in range(options.inner):
        sub = approximate(state, f0, df0, f, df, options, rho)
        solution = solve(sub, warm)
        x, warm = solution.x, solution.lam
        trial_f0, trial_f = values(x)
        there = np.concatenate([[trial_f0], trial_f])
        excess = there - here - promised_change(sub, state.x, x)
        low = excess > 1e-12 * np.maximum(1, np.abs(there))
        if not low.any():
            break
        reach = (sub.upp - sub.low) / ((sub.upp - x) * (x - sub.low)) @ ((x - state.x) ** 2 / span)
        rho = np.where(low, np.minimum(1.1 * (rho + excess / reach), 10 * rho), rho)
    return _advance(state, sub, solution)


def promised_change(sub, x, new):
    """By how much the approximations of objective and rows change from ``x`` to ``new``, (1 + m,).

    Without the difference of large numbers that their values are.
    """
    above = (new - x) / ((sub.upp - new) * (sub.upp - x))
    below = (x - new) / ((new - sub.low) * (x - sub.low))
    return np.concatenate([[sub.p0 @ above + sub.q0 @ below], sub.P @ above + sub.Q @ below])


def _multipliers(state):
    return None if state.solution is None else state.solution.lam


def _advance(state, sub, solution):
    return replace(state, x=solution.x, before=state.x, earlier=state.before, low=sub.low,
                   upp=sub.upp, solution=solution)  # fmt: skip
