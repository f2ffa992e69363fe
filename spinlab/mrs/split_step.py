r"""Coupled spins under a shaped pulse, and the exact gradient, fast: the split step.

The Hamiltonian of a step is :math:`H_J + H_Z(u)`: couplings, which no pulse touches, and one
rotation a spin, which is known in closed form.  Strang's splitting keeps them apart,

.. math:: V_k = e^{-iH_Jh/2}\, \Bigl(\bigotimes_i R_i(u_k)\Bigr)\, e^{-iH_Jh/2},

:eq:`eq-split-step`.  :math:`H_J` commutes with rotations common to all spins, so the error, of
second order in the step, comes from the differences of the chemical shifts alone, however strong
the RF is.  Backward, one Hermitian matrix :math:`G` (:eq:`eq-split-adjoint`) is turned by the same
unitaries: no state is stored, and of :math:`G` a step needs only
:math:`\operatorname{Tr}(G I_{i\alpha})`, three numbers a spin.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..inputs import arrays, choice, require
from ..propagation.rotations import by_rotation_vector, components_last, rotation_coefficients

#: name: NumPy type of the matrices.  Single precision is twice as fast.
PRECISIONS = {"double": np.complex128, "single": np.complex64}

#: Numbers (steps x members x d^2) treated at a time: matrices then stay in the cache.
CHUNK = 2**15


@dataclass(frozen=True)
class SplitPulse:
    r"""Density matrix at the end of a shaped pulse, and the way back.

    Parameters
    ----------
    rho : ndarray, (members, d, d)
        Density matrix at the end.
    pullback : callable
        ``pullback(costate)`` takes the ``c`` of
        :math:`df = \operatorname{Re}\operatorname{Tr}(c^\dagger d\rho)`, shaped like ``rho``, to
        the gradient by the waveform, (2, steps), and to the costate at the start.
    """

    rho: np.ndarray
    pullback: Callable


def split_step(coupling, offset, b1_scale, waveform, dt, rho0, precision="double"):
    r"""Propagate density matrices through a shaped pulse by split steps, :eq:`eq-split-step`.

    Parameters
    ----------
    coupling : ndarray, (d, d)
        Coupling Hamiltonian :math:`H_J` alone, real symmetric, rad/s.
    offset : ndarray, (members, spins)
        Offset of every spin from the carrier, the member's own included, rad/s.
    b1_scale : ndarray, (members,)
    waveform : ndarray, (2, steps)
        :math:`\omega_x, \omega_y`, rad/s, one for all members.
    dt : float
        Length of a step, s.
    rho0 : ndarray, (d, d) or (members, d, d)
        Need not be Hermitian: a coherence filter may have been there.
    precision : {"double", "single"}

    Returns
    -------
    SplitPulse

    Examples
    --------
    >>> coupling = 2 * np.pi * 7.0 * np.diag([0.25, -0.25, -0.25, 0.25])
    >>> ones, none = np.ones(1), np.zeros((1, 2))
    >>> hard = np.array([[0.0], [np.pi / 2 / 1e-5]])
    >>> pulse = split_step(coupling, none, ones, hard, 1e-5, np.diag([1.0, 0, 0, -1]))
    >>> pulse.rho[0].real.round(3) + 0.0
    array([[0. , 0.5, 0.5, 0. ],
           [0.5, 0. , 0. , 0.5],
           [0.5, 0. , 0. , 0.5],
           [0. , 0.5, 0.5, 0. ]])
    """
    coupling, offset, b1_scale, waveform, dt, rho0 = arrays(
        "coupling: d d; offset: members spins; b1_scale: members; waveform: 2 steps; "
        "dt: > 0 (seconds); rho0: complex members? d d",
        coupling=coupling, offset=offset, b1_scale=b1_scale, waveform=waveform, dt=dt, rho0=rho0)
    rows, asymmetry = 2 ** offset.shape[1], np.abs(coupling - coupling.T).max()
    require(len(coupling) == rows and asymmetry <= 1e-9 * (1 + np.abs(coupling).max()),
            f"{offset.shape[1]} spins need a real symmetric coupling Hamiltonian of {rows} rows.")
    half = half_step(coupling, dt, precision)
    return propagate(half, dt * offset, b1_scale, waveform, dt, rho0.astype(half.dtype))


def half_step(coupling, dt, precision):
    """``exp(-i H_J dt / 2)``, which is the same in all steps and iterations."""
    kind = PRECISIONS[choice("precision", precision, PRECISIONS)]
    energies, vectors = np.linalg.eigh(coupling)
    return ((vectors * np.exp(-0.5j * dt * energies)) @ vectors.T).astype(kind)


def propagate(half, turns, b1_scale, waveform, dt, rho0):
    """As :func:`split_step`, with prepared half steps of the couplings and turns by the offsets."""
    angles = _rotation_vectors(turns, b1_scale, waveform, dt)
    steps, total = _propagators(_su2(angles).astype(half.dtype), half @ half)
    total = half @ total @ half.conj()
    adjoint = total.conj().swapaxes(-1, -2)
    rho = total @ rho0 @ adjoint

    def pullback(costate):
        costate = np.asarray(costate, half.dtype)
        turned = rho @ costate.conj().swapaxes(-1, -2)
        turned -= costate.conj().swapaxes(-1, -2) @ rho
        # G = -i[rho, c^+], of which a real gradient sees the Hermitian part alone.
        middle = half.conj() @ (-0.5j * (turned - turned.conj().swapaxes(-1, -2))) @ half
        torques = _backward(steps, middle, turns.shape[1])
        # The transposed left Jacobian of the rotations.
        _, *coefficients = rotation_coefficients(components_last(angles))
        gradient = by_rotation_vector(angles, torques, *coefficients)
        gradient = dt * gradient[:2].sum(axis=-1) @ b1_scale
        return gradient, adjoint @ costate @ total

    return SplitPulse(rho, pullback)


def turns_of_pulse(spins, pulse, offset_hz, b1_scale):
    """Unitary of a whole pulse by split steps, (..., d, d), at offsets and scales of one shape.

    No step is kept, and few offsets are treated at a time: the positions of a slice are many.
    """
    scale, waveform = b1_scale.ravel(), 2 * np.pi * pulse.rf_hz * pulse.waveform
    half = half_step(spins.coupling, pulse.dt, "double")
    turns = 2 * np.pi * pulse.dt * (spins.offset_hz + offset_hz.reshape(-1, 1))
    total = np.empty((len(turns), *half.shape), half.dtype)
    chunk = max(1, CHUNK // max(half.size, waveform.size))
    for first in range(0, len(turns), chunk):
        some = slice(first, first + chunk)
        angles = _rotation_vectors(turns[some], scale[some], waveform, pulse.dt)
        total[some] = _propagators(_su2(angles), half @ half, keep=False)[1]
    return (half @ total @ half.conj()).reshape(*offset_hz.shape, *half.shape)


def _rotation_vectors(turns, b1_scale, waveform, dt):
    """Rotation vector of every step, member and spin: (3, steps, members, spins), rad."""
    angles = np.empty((3, waveform.shape[1], *turns.shape))
    angles[:2] = dt * (waveform[:, :, None] * b1_scale)[..., None]
    angles[2] = turns
    return angles


def _su2(angles):
    """Matrices ``exp(-i w.sigma/2)``: (spins, steps, members, 2, 2)."""
    x, y, z = angles / 2
    cosine, sinc = rotation_coefficients(components_last(angles / 2))[:2]
    down = sinc * (y - 1j * x)
    rows = [[cosine - 1j * sinc * z, -down.conj()], [down, cosine + 1j * sinc * z]]
    return np.ascontiguousarray(np.array(rows).transpose(4, 2, 3, 0, 1))


def _propagators(factors, coupling_step, keep=True):
    """Every ``K_k D``, (steps, members, d, d), if kept, and the product of all, the last leftmost.

    Two half steps of coupling meet between any two rotations: E K_N D ... K_2 D K_1 D E^-1.
    """
    spins, count, members = factors.shape[:3]
    steps = np.empty((count * keep, members, 2**spins, 2**spins), factors.dtype)
    chunk, total = max(1, CHUNK // (members * 4**spins)), None
    for first in range(0, count, chunk):
        some = slice(first, first + chunk)
        made = _kron_times(factors[:, some], coupling_step)
        if keep:
            steps[some] = made
        product = tree_product(made)
        total = product if total is None else product @ total
    return steps, total


def kron(factors):
    """Kronecker product of the factors, each (..., 2, 2): (..., d, d)."""
    if len(factors) == 1:
        return factors[0]
    # Halves first: they are small, so one outer product in long rows does nearly all the work.
    half = len(factors) // 2
    left, right = kron(factors[:half]), kron(factors[half:])
    product = left[..., :, None, :, None] * right[..., None, :, None, :]
    d = left.shape[-1] * right.shape[-1]
    return product.reshape(*left.shape[:-2], d, d)


def _kron_times(factors, matrix):
    """Kronecker product of the factors times one matrix, half of the spins at a time: cheaper."""
    half, d = len(factors) // 2, len(matrix)
    if not half:
        return factors[0] @ matrix
    left, right = kron(factors[:half]), kron(factors[half:])
    a, b = left.shape[-1], right.shape[-1]
    turned = (left.reshape(-1, a) @ matrix.reshape(a, b * d)).reshape(*left.shape[:-1], b, d)
    return (right[..., None, :, :] @ turned).reshape(*left.shape[:-2], d, d)


def tree_product(matrices):
    """Product of all matrices along the first axis, the last one leftmost, pair by pair."""
    while (count := len(matrices)) > 1:
        pairs = matrices[1::2] @ matrices[: count - 1 : 2]
        matrices = np.concatenate([pairs, matrices[-1:]]) if count % 2 else pairs
    return matrices[0]


@lru_cache
def _bits(spins):
    """Flat indices of the diagonal and, spin by spin, of the elements <down|G|up>."""
    states = np.arange(2**spins)
    flips = 2 ** np.arange(spins - 1, -1, -1)
    up = np.array([states[states & flip == 0] for flip in flips])
    signs = np.where(states[:, None] & flips, -0.5, 0.5)
    return (up + flips[:, None]) * 2**spins + up, signs


def _backward(steps, middle, spins):
    """``Tr(G I_ia)`` behind the rotation of every step: (3, steps, members, spins)."""
    count, members, d, _ = steps.shape
    off, signs = _bits(spins)
    index = np.concatenate([np.arange(d) * (d + 1), off.ravel()])
    seen = np.empty((count, members, len(index)), steps.dtype)
    chunk = max(1, CHUNK // steps[0].size)
    turned, product = np.empty((chunk + 1, *middle.shape), steps.dtype), np.empty_like(middle)
    # Of a Hermitian G the transpose comes for free: (A^+ G A)^T = A^T (G A)^*.
    turned[0] = middle.swapaxes(-1, -2)
    for last in range(count, 0, -chunk):
        some = steps[max(0, last - chunk) : last][::-1]
        pairs = zip(turned.swapaxes(-1, -2), turned[1:], some, some.swapaxes(-1, -2), strict=False)
        for G, after, step, transposed in pairs:
            np.matmul(G, step, out=product)
            np.conjugate(product, out=product)
            np.matmul(transposed, product, out=after)
        n = len(some)
        flat = turned[:n].reshape(n, members, -1)
        seen[last - n : last] = flat[::-1].take(index, axis=-1)
        turned[0] = turned[n]
    lowered = seen[..., d:].reshape(count, members, spins, d // 2).sum(axis=-1)
    return np.array([lowered.real, lowered.imag * -1, seen[..., :d].real @ signs])
