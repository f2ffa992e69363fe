"""From the infidelities of all members to the one number that becomes small.

An aggregate takes infidelities and weights, (members,), and returns the number and its derivative
by every infidelity, (members,): how much a member's gradient counts.  To add one, write such a
function and a line in :data:`AGGREGATES`.
"""

from __future__ import annotations

import numpy as np

from ..inputs import positive


def mean(infidelities, weights):
    r"""Weighted mean, :math:`\sum_k \omega_k e_k`."""
    return weights @ infidelities, weights


def worst(infidelities, weights):
    """Largest infidelity; its slope is a subgradient: the worst member counts alone."""
    k = np.argmax(infidelities)
    return infidelities[k], np.eye(len(infidelities))[k]


def smooth_worst(infidelities, weights, sharpness=300.0):
    r"""Smooth worst case, :math:`\frac1s\log\sum_k\omega_k e^{s e_k}`, :eq:`eq-smooth-worst`.

    Between the mean (:math:`s \to 0`) and the largest (:math:`s \to \infty`).

    Examples
    --------
    >>> value, slopes = smooth_worst(np.array([0.01, 0.05]), np.array([0.5, 0.5]))
    >>> round(float(value), 4), slopes.round(4)
    (0.0477, array([0., 1.]))
    """
    positive("sharpness", sharpness)
    top = infidelities.max()  # out of the exponent, or it overflows
    shares = weights * np.exp(sharpness * (infidelities - top))
    return top + np.log(shares.sum()) / sharpness, shares / shares.sum()


def tail(infidelities, weights, share=0.1):
    """Mean over the worst members that make up a share of the weight, :eq:`eq-tail`.

    What lies beyond a quantile, rather than the quantile itself, which knows but one member.

    Examples
    --------
    >>> value, slopes = tail(np.array([0.1, 0.3, 0.2, 0.0]), np.full(4, 0.25), share=0.5)
    >>> float(value), slopes
    (0.25, array([0. , 0.5, 0.5, 0. ]))
    """
    if positive("share", share) > 1:
        raise ValueError(f"share must be at most 1, but {share!r} arrived.")
    order = np.argsort(-infidelities, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    slopes = np.empty_like(weights)
    slopes[order] = np.clip(share - before, 0, weights[order]) / share
    return slopes @ infidelities, slopes


#: name: function(infidelities, weights) -> (value, slopes)
AGGREGATES = {"mean": mean, "worst": worst, "smooth-worst": smooth_worst, "tail": tail}
