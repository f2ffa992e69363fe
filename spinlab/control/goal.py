"""From a control problem to a goal of an optimiser: infidelity, Jacobian, Hessian, limits.

The general way asks a propagation method for the gradients of all members, and for second-order
optimisers for the derivative of every component of the final states.  Phase pulses on one spin have
a shorter one, ``method="spinors"``: all out of one forward pass,
:mod:`spinlab.propagation.spinors`.
"""

from __future__ import annotations

from numbers import Real
from reprlib import repr as brief

import numpy as np

from ..inputs import choice, finite_array, instance
from ..optimisers.loop import Goal
from ..propagation import spinors
from ..propagation.methods import METHODS, evaluate_objective, linearise
from ..pulses.filter_and_bound import Parametrisation
from ..pulses.limits import evaluate_limits, penalty
from .aggregates import AGGREGATES
from .problem import Problem


def make_goal(problem, shape, method="fem-quadratic-reduced", aggregate="mean", limits=None,
              weight=0.0):
    """The infidelity of a problem, as a goal of the flat unknowns.

    Parameters
    ----------
    problem : Problem
    shape : Parametrisation
        With a distortion, the fidelity is that of what the spins feel; limits hold for what is
        programmed.
    method, aggregate, limits
        As in :func:`spinlab.design`.
    weight : float
        Of the penalty for broken limits; 0 leaves them to the optimiser.

    Returns
    -------
    Goal
    """
    instance("problem", problem, Problem)
    instance("shape", shape, Parametrisation)
    choice("method", method, (*METHODS, "spinors"))
    if not callable(aggregate):
        aggregate = AGGREGATES[choice("aggregate", aggregate, AGGREGATES)]
    averaged = aggregate is AGGREGATES["mean"]  # then the members need not be told apart
    member_goal = (_spinor_goal if method == "spinors" else _general_goal)(problem, shape, method)
    limits = limits or {}
    penalised = bool(limits and weight)

    def value(x):
        if averaged:
            total, gradient = member_goal.value(x)
        else:
            infidelities, jacobian = member_goal.members(x)
            total, slopes = _checked(aggregate, infidelities, problem.ensemble.weights)
            gradient = slopes @ jacobian
        if penalised:
            waveform, pullback = _unpack(shape, x)
            extra, slope = penalty(limits, waveform, weight)
            total, gradient = total + extra, gradient + pullback(slope)
        return total, gradient

    def rows(x):
        waveform, pullback = _unpack(shape, x)
        values, jacobian = evaluate_limits(limits, waveform)
        return values, pullback(jacobian)

    def gauss_newton(x, every=1):
        matrix = member_goal.gauss_newton(x, every)
        if penalised:  # a sum of squares, too: its residuals are the limits that are broken
            values, jacobian = rows(x)
            jacobian = jacobian[values > 0]
            matrix = matrix + 2 * weight * jacobian.T @ jacobian
        return matrix

    return Goal(
        value,
        member_goal.hessian if averaged and not penalised else None,
        gauss_newton if averaged and member_goal.gauss_newton else None,
        member_goal.members, member_goal.residuals, rows if limits and not weight else None,
        problem.ensemble.weights,
    )


def _checked(aggregate, infidelities, weights):
    """What an aggregate returns, if it is a number and its slopes."""
    pair = aggregate(infidelities, weights)
    if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], Real)):
        raise TypeError(f"An aggregate must return (number, slopes), but {brief(pair)} arrived.")
    slopes = finite_array("The slopes of the aggregate", pair[1])
    if slopes.shape != weights.shape:
        raise ValueError(
            f"The slopes of an aggregate must have shape {weights.shape}, but {slopes.shape} "
            "arrived."
        )
    return pair[0], slopes


def _unpack(shape, x):
    """Waveform of flat unknowns, and the pullback to gradients that are flat, too."""
    waveform, pullback = shape.waveform(x.reshape(shape.rows, -1))

    def flat_pullback(gradient):
        return pullback(gradient).reshape(*gradient.shape[:-2], x.size)

    return waveform, flat_pullback


def _general_goal(problem, shape, method):
    """Any problem, by one of the propagation methods."""
    problem.require_states(method)
    weights, latest = problem.ensemble.weights, [None, None]
    if shape.distortion is not None:
        problem = problem.felt(shape.distortion)

    def unpack(x):
        """What the spins feel, and the pullback through distortion and parametrisation."""
        waveform, pullback = _unpack(shape, x)
        felt, undistort = shape.felt(waveform)
        return felt, lambda gradient: pullback(undistort(gradient))

    def value(x):
        if latest[0] is not None and np.array_equal(x, latest[0]):
            infidelities, jacobian = latest[1]
            return weights @ infidelities, weights @ jacobian
        waveform, pullback = unpack(x)
        fidelity, gradient = problem.evaluate(waveform, method)
        if not np.all(np.isfinite(gradient)):  # the optimiser says so, not the filter
            return 1 - fidelity, np.full(x.shape, np.nan)
        return 1 - fidelity, -pullback(gradient)

    def members(x):
        waveform, pullback = unpack(x)
        result = evaluate_objective(
            problem.generator(), waveform, problem.dt, problem.initial_state(),
            problem.objective_function(), method, problem.control,
        )
        latest[:] = x.copy(), (1 - result.values, -pullback(result.gradients))
        return latest[1]  # the mean of all members then costs nothing

    squares = problem.objective in ("transfer", "rotation")
    return Goal(value, members=members, **(_tangents(problem, method, unpack) if squares else {}))


def _tangents(problem, method, unpack):
    """Residuals (final states minus targets: half their square is the infidelity), their matrix."""

    def by_member(x, every=1):
        waveform, pullback = unpack(x)
        goal, scale = problem.residual_target()
        generator = problem.generator().member(slice(None, None, every))
        path = linearise(
            generator, waveform, problem.dt, problem.initial_state(), method, problem.control
        )
        final, blocks = path.states[:, -1], []
        for index in np.ndindex(final.shape[1:]):
            costates = np.zeros_like(final)
            costates[(slice(None), *index)] = scale
            blocks.append(pullback(path.pullback_final(costates)))
        return scale * (final - goal).reshape(len(final), -1), np.stack(blocks, axis=1)

    def residuals(x):
        r, J = by_member(x)
        return r.ravel(), J.reshape(r.size, -1)

    def gauss_newton(x, every=1):
        _, J = by_member(x, every)
        part = problem.ensemble.weights[::every]
        J = (np.sqrt(part / part.sum())[:, None, None] * J).reshape(-1, J.shape[-1])
        return J.T @ J

    return {"gauss_newton": gauss_newton, "residuals": residuals}


def _spinor_goal(problem, shape, _method):
    """Phase pulses on one spin: value, Jacobian, Hessian by one forward pass."""
    if shape.kind != "phase" or problem.control != "constant":
        raise ValueError(
            "The method 'spinors' is for piecewise-constant phases (kind='phase'), but "
            f"kind={shape.kind!r} with control={problem.control!r} arrived; use 'rotations'."
        )
    if shape.distortion is not None:
        raise ValueError(
            "The method 'spinors' needs a constant amplitude, which a distortion does not leave; "
            "use the method 'rotations'."
        )
    fidelity_of = problem.spinor_fidelity()  # refuses other systems and objectives
    ensemble, latest = problem.ensemble, [None, None]

    def forward(x):
        """Tangents and fidelities; those of the latest point are kept for its second derivative."""
        if latest[0] is None or not np.array_equal(x, latest[0]):
            phase, unfilter = shape.phase(x)
            path = spinors.propagate_phase(
                phase, ensemble.offset_hz, ensemble.b1_scale, problem.rf_hz, problem.dt
            )
            latest[:] = x.copy(), (path, path.tangents, fidelity_of(path.final), unfilter)
        return latest[1]

    def value(x):
        _, tangents, fidelity, unfilter = forward(x)
        gradient = spinors.gradient_of_mean(tangents, fidelity, ensemble.weights)
        return 1 - ensemble.weights @ fidelity.values, -unfilter(gradient)

    def hessian(x):
        path, _, fidelity, unfilter = forward(x)
        matrix = spinors.hessian_of_mean(path.poles, fidelity, ensemble.weights)
        return -unfilter(unfilter(matrix).T)

    def gauss_newton(x, every=1):
        _, tangents, fidelity, unfilter = forward(x)
        matrix = spinors.gauss_newton_of_mean(tangents, fidelity, ensemble.weights, every)
        return unfilter(unfilter(matrix).T)

    def members(x):
        _, tangents, fidelity, unfilter = forward(x)
        return 1 - fidelity.values, -unfilter(spinors.member_gradients(tangents, fidelity))

    def residuals(x):
        _, tangents, fidelity, unfilter = forward(x)
        r, J = spinors.residual_jacobian(tangents, fidelity)
        return r, unfilter(J)

    return Goal(value, hessian, gauss_newton, members, residuals)
