r"""GRAPE: propagators by matrix exponentials, gradients by their exact derivative.

:func:`linearise`, the readable reference, takes one ``expm`` per step, and for the derivative the
auxiliary matrix of Van Loan, :eq:`eq-auxiliary`,

.. math:: \exp\begin{pmatrix}\Omega & \Omega'\\ 0 & \Omega\end{pmatrix}
          = \begin{pmatrix}P & P'\\ 0 & P\end{pmatrix};

:func:`linearise_batched` all exponentials of a member in one call, time in one triangular solve,
and one auxiliary matrix per step for all controls together.  Both are for any generator.
"""

import numpy as np
from scipy.linalg import expm

from .adjoint import Linearisation, add_samples, chain_solver


def step_exponents(generator, waveform, dt, control="constant"):
    r"""Exponents of the step propagators, and their derivatives.

    Constant control: :math:`\Omega = hA`.  Linear control, order 4, :eq:`eq-magnus`:
    :math:`\Omega = \frac h2 (A_a + A_b) + \frac{h^2}{12} [A_b, A_a]`.

    Returns
    -------
    exponents : ndarray, (members, steps, d, d)
    derivatives : ndarray, (members, steps, samples of a step, controls, d, d)
    """
    A = generator.at(waveform)
    A_k = generator.controls[:, None]
    if control == "constant":
        derivatives = np.broadcast_to(dt * A_k[:, :, None], (*A.shape[:2], 1, *A_k.shape[2:]))
        return dt * A, derivatives
    A_a, A_b = A[:, :-1], A[:, 1:]
    exponents = dt / 2 * (A_a + A_b) + dt**2 / 12 * _commutator(A_b, A_a)
    A_a, A_b = A_a[:, :, None], A_b[:, :, None]
    left = dt / 2 * A_k + dt**2 / 12 * _commutator(A_b, A_k)
    right = dt / 2 * A_k + dt**2 / 12 * _commutator(A_k, A_a)
    return exponents, np.stack([left, right], axis=2)


def _commutator(a, b):
    return a @ b - b @ a


def auxiliary(exponent, change):
    """Van Loan's block matrix ``[[exponent, change], [0, exponent]]`` (stacked like its parts)."""
    *stack, d, _ = np.broadcast(exponent, change).shape
    matrix = np.zeros((*stack, 2 * d, 2 * d), np.result_type(exponent, change))
    matrix[..., :d, :d] = matrix[..., d:, d:] = exponent
    matrix[..., :d, d:] = change
    return matrix


def linearise(generator, dt, rho0, control, waveform):
    """Reference GRAPE: one matrix exponential per step, in a plain loop.

    For a generator with a member axis and ``rho0``, (d, columns).
    """
    exponents, derivatives = step_exponents(generator, waveform, dt, control)
    members, steps, samples, controls, d, _ = derivatives.shape
    propagators = [expm(exponents[:, n]) for n in range(steps)]
    states = [np.broadcast_to(rho0, (members, *rho0.shape))]
    for P in propagators:
        states.append(P @ states[-1])
    parts = [(q, k) for q in range(samples) for k in range(controls)]

    def derivative(n, q, k):
        return expm(auxiliary(exponents[:, n], derivatives[:, n, q, k]))[:, :d, d:]

    def pullback(costates):
        gradient = np.zeros((members, *waveform.shape))
        costate = np.conj(costates[:, -1])
        for n in reversed(range(steps)):
            for q, k in parts:
                slope = np.sum(costate * (derivative(n, q, k) @ states[n]), axis=(1, 2))
                gradient[:, k, n + q] += slope.real
            costate = propagators[n].swapaxes(1, 2) @ costate + np.conj(costates[:, n])
        return gradient

    def pushforward(direction):
        changes = [np.zeros_like(states[0])]
        for n, P in enumerate(propagators):
            kick = sum(direction[k, n + q] * derivative(n, q, k) for q, k in parts)
            changes.append(P @ changes[-1] + kick @ states[n])
        return np.stack(changes, axis=1)

    return Linearisation(np.stack(states, axis=1), pullback, pushforward)


def linearise_batched(generator, dt, rho0, control, waveform):
    r"""GRAPE without a loop over time; as :func:`linearise`.

    The gradient with respect to an exponent is itself a derivative of the exponential, in the
    direction :math:`\lambda_n\rho_{n-1}^{\mathsf T}`, :eq:`eq-exponential-adjoint`: one auxiliary
    matrix per step, however many controls there are.
    """
    exponents, derivatives = step_exponents(generator, waveform, dt, control)
    d = generator.dimension
    solve = chain_solver(expm(exponents))
    members, steps = exponents.shape[:2]
    source = np.zeros((members, steps + 1, *rho0.shape), np.result_type(exponents, rho0))
    source[:, 0] = rho0
    states = solve(source)

    def pullback(costates):
        adjoint = solve(np.conj(costates), transposed=True)
        outer = adjoint[:, 1:] @ states[:, :-1].swapaxes(-1, -2)
        slope = expm(auxiliary(exponents.swapaxes(-1, -2), outer))[..., :d, d:]
        pieces = np.einsum("enij,enqkij->qekn", slope, derivatives).real
        return add_samples(pieces, waveform.shape[1])

    def pushforward(direction):
        samples = range(derivatives.shape[2])
        pieces = np.stack([direction[:, q : q + steps] for q in samples], axis=1)
        change = np.einsum("kqn,enqkij->enij", pieces, derivatives)
        kick = expm(auxiliary(exponents, change))[..., :d, d:]
        source = np.zeros_like(states)
        source[:, 1:] = kick @ states[:, :-1]
        return solve(source)

    return Linearisation(states, pullback, pushforward)
