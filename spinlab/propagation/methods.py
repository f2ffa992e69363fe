"""One door to all propagation methods, and to autograd.

A method is a function ``prepare(generator, dt, rho0, control)`` that does once what does not depend
on the waveform and returns ``linearise(waveform)``.  All have the same signature, so they swap:
choose by name from :data:`METHODS`.

:func:`propagate` is an autograd primitive whose derivative is our adjoint: write any loss with
``autograd.numpy`` and ask autograd for the gradient.
"""

from functools import cache, partial

import numpy as np
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import getval, isbox

from ..inputs import arrays, function, instance, require
from ..spins.generators import Generator
from . import fem, grape, rotations
from .adjoint import Evaluation, Linearisation, expanded, final_states
from .arguments import checked_arguments, checked_judgement, checked_like
from .elements import ELEMENTS

#: name: prepare(generator, dt, rho0, control)
METHODS = {
    "grape": partial(partial, grape.linearise),  # it has nothing to prepare
    "grape-batched": partial(partial, grape.linearise_batched),
    "rotations": rotations.prepare,
    **{f"fem-{name}": partial(fem.prepare, element=name) for name in ELEMENTS},
    "fem-linear-sparse": partial(fem.prepare, element="linear", solver="sparse"),
}
_checked = partial(checked_arguments, METHODS)

#: Numbers (steps x members x d^2) treated at a time: states and factors then stay in the cache, and
#: what NumPy needs to begin an operation is shared by many steps (see benchmarks).
CHUNK = 72_000

#: The same for the scan of many members, in steps x members; and from which ``steps x members**2``
#: on the scan is faster than the band (45 members at 500 steps; see benchmarks).
SCAN_CHUNK, SCAN_FROM = 300_000, 1_000_000

#: With so many members x d^2 or fewer, what is prepared is kept for the next waveform, in some
#: 10 MB; with more, chunk after chunk is prepared and forgotten.
KEPT = 10_000

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
        Its ``states``, ([members,] steps + 1, d[, columns]), are read-only.

    Examples
    --------
    >>> from spinlab import evaluate, state
    >>> hard = linearise(evaluate(rf_hz=1e4), np.ones((1, 25)) * [[1.0], [0.0]], 1e-6, state("Iz"))
    >>> hard.states[-1].round(6)
    array([ 0., -1.,  0.])
    """
    waveform, dt, rho0 = _checked(generator, waveform, dt, rho0, method, control)
    full = _prepare(generator, dt, rho0, method, control)(waveform)
    outer, inner = generator.drift.shape[:-2], rho0.shape
    states = full.states.reshape(*outer, -1, *inner)
    states.setflags(write=False)

    def pullback(costates):
        costates = expanded(checked_like("costates", costates, states.shape), full.states)
        return full.pullback(costates).reshape(*outer, *waveform.shape)

    def pushforward(direction):
        direction = checked_like("the change of the waveform", direction, waveform.shape)
        return full.pushforward(direction).reshape(states.shape)

    return Linearisation(states, pullback, pushforward)


def _prepare(generator, dt, rho0, method, control):
    """The linearisation with all axes, members first and columns last, of a waveform."""
    drift, controls, d = generator.drift, generator.controls, generator.dimension
    # One complex number makes everything complex: the kernels know one type at a time.
    dtype = np.result_type(drift, controls, rho0)
    if drift.ndim == 2 or not drift.dtype == controls.dtype == dtype:
        drift, controls = drift.reshape(-1, d, d), controls.reshape(-1, *controls.shape[-3:])
        generator = Generator(drift.astype(dtype), controls.astype(dtype))
    return METHODS[method](generator, dt, rho0.reshape(d, -1), control)


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
        raise TypeError("propagate() has a first derivative only, but autograd asked for a second; "
                        "differentiate the gradient by finite differences.")
    result = linearise(generator, getval(waveform), dt, rho0, method, control)
    return _states(waveform, result)


@primitive
def _states(waveform, result):
    return result.states


# autograd pulls back g with df = Re(g * drho); our costate is the conjugate of that.
# The members of an ensemble share one waveform, so their gradients add up.
defvjp(_states, lambda ans, waveform, result: lambda g: np.sum(
    result.pullback(np.conj(g)).reshape(-1, *np.shape(waveform)), axis=0), None)
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
    waveform, dt, rho0 = _checked(generator, waveform, dt, rho0, method, control)
    scans = _scans(generator.members, waveform.shape[1], method)
    return _prepare_final(generator, dt, rho0, method, control, scans)(waveform)[:2]


def _scans(members, samples, method):
    """Whether members are so many that the scan beats the band."""
    return method == "rotations" and samples * (members or 0) ** 2 >= SCAN_FROM


def _prepare_final(generator, dt, rho0, method, control, scans, along=None):
    """:func:`linearise_final` of a waveform, and the mean of a running cost."""
    if scans:
        run = rotations.prepare_final(generator, dt, rho0.reshape(len(rho0), -1), control)
    else:
        kernel = _prepare(generator, dt, rho0, method, control)
    outer = generator.drift.shape[:-2]

    def evaluate(waveform):
        found = (*run(waveform), 0.0) if scans else final_states(kernel(waveform), along)
        inner, inner_pullback, mean = found
        final = inner.reshape(*outer, *rho0.shape)
        final.setflags(write=False)

        def pullback(costates, weights=None):
            gradients = inner_pullback(expanded(costates, inner), weights)
            return gradients if weights is not None else gradients.reshape(*outer, *waveform.shape)

        return final, pullback, mean

    return evaluate


def evaluate_objective(generator, waveform, dt, rho0, objective, method="rotations",
                       control="constant", weights=None):
    """Objective of every member and its exact gradient with respect to the waveform.

    For large ensembles in chunks that stay in the cache.  With weights, the memory beyond the
    values is that of one chunk, some tens of MB.

    Parameters
    ----------
    generator, waveform, dt, rho0, method, control
        As in :func:`linearise`.
    objective : callable
        Such as ``spinlab.transfer(target)``.
    weights : ndarray, (members,), optional
        Return an :class:`Evaluation` with the weighted sum of the gradients instead of all of them.

    Examples
    --------
    >>> from spinlab import evaluate, observable, state, transfer
    >>> spin, quarter = evaluate(rf_hz=1e4), np.array([[0.0], [1.0]]) * np.ones(25)
    >>> result = evaluate_objective(spin, quarter, 1e-6, state("Iz"), transfer(observable("Ix")))
    >>> result.values.round(6), result.gradients.shape
    (np.float64(1.0), (2, 25))
    """
    waveform, dt, rho0 = _checked(generator, waveform, dt, rho0, method, control)
    return _evaluator(generator, dt, rho0, objective, method, control, weights)(waveform)


def prepare_objective(generator, dt, rho0, objective, method="rotations", control="constant",
                      weights=None, along=None):
    """:func:`evaluate_objective` for many waveforms: what does not depend on them is done once.

    Parameters as there.  Steps that turn too far are looked for once, too, under a control at its
    limit, ``|u| = 1``.

    Of a running cost ``along`` the way, :class:`spinlab.control.along.RunningCost`, the mean over
    the pulse is subtracted: over finite elements by the rule of their mass matrix; else, and over
    the exact element, by the trapezoidal rule at the ends of the steps.  It is for real states of
    an ensemble, from one initial state.

    Returns
    -------
    callable
        ``evaluate(waveform)``, an :class:`Evaluation`; trusts the shape and finite numbers, which
        are real, or complex for the complex step.

    Examples
    --------
    >>> from spinlab import evaluate, observable, state, transfer
    >>> goal = prepare_objective(evaluate(rf_hz=1e4), 1e-6, state("Iz"), transfer(observable("Ix")))
    >>> [float(goal(np.full((2, 25), u)).values.round(4)) for u in (0.0, 0.5)]
    [0.0, 0.6336]
    """
    count = instance("generator", generator, Generator).controls.shape[-3]
    full = np.eye(count, count + 1)  # each control at its limit
    _, dt, rho0 = _checked(generator, full, dt, rho0, method, control)
    plain = generator.members and rho0.ndim == 1 and np.isrealobj(generator.drift[..., 0] * rho0)
    require(along is None or plain,
            "A running cost is for real states of an ensemble, from one initial state, (d,).")
    return _evaluator(generator, dt, rho0, objective, method, control, weights, along)


def _evaluator(generator, dt, rho0, objective, method, control, weights, along=None):
    """:func:`prepare_objective` behind the checks that it shares with the others."""
    function("objective", objective, "Such as spinlab.transfer(target).")
    members, d = generator.members, generator.dimension
    if weights is not None:
        require(members, "weights are for members, but the generator is a single system.")
        weights = arrays(f"weights: {members}", weights=weights)

    def prepare_chunk(start, stop, scans):
        chunk, whole = slice(start, stop), stop - start == (members or 1)
        part = generator if whole else generator.member(chunk)
        apart = hasattr(objective, "member") and not whole
        judge = objective.member(chunk) if apart else objective
        run = _prepare_final(part, dt, rho0, method, control, scans, along)
        share = None if weights is None else weights[chunk]

        def evaluate(waveform):
            final, pullback, mean = run(waveform)
            values, costates = checked_judgement(judge, final, part.drift.shape[:-2])
            # A complex waveform is the complex step; otherwise a value is a real number.
            values = values if np.iscomplexobj(waveform) else values.real
            return (values - mean)[()], pullback(costates, share)

        return evaluate

    if (members or 1) * d**2 <= KEPT:
        prepare_chunk = cache(prepare_chunk)

    def evaluate(waveform):
        samples = waveform.shape[1]
        scans = along is None and _scans(members, samples, method)
        chunk = SCAN_CHUNK // samples if scans else CHUNK // (samples * d**2)
        count = 1 if members is None else -(-members // max(1, chunk))
        bounds = [(members or 1) * k // count for k in range(count + 1)]
        pairs = zip(bounds[:-1], bounds[1:], strict=True)
        parts = [prepare_chunk(*pair, scans)(waveform) for pair in pairs]
        if count == 1:
            return Evaluation(*parts[0])
        values, gradients = zip(*parts, strict=True)
        total = np.concatenate(gradients) if weights is None else sum(gradients)
        return Evaluation(np.concatenate(values), total)

    return evaluate
