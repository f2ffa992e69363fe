"""From a control problem to a goal of an optimiser: infidelity, Jacobian, Hessian, limits.

The general way asks a propagation method for the gradients of all members, and for second-order
optimisers for the derivative of every component of the final states.  Phase pulses on one spin
have a shorter one, ``method="spinors"``: all out of one forward pass,
:mod:`spinlab.propagation.spinors`.  Whatever does not depend on the unknowns is prepared once.
"""

from dataclasses import replace

import numpy as np

from ..inputs import arrays, choice, instance, require
from ..optimisers.goal import Goal
from ..propagation import METHODS, linearise_final, prepare_objective, spinors
from ..propagation.spinor_holds import gauss_newton_of_holds, with_hold_curvatures, with_holds
from ..pulses.filter_and_bound import Parametrisation
from ..pulses.limits import checked_limits, limit_rows
from .objectives import AGGREGATES, find_aggregate


def fastest_method(problem, shape):
    """The method of a design that names none.

    A phase pulse on one spin without relaxation has spinors; any other pulse on such a spin has
    closed-form rotations; every other system goes through quadratic elements with two Gauss points.
    """
    if problem.system.spins > 1 or problem.system.relaxes:
        return "fem-quadratic-reduced"
    at_rest = problem.system.offset_hz == (0,)
    known = problem.objective in ("transfer", "rotation", "universal")
    known = known and holds_alone(problem.running_cost())
    return "spinors" if phases_alone(problem, shape) and at_rest and known else "rotations"


def phases_alone(problem, shape):
    """Whether the unknowns are piecewise-constant phases, and reach the spins as they are."""
    return shape.kind == "phase" and problem.control == "constant" and shape.distortion is None


def holds_alone(cost):
    """Whether a running cost is linear in the states, as spinors want it."""
    return cost is None or not cost.quadratic.any()


def make_goal(problem, shape, method, aggregate="mean", limits=None):
    """The infidelity of a problem, as a goal of the flat unknowns.

    Parameters
    ----------
    problem : Problem
    shape : Parametrisation
        With a distortion, the fidelity is that of what the spins feel; limits hold for what is
        programmed.
    method, aggregate, limits
        As in :meth:`spinlab.Problem.goal`; the method is named.

    Returns
    -------
    Goal
    """
    instance("shape", shape, Parametrisation)
    choice("method", method, (*METHODS, "spinors"))
    aggregate, limits = find_aggregate(aggregate), checked_limits(limits)
    require(not limits or shape.channels == 1, "Limits are for one RF channel; leave them out.")
    goal = (spinor_goal if method == "spinors" else general_goal)(problem, shape, method)
    if aggregate is not AGGREGATES["mean"]:  # then the members have to be told apart
        goal = aggregated(goal, aggregate, problem.ensemble.weights)
    rows = limit_rows(limits, shape.chain(problem.samples))
    bare = replace(problem, along=())
    ends = make_goal(bare, shape, method, aggregate) if problem.along else None
    return replace(goal, limits=rows, ends=ends, weights=problem.ensemble.weights)


def aggregated(goal, aggregate, weights):
    """The same goal with another aggregate of its members."""

    def value(x):
        infidelities, jacobian = goal.members(x)
        total, slopes = aggregate_of(aggregate, infidelities, weights)
        return total, slopes @ jacobian

    members = goal.members if aggregate is AGGREGATES["worst"] else None
    second = dict.fromkeys(("hessian", "gauss_newton", "residuals"))
    return replace(goal, value=value, members=members, **second)


def aggregate_of(aggregate, infidelities, weights):
    """What an aggregate returns, if it is a number and its slopes."""
    pair = aggregate(infidelities, weights)
    number, slopes = instance("What an aggregate returns", pair, tuple, "It is (number, slopes).")
    return arrays(f"number: ; slopes: {len(weights)}", number=number, slopes=slopes)


def general_goal(problem, shape, method):
    """Any problem, by one of the propagation methods."""
    samples = problem.samples
    if shape.distortion is not None:
        problem = problem.felt(shape.distortion)
    task = problem.generator(), problem.dt, problem.initial_state(), problem.objective_function()
    weights, latest = problem.ensemble.weights, [None, None]
    chain = shape.chain(samples)
    along = problem.running_cost()
    of_mean = prepare_objective(*task, method, problem.control, weights, along)
    of_members = prepare_objective(*task, method, problem.control, None, along)

    def feel(x):
        """What the spins feel, and the pullback through distortion and parametrisation."""
        waveform, pullback = chain(x)
        felt, undistort = shape.felt(waveform)
        return felt, lambda gradient: pullback(undistort(gradient))

    def value(x):
        if np.array_equal(x, latest[0]):
            infidelities, jacobian = latest[1]
            return weights @ infidelities, weights @ jacobian
        waveform, pullback = feel(x)
        found = of_mean(waveform)
        return 1 - weights @ found.values, -pullback(found.gradients)

    def members(x):
        waveform, pullback = feel(x)
        found = of_members(waveform)
        latest[:] = x.copy(), (1 - found.values, -pullback(found.gradients))
        return latest[1]  # the mean of all members then costs nothing

    squares = problem.objective in ("transfer", "rotation") and along is None
    return Goal(value, members=members, **(tangents(problem, method, feel) if squares else {}))


def tangents(problem, method, feel):
    """Residuals (final states minus targets: half their square is the infidelity), their matrix."""
    target, scale = problem.residual_target()
    generator, rho0 = problem.generator(), problem.initial_state()
    weights = problem.ensemble.weights

    def by_member(x, every=1):
        waveform, pullback = feel(x)
        part = generator if every == 1 else generator.member(slice(None, None, every))
        task = part, waveform, problem.dt, rho0, method, problem.control
        final, final_pullback = linearise_final(*task)
        units = scale * np.eye(target.size).reshape(-1, *target.shape)
        costates = [np.broadcast_to(unit, final.shape) for unit in units]
        blocks = [pullback(final_pullback(one)) for one in costates]
        return scale * (final - target).reshape(len(final), -1), np.stack(blocks, axis=1)

    def residuals(x):
        r, J = by_member(x)
        return r.T.ravel(), J.swapaxes(0, 1).reshape(r.size, -1)

    def gauss_newton(x, every=1):
        _, J = by_member(x, every)
        part = weights[::every]
        J = (np.sqrt(part / part.sum())[:, None, None] * J).reshape(-1, J.shape[-1])
        return J.T @ J

    return {"gauss_newton": gauss_newton, "residuals": residuals}


def spinor_goal(problem, shape, _method):
    """Phase pulses on one spin: value, Jacobian, Hessian by one forward pass."""
    also = f"control={problem.control!r}{' and a distortion' * bool(shape.distortion)}"
    require(phases_alone(problem, shape),
            "The method 'spinors' is for piecewise-constant phases alone, but "
            f"kind={shape.kind!r} with {also} arrived; use 'rotations'.")
    fidelity_of = problem.spinor_fidelity()  # refuses other systems and objectives
    ensemble, latest, cost = problem.ensemble, [None, None], problem.running_cost()
    require(holds_alone(cost), "The method 'spinors' can hold states on the way, not avoid them; "
            "use 'rotations'.")
    weights, start = ensemble.weights, problem.initial_state()
    smooth, unfilter = shape.samples_of(problem.samples)
    means = ensemble.offset_hz, ensemble.b1_scale, problem.rf_hz, problem.dt

    def forward(x):
        """Tangents and fidelities; those of the latest point are kept for its second derivative."""
        if not np.array_equal(x, latest[0]):
            path = spinors.propagate_phase(smooth(x), *means)
            fidelity = fidelity_of(path.final)
            if cost:
                fidelity = with_holds(fidelity, path, start, cost)
            latest[:] = x.copy(), (path, path.tangents, fidelity)
        return latest[1]

    def value(x):
        _, tangents, fidelity = forward(x)
        gradient = spinors.gradient_of_mean(tangents, fidelity, weights)
        return 1 - weights @ fidelity.values, -unfilter(gradient)

    def hessian(x):
        path, _, fidelity = forward(x)
        if cost:
            fidelity = with_hold_curvatures(fidelity, path, start, cost)
        matrix = spinors.hessian_of_mean(path.poles, fidelity, weights)
        return -unfilter(unfilter(matrix).T)

    def gauss_newton(x, every=1):
        path, tangents, fidelity = forward(x)
        matrix = spinors.gauss_newton_of_mean(tangents, fidelity, weights, every)
        if cost:
            matrix += gauss_newton_of_holds(path, cost, weights, every)
        return unfilter(unfilter(matrix).T)

    def members(x):
        _, tangents, fidelity = forward(x)
        return 1 - fidelity.values, -unfilter(spinors.member_gradients(tangents, fidelity))

    def residuals(x):
        _, tangents, fidelity = forward(x)
        r, J = spinors.residual_jacobian(tangents, fidelity)
        return r, unfilter(J)

    return Goal(value, hessian, gauss_newton, members, None if cost else residuals)
