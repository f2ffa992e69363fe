"""What every propagation method returns: a trajectory that knows its derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Linearisation:
    r"""States at the ends of all steps, and the derivative of the map from waveform to states.

    Parameters
    ----------
    states : ndarray, ([members,] steps + 1, d[, columns])
        The trajectory.
    pullback : callable
        ``pullback(costates)`` maps :math:`\partial f/\partial\rho_n`, shaped like ``states``, to
        :math:`\partial f/\partial u`, ``([members,] controls, samples)``: the adjoint,
        :eq:`eq-adjoint-gradient`.  For complex states a costate ``c`` means
        :math:`df = \operatorname{Re}\langle c | d\rho\rangle`.
    pushforward : callable
        ``pushforward(direction)`` maps a change of the waveform, ``(controls, samples)``, to the
        change of the states: the tangent.
    pullback_final : callable, optional
        The pullback of costates of the final states, where there are no others.
    """

    states: np.ndarray
    pullback: Callable
    pushforward: Callable
    pullback_final: Callable | None = None

    @classmethod
    def stack(cls, parts):
        """One linearisation with a leading member axis out of one per member."""
        return cls(
            np.stack([part.states for part in parts]),
            lambda costates: np.stack(
                [part.pullback(c) for part, c in zip(parts, costates, strict=True)]
            ),
            lambda direction: np.stack([part.pushforward(direction) for part in parts]),
        )
