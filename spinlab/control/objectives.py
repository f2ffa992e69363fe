r"""Objectives: a value and its costate, always together; and what is added up over members.

An objective is a function of the final states that returns

* ``values``: one number per member (larger is better), and
* ``costates``: :math:`\partial f/\partial\rho_N`, of the shape of the final states,

so that nobody can mismatch them.  To add one, write such a function and a line in
:data:`OBJECTIVES`.  One that treats members differently has a method ``member(index)``.

An aggregate makes of the infidelities of all members the one number that becomes small.  It takes
infidelities and weights, (members,), and returns the number and its derivative by every infidelity,
(members,): how much a member's gradient counts.  To add one, write such a function and a line in
:data:`AGGREGATES`.
"""

from dataclasses import dataclass

import numpy as np

from ..inputs import arrays, choice, require


def transfer(target):
    r"""Overlap with a target state, :eq:`eq-fidelity`.

    .. math:: f = \operatorname{Re}\langle C|\rho_N\rangle

    Parameters
    ----------
    target : array_like, (d,)
        :math:`C`; it is normalised to length 1, so that a state of length 1 reaches at most 1.

    Returns
    -------
    callable
        ``objective(final)`` for ``final`` of shape (..., d).

    Examples
    --------
    >>> value, costate = transfer([2.0, 0, 0])(np.array([0.6, 0.8, 0]))
    >>> float(value), costate
    (0.6, array([1., 0., 0.]))
    """
    target = arrays("target: complex d", target=target)
    require(np.any(target), "The target is zero; name a state that can be reached.")
    return _overlap(target / np.linalg.norm(target))


def subspace(targets):
    r"""Weight in a subspace, :math:`f = \sum_j \langle C_j|\rho_N\rangle^2`, :eq:`eq-subspace`.

    With ``Ix`` and ``Iy`` this is transverse magnetisation of whatever phase.  The ``targets``, (d,
    columns), are real, orthonormal columns :math:`C_j`.
    """
    targets = arrays("target: complex d columns", target=targets)
    unit = not np.iscomplexobj(targets) and np.allclose(targets.T @ targets, np.eye(len(targets.T)))
    require(unit, "The target states of a subspace must be real and orthonormal columns.")

    def objective(final):
        _require_fit(final, targets.shape[:1])
        overlaps = final @ targets
        return np.sum(overlaps**2, axis=-1), 2 * overlaps @ targets.T

    return objective


def magnitude(targets):
    r"""Length of the projection onto a subspace, :eq:`eq-magnitude`.

    .. math:: f = \sqrt{\textstyle\sum_j \langle C_j|\rho_N\rangle^2}

    With ``Ix`` and ``Iy`` this is :math:`|M_{xy}|`, whatever phase each member has: 1 at best, and
    linear in the signal, where :func:`subspace` has its square.  Parameters as in :func:`subspace`.
    """
    weight = subspace(targets)

    def objective(final):
        squares, costates = weight(final)
        lengths = np.sqrt(squares)
        # Where nothing is projected, the length has no derivative; 0 is one of its subgradients.
        scale = np.divide(0.5, lengths, out=np.zeros_like(lengths), where=lengths != 0)
        return lengths, scale[..., None] * costates

    return objective


@dataclass(frozen=True)
class LinearPhase:
    r"""Overlap with a target that differs between members, such as in a phase linear in the offset.

    .. math:: f_k = \langle C_k|\rho_{N,k}\rangle, \qquad C_k = e^{\tau A_{0,k}^{\mathsf T}}\,C

    asks for the state that free precession of length :math:`\tau` takes to :math:`C`,
    :eq:`eq-linear-phase`: after a delay :math:`\tau` the members meet.  With a negative
    :math:`\tau` they part: the pulse has the phase of a delay.

    Parameters
    ----------
    targets : ndarray, (members, d)
        Real.
    """

    targets: np.ndarray

    def __call__(self, final):
        """Values and costates of all members."""
        return _overlap(self.targets)(final)

    def member(self, index):
        """The same for some of the members."""
        return LinearPhase(self.targets[index])


def rotation(target):
    r"""Overlap of the effective rotation with the one wanted, (d, d), :eq:`eq-rotation-objective`.

    .. math:: f = \operatorname{tr}(R_C^{\mathsf T} R_N)/d

    Start from the unit matrix: its columns are the initial states.
    """
    target = arrays("target: complex d columns", target=target)
    size = len(target)
    square = target.shape == (size, size) and not np.iscomplexobj(target)
    require(square and np.allclose(target.T @ target, np.eye(size)) and np.linalg.det(target) > 0,
            "target must be a rotation: a real, orthogonal matrix; a reflection is out of reach.")
    return _overlap(target / size, axes=(-2, -1))


#: name: function that makes the objective from its target
OBJECTIVES = {
    "transfer": transfer, "subspace": subspace, "magnitude": magnitude, "rotation": rotation,
}  # fmt: skip


def _overlap(target, axes=-1):
    """The objective that adds up target times final states; its costate is the target."""

    def objective(final):
        _require_fit(final, target.shape)
        values = np.sum(np.conj(target) * final, axis=axes)
        values = values.real if np.iscomplexobj(target) else values
        return values, np.broadcast_to(target, np.shape(final))

    return objective


def _require_fit(final, shape):
    fits, asked = np.shape(final)[-len(shape):] == shape, ", ".join(map(str, shape))
    require(fits, f"The final states have shape {np.shape(final)}, but this target asks for (..., "
                  f"{asked}).")  # fmt: skip


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
    arrays("sharpness: > 0", sharpness=sharpness)
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
    share = arrays("share: > 0 <= 1", share=share)
    order = np.argsort(-infidelities, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    slopes = np.empty_like(weights)
    slopes[order] = np.clip(share - before, 0, weights[order]) / share
    return slopes @ infidelities, slopes


#: name: function(infidelities, weights) -> (value, slopes)
AGGREGATES = {"mean": mean, "worst": worst, "smooth-worst": smooth_worst, "tail": tail}


def find_aggregate(aggregate):
    """The function of a name of :data:`AGGREGATES`; a function passes."""
    if callable(aggregate):
        return aggregate
    return AGGREGATES[choice("aggregate", aggregate, AGGREGATES)]
