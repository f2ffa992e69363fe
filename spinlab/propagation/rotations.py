r"""One spin without relaxation: every step is a rotation in closed form.

With :math:`w = h\,\omega` and :math:`\theta = |w|` the step is Rodrigues's rotation

.. math:: R\rho = \cos\theta\,\rho + a\,w\times\rho + b\,w\,(w\cdot\rho), \qquad
          a = \frac{\sin\theta}{\theta},\; b = \frac{1-\cos\theta}{\theta^2}.

The costate enters the gradient only through :math:`x_n = \rho_n \times \lambda_n`, which is turned
by the same rotations, :eq:`eq-cross-costate`.  Few members go through time as one triangular band,
:func:`linearise`.  For many, :func:`linearise_final` folds the time axis, so that Python's own cost
of a step is shared by members and blocks of steps; nothing is stored, for with :math:`F_n = R_n
\cdots R_1` every :math:`x_n` is one vector per member, turned:
:math:`x_n = F_n F_N^{\mathsf T}(\rho_N \times \lambda_N)`.
"""

from functools import partial
from math import factorial

import numpy as np
from numpy.polynomial import chebyshev

from ..inputs import require
from . import quaternions
from .adjoint import Linearisation, add_samples, chain_solver
from .quaternions import CYCLIC, cross, fold, rotate, rotate_back, scan, step_quaternions, unfold

#: Power series in ``theta**2`` of a, b and c of :func:`rotation_coefficients`: up to 1 rad, nine
#: terms are exact to rounding.
SERIES = np.array([[(-1) ** k / factorial(2 * k + m) for k in range(9)] for m in (1, 2, 3)])


def rotation_axes(generator):
    """Angular velocities whose cross products are drift and control operators.

    For a generator with a member axis: (members, 1 + controls, 3), in rad/s.

    Raises
    ------
    ValueError
        The generator is not that of one spin without relaxation.
    """
    matrices = np.concatenate([generator.drift[:, None], generator.controls], axis=1)
    symmetric = np.abs(matrices + matrices.swapaxes(-1, -2)).max()
    require(generator.dimension == 3 and symmetric <= 1e-12 * np.abs(matrices).max(),
            "A closed-form rotation needs one spin without relaxation, in the product basis, but "
            f"another {matrices.shape[-2:]} generator arrived; use 'grape' or a 'fem-...' method.")
    return matrices[..., [2, 0, 1], [1, 2, 0]]


def components_first(array):
    """Move the last axis to the front without copying; much cheaper than ``numpy.moveaxis``."""
    return array.transpose(-1, *range(array.ndim - 1))


def components_last(array):
    """Move the first axis to the end."""
    return array.transpose(*range(1, array.ndim), 0)


def rotation_coefficients(w):
    """``cos``, ``a``, ``b`` of Rodrigues's formula and ``c = (theta - sin)/theta**3``.

    For rotation vectors (..., 3) in rad, which may be complex, four arrays (...).
    """
    components = components_first(w)
    q = np.asarray(_dot(components, components))
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


def rotation_matrices(w, coefficients=None):
    """Rodrigues's rotation matrices, (..., 3, 3), of rotation vectors ``w``, (..., 3).

    With ``coefficients`` from :func:`rotation_coefficients`, where they are known already.

    Examples
    --------
    >>> rotation_matrices(np.array([0, 0, np.pi / 2])).round(12)
    array([[ 0., -1.,  0.],
           [ 1.,  0.,  0.],
           [ 0.,  0.,  1.]])
    """
    cosine, a, b, _ = rotation_coefficients(w) if coefficients is None else coefficients
    components = components_first(w)
    matrices = (b * components)[:, None] * components
    turn = a * components
    for i, j, k in CYCLIC:
        diagonal, above, below = matrices[i, i, ...], matrices[i, j, ...], matrices[j, i, ...]
        diagonal += cosine
        above -= turn[k]
        below += turn[k]
    return components_last(components_last(matrices))


def effective_rotation(left, right=None):
    r"""Rotation vector, (3, ...), of a step whose angular velocity is constant, or runs linearly.

    .. math:: w = \tfrac12 (w_a + w_b) - \tfrac1{12}\, w_a \times w_b

    Order 4 in the step, :eq:`eq-magnus`.
    """
    return left if right is None else (left + right) / 2 - cross(left, right) / 12


def _at_ends(gradient, left, right=None):
    """Its transposed derivative: what a gradient by the vector means for the velocities."""
    if right is None:
        return (gradient,)
    half = gradient / 2
    return half - cross(right, gradient) / 12, half - cross(gradient, left) / 12


def by_rotation_vector(w, x, a, b, c):
    """Gradient by the vector of a step, ``a x - b w x x + c w (w.x)``, of x behind the step."""
    gradient = cross(x, w)
    gradient *= b
    gradient += a * x
    along = _dot(w, x)
    along *= c
    gradient += along * w
    return gradient


def _dot(left, right):
    return left[0] * right[0] + left[1] * right[1] + left[2] * right[2]


def prepare(generator, dt, rho0, control="constant"):
    """Trajectory by closed-form rotations as a function of the waveform: a row of ``METHODS``."""
    return partial(linearise, dt * rotation_axes(generator), rho0, control)


def linearise(axes, rho0, control, waveform):
    """Trajectory of all members, with its derivative.

    The ``axes``, (members, 1 + controls, 3), are those of :func:`rotation_axes` times dt; ``rho0``
    has shape (3, columns).
    """
    controls, samples = axes[:, 1:].transpose(2, 0, 1), waveform.shape[1]
    # Vectors come component by component, (3, members, samples): NumPy's inner loops run over time.
    velocity = controls @ waveform + axes[:, 0].T[..., None]
    ends = (velocity,) if control == "constant" else (velocity[..., :-1], velocity[..., 1:])
    w = effective_rotation(*ends)
    coefficients = rotation_coefficients(components_last(w))
    a, b, c = coefficients[1:]
    solve = chain_solver(rotation_matrices(components_last(w), coefficients))
    start = np.zeros((w.shape[1], w.shape[2] + 1, *rho0.shape), np.result_type(w, rho0))
    start[:, 0] = rho0
    states = solve(start)

    def torque(states, costates):  # (..., 3)
        pairs = ((states[..., s], costates[..., s].conj()) for s in range(rho0.shape[1]))
        total = sum(cross(*(components_first(one) for one in pair)) for pair in pairs)
        return components_last(total)

    def pullback(costates):
        return by_torques(torque(states, costates))

    def pullback_final(costates):
        last = torque(states[:, -1], costates)
        torques = np.zeros(states.shape[:-1], last.dtype)
        torques[:, -1] = last
        return by_torques(torques)

    def by_torques(torques):
        x = solve(torques[..., None], transposed=True)[:, 1:, :, 0]
        gradient = by_rotation_vector(w, x.transpose(2, 0, 1).copy(), a, b, c)
        gradient = add_samples(_at_ends(gradient, *ends), samples)
        return (axes[:, 1:] @ gradient.swapaxes(0, 1)).real

    def pushforward(direction):
        change = controls @ direction
        if control == "linear":
            (left, right), (da, db) = ends, (change[..., :-1], change[..., 1:])
            change = (da + db) / 2 - (cross(da, right) + cross(left, db)) / 12
        turn = a * change + b * cross(w, change) + c * _dot(w, change) * w
        source = np.zeros_like(states)
        source[:, 1:] = np.moveaxis(cross(turn[..., None], np.moveaxis(states[:, 1:], 2, 0)), 0, 2)
        return solve(source)

    return Linearisation(states, pullback, pushforward, pullback_final)


def prepare_final(generator, dt, rho0, control="constant"):
    """Final states of many members, as a function of the waveform: :func:`linearise_final`."""
    axes = dt * rotation_axes(generator).transpose(2, 1, 0)  # (3, 1 + controls, members)
    polynomials = angle_polynomials(axes) if control == "constant" else None
    return partial(linearise_final, np.ascontiguousarray(axes), polynomials, rho0, control)


def angle_polynomials(axes, degree=7):
    r"""What a step needs of its angle, as polynomials of its :math:`x = |u|^2`, for all members.

    Where the drift is at right angles to equal controls, as an offset is to RF,
    :math:`\theta^2 = |w_0|^2 + x\,|w_1|^2`: a small matrix product over all steps and members then
    replaces nine passes over the memory.

    Returns
    -------
    ndarray, (5, degree + 1, members), or None
        Chebyshev coefficients over 0 <= x <= 2 of ``1 - cos(theta/2)``, ``sin(theta/2)/theta``, and
        ``a``, ``b``, ``c`` of :func:`rotation_coefficients`; exact to rounding where the controls
        turn by at most 1.4 rad at x = 1.  None where they turn further, or not at right angles.
    """
    gram = np.einsum("iam,ibm->mab", axes, axes)
    w0, w1 = gram[:, 0, 0], gram[:, 1, 1]
    apart = np.eye(gram.shape[1]) * w1[:, None, None]
    apart[:, 0, 0] = w0
    if np.any(np.abs(gram - apart) > 1e-15 * gram.max()) or w1.max() > 2:
        return None
    nodes = chebyshev.chebpts1(degree + 1)
    square = w0 + (1 + nodes[:, None]) * w1
    cosine, sine = quaternions.half_angles(square)
    _, *abc = rotation_coefficients(np.sqrt(square)[..., None] * [1.0, 0, 0])
    return np.linalg.solve(chebyshev.chebvander(nodes, degree), np.stack([1 - cosine, sine, *abc]))


def linearise_final(axes, polynomials, rho0, control, waveform):
    """Final states of many members by running quaternions, and the derivative backwards.

    Parameters as in :func:`linearise`, but that the axes have their own axes in reverse order; and
    what :func:`angle_polynomials` returns.

    Returns
    -------
    final : ndarray, (members, 3, columns)
    pullback : callable
        ``pullback(costates, weights=None)`` maps costates of the shape of ``final`` to the
        gradients, (members, controls, samples); with weights, (members,), to their weighted sum,
        (controls, samples).
    """
    ends = (waveform,) if control == "constant" else (waveform[:, :-1], waveform[:, 1:])
    steps = ends[0].shape[1]
    # The drift is one more control, which is always 1; what fills up the fold does not turn.
    folded = [fold(np.vstack([np.ones(steps), end])).transpose(1, 2, 0).copy() for end in ends]
    within = range(len(folded[0]))

    def velocities(k):
        """At the ends of the k-th steps of all blocks, times dt: arrays (3, blocks, members)."""
        return [controls[k] @ axes for controls in folded]

    x = (waveform**2).sum(axis=0)
    if shared := polynomials is not None and x.real.max() <= 2:
        # What fills up the fold is 0 in each polynomial: 1 - cos = 0.
        powers = fold(chebyshev.chebvander(x - 1, polynomials.shape[1] - 1).T)
        powers = powers.transpose(1, 2, 0).copy()  # (within, blocks, degree + 1)
        halves, others = polynomials[:2], polynomials[2:]

    def step(k):
        w = effective_rotation(*velocities(k))
        if not shared:
            return step_quaternions(w)
        versine, sine = powers[k] @ halves
        quaternions = np.empty((4, *versine.shape), versine.dtype)
        np.subtract(1, versine, out=quaternions[0])
        np.multiply(sine, w, out=quaternions[1:])
        return quaternions

    local, before = scan(map(step, within))
    final = rotate(before[:, -1, :, None], rho0[:, None])

    def pullback(costates, weights=None):
        x = cross(final, costates.conj().transpose(1, 0, 2)).sum(axis=-1)
        starts = rotate(before[:, :-1], rotate_back(before[:, -1], x)[:, None])
        reach = axes[:, 1:] if weights is None else (axes[:, 1:] * weights).swapaxes(1, 2).copy()
        at_ends = [[] for _ in ends]
        for k in within:
            both = velocities(k)
            w = effective_rotation(*both)
            abc = powers[k] @ others if shared else rotation_coefficients(components_last(w))[1:]
            gradient = by_rotation_vector(w, rotate(local[k], starts), *abc)
            for rows, part in zip(at_ends, _at_ends(gradient, *both), strict=True):
                if weights is None:
                    rows.append(np.einsum("ibm,icm->cbm", part, reach))
                else:
                    rows.append((part @ reach).sum(axis=0).T)
        gradients = [unfold(np.stack(rows, axis=1), steps).real for rows in at_ends]
        # (controls, steps[, members]): the time axis goes last, the members first.
        total = add_samples([part.swapaxes(1, -1) for part in gradients], waveform.shape[1])
        return total if weights is not None else total.swapaxes(0, 1)

    return final.transpose(1, 0, 2), pullback
