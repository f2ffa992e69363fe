r"""States that are held all the way, on the one forward pass of the spinors.

The cost is the mean of :math:`a + q\cdot M_n` over the ends of the steps, with the weights
:math:`h_n` of the trapezoidal rule.  A small turn m before step j changes all states from then on;
with what the start sees of q, :math:`c_n = R(F_n)^{\mathsf T} q`, the cost changes by
:math:`E_j\cdot m`, :eq:`eq-spinor-hold`,

.. math:: E_j = M_0 \times V_j, \qquad V_j = \sum_{n\ge j} h_n c_n,

one cumulative sum from the end to the beginning.  The second derivatives are such sums, too.
"""

from dataclasses import replace

import numpy as np

from .quaternions import rotate_back, unfold
from .spinors import cross_matrices


def with_holds(end, path, start, cost):
    """The fidelity ``end`` of a path, :class:`Tangents`, less a linear running cost.

    Its slopes, (steps, 3, members), differ from step to step; so will its curvatures, but these are
    still those of the end: :func:`with_hold_curvatures`.  ``start`` is :math:`M_0`, (3,).
    """
    pulls = _pulls(path, cost)
    mean = cost.constant + start @ cost.linear / (2 * len(pulls)) + start @ pulls[0]
    slopes = end.slopes - cross_matrices(start) @ pulls
    return replace(end, values=end.values - mean, slopes=slopes)


def with_hold_curvatures(fidelity, path, start, cost):
    r"""With curvatures of every step, :math:`A + (M_0\cdot V_j)\,E - V_jM_0^{\mathsf T}`."""
    bent = _less_than_trace(np.einsum("nik,l->nilk", _pulls(path, cost), start))
    return replace(fidelity, curvatures=fidelity.curvatures + bent)


def gauss_newton_of_holds(path, cost, weights, every=1):
    r"""What the cost adds to the Gauss-Newton matrix of the mean infidelity, (steps, steps).

    :math:`\sum_k\omega_k\, m_i\cdot B_j\,m_j` for :math:`i \le j`, with
    :math:`B_j = \sum_{n\ge j} h_n\,(c_n^2\,E - c_nc_n^{\mathsf T})/|q|`, of the residuals
    :math:`c_n/|q| - M_0`: what the start sees of the wanted state, less itself.
    """
    weights, tangents = weights[::every] / weights[::every].sum(), path.tangents[..., ::every]
    seen, steps = _seen(path, cost.linear)[..., ::every], len(tangents)
    squares = _less_than_trace(later(np.einsum("nik,njk->nijk", seen, seen / steps)))
    bent = np.einsum("nijk,njk->nik", squares, tangents) / np.linalg.norm(cost.linear)
    full = (weights * tangents).reshape(steps, -1) @ bent.reshape(steps, -1).T
    return np.triu(full) + np.triu(full, 1).T


def _pulls(path, cost):
    """:math:`V_j`, (steps, 3, members)."""
    return later(_seen(path, cost.linear / (len(path.poles) - 1)))


def _seen(path, vector):
    """What the start sees of a vector at the ends of the steps, (steps, 3, members)."""
    turned = rotate_back(path.running, vector[:, None, None, None])
    return unfold(turned, len(path.poles) - 1).swapaxes(0, 1)


def later(terms):
    """Trapezoidal sums over this and all later steps, which come first; the terms are used up."""
    terms[-1] /= 2
    return np.cumsum(terms[::-1], axis=0)[::-1]


def _less_than_trace(matrices):
    """The trace times the unit matrix, less the matrix, of (steps, 3, 3, members)."""
    return np.eye(3)[..., None] * np.einsum("niik->nk", matrices)[:, None, None] - matrices
