r"""GRAPE: propagators by matrix exponentials, gradients by their exact derivative.

:func:`linearise`, the readable reference, takes one ``expm`` a step, and for the derivative the
auxiliary matrix of Van Loan, :eq:`eq-auxiliary`,

.. math:: \exp\begin{pmatrix}\Omega & \Omega'\\ 0 & \Omega\end{pmatrix}
          = \begin{pmatrix}P & P'\\ 0 & P\end{pmatrix};

:func:`linearise_batched` all exponentials of a member in one call, time in one triangular solve,
and one auxiliary matrix a step for all controls together.  Both are for any generator.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from .adjoint import Linearisation, add_samples, solve_chain


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


def linearise(generator, waveform, dt, rho0, control="constant"):
    """Reference GRAPE: one matrix exponential a step, in a plain loop; a row of ``METHODS``.

    As :func:`spinlab.linearise`, for a generator with a member axis and ``rho0``, (d, columns).
    """
    exponents, derivatives = step_exponents(generator, waveform, dt, control)
    members = zip(exponents, derivatives, strict=True)
    return Linearisation.stack([_member(*member, rho0, waveform.shape) for member in members])


def _member(exponents, derivatives, rho0, shape):
    d = len(rho0)
    propagators = [expm(exponent) for exponent in exponents]
    states = [rho0]
    for P in propagators:
        states.append(P @ states[-1])

    def derivative(n, q, k):
        return expm(auxiliary(exponents[n], derivatives[n, q, k]))[:d, d:]

    samples, controls = derivatives.shape[1:3]
    parts = [(q, k) for q in range(samples) for k in range(controls)]

    def pullback(costates):
        gradient = np.zeros(shape)
        costate = np.conj(costates[-1])
        for n in reversed(range(len(propagators))):
            for q, k in parts:
                gradient[k, n + q] += np.sum(costate * (derivative(n, q, k) @ states[n])).real
            costate = propagators[n].T @ costate + np.conj(costates[n])
        return gradient

    def pushforward(direction):
        change = np.zeros_like(rho0)
        changes = [change]
        for n, P in enumerate(propagators):
            kick = sum(direction[k, n + q] * derivative(n, q, k) for q, k in parts)
            change = P @ change + kick @ states[n]
            changes.append(change)
        return np.array(changes)

    return Linearisation(np.array(states), pullback, pushforward)


def linearise_batched(generator, waveform, dt, rho0, control="constant"):
    r"""GRAPE without a loop over time; as :func:`linearise`.

    The gradient with respect to an exponent is itself a derivative of the exponential, in the
    direction :math:`\lambda_n\rho_{n-1}^{\mathsf T}`, :eq:`eq-exponential-adjoint`: one auxiliary
    matrix a step, however many controls there are.
    """
    exponents, derivatives = step_exponents(generator, waveform, dt, control)
    d = generator.dimension
    propagators = expm(exponents)
    source = np.zeros(
        (len(exponents), exponents.shape[1] + 1, *rho0.shape), np.result_type(exponents, rho0)
    )
    source[:, 0] = rho0
    states = solve_chain(propagators, source)

    def pullback(costates):
        adjoint = solve_chain(propagators, np.conj(costates), transposed=True)
        outer = adjoint[:, 1:] @ states[:, :-1].swapaxes(-1, -2)
        slope = expm(auxiliary(exponents.swapaxes(-1, -2), outer))[..., :d, d:]
        pieces = np.einsum("enij,enqkij->qekn", slope, derivatives).real
        return add_samples(pieces, waveform.shape[1])

    def pushforward(direction):
        steps, samples = derivatives.shape[1:3]
        pieces = np.stack([direction[:, q : q + steps] for q in range(samples)], axis=1)
        change = np.einsum("kqn,enqkij->enij", pieces, derivatives)
        kick = expm(auxiliary(exponents, change))[..., :d, d:]
        source = np.zeros_like(states)
        source[:, 1:] = kick @ states[:, :-1]
        return solve_chain(propagators, source)

    return Linearisation(states, pullback, pushforward)
