"""Is this gradient right?  Independent answers, for tests, chapters and your own losses.

With this module you can hold any gradient against the complex step or a finite difference, and any
propagation against a plain autograd implementation that shares no line with the library's methods.
"""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval, isbox

from ..inputs import arrays, choice, instance, require
from ..spins.generators import Generator


@dataclass(frozen=True)
class GradientCheck:
    """Outcome of :func:`check_gradient`.

    Parameters
    ----------
    relative_error : float
        Largest difference between the two, over the largest entry of the gradient.
    analytic, numeric : ndarray
        The entries that were compared.
    kind : str
        How the numeric ones were found.
    """

    relative_error: float
    analytic: np.ndarray
    numeric: np.ndarray
    kind: str


def check_gradient(function, x, kind="complex", samples=None, step=None, seed=0):
    """Hold a gradient against the complex step or a central difference, :eq:`eq-complex-step`.

    Parameters
    ----------
    function : callable
        ``function(x)`` returns ``(value, gradient)``.  For the complex step it must accept complex
        ``x`` and use only analytic functions (no ``abs``, no ``conj``).
    x : array_like
        Where to check.
    kind : {"complex", "difference"}
        The complex step is exact to rounding; the central difference to about 1e-9.
    samples : int, optional
        Check only so many entries, chosen at random.  Default: every entry.
    step : float, optional
        Default 1e-30 (complex) or 1e-5 (difference).
    seed : int
        For the choice of the entries.

    Returns
    -------
    GradientCheck

    Examples
    --------
    >>> check_gradient(lambda x: (np.sum(x**3), 3 * x**2), [1.0, 2.0]).relative_error < 1e-15
    True
    """
    x = arrays("x: ...", x=x)
    choice("check", kind, ("complex", "difference"))
    step = arrays("step?: > 0", step=step) or {"complex": 1e-30, "difference": 1e-5}[kind]
    value, gradient = instance("What the function returns", function(x.copy()), (tuple, list),
                               "It is (value, gradient).")
    layout = f"value: ; gradient: {' '.join(map(str, x.shape))}"
    _, gradient = arrays(layout, value=value, gradient=gradient)
    count = min(x.size, arrays("samples?: whole", samples=samples) or x.size)
    chosen = np.sort(np.random.default_rng(seed).choice(x.size, count, replace=False))
    numeric = np.array([_slope(function, x, index, step, kind) for index in chosen])
    analytic = np.ravel(gradient)[chosen]
    scale = max(np.abs(gradient).max(), np.abs(numeric).max(), np.finfo(float).tiny)
    return GradientCheck(float(np.abs(analytic - numeric).max() / scale), analytic, numeric, kind)


def _slope(function, x, index, step, kind):
    change = np.zeros(x.shape)
    change.flat[index] = step
    if kind == "complex":
        return np.imag(function(x + 1j * change)[0]) / step
    return (function(x + change)[0] - function(x - change)[0]) / (2 * step)


def propagate_plain(generator, waveform, dt, rho0, terms=20):
    r"""The oracle: a Taylor series per step, in a plain loop that autograd sees through.

    .. math:: \rho_n = \sum_{m=0}^{20} \frac{(hA_n)^m}{m!}\,\rho_{n-1}

    For one member, one initial state, (d,), and a piecewise-constant waveform, (controls, steps),
    which autograd may trace: states, (steps + 1, d).  The ``terms`` are enough for rounding error
    while a step turns by less than a radian or so.
    """
    require(instance("generator", generator, Generator).members is None,
            "propagate_plain() takes one member; choose it by generator.member(k).")
    count, d = len(generator.controls), generator.dimension
    layout = f"dt: > 0 (seconds); waveform: complex {count} steps; rho0: complex {d}"
    dt, plain, rho0 = arrays(layout, dt=dt, waveform=getval(waveform), rho0=rho0)
    waveform = waveform if isbox(waveform) else plain
    states = [rho0]
    for n in range(waveform.shape[1]):
        A = generator.drift + sum(u * B for u, B in zip(waveform[:, n], generator.controls))  # noqa: B905 (autograd boxes)
        term = total = states[-1]
        for m in range(1, terms + 1):
            term = anp.dot(A, term) * (dt / m)
            total = total + term
        states.append(total)
    return anp.stack(states)
