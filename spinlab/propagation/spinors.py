r"""One spin under a phase-modulated pulse: value, Jacobian and Hessian from one forward pass.

Every step of a pulse of constant amplitude is the same rotation X, turned by its phase,
:math:`P_n = Z(\varphi_n)\,X\,Z(-\varphi_n)`.  So a change of a phase inserts a small turn about z
before and after the step.  Carried back to the start by :math:`F_n = P_n\cdots P_1`,
:eq:`eq-spinor`,

.. math:: \delta F_N = -\tfrac i2\,F_N\,(m_n\cdot\sigma)\,\delta\varphi_n, \qquad
          m_n = v_n - v_{n-1}, \quad v_n = R(F_n)^{\mathsf T} z .

The tangents :math:`m_n` hold all derivatives of all members: of the propagator and of any state,
first and second, and there is no backward pass.
"""

from dataclasses import dataclass
from reprlib import repr as brief

import numpy as np

from ..inputs import arrays, choice, finite_array, require
from . import quaternions
from .quaternions import fold, prefix_products, product, rotate_back, step_quaternions, unfold


@dataclass(frozen=True)
class Tangents:
    r"""Propagators of all members, and what a change of any phase does to them.

    Parameters
    ----------
    final : ndarray, (4, members)
        :math:`F_N` as unit quaternions.
    poles : ndarray, (steps + 1, 3, members)
        :math:`v_0, \dots, v_N`.
    running : ndarray, (4, within, blocks, members)
        :math:`F_1, \dots, F_N`, folded, :func:`spinlab.propagation.quaternions.fold`.
    stretch : ndarray, (3, members), or None
        :math:`m_T`, where it was asked for: the tangent by the logarithm of the duration.
    """

    final: np.ndarray
    poles: np.ndarray
    running: np.ndarray
    stretch: np.ndarray | None = None

    @property
    def tangents(self):
        """:math:`m_n`, ndarray, (steps, 3, members)."""
        return np.diff(self.poles, axis=0)


def propagate_phase(phase, offset_hz, b1_scale, rf_hz, dt, stretch=False):
    r"""Propagators of all members under a pulse of amplitude 1, with their :class:`Tangents`.

    The phase, (steps,), is in rad; ``offset_hz`` and ``b1_scale`` have shape (members,).  With
    ``stretch``, also what a longer pulse does: where all steps grow by the same share, each turns
    on about its own rotation vector :math:`w_n`, seen from the start, :eq:`eq-stretch`,

    .. math:: m_T = \sum_n R(F_n)^{\mathsf T} w_n .
    """
    turn = 2 * np.pi * dt * np.array([rf_hz * b1_scale, 0 * b1_scale, offset_hz])
    scalar, along, _, axial = step_quaternions(turn)
    folded = fold(phase)[..., None]
    steps = np.empty((4, *folded.shape[:2], len(scalar)), np.result_type(folded, scalar))
    steps[0], steps[3] = scalar, axial
    np.multiply(np.cos(folded), along, out=steps[1])
    np.multiply(np.sin(folded), along, out=steps[2])
    w, x, y, z = running = prefix_products(steps)
    after = np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)])
    block, k = divmod(len(phase) - 1, len(folded))
    final = running[:, k, block]
    poles = np.empty((len(phase) + 1, 3, len(scalar)), running.dtype)
    poles[0] = [[0.0], [0.0], [1.0]]
    poles[1:] = unfold(after, len(phase)).transpose(1, 0, 2)
    if not stretch:
        return Tangents(final, poles, running)
    vectors = np.cos(folded) * turn[0], np.sin(folded) * turn[0], np.broadcast_to(turn[2], w.shape)
    seen = rotate_back(running, np.stack(vectors))
    return Tangents(final, poles, running, unfold(seen, len(phase)).sum(axis=1))


@dataclass(frozen=True)
class SpinorFidelity:
    r"""A fidelity of every member, and its derivatives by small turns at the start.

    A small turn :math:`m` before everything else changes the fidelity by :math:`e\cdot m`; an early
    turn :math:`m` and a late one :math:`m'` have the second derivative :math:`m\cdot A\,m'`.  The
    residual :math:`r`, with :math:`1 - \eta = |r|^2/2`, changes by :math:`Q m`.

    Parameters
    ----------
    values : ndarray, (members,)
    slopes : ndarray, (3, members)
        :math:`e`.
    curvatures : ndarray, (3, 3, members)
        :math:`A`.
    residuals : ndarray, (m, members)
    turns : ndarray, (m, 3, members)
        :math:`K`.
    """

    values: np.ndarray
    slopes: np.ndarray
    curvatures: np.ndarray
    residuals: np.ndarray
    turns: np.ndarray


def universal_fidelity(final, target):
    r"""Overlap of propagators, :math:`\eta = \tfrac12\operatorname{Re\,tr}U_t^\dagger F_N`.

    Sign-sensitive: a propagator of the opposite sign turns all states equally, and has -1.
    :eq:`eq-universal`; with :math:`U_t^\dagger F_N = g_0 - i\,g\cdot\sigma`: :math:`\eta = g_0`,
    :math:`e = -g/2`, :math:`A = -\tfrac14(g_0 E + [g]_\times)`.  ``final``, (4, members), and
    ``target``, (4,), are unit quaternions.
    """
    g = product((target * [1, -1, -1, -1])[:, None], final)
    spread = g[0] * np.eye(3)[..., None] + cross_matrices(g[1:])
    residuals = g - np.eye(4)[0][:, None]
    turns = np.concatenate([-g[None, 1:], spread]) / 2
    return SpinorFidelity(g[0], -g[1:] / 2, -spread / 4, residuals, turns)


def rotation_fidelity(final, target):
    r"""Overlap of rotations, :math:`f = \operatorname{tr}(R_C^{\mathsf T}R_N)/3 = (4\eta^2 - 1)/3`.

    Sign-free; parameters as in :func:`universal_fidelity`.
    """
    u = universal_fidelity(final, target)
    square = u.slopes[:, None] * u.slopes[None]
    root = np.sqrt(8 / 3)
    return SpinorFidelity((4 * u.values**2 - 1) / 3, 8 / 3 * u.values * u.slopes,
                          8 / 3 * (u.values * u.curvatures + square),
                          root * u.residuals[1:], root * u.turns[1:])


def transfer_fidelity(final, start, target):
    r"""Overlap of one state with its target, :math:`\eta = M_0\cdot c`, and its derivatives.

    With :math:`c = R_N^{\mathsf T}C`: :math:`e = M_0\times c`, :math:`Am' = M_0\times(c\times m')`.
    ``final`` are unit quaternions, (4, members); ``start`` and ``target``, (3,), have length 1.
    """
    c = rotate_back(final, target[:, None])
    start = np.broadcast_to(start[:, None], c.shape)
    spin, goal = cross_matrices(start), cross_matrices(c)
    curvatures = np.einsum("ijk,jlk->ilk", spin, goal)
    slopes = np.einsum("ijk,jk->ik", spin, c)
    return SpinorFidelity(np.sum(start * c, axis=0), slopes, curvatures, c - start, goal)


def cross_matrices(v):
    """Matrices of the cross product with v, (3, 3, members)."""
    return quaternions.CROSS @ v


def gradient_of_mean(tangents, fidelity, weights):
    """Gradient of the weighted mean fidelity by the phases, (steps,): one product."""
    if fidelity.slopes.ndim == 3:  # a running cost has slopes for every step
        return np.einsum("nik,nik->n", tangents, weights * fidelity.slopes)
    return tangents.reshape(len(tangents), -1) @ (weights * fidelity.slopes).ravel()


def member_gradients(tangents, fidelity):
    """Gradient of every member's fidelity, (members, steps)."""
    slopes = np.broadcast_to(fidelity.slopes, tangents.shape)
    return np.einsum("nik,nik->kn", tangents, slopes)


def hessian_of_mean(poles, fidelity, weights):
    r"""Exact Hessian of the weighted mean fidelity by the phases, (steps, steps).

    :math:`H_{ij} = \sum_k \omega_k\, m_i\cdot A\,m_j` for :math:`i < j`,
    :eq:`eq-spinor-hessian`; on the diagonal both turns of the one step, in their order.
    """
    early, late = poles[:-1], poles[1:]
    tangents = late - early
    steps = len(tangents)
    A = weights * fidelity.curvatures

    def bend(vectors):
        return np.einsum("ijk,njk->nik" if A.ndim == 3 else "nijk,njk->nik", A, vectors)

    full = tangents.reshape(steps, -1) @ bend(tangents).reshape(steps, -1).T
    upper = np.triu(full, 1)
    diagonal = np.einsum("nik,nik->n", late - 2 * early, bend(late))
    diagonal += np.einsum("nik,nik->n", early, bend(early))
    return upper + upper.T + np.diag(diagonal)


def gauss_newton_of_mean(tangents, fidelity, weights, every=1):
    r"""Curvature of the tangent residuals, :math:`\sum_k\omega_k J_k^{\mathsf T}J_k`.

    The (steps, steps) Gauss-Newton matrix of the mean infidelity, :eq:`eq-tangent-residuals`.
    With ``every`` larger than 1, from every so-manyth member.
    """
    weights = weights[::every] / weights[::every].sum()
    turns = np.sqrt(weights) * fidelity.turns[..., ::every]
    turned = np.einsum("rik,nik->nrk", turns, tangents[..., ::every]).reshape(len(tangents), -1)
    return turned @ turned.T


def residual_jacobian(tangents, fidelity):
    """Residuals of all members, (m*members,), and their Jacobian, (m*members, steps)."""
    turned = np.einsum("rik,nik->rkn", fidelity.turns, tangents)
    return fidelity.residuals.ravel(), turned.reshape(-1, len(tangents))


def spinor_target(target):
    """A 2 x 2 propagator as a unit quaternion, if it is a rotation of a spin 1/2.

    Examples
    --------
    >>> spinor_target(np.array([[1, 1j], [1j, 1]]) / np.sqrt(2)).round(4) + 0  # about -x
    array([ 0.7071, -0.7071,  0.    ,  0.    ])
    """
    matrix = finite_array("target", target, complex)
    unitary = matrix.shape == (2, 2) and np.allclose(matrix @ matrix.conj().T, np.eye(2))
    require(unitary and np.isclose(np.linalg.det(matrix), 1),
            "The target must be a rotation of a spin 1/2, a unitary 2 x 2 matrix of determinant 1, "
            f"not {brief(matrix.tolist())}; spinlab.turn(angle, axis) makes one.")
    (a, b), _ = matrix
    return np.array([a.real, -b.imag, -b.real, -a.imag])


def turn(angle_rad, axis="x"):
    r"""Propagator :math:`e^{-i\theta\,n\cdot I}` of a turn, (2, 2): for a universal rotation.

    Parameters
    ----------
    angle_rad : float
    axis : {"x", "y", "z"} or array_like, (3,)

    Examples
    --------
    >>> np.allclose(turn(np.pi, "x"), [[0, -1j], [-1j, 0]])
    True
    """
    if isinstance(axis, str):
        axis = np.eye(3)["xyz".index(choice("axis", axis, ("x", "y", "z")))]
    angle, axis = arrays("angle_rad: (rad); axis: 3", angle_rad=angle_rad, axis=axis)
    require(axis.any(), "axis is zero; give a direction, such as (1, 0, 0).")
    w, x, y, z = step_quaternions(angle / np.linalg.norm(axis) * axis)
    return np.array([[w - 1j * z, -y - 1j * x], [y - 1j * x, w + 1j * z]])
