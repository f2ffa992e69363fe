"""One door to all propagation methods, and to autograd.

Every method has the same signature, so they swap: choose by name from :data:`METHODS`.
:func:`propagate` is an autograd primitive whose derivative is our adjoint: write any loss with
``autograd.numpy`` and ask autograd for the gradient.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import getval, isbox

from ..inputs import choice, finite_array, instance, positive
from ..spins.generators import Generator
from . import fem, grape, rotations
from .adjoint import Evaluation, Linearisation
from .elements import CONTROL_SHAPES, ELEMENTS

#: name: linearise(generator, waveform, dt, rho0, control)
METHODS = {
    "grape": grape.linearise,
    "grape-batched": grape.linearise_batched,
    "rotations": rotations.linearise,
    **{f"fem-{name}": partial(fem.linearise, element=name) for name in ELEMENTS},
    "fem-linear-sparse": partial(fem.linearise, element="linear", solver="sparse"),
}

#: Numbers (steps x members x d^2) treated at a time: states and factors then stay in the cache, and
#: what NumPy needs to begin an operation is shared by many steps (see benchmarks).
CHUNK = 72_000

#: The same for the scan of many members, in steps x members; and from which ``steps x members**2``
#: on the scan is faster than the band (55 members at 500 steps; see benchmarks).
SCAN_CHUNK, SCAN_FROM = 300_000, 1_500_000

# The C library of Linux hands freed memory back to the system, and asking for it anew can cost half
# of an evaluation, until a larger array has come and gone.  Here is one; it is not even touched.
np.empty(2**21)


def linearise(generator, waveform, dt, rho0, method="rotations", control="constant"):
    """Trajectory of a pulse, with its derivative in both directions.

    Parameters
    ----------
    generator : Generator
        In rad/s; with or without a member axis.
    waveform : ndarray, (controls, steps) or, for ``control="linear"``, (controls, steps + 1)
        Dimensionless.
    dt : float
        Length of a step, s.
    rho0 : ndarray, (d,) or (d, columns)
        Initial state, or several as columns.
    method : str
        A name of :data:`METHODS`.
    control : {"constant", "linear"}
        Course of the control within a step.

    Returns
    -------
    Linearisation
        Its ``states`` have shape ([members,] steps + 1, d[, columns]).

    Raises
    ------
    ValueError
        Shapes that do not fit, NaN, a step that is not positive, an unknown method.

    Examples
    --------
    >>> from spinlab import evaluate, state
    >>> hard = linearise(evaluate(rf_hz=1e4), np.ones((1, 25)) * [[1.0], [0.0]], 1e-6, state("Iz"))
    >>> hard.states[-1].round(6)
    array([ 0., -1.,  0.])
    """
    waveform, rho0 = _checked(generator, waveform, dt, rho0, method, control)
    single_member, single_state = generator.members is None, rho0.ndim == 1
    # One complex number makes everything complex: the kernels know one type at a time.
    dtype = np.result_type(generator.drift, generator.controls, rho0)
    drift, controls = (
        array.astype(dtype, copy=False) for array in (generator.drift, generator.controls)
    )
    if single_member:
        generator = Generator(drift[None], controls[None])
    elif dtype != generator.drift.dtype or dtype != generator.controls.dtype:
        generator = Generator(drift, controls)
    kernel = METHODS[method]
    full = kernel(generator, waveform, dt, rho0[:, None] if single_state else rho0, control)
    outer = 0 if single_member else slice(None)
    inner = (Ellipsis, 0) if single_state else Ellipsis
    states = full.states[outer][inner]

    def restore(costates, shape):
        costates = _shaped("The costates", costates, shape)
        # Of a complex costate, a real state sees the real part alone.
        costates = costates if np.iscomplexobj(states) else np.real(costates)
        costates = costates[..., None] if single_state else costates
        return costates[None] if single_member else costates

    def pullback(costates):
        return full.pullback(restore(costates, states.shape))[outer]

    def pullback_final(costates):
        costates = restore(costates, full.states[:, -1][outer][inner].shape)
        if full.pullback_final:
            return full.pullback_final(costates)[outer]
        sources = np.zeros(full.states.shape, np.result_type(full.states, costates))
        sources[:, -1] = costates
        return full.pullback(sources)[outer]

    def pushforward(direction):
        direction = _shaped("The change of the waveform", direction, waveform.shape)
        return full.pushforward(direction)[outer][inner]

    return Linearisation(states, pullback, pushforward, pullback_final)


def _shaped(name, array, shape):
    if np.shape(array) != shape:
        raise ValueError(f"{name} must have shape {shape}, but {np.shape(array)} arrived.")
    return np.asarray(array)


def _checked(generator, waveform, dt, rho0, method, control):
    instance("generator", generator, Generator, "Make one by spinlab.evaluate().")
    choice("method", method, METHODS)
    choice("control", control, CONTROL_SHAPES)
    positive("dt", dt, " of seconds")
    waveform = finite_array("The pulse", waveform, complex)
    rho0 = finite_array("The initial state", rho0, complex)
    controls = generator.controls.shape[-3]
    if waveform.ndim != 2 or len(waveform) != controls:
        raise ValueError(
            f"The pulse has shape {waveform.shape} but the generator has {controls} controls; "
            "pass an array (controls, steps) with one row per control operator."
        )
    fewest = 1 if control == "constant" else 2
    if waveform.shape[1] < fewest:
        raise ValueError(
            f"The pulse has {waveform.shape[1]} samples; a {control} control needs at least "
            f"{fewest}."
        )
    if rho0.ndim not in (1, 2) or len(rho0) != generator.dimension or not rho0.size:
        raise ValueError(
            f"The initial state has shape {rho0.shape} but the generator has dimension "
            f"{generator.dimension}; pass (d,) or (d, columns)."
        )
    return waveform, rho0


def propagate(generator, waveform, dt, rho0, method="rotations", control="constant"):
    """States at the ends of all steps, ([members,] steps + 1, d[, columns]).

    Parameters as in :func:`linearise`; autograd differentiates by the waveform.

    Examples
    --------
    >>> import autograd
    >>> from spinlab import evaluate, state
    >>> spin, u = evaluate(rf_hz=1e4, offset_hz=500.0), np.full((2, 20), 0.5)
    >>> loss = lambda u: propagate(spin, u, 1e-6, state("Iz"))[-1, 1] ** 2
    >>> autograd.grad(loss)(u).shape
    (2, 20)
    """
    if isbox(waveform) and isbox(waveform._value):
        raise TypeError(
            "propagate() has a first derivative only; a second one was asked of autograd. "
            "Differentiate the gradient by finite differences, or write the loss without grad."
        )
    result = linearise(generator, getval(waveform), dt, rho0, method, control)
    return _states(waveform, result)


@primitive
def _states(waveform, result):
    return result.states


# autograd pulls back g with df = Re(g * drho); our costate is the conjugate of that.
# The members of an ensemble share one waveform, so their gradients add up.
defvjp(
    _states,
    lambda ans, waveform, result: lambda g: result.pullback(np.conj(g)).reshape(
        -1, *np.shape(waveform)
    ).sum(axis=0),
    None,
)
defjvp(_states, lambda direction, ans, waveform, result: result.pushforward(direction), None)


def linearise_final(generator, waveform, dt, rho0, method="rotations", control="constant"):
    """Final states alone, with the derivative of what judges them: :func:`linearise` for less.

    Returns
    -------
    final : ndarray, ([members,] d[, columns])
    pullback : callable
        ``pullback(costates, weights=None)`` maps costates of the shape of ``final`` to the
        gradients, ([members,] controls, samples); with weights, (members,), to their weighted sum.
    """
    if _scans(generator, waveform, method):
        waveform, rho0 = _checked(generator, waveform, dt, rho0, method, control)
        columns = rho0 if rho0.ndim == 2 else rho0[:, None]
        final, pull = rotations.linearise_final(generator, waveform, dt, columns, control)
        if rho0.ndim == 2:
            return final, pull
        return final[..., 0], lambda costates, weights=None: pull(costates[..., None], weights)
    path = linearise(generator, waveform, dt, rho0, method, control)

    def pullback(costates, weights=None):
        gradients = path.pullback_final(costates)
        return gradients if weights is None else np.tensordot(weights, gradients, 1)

    return path.states[-1 if generator.members is None else (slice(None), -1)], pullback


def _scans(generator, waveform, method):
    """Whether members are so many that the scan beats the band."""
    members, shape = generator.members, np.shape(waveform)
    suits = method == "rotations" and members is not None and len(shape) == 2
    return suits and shape[1] * members**2 >= SCAN_FROM


def evaluate_objective(
    generator, waveform, dt, rho0, objective, method="rotations", control="constant", weights=None,
):
    """Objective of every member and its exact gradient with respect to the waveform.

    Forward, objective, backward: for large ensembles in chunks that stay in the cache.  With
    weights, the memory beyond the values is that of one chunk, some tens of MB.

    Parameters
    ----------
    generator, waveform, dt, rho0, method, control
        As in :func:`linearise`.
    objective : callable
        Such as ``spinlab.transfer(target)``.
    weights : ndarray, (members,), optional
        Return the weighted sum of the gradients instead of all of them.

    Returns
    -------
    Evaluation

    Examples
    --------
    >>> from spinlab import evaluate, observable, state, transfer
    >>> spin, quarter = evaluate(rf_hz=1e4), np.array([[0.0], [1.0]]) * np.ones(25)
    >>> result = evaluate_objective(spin, quarter, 1e-6, state("Iz"), transfer(observable("Ix")))
    >>> result.values.round(6), result.gradients.shape
    (np.float64(1.0), (2, 25))
    """
    instance("generator", generator, Generator, "Make one by spinlab.evaluate().")
    if not callable(objective):
        raise TypeError(
            f"The objective must be a function, such as spinlab.transfer(target), but "
            f"{objective!r} arrived."
        )
    waveform = finite_array("The pulse", waveform, complex)
    members = generator.members
    if weights is not None:
        weights = finite_array("weights", weights)
        if members is None or weights.shape != (members,):
            raise ValueError(
                f"weights must have shape (members,), but {weights.shape} arrived for "
                f"{'a single system' if members is None else f'{members} members'}."
            )
    samples = waveform.shape[-1] if waveform.size and waveform.ndim else 1
    chunk = CHUNK // (samples * generator.dimension**2)
    if _scans(generator, waveform, method):
        chunk = SCAN_CHUNK // samples
    count = 1 if members is None else -(-members // max(1, chunk))

    def evaluate_chunk(chunk):
        part = generator if count == 1 else generator.member(chunk)
        final, pullback = linearise_final(part, waveform, dt, rho0, method, control)
        judge = objective.member(chunk) if count > 1 and hasattr(objective, "member") else objective
        values, costates = _judged(judge, final, part)
        # A complex waveform is the complex step; otherwise the value of a member is a real number.
        values = values if np.iscomplexobj(waveform) else np.real(values)
        return values, pullback(costates, None if weights is None else weights[chunk])

    if members is None:
        return Evaluation(*evaluate_chunk(...))
    bounds = [members * k // count for k in range(count + 1)]
    parts = [evaluate_chunk(slice(*pair)) for pair in zip(bounds[:-1], bounds[1:], strict=True)]
    values, gradients = zip(*parts, strict=True)
    return Evaluation(
        np.concatenate(values), np.concatenate(gradients) if weights is None else sum(gradients)
    )


def _judged(objective, final, generator):
    """Values and costates of an objective that was perhaps written by a user."""
    values, costates = objective(final)
    if np.shape(values) != generator.drift.shape[:-2]:
        members = generator.members
        raise ValueError(
            f"The objective returned values of shape {np.shape(values)} for "
            f"{'one member' if members is None else f'{members} members'}; it must "
            "return one number a member (several initial states need the rotation objective)."
        )
    if np.shape(costates) != final.shape:
        raise ValueError(
            f"The objective returned a costate of shape {np.shape(costates)} for final states of "
            f"shape {final.shape}; they must agree."
        )
    return values, costates


def prepare_objective(generator, dt, rho0, objective, method="rotations", control="constant", weights=None):
    """Stand-in."""
    return lambda waveform: evaluate_objective(generator, waveform, dt, rho0, objective, method, control, weights)
