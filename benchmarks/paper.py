"""The paper's optimisations, fifteen starts each, and what a gradient costs: data of two pages.

    python benchmarks/paper.py               all parts, about half an hour of one core
    python benchmarks/paper.py excitation    figure 3: moving asymptotes, FEM against GRAPE
    python benchmarks/paper.py rotation      figure 4: moving asymptotes, L-BFGS, Newton
    python benchmarks/paper.py wins          who wins, by steps, size of the state and tolerance
    python benchmarks/paper.py four          the last point of figure S2: four spins
    python benchmarks/paper.py which         the cells of "Which method when"
    python benchmarks/paper.py rows          other rows of ``make bench`` that this page cites

Writes ``book/data/paper.json``, which the pages read and ``tests/test_paper.py`` judges again.
Run it with OMP_NUM_THREADS=1.

A run is kept as the mean infidelity at every iterate, the CPU time in all, and the fidelity of the
pulse that it ends with, by the judge's exact propagation: on the design's own grid, and on a dense
one.  The pulse is judged as an instrument would play it, with phases rounded to 1/256 of a turn.
Those of the first starts are kept, too.
"""

import base64
import sys
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import fem
import numpy as np
import optimisers
import race
import which
from measure import interleave
from optimisers import CASES
from race import RUNNERS, digits, timed

import spinlab as sl

DATA = Path(__file__).parents[1] / "book" / "data" / "paper.json"
STARTS, KEPT, GOAL = 15, 5, 0.995
#: Half widths of the box of the unknowns: the authors' own.  The first steps depend on it.
SPAN = {"excitation": 15 * np.pi, "universal rotation": 10 * np.pi}
#: contestant: (optimiser, method of the gradients, options)
EXCITATION = {
    "MMA, FEM": ("mma", "fem-linear", {}),
    "MMA, GRAPE": ("mma", "grape-batched", {}),
    "MMA, spinors": ("mma", "spinors", {}),
    "Gauss-Newton": ("gauss-newton", "spinors", {"every": 4}),
}
ROTATION = {
    "MMA": "mma (paper)", "L-BFGS": "l-bfgs", "Newton": "newton",
    "Gauss-Newton": "gauss-newton, every 4th",
}


def start_of(name, seed):
    """The paper's random start."""
    case = CASES[name]
    return case.reach * np.random.default_rng(seed).uniform(-1, 1, case.problem.steps)


def run(name, seed, optimiser, method, options, most):
    """A run to the paper's goal: the result, CPU seconds, and the mean at every iterate.

    Moving asymptotes go up and down; the library's history keeps the best, so the means are noted.
    """
    case, seen = CASES[name], {}
    goal = case.problem.goal(radius=case.radius, method=method)
    span = SPAN[name] if optimiser == "mma" else np.inf
    if optimiser == "mma":
        members = goal.members

        def noted(x):
            infidelities, jacobian = members(x)
            seen[x.tobytes()] = case.problem.ensemble.weights @ infidelities
            return infidelities, jacobian

        goal = replace(goal, members=noted)
    optimum, seconds = timed(partial(
        sl.minimise, goal, start_of(name, seed), optimiser, -span, span, most, 1 - GOAL, **options
    ))
    result = goal.result(optimum)
    means = np.array([*seen.values()]) if seen else result.history.fun
    return result, seconds, means[: len(seconds)]


def row_of(name, seed, result, seconds, means):
    """What is kept of a run."""
    pulse, phases = rounded(result)
    problem = CASES[name].problem
    kept = {"phases": base64.b64encode(phases.tobytes()).decode()} if seed < KEPT else {}
    return {
        "infidelity": digits(means, 3), "ms": round(1e3 * seconds[-1]),
        "evaluations": int(result.nfev), "believed": digits(result.fidelity, 6),
        "grid": digits(on_grid(problem, pulse), 6),
        "dense": digits(sl.judge(pulse, problem).mean, 6), **kept,
    }


def rounded(result):
    """The pulse with phases in 256ths of a turn, and those."""
    waveform = result.pulse.waveform
    phases = np.round(np.arctan2(waveform[1], waveform[0]) * 128 / np.pi).astype(int) % 256
    return pulse_of(result.problem, phases.astype(np.uint8)), phases.astype(np.uint8)


def pulse_of(problem, phases):
    """The pulse of phases in 256ths of a turn."""
    angle = phases * np.pi / 128
    return sl.Pulse(np.array([np.cos(angle), np.sin(angle)]), problem.dt, problem.rf_hz)


def unpacked(text):
    """Phases in 256ths of a turn from the file's letters."""
    return np.frombuffer(base64.b64decode(text), np.uint8)


def on_grid(problem, pulse):
    """Mean fidelity of a pulse on the design's own members, exact."""
    offsets, scales = len(set(problem.ensemble.offset_hz)), len(set(problem.ensemble.b1_scale))
    return sl.judge(pulse, problem, offsets, scales).mean


def fifteen(name, contestants, most):
    """All runs of a figure; the contestants take turns."""
    rows = {contestant: [] for contestant in contestants}
    for seed in range(STARTS):
        for contestant, (optimiser, method, options) in contestants.items():
            found = run(name, seed, optimiser, method, options, most)
            rows[contestant].append(row_of(name, seed, *found))
            last = rows[contestant][-1]
            print(seed, contestant, len(last["infidelity"]) - 1, last["ms"], flush=True)
    return rows


def excitation(alone=8):
    """Figure 3, and one run whose gradients are GRAPE's in a loop over time."""
    rows = fifteen("excitation", EXCITATION, 50)
    looped = row_of("excitation", alone, *run("excitation", alone, "mma", "grape", {}, 50))
    return {"most": 50, "runs": rows, "loop": {"start": alone, **looped}}


def rotation():
    """Figure 4."""
    contestants = {
        name: (RUNNERS[runner][0], "spinors", RUNNERS[runner][1])
        for name, runner in ROTATION.items()
    }
    return {"most": 100, "runs": fifteen("universal rotation", contestants, 100)}


# --- who wins, and which method when -----------------------------------------------------

STEPS, DURATION = (64, 128, 256, 512), 512e-6
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)
METHODS = (
    "rotations", "series, vectors", "series, matrices", "grape-batched", "grape", "fem-linear",
    "fem-quadratic", "fem-quadratic-reduced",
)  # fmt: skip
#: So many elements at most, by size of the state: larger ones are not tried.
MOST = {3: 4096, 4: 4096, 15: 2048, 63: 512}


def wins(rounds=3):
    """Milliseconds of a gradient by steps, and substeps a sample by steps and tolerance."""
    return {
        "steps": STEPS, "tolerances": TOLERANCES,
        "sizes": {str(d): wins_of(d, rounds) for d in which.SYSTEMS},
    }  # fmt: skip


def wins_of(d, rounds):
    """The same for one size of the state; methods in a loop over time are timed with few steps."""
    warnings.simplefilter("ignore", sl.propagation.CoarseStepWarning)  # that is what k is for
    table = {}
    tasks = {n: which.Task(d, 1, "filtered steps", n, DURATION / n, n / 130) for n in STEPS}
    for method in METHODS:
        if method == "rotations" and d > 3:
            continue
        substeps, exact = {}, not method.startswith("fem")
        for n, task in tasks.items():
            tried = [k for k in which.REFINEMENTS if k * n <= MOST[d]]
            found = dict.fromkeys(TOLERANCES, 1)
            if not exact:
                found = which.needed(task, method, TOLERANCES, tried)
            substeps[n] = [found[tolerance] for tolerance in TOLERANCES]
        largest = 64 if d == 63 or method == "grape" else 512
        jobs = {n: tasks[n].job(method) for n in STEPS if n <= largest}
        ms = {n: 1e3 * np.median(times) for n, times in interleave(jobs, rounds).items()}
        ms |= {n: ms[largest] * n / largest for n in STEPS if n > largest}
        table[method] = {
            "ms": digits([ms[n] for n in STEPS], 3), "substeps": [substeps[n] for n in STEPS]
        }
        print(d, method, table[method], flush=True)
    return table


def four(steps=20):
    """Trajectories of four coupled spins: milliseconds a step, and errors."""
    system = sl.SpinSystem((-30, -10, 10, 30), ((1, 2, 10), (2, 3, 10), (3, 4, 10)))
    L = sl.liouvillian(system)
    spins, start = sl.evaluate(L, offset_hz=3e3, rf_hz=10e3), sl.state("I1z", L)
    waveform = which.Task(3, 1, "filtered steps", steps).waveform[0]
    return {"size": spins.dimension, "steps": steps, **trajectories(spins, waveform, start)}


def trajectories(spins, waveform, start, dt=1e-6):
    """Milliseconds a step and errors of a trajectory, by method."""
    steps, table = waveform.shape[1], {}
    exact = sl.propagate(spins, waveform, dt, start, "grape")
    one = sl.Generator(spins.drift[None], spins.controls[None])

    def by_vectors():
        return which.chain(dt * one.at(waveform), start, True, 8)[0, :, :, 0]

    jobs = {
        name: partial(sl.propagate, spins, waveform, dt, start, name)
        for name in ("fem-linear", "fem-linear-sparse", "grape")
    } | {"series, vectors": by_vectors}
    for name, job in jobs.items():
        off, began = np.linalg.norm(job() - exact) / np.linalg.norm(exact), time.thread_time()
        job()
        table[name] = digits([1e3 * (time.thread_time() - began) / steps, off], 3)
    return {"ms and error": table}


def cells():
    """The rows of ``make bench ONLY=which``."""
    return [
        [*cell, {**row, "us": digits(row["us"], 3), "ratio": digits(row["ratio"], 3)}]
        for cell, row in which.cells()
    ]


#: rows of ``make bench`` that the page cites, by area
CITED = {
    "fem": (
        "rotations gradient, faster than grape", "fem-linear gradient, faster than grape",
        "fem-linear gradient, faster than grape-batched",
    ),
    "optimisers": (
        "exact gradient of 255 members x 500 steps, faster than grape (timed on 3)",
        "universal rotation to 0.995: gauss_newton, less CPU than mma",
        "universal rotation to 0.995: gauss_newton, less CPU than l_bfgs",
        "universal rotation to 0.999: gauss_newton, less CPU than l_bfgs",
        "universal rotation of 1 ms to 0.9999: gauss_newton, less CPU than l_bfgs",
        "excitation to 0.995: gauss_newton, less CPU than l_bfgs",
        "universal rotation to 0.995: mma is ahead of l_bfgs if an evaluation costs this more",
        "40 phases in 100 us: newton, less CPU than l-bfgs",
        "40 phases in 100 us: newton, less CPU than gauss-newton",
        "worst-member infidelity after a minimax polish of 12 steps, median part that is left",
    ),
}  # fmt: skip


def rows():
    """The rows that the page cites, with their values."""
    found = {}
    for area, makers in {"fem": (fem.speed,), "optimisers": (optimisers.records,)}.items():
        made = {row["name"]: row["value"] for maker in makers for row in maker()}
        found[area] = {name: digits(made[name], 3) for name in CITED[area]}
    return found


PARTS = {
    "excitation": excitation, "rotation": rotation, "wins": wins, "four": four, "which": cells,
    "rows": rows,
}  # fmt: skip


if __name__ == "__main__":
    race.main(PARTS, DATA, sys.argv[1:])
