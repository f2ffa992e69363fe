r"""What every propagation method returns, and the chain of propagators behind most of them.

.. math:: \rho_0 = s_0, \qquad \rho_n - P_n\,\rho_{n-1} = s_n

is a unit lower-triangular block band, :eq:`eq-chain`.  LAPACK's ``tbtrs`` runs through it in
compiled code, and its transpose is the adjoint recursion :math:`\lambda_n = P_{n+1}^{\mathsf T}
\lambda_{n+1} + c_n`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg.lapack import dtbtrs, ztbtrs


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
    average : callable, optional
        Mean of a running cost over the pulse, as of :func:`average_at_nodes`; the derivative is by
        all unknowns, those between the nodes included, and the ``pullback`` takes that, too.
    """

    states: np.ndarray
    pullback: Callable
    pushforward: Callable
    pullback_final: Callable | None = None
    average: Callable | None = None


@dataclass(frozen=True)
class Evaluation:
    """Objective of every member and its gradient.

    Parameters
    ----------
    values : ndarray, ([members,])
    gradients : ndarray, ([members,] controls, samples)
        Or, where weights were given, their weighted sum, (controls, samples).
    """

    values: np.ndarray
    gradients: np.ndarray


def average_at_nodes(states, cost):
    """Mean of a running cost, (members,), by the trapezoidal rule, and its derivative by states.

    The states have one column; the cost is a :class:`spinlab.control.along.RunningCost`.
    """
    share = np.full(states.shape[1:3], 1 / (states.shape[1] - 1))
    share[[0, -1]] /= 2
    pull, bent = share * cost.linear, states[..., 0] @ cost.quadratic
    bent *= share
    mean = cost.constant + np.einsum("enj,enj->e", pull + bent, states[..., 0])
    return mean, (pull + 2 * bent)[..., None]


def final_states(path, along=None):
    """Final states of a linearisation with all axes, and the pullback of what judges them.

    The third is the mean of a running cost ``along`` the way, (members,), which the pullback takes
    off what is judged.
    """
    mean, slopes, (_, _, d, _) = 0.0, None, path.states.shape
    if along is not None:
        mean, slopes = path.average(along) if path.average else average_at_nodes(path.states, along)

    def pullback(costates, weights=None):
        if path.pullback_final and along is None:
            gradients = path.pullback_final(costates)
        else:
            zeros = np.zeros(path.states.shape, np.result_type(path.states, costates))
            sources = zeros if along is None else -slopes
            sources[:, -1, :d] += costates
            gradients = path.pullback(sources)
        return gradients if weights is None else np.tensordot(weights, gradients, 1)

    return path.states[:, -1], pullback, mean


def expanded(costates, states):
    """Costates with all the axes of the states that they belong to."""
    # Of a complex costate, a real state sees the real part alone.
    costates = costates if np.iscomplexobj(states) else np.real(costates)
    return np.reshape(costates, states.shape)


def add_samples(parts, samples):
    """Gradients by the first, the next sample of all steps, (..., steps), as (..., samples)."""
    if len(parts) == 1:
        return parts[0]
    total = np.zeros((*parts[0].shape[:-1], samples), parts[0].dtype)
    for q, part in enumerate(parts):
        total[..., q : q + part.shape[-1]] += part
    return total


def chain_solver(propagators):
    """``solve(sources, transposed)`` runs states through the chain, or costates backwards.

    Propagators have shape (members, steps, d, d), sources and result (members, steps + 1, d,
    columns): initial states at index 0 and whatever is added later; or, transposed (not
    conjugated), costates, from the end to the beginning.
    """
    members, steps, d, _ = propagators.shape
    # LAPACK wants entry (i, j) of the matrix at [j, i - j], and here i - j = d + row - column.
    band = np.zeros((members, steps + 1, d, 2 * d), propagators.dtype)
    for row, column in product(range(d), range(d)):
        entry = band[:, :-1, column, d + row - column]
        np.negative(propagators[:, :, row, column], out=entry)
    matrix = band.reshape(-1, 2 * d).T

    def solve(sources, transposed=False):
        dtype = np.result_type(matrix, sources)
        tbtrs = ztbtrs if dtype.kind == "c" else dtbtrs
        right = sources.astype(dtype, order="C").reshape(-1, sources.shape[-1])
        trans = "T" if transposed else "N"
        x, _ = tbtrs(matrix, right, uplo="L", trans=trans, diag="U", overwrite_b=True)
        return x.reshape(sources.shape)

    return solve
