"""Who converges: the paper's two problems, from 15 random starts, in iterations and CPU time.

All optimisers get the same starts and exact gradients (``spinlab.propagation.spinors``), on one
thread.
A start that does not arrive counts as infinitely long.
"""

import time
from dataclasses import dataclass

import numpy as np
from measure import interleave, ratio, record

import spinlab as sl

STARTS = 15
LBFGS = "scipy.optimize.minimize, L-BFGS-B, same gradients"
PAPER = "the paper's MMA, least squares as constraints (spinlab.optimisers.mma), interior-point"
GRAPE = "spinlab.propagation.grape.linearise: expm per step, Van Loan auxiliary matrix per control"
QUARTER = {"optimiser": "gauss-newton", "every": 4}


@dataclass(frozen=True)
class Case:
    """A problem, how far random starts reach (rad), and the filter radius (None: T/130)."""

    problem: sl.Problem
    reach: float
    radius: float | None


def spins(scale):
    """The paper's ensemble: 51 offsets over 20 kHz, 5 scales of the RF field."""
    return sl.Ensemble.grid(np.linspace(-10e3, 10e3, 51), np.linspace(1 - scale, 1 + scale, 5))


def universal(duration=500e-6):
    """A universal quarter turn about x, in steps of 1 us."""
    return sl.Problem(
        None, sl.turn(np.pi / 2, "x"), objective="universal", duration=duration,
        steps=round(duration / 1e-6), rf_hz=10e3, ensemble=spins(0.1),
    )


CASES = {
    "universal rotation": Case(universal(), np.pi / 3, 0),
    "universal rotation of 1 ms": Case(universal(1e-3), np.pi / 3, 0),
    "excitation": Case(
        sl.Problem("Iz", "Ix", 500e-6, 500, 10e3, ensemble=spins(0.2)), np.pi, None
    ),
}


def records():
    """All rows of this area, one by one."""
    yield from derivatives()
    yield from convergence()
    yield from few_unknowns()
    yield from polish()


def derivatives(rounds=5):
    """Speed of the exact ensemble gradient, and exactness of the Hessian."""
    case = CASES["excitation"]
    shape = sl.pulses.Parametrisation("phase", 0.0, 1e-6)
    goal = sl.control.make_goal(case.problem, shape, "spinors")
    x = np.pi * np.random.default_rng(0).uniform(-1, 1, 500)
    waveform, part = sl.pulses.from_phase(x[None])[0], 3
    few = sl.Problem("Iz", "Ix", 500e-6, 500, 10e3, ensemble=sl.Ensemble.grid([-1e4, 0, 1e4]))
    waves = iter(np.linspace(0, 1, 10_000))

    def evaluate():
        return goal.value(x + next(waves))  # never the same point: it would be remembered

    times = interleave(
        {"spinors": evaluate, "grape": lambda: few.fidelity(waveform, "grape")}, rounds
    )
    members = case.problem.ensemble.members
    yield record(
        f"exact gradient of {members} members x 500 steps, faster than grape (timed on {part})",
        ratio(times["grape"] * members / part, times["spinors"]), "x", at_least=300, baseline=GRAPE,
    )
    yield record("the same, in ms", np.median(times["spinors"]) * 1e3, "ms")
    goal = sl.control.make_goal(CASES["universal rotation"].problem, shape, "spinors")
    step = 1e-5
    columns = np.random.default_rng(1).choice(500, 40, replace=False)
    numeric = np.array([
        (goal.value(x + e)[1] - goal.value(x - e)[1]) / (2 * step)
        for e in step * np.eye(500)[columns]
    ])
    exact = goal.hessian(x)
    yield record(
        "exact Hessian, relative error", np.abs(exact[columns] - numeric).max()
        / np.abs(exact).max(), "", at_most=1e-7, baseline="central difference of the gradient",
    )


def run(case, seed, wanted, **options):
    """Iterations, CPU seconds and evaluations to the wanted mean fidelity, or infinitely many."""
    x0 = case.reach * np.random.default_rng(seed).uniform(-1, 1, case.problem.steps)
    began = time.thread_time()
    result = sl.design(
        case.problem, radius=case.radius, method="spinors", x0=x0, stop_at=wanted, **options
    )
    seconds = time.thread_time() - began
    spent = result.nit, seconds, result.nfev
    return *(spent if result.fidelity >= wanted else 3 * (np.inf,)), result


def race(name, wanted, starts=STARTS, **contestants):
    """``{contestant: (iterations, seconds, evaluations)}``, over the starts, which take turns."""
    rows = {contestant: [] for contestant in contestants}
    for seed in range(starts):
        for contestant, options in contestants.items():
            rows[contestant].append(run(CASES[name], seed, wanted, **options)[:3])
    return {contestant: np.array(row).T for contestant, row in rows.items()}


def convergence():
    """The table of the book: who reaches which fidelity, and at what price."""
    lbfgs = {"optimiser": "l-bfgs", "max_iterations": 1500}
    quarter = {**QUARTER, "max_iterations": 150}
    few = 5  # starts, where one of L-BFGS takes seconds
    plans = {
        ("universal rotation", 0.995): (STARTS, 15, 8.0, None, 12),
        ("universal rotation", 0.999): (few, 4, None, 4.0, None),
        ("universal rotation of 1 ms", 0.9999): (few, 5, None, 4.0, None),
        ("excitation", 0.995): (STARTS, 15, 6.0, 2.5, None),
    }
    for (name, wanted), (starts, least, over_mma, over_lbfgs, iterations) in plans.items():
        contestants = {"gauss_newton": quarter, "l_bfgs": lbfgs}
        if over_mma:
            contestants["mma"] = {"optimiser": "mma", "max_iterations": 50}
        outcome = race(name, wanted, starts, **contestants)
        label = f"{name} to {wanted}"
        for contestant, (its, seconds, _) in outcome.items():
            reached = np.isfinite(its).sum()
            target = least if contestant == "gauss_newton" else None
            yield record(f"{label}, {contestant}: starts of {starts}", reached, "", at_least=target)
            limit = iterations if contestant == "gauss_newton" else None
            yield record(f"{label}, {contestant}: median iterations", np.median(its), "",
                         at_most=limit)
            yield record(f"{label}, {contestant}: median CPU", np.median(seconds), "s")
        own = np.median(outcome["gauss_newton"][1])
        for contestant, target, baseline in (
            ("mma", over_mma, PAPER), ("l_bfgs", over_lbfgs, LBFGS),
        ):
            if contestant in outcome:
                slow = np.median(outcome[contestant][1])
                yield record(f"{label}: gauss_newton, less CPU than {contestant}", slow / own, "x",
                             at_least=target, baseline=baseline)
        if name == "universal rotation" and "mma" in outcome:
            (_, slow, few), (_, quick, many) = (
                np.median(outcome[contestant], axis=1) for contestant in ("mma", "l_bfgs")
            )
            yield record(f"{label}: mma is ahead of l_bfgs if an evaluation costs this more",
                         1e3 * (slow - quick) / (many - few), "ms", baseline=LBFGS)


def few_unknowns(starts=5):
    """Forty phases whose target is out of reach: residuals stay, and Gauss-Newton has less to give.
    """
    problem = sl.Problem(
        None, sl.turn(np.pi / 2, "x"), 100e-6, 40, 10e3,
        sl.Ensemble.grid(np.linspace(-4e3, 4e3, 7), [0.9, 1, 1.1]), objective="universal",
    )
    def seconds(optimiser, seed):
        x0 = np.pi / 3 * np.random.default_rng(seed).uniform(-1, 1, 40)
        began = time.thread_time()
        sl.design(problem, radius=0, method="spinors", x0=x0, optimiser=optimiser,
                  max_iterations=300)  # fmt: skip
        return time.thread_time() - began

    names = "newton", "l-bfgs", "gauss-newton"
    spent = np.array([[seconds(name, seed) for name in names] for seed in (0, *range(starts))][1:])
    for slow, column in zip(names[1:], spent.T[1:], strict=True):
        yield record(f"40 phases in 100 us: newton, less CPU than {slow}",
                     np.median(column) / np.median(spent[:, 0]), "x",
                     baseline=f"the same starts, {slow}")


def polish(starts=5):
    """Worst-member infidelity before and after five steps of minimax by moving asymptotes."""
    case, gains = CASES["universal rotation"], []
    for seed in range(starts):
        *_, result = run(case, seed, 0.995, **QUARTER)
        polished = sl.design(
            case.problem, radius=0, method="spinors", x0=result.x, optimiser="mma", form="minimax",
            aggregate="worst", max_iterations=12,
        )
        gains.append(polished.fun / polished.history.fun[0])
    yield record(
        "worst-member infidelity after a minimax polish of 12 steps, median part that is left",
        np.median(gains), "", at_most=0.5, baseline="the pulse at 0.995 by gauss_newton",
    )
