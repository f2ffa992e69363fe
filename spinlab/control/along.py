r"""Running costs: what is asked of the states on the way, not of the last alone.

A running cost is the mean over the pulse of

.. math:: l(\rho) = a + \langle q|\rho\rangle + \langle\rho|P\rho\rangle,

:eq:`eq-running-cost`, and is added to the infidelity that a design makes small.  :class:`Hold` is
linear in the state, :class:`Avoid` quadratic.
"""

from dataclasses import dataclass

import numpy as np

from ..inputs import finite_array, hold, instance, require
from ..spins.generators import observable


@dataclass(frozen=True)
class Hold:
    r"""A state that is to be held all the way, :math:`l = w\,(1 - \langle C|\rho\rangle)`.

    Parameters
    ----------
    state : str or array_like, (d,)
        :math:`C`, such as ``"Iz"``; it is normalised to length 1.
    weight : float
        :math:`w`: what it costs to be without the state during all of the pulse, in units of the
        infidelity.

    Examples
    --------
    >>> from spinlab import Problem, design
    >>> problem = Problem("Iz", "Iz", 1e-3, 20, rf_hz=500, along=(Hold("Iz", weight=0.1),))
    >>> result = design(problem, kind="xy")
    >>> bool(result.fidelity > 0.999), bool(result.running_cost < 1e-3)
    (True, True)
    """

    state: object
    weight: float


@dataclass(frozen=True)
class Avoid:
    r"""States that are to be avoided all the way, :math:`l = w\sum_j\langle C_j|\rho\rangle^2`.

    Parameters
    ----------
    states : tuple of (str or array_like, (d,))
        :math:`C_j`, such as ``("Ix", "Iy")``; each is normalised to length 1.
    weight : float
        :math:`w`: what it costs to be there during all of the pulse, in units of the infidelity.
    """

    states: tuple
    weight: float


def _unit(state, liouville):
    """A state of length 1, (d,)."""
    named, d = isinstance(state, str), len(liouville.basis)
    vector = observable(state, liouville) if named else finite_array("state", state)
    require(vector.shape == (d,) and vector.any(),
            f"A state on the way has shape ({d},) and is not zero, but {state!r} arrived.")
    return vector / np.linalg.norm(vector)


@dataclass(frozen=True, eq=False)
class RunningCost:
    """All that is asked on the way, in numbers.

    Parameters
    ----------
    constant : float
        a.
    linear : ndarray, (d,)
        q.
    quadratic : ndarray, (d, d)
        P, symmetric.
    """

    constant: float
    linear: np.ndarray
    quadratic: np.ndarray


def running_cost(costs, liouville):
    """The sum of a tuple of costs, with its numbers filled in; None for an empty one."""
    d = len(liouville.basis)
    a, q, P = 0.0, np.zeros(d), np.zeros((d, d))
    for cost in instance("along", costs, tuple, 'Such as (Hold("Iz", weight=0.1),).'):
        hold(instance("A running cost", cost, (Hold, Avoid)), "weight: > 0")
        if isinstance(cost, Hold):
            a, q = a + cost.weight, q - cost.weight * _unit(cost.state, liouville)
        else:
            require(instance("states", cost.states, tuple), "states of Avoid is empty; name some.")
            C = [_unit(one, liouville) for one in cost.states]
            P = P + cost.weight * np.transpose(C) @ C
    return RunningCost(a, q, P) if costs else None
