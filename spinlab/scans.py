r"""Final states of many spins without relaxation: all steps at once, by running quaternions.

For few members a band runs through time, member by member (:mod:`spinlab.rotations`).  For many,
Python's own cost of a step is shared by all of them, and a fold of the time axis shares it once
more among some :math:`2\sqrt N` blocks of steps, see :func:`spinlab.quaternions.fold`.  Where the
final state alone is judged, the costate enters by one constant vector a member, turned,

.. math:: x_n = F_n F_N^{\mathsf T}(\rho_N \times \lambda_N), \qquad F_n = R_n \cdots R_1,

so that neither states nor costates are stored, :eq:`eq-cross-costate`.
"""

from __future__ import annotations

import numpy as np

from .quaternions import (
    cross,
    fold,
    half_angles,
    rotate,
    rotate_back,
    scan,
    step_quaternions,
    unfold,
)
from .rotations import rotation_axes


def linearise_final(generator, waveform, dt, rho0, control="constant"):
    """Final states of all members, and the derivative backwards.

    Parameters
    ----------
    generator, waveform, dt, rho0, control
        As in :func:`spinlab.rotations.linearise`.

    Returns
    -------
    final : ndarray, (members, 3, columns)
    pullback : callable
        ``pullback(costates, weights=None)`` maps costates of the shape of ``final`` to the
        gradients, (members, controls, samples); with weights, (members,), to their weighted sum,
        (controls, samples).
    """
    axes = dt * rotation_axes(generator).transpose(2, 1, 0)  # (3, 1 + controls, members)
    axes = np.ascontiguousarray(axes)
    ends = (waveform,) if control == "constant" else (waveform[:, :-1], waveform[:, 1:])
    steps = ends[0].shape[1]
    # The drift is one more control, which is always 1; what fills up the fold does not turn.
    folded = [fold(np.vstack([np.ones(steps), end])).transpose(1, 2, 0).copy() for end in ends]
    within = range(len(folded[0]))

    def velocities(k):
        """At the ends of the k-th steps of all blocks, times dt: arrays (3, blocks, members)."""
        return [controls[k] @ axes for controls in folded]

    local, before = scan(step_quaternions(_rotation_vector(*velocities(k))) for k in within)
    final = rotate(before[:, -1, :, None], rho0[:, None])

    def pullback(costates, weights=None):
        x = cross(final, costates.conj().transpose(1, 0, 2)).sum(axis=-1)
        starts = rotate(before[:, :-1], rotate_back(before[:, -1], x)[:, None])
        reach = axes[:, 1:] if weights is None else (axes[:, 1:] * weights).swapaxes(1, 2).copy()
        at_ends = [[] for _ in ends]
        for k in within:
            both = velocities(k)
            gradient = _by_rotation_vector(_rotation_vector(*both), rotate(local[k], starts))
            for rows, part in zip(at_ends, _by_velocities(gradient, *both), strict=True):
                if weights is None:
                    rows.append(np.einsum("ibm,icm->cbm", part, reach))
                else:
                    rows.append((part @ reach).sum(axis=0).T)
        gradients = [unfold(np.stack(rows, axis=1), steps).real for rows in at_ends]
        total = np.zeros((*waveform.shape, *gradients[0].shape[2:]))
        total[:, :steps] = gradients[0]
        if control == "linear":
            total[:, 1:] += gradients[1]
        return total if weights is not None else total.transpose(2, 0, 1)

    return final.transpose(1, 0, 2), pullback


def _rotation_vector(left, right=None):
    """Of a step; with two ends by :eq:`eq-magnus`."""
    return left if right is None else (left + right) / 2 - cross(left, right) / 12


def _by_velocities(gradient, left, right=None):
    """From the derivative by the rotation vector to that by the velocities at the ends."""
    if right is None:
        return (gradient,)
    half = gradient / 2
    return half - cross(right, gradient) / 12, half - cross(gradient, left) / 12


def _by_rotation_vector(w, x):
    """``a x - b w x x + c w (w.x)``, with a, b, c of Rodrigues's formula; works in place."""
    square = _dot(w, w)
    cosine, sine = half_angles(square)
    a = 2 * sine * cosine
    along = _dot(w, x)
    along *= 1 - a
    along /= square + 1e-300  # c = (1 - a)/square, and 0 where nothing turns
    gradient = cross(x, w)
    gradient *= 2 * sine * sine
    gradient += a * x
    gradient += along * w
    return gradient


def _dot(left, right):
    return left[0] * right[0] + left[1] * right[1] + left[2] * right[2]
