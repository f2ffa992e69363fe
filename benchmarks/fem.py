"""Finite elements in time against GRAPE: what the paper claims, and what the book's tables say.

One spin throughout, RF 10 kHz.  "Trajectory" is ``spinlab.linearise``, "gradient" is
``spinlab.propagation.prepare_objective``: the value, and its exact gradient for all samples.
"""

from itertools import product

import numpy as np
from measure import exponent, interleave, ratio, record, relative

from spinlab import (
    METHODS,
    check_gradient,
    evaluate,
    evaluate_objective,
    linearise,
    observable,
    state,
    transfer,
)
from spinlab.control import rotation, subspace
from spinlab.propagation import prepare_objective
from spinlab.pulses import from_phase, helmholtz

RF_HZ = 1e4
GRAPE = {
    "trajectory": "spinlab.propagation.grape.linearise: scipy.linalg.expm per step, Python loop",
    "gradient": "spinlab.propagation.grape.linearise: expm per step, Van Loan auxiliary matrix "
    "per control, Python loop",
}
BATCHED = (
    "spinlab.propagation.grape.linearise_batched: scipy.linalg.expm of all steps in one call, "
    "one auxiliary matrix per step"
)
COMPLEX_STEP = "spinlab.check_gradient: complex step of the same method's value"
EXACT = "spinlab.propagation.rotations.linearise: closed-form rotations"

#: Methods that are timed, with the course of their control.
TIMED = {
    "grape": "constant", "grape-batched": "constant", "rotations": "constant",
    "fem-linear": "constant", "fem-linear-sparse": "constant", "fem-quadratic": "constant",
    "fem-hermite": "linear", "fem-linear-reduced": "constant",
    "fem-quadratic-reduced": "constant", "fem-exact": "constant",
}

#: Errors of trajectory and gradient by method and theta, from the notes that the book is built on.
THETAS = (0.01, 0.03, 0.05, 0.10)
ACCURACY = {
    "fem-linear": ((1.1e-5, 2.0e-3), (8.3e-5, 1.3e-2), (2.5e-4, 1.4e-2), (1.0e-3, 3.1e-2)),
    "fem-quadratic": ((1.8e-6, 2.5e-6), (1.4e-5, 5.1e-5), (4.4e-5, 8.2e-5), (1.8e-4, 3.9e-4)),
    "fem-linear-reduced": ((1.5e-5, 2.4e-5), (3.3e-4, 1e-3), (1.1e-3, 2.1e-3), (6.1e-3, 1.1e-2)),
    "fem-quadratic-reduced": ((2e-11, 5e-11), (5e-9, 2e-8), (5e-8, 9e-8), (1e-6, 2e-6)),
}

#: Trajectory error of the Hermite element by filter radius (in steps, of 400), theta = 0.05.
HERMITE = {0: 1.0e-2, 1: 8.2e-4, 400 / 130: 8.4e-5, 400 / 65: 1.6e-5, 400 / 20: 6.5e-7}


def records():
    """All rows of this area, one by one."""
    yield from speed()
    yield from cost()
    yield from members()
    yield from exactness()
    yield from accuracy()
    yield from hermite_accuracy()


def smooth_waveform(phase, radius, control="constant"):
    """Constant amplitude, and a phase that is smoothed with a radius given in steps."""
    return from_phase(helmholtz(phase[None], radius, 1.0, control)[0])[0]


def job(method, steps, gradient, members=None, control="constant"):
    """A trajectory, or a value with its gradient, as a function without arguments.

    Gradients are prepared once and then asked for again and again, as an optimiser does: every
    method alike, GRAPE included.
    """
    phase = np.pi * np.random.default_rng(0).standard_normal(steps + (control == "linear"))
    offset = 500.0 if members is None else np.linspace(-500, 500, members)
    generator, rho0 = evaluate(rf_hz=RF_HZ, offset_hz=offset), state("Iz")
    waveform, objective = smooth_waveform(phase, steps / 130, control), transfer(observable("Ix"))
    if gradient:
        prepared = prepare_objective(generator, 1e-6, rho0, objective, method, control)
        return lambda: prepared(waveform)
    return lambda: linearise(generator, waveform, 1e-6, rho0, method, control)


def speed(steps=1000, rounds=21):
    """Trajectories and gradients of all methods, against GRAPE."""
    names = {False: "trajectory", True: "gradient"}
    jobs = {
        (method, kind): job(method, steps, gradient, control=control)
        for method, control in TIMED.items()
        for gradient, kind in names.items()
    }
    jobs["grape, linear control", "gradient"] = job("grape", steps, True, control="linear")
    times = interleave(jobs, rounds)

    def faster(method, kind, target, slow="grape", baseline=GRAPE["gradient"]):
        value = ratio(times[slow, kind], times[method, kind])
        name = f"{method} {kind}, faster than {slow}"
        return record(name, value, "x", at_least=target, baseline=baseline)

    yield faster("fem-linear", "gradient", 60)
    yield faster("fem-linear", "trajectory", 20, baseline=GRAPE["trajectory"])
    yield faster("fem-linear", "gradient", 8, "grape-batched", BATCHED)
    yield faster("fem-linear-sparse", "gradient", 10)
    yield faster("fem-quadratic", "gradient", 20)
    yield faster("fem-hermite", "gradient", 12)
    yield faster(
        "fem-hermite", "gradient", None, "grape, linear control",
        GRAPE["gradient"] + ", piecewise-linear control as for the Hermite element",
    )
    yield faster("rotations", "gradient", 180)
    value = ratio(times["fem-linear", "gradient"], times["fem-linear", "trajectory"])
    yield record(
        "fem-linear gradient over trajectory", value, "x", at_most=1.7,
        baseline="the same method's trajectory",
    )
    for method, kind in jobs:
        yield record(f"{method} {kind}", np.median(times[method, kind]) * 1e6, "us")


def cost(rounds=7):
    """How the cost of a gradient grows with steps and with members."""
    sizes = (100, 316, 1000, 3162, 10000)
    times = interleave({n: job("fem-linear", n, True) for n in sizes}, rounds)
    yield record(
        "fem-linear gradient, cost against N = 100..10000", exponent(sizes, times),
        "exponent", at_most=1.1,
    )
    sizes = (1, 3, 10, 32, 100, 316, 1000)
    times = interleave({n: job("fem-linear", 100, True, members=n) for n in sizes}, rounds)
    yield record(
        "fem-linear gradient, cost against members = 1..1000 (N=100)", exponent(sizes, times),
        "exponent", at_most=1.1,
    )


def members(steps=500, rounds=3):
    """What a member of an ensemble costs: the library treats as many at a time as fit the cache."""
    for method in ("rotations", "fem-linear"):
        counts = (1, 10, 55, 155, 255, 1000)
        times = interleave({n: job(method, steps, True, members=n) for n in counts}, rounds)
        for n, seconds in times.items():
            name = f"{method} gradient, N={steps}, each of {n} members"
            yield record(name, np.median(seconds) / n * 1e6, "us")


def exactness():
    """What has to agree to rounding."""
    errors = gradient_errors()
    yield record(
        f"gradient error, worst of {len(errors)} (method, control, objective)",
        max(errors.values()), "", at_most=1e-12, baseline=COMPLEX_STEP,
    )
    generator, rho0 = evaluate(rf_hz=RF_HZ, offset_hz=500.0), state("Iz")
    waveform = smooth_waveform(np.pi * np.random.default_rng(0).standard_normal(1000), 1000 / 130)
    (exact, exact_gradient), (fem, fem_gradient) = (
        trajectory_and_gradient(generator, waveform, 1e-6, method)
        for method in ("rotations", "fem-exact")
    )
    yield record(
        "fem-exact trajectory error", relative(fem - exact, exact), "",
        at_most=1e-12, baseline=EXACT,
    )
    yield record(
        "fem-exact gradient error", relative(fem_gradient - exact_gradient, exact_gradient), "",
        at_most=1e-12, baseline=EXACT,
    )
    states = linearise(generator, waveform, 1e-6, rho0, "fem-linear-reduced").states
    reference = crank_nicolson(generator.at(waveform), 1e-6, rho0)
    yield record(
        "fem-linear-reduced trajectory error", relative(states - reference, reference), "",
        at_most=1e-12, baseline="benchmarks.fem.crank_nicolson: a solve per step",
    )


def gradient_errors(steps=8):
    """Error against the complex step, by (method, control, objective)."""
    generator = evaluate(rf_hz=RF_HZ, offset_hz=2e3)
    start = state("Iz")
    objectives = {
        "transfer": (start, transfer(observable("Ix"))),
        "subspace of one": (start, subspace(observable("Ix")[:, None])),
        "subspace": (start, subspace(np.eye(3)[:, :2])),
        "rotation": (np.eye(3), rotation(np.eye(3)[[1, 2, 0]])),
    }
    errors = {}
    for method, control, name in product(METHODS, ("constant", "linear"), objectives):
        if (method, control) in (("fem-hermite", "constant"), ("fem-exact", "linear")):
            continue  # refused by the library: they would lose their order
        rho0, objective = objectives[name]

        def value_and_gradient(x, method=method, control=control, rho0=rho0, objective=objective):
            result = evaluate_objective(generator, x, 5e-6, rho0, objective, method, control)
            return result.values, result.gradients

        x = np.random.default_rng(0).uniform(-1, 1, (2, steps + (control == "linear")))
        errors[method, control, name] = check_gradient(value_and_gradient, x).relative_error
    return errors


def trajectory_and_gradient(generator, waveform, dt, method, control="constant"):
    """States, and the gradient of the transfer from Iz to Ix."""
    result = linearise(generator, waveform, dt, state("Iz"), method, control)
    costates = np.zeros_like(result.states)
    costates[-1] = observable("Ix")
    return result.states, result.pullback(costates)


def crank_nicolson(A, dt, rho):
    """States of the Crank-Nicolson rule, step by step."""
    unit, states = np.eye(len(rho)), [rho]
    for A_n in A:
        states.append(np.linalg.solve(unit - dt / 2 * A_n, (unit + dt / 2 * A_n) @ states[-1]))
    return np.array(states)


def mean_step_error(states, reference):
    """Equation 36 of the paper: relative error of a state vector, mean over the steps."""
    error = np.linalg.norm(states - reference, axis=-1) / np.linalg.norm(reference, axis=-1)
    return error[1:].mean()


def accuracy(steps=500, pulses=150):
    """Errors of trajectory and gradient against theta: the book's table, reproduced.

    The table was made with 30 pulses.  A pulse whose gradient happens to be nearly zero dominates
    such a mean, so more are taken here.
    """
    phases = np.pi * np.random.default_rng(0).standard_normal((pulses, steps))
    generator, waveforms = evaluate(rf_hz=RF_HZ), [smooth_waveform(p, steps / 130) for p in phases]
    worst = {"trajectory": 0.0, "gradient": 0.0}
    rows = []
    for column, theta in enumerate(THETAS):
        dt = theta / (2 * np.pi * RF_HZ)
        errors = {method: [] for method in ACCURACY}
        for waveform in waveforms:
            states, gradient = trajectory_and_gradient(generator, waveform, dt, "rotations")
            for method in ACCURACY:
                x, g = trajectory_and_gradient(generator, waveform, dt, method)
                error = mean_step_error(x, states), relative(g - gradient, gradient)
                errors[method].append(error)
        for method, expected in ACCURACY.items():
            for kind, value, table in zip(
                worst, np.mean(errors[method], axis=0), expected[column], strict=True
            ):
                rows.append(record(
                    f"{method} {kind} error, theta {theta:.2f} (table: {table:.1e})", value, "",
                    baseline=EXACT,
                ))
                worst[kind] = max(worst[kind], value / table, table / value)
    for kind, value in worst.items():
        yield record(
            f"{kind} errors against the table, worst factor", value, "x", at_most=2,
            baseline="the accuracy table of the notes (benchmarks.fem.ACCURACY)",
        )
    yield from rows


def hermite_accuracy(steps=400, theta=0.05, pulses=30, substeps=8):
    """Trajectory error of the Hermite element against the filter radius."""
    dt = theta / (2 * np.pi * RF_HZ)
    phases = np.pi * np.random.default_rng(0).standard_normal((pulses, steps + 1))
    generator, fine = evaluate(rf_hz=RF_HZ), np.linspace(0, steps, substeps * steps + 1)
    worst, rows = 0.0, []
    for radius, table in HERMITE.items():
        errors = []
        for phase in phases:
            waveform = smooth_waveform(phase, radius, "linear")
            refined = [np.interp(fine, np.arange(steps + 1), row) for row in waveform]
            exact = linearise(
                generator, refined, dt / substeps, state("Iz"), "rotations", "linear"
            ).states[::substeps]
            states = linearise(generator, waveform, dt, state("Iz"), "fem-hermite", "linear").states
            errors.append(mean_step_error(states, exact))
        value = np.mean(errors)
        worst = max(worst, value / table, table / value)
        rows.append(record(
            f"fem-hermite trajectory error, filter radius {radius:.1f} steps (table: {table:.1e})",
            value, "", baseline="spinlab.propagation.rotations.linearise with 8 substeps",
        ))
    yield record(
        "fem-hermite errors against the table, worst factor", worst, "x", at_most=2,
        baseline="the radius table of the notes (benchmarks.fem.HERMITE)",
    )
    yield from rows
