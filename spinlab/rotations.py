r"""One spin without relaxation: every step is a rotation in closed form.

With :math:`w = h\,\omega` and :math:`\theta = |w|` the step is Rodrigues's rotation

.. math:: R\rho = \cos\theta\,\rho + a\,w\times\rho + b\,w\,(w\cdot\rho), \qquad
          a = \frac{\sin\theta}{\theta},\; b = \frac{1-\cos\theta}{\theta^2}.

The costate enters the gradient only through :math:`x_n = \rho_n \times \lambda_n`, which is turned
by the same rotations, :eq:`eq-cross-costate`.  All rotations go into one triangular band, and
LAPACK's ``tbtrs`` runs through time.
"""

from __future__ import annotations

from math import factorial

import numpy as np

from .chain import chain_solver
from .linearisation import Linearisation

#: Axes in cyclic order.
CYCLIC = ((0, 1, 2), (1, 2, 0), (2, 0, 1))

#: Power series in ``theta**2`` of a, b and c of :func:`rotation_coefficients`: up to 1 rad, nine
#: terms are exact to rounding.
SERIES = np.array([[(-1) ** k / factorial(2 * k + m) for k in range(9)] for m in (1, 2, 3)])


def rotation_axes(generator):
    r"""Angular velocities whose cross products are the drift and the control operators.

    Parameters
    ----------
    generator : Generator
        With a member axis.

    Returns
    -------
    ndarray, (members, 1 + controls, 3)
        In rad/s.

    Raises
    ------
    ValueError
        The generator is not that of one spin without relaxation.
    """
    matrices = np.concatenate([generator.drift[:, None], generator.controls], axis=1)
    symmetric = np.abs(matrices + matrices.swapaxes(-1, -2)).max()
    if generator.dimension != 3 or symmetric > 1e-12 * np.abs(matrices).max():
        raise ValueError(
            "A closed-form rotation needs one spin without relaxation, in the product basis "
            f"(a real antisymmetric 3 x 3 generator); this one is {generator.dimension} x "
            f"{generator.dimension}. Use method='grape' or a 'fem-...' method instead."
        )
    return matrices[..., [2, 0, 1], [1, 2, 0]]


def rotation_coefficients(w):
    r"""``cos``, ``a``, ``b`` of Rodrigues's formula and ``c = (theta - sin)/theta**3``.

    Parameters
    ----------
    w : ndarray, (..., 3)
        Rotation vectors, rad.  May be complex (for the complex step).

    Returns
    -------
    tuple of ndarray, (...)
    """
    q = np.asarray(_dot(w, w))
    # Close to zero the closed forms lose digits; up to 1 rad the series has them all, and is fast.
    powers, flat = np.ones((SERIES.shape[1], q.size), q.dtype), q.ravel()
    for k in range(1, len(powers)):
        np.multiply(powers[k - 1], flat, out=powers[k])
    values = (SERIES @ powers).reshape(3, *q.shape)
    large = np.abs(q) > 1
    if large.any():
        theta = np.sqrt(q[large])
        sine = np.sin(theta)
        versine = 2 * np.sin(theta / 2) ** 2
        values[:, large] = sine / theta, versine / theta**2, (theta - sine) / theta**3
    a, b, c = values
    return 1 - q * b, a, b, c


def components_last(array):
    """Move the first axis to the end, without copying.

    The vectors of this module have shape (..., 3) but lie in memory component by component, so that
    NumPy's inner loops run over the many steps and not over three numbers.
    """
    return array.transpose(*range(1, array.ndim), 0)


def _dot(left, right):
    x, y, z = (left[..., i] * right[..., i] for i in range(3))
    return x + y + z


def cross(left, right):
    """Cross product along the last axis; several times faster than ``numpy.cross``."""
    shape = np.broadcast_shapes(left.shape, right.shape)
    product = np.empty((3, *shape[:-1]), np.result_type(left, right))
    for i, j, k in CYCLIC:
        product[i] = left[..., j] * right[..., k] - left[..., k] * right[..., j]
    return components_last(product)


def rotation_matrices(w, coefficients=None):
    """Rodrigues's rotation matrices.

    Parameters
    ----------
    w : ndarray, (..., 3)
    coefficients : tuple, optional
        From :func:`rotation_coefficients`, where they are known already.

    Returns
    -------
    ndarray, (..., 3, 3)

    Examples
    --------
    >>> rotation_matrices(np.array([0, 0, np.pi / 2])).round(12)
    array([[ 0., -1.,  0.],
           [ 1.,  0.,  0.],
           [ 0.,  0.,  1.]])
    """
    cosine, a, b, _ = rotation_coefficients(w) if coefficients is None else coefficients
    components = w.transpose(-1, *range(w.ndim - 1))
    matrices = (b * components)[:, None] * components
    turn = a * components
    for i, j, k in CYCLIC:
        diagonal, above, below = matrices[i, i, ...], matrices[i, j, ...], matrices[j, i, ...]
        diagonal += cosine
        above -= turn[k]
        below += turn[k]
    return components_last(components_last(matrices))


def effective_rotation(left, right):
    r"""Rotation vector of a step whose angular velocity runs linearly from one end to the other.

    .. math:: w = \tfrac12 (w_a + w_b) - \tfrac1{12}\, w_a \times w_b

    Order 4 in the step, :eq:`eq-magnus`.
    """
    return (left + right) / 2 - cross(left, right) / 12


def linearise(generator, waveform, dt, rho0, control="constant"):
    """Trajectory by closed-form rotations, with its derivative in both directions.

    Parameters
    ----------
    generator : Generator
        With a member axis, of one spin without relaxation.
    waveform : ndarray, (controls, samples)
    dt : float
    rho0 : ndarray, (3, columns)
    control : {"constant", "linear"}

    Returns
    -------
    Linearisation
    """
    axes = dt * rotation_axes(generator)
    drift, controls = axes[:, 0], axes[:, 1:].transpose(2, 0, 1)
    ends = components_last(controls @ waveform + drift.T[..., None])
    w = ends if control == "constant" else effective_rotation(ends[:, :-1], ends[:, 1:])
    coefficients = rotation_coefficients(w)
    a, b, c = (value[..., None] for value in coefficients[1:])
    solve = chain_solver(rotation_matrices(w, coefficients))
    start = np.zeros((len(w), w.shape[1] + 1, *rho0.shape), np.result_type(w, rho0))
    start[:, 0] = rho0
    states = solve(start)

    def torque(states, costates):
        return sum(cross(states[..., s], costates[..., s].conj()) for s in range(rho0.shape[1]))

    def pullback(costates):
        return by_torques(torque(states, costates))

    def pullback_final(costates):
        last = torque(states[:, -1], costates)
        torques = np.zeros(states.shape[:-1], last.dtype)
        torques[:, -1] = last
        return by_torques(torques)

    def by_torques(torques):
        x = solve(torques[..., None], transposed=True)[:, 1:, :, 0]
        x = components_last(x.transpose(2, 0, 1).copy())
        gradient = a * x - b * cross(w, x) + c * _dot(w, x)[..., None] * w
        if control == "linear":
            left, right = ends[:, :-1], ends[:, 1:]
            gradient = _add_ends(
                gradient / 2 - cross(right, gradient) / 12,
                gradient / 2 - cross(gradient, left) / 12,
            )
        return (axes[:, 1:] @ gradient.swapaxes(1, 2)).real

    def pushforward(direction):
        change = components_last(controls @ direction)
        if control == "linear":
            left, right = ends[:, :-1], ends[:, 1:]
            da, db = change[:, :-1], change[:, 1:]
            change = (da + db) / 2 - (cross(da, right) + cross(left, db)) / 12
        turn = a * change + b * cross(w, change) + c * _dot(w, change)[..., None] * w
        source = np.zeros_like(states)
        source[:, 1:] = _cross_columns(turn[..., None], states[:, 1:])
        return solve(source)

    return Linearisation(states, pullback, pushforward, pullback_final)


def _cross_columns(left, right):
    return cross(left.swapaxes(-1, -2), right.swapaxes(-1, -2)).swapaxes(-1, -2)


def _add_ends(left, right):
    """Contributions of every step to the samples at its two ends, added up."""
    total = np.zeros((left.shape[0], left.shape[1] + 1, left.shape[2]), left.dtype)
    total[:, :-1] += left
    total[:, 1:] += right
    return total
