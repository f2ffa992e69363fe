"""What races of starts keep, and which optimiser arrives first: the data of the page on the race.

    python benchmarks/race.py               both parts, about ten minutes of one core
    python benchmarks/race.py starts        how often a race keeps the best of 64 starts
    python benchmarks/race.py optimisers    iterations and CPU time, from seven starts

Writes ``book/data/race.json``, which the page reads.  Run it with OMP_NUM_THREADS=1.

Starts: 5 x 64 random starts of each problem are run to the end once, and every rule of a race is
applied to their histories: who is ahead after so many iterations, who drops out, what was spent.
A real race restarts the memory of L-BFGS at every rung.  So the first 64 of each problem are raced
in truth, too.  The rules were chosen on other seeds (0 to 319) of the two inversions.
"""

import json
import math
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

import spinlab as sl

DATA = Path(__file__).parents[1] / "book" / "data" / "race.json"
BLOCKS, BLOCK, SEED, END = 5, 64, 2000, 250
CHECKPOINTS = (5, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 250)
#: name: (rungs, keep, finish)
RULES = {
    "one heat of 10, finish 2": ((10,), 0.5, 2),
    "one heat of 15, finish 1": ((15,), 0.5, 1),
    "one heat of 15, finish 2": ((15,), 0.5, 2),
    "rungs 20, 60, finish 4": ((20, 60), 0.5, 4),
    "rungs 40, 80, finish 4": ((40, 80), 0.5, 4),
    "rungs 60, 90, 120, finish 4": ((60, 90, 120), 0.5, 4),
}
RACED = "rungs 60, 90, 120, finish 4"


def members(half_width, offsets, spread):
    """Offsets and three scales of the RF field."""
    scales = np.linspace(1 - spread, 1 + spread, 3)
    return sl.Ensemble.grid(np.linspace(-half_width, half_width, offsets), scales)


#: Phases only, 10 kHz; every grid is fine enough for its duration, 1/(2T).
PROBLEMS = {
    "inversion, 20 kHz": sl.Problem("Iz", "-Iz", 250e-6, 125, 10e3, members(10e3, 13, 0.2)),
    "inversion, 40 kHz": sl.Problem("Iz", "-Iz", 300e-6, 120, 10e3, members(20e3, 27, 0.1)),
    "half turn, sign-free, 16 kHz": sl.Problem(
        None, np.diag([1.0, -1, -1]), 300e-6, 100, 10e3, members(8e3, 13, 0.1),
        objective="rotation",
    ),
}


def follow(problem):
    """Infidelity of every start after every iteration, (starts, END + 1), and iterations made."""
    funs, spent = np.empty((BLOCKS * BLOCK, END + 1)), []
    for k, row in enumerate(funs):
        fun = sl.design(
            problem, method="spinors", radius=0, seed=SEED + k, max_iterations=END
        ).history.fun[: END + 1]
        row[: len(fun)], row[len(fun) :] = fun, fun[-1]
        spent.append(len(fun) - 1)
    return funs, np.array(spent)


def simulate(funs, spent, rungs, keep, finish):
    """The winner of a race, whether it is the best of all, and the share of all iterations."""
    field, used, before = np.arange(len(funs)), 0, 0
    parts = (1, *[keep] * (len(rungs) - 1), 0)
    for part, rung in zip(parts, (*rungs, END), strict=True):
        field = field[: max(finish, math.ceil(part * len(field)))]
        used += np.sum(np.minimum(spent[field], rung) - np.minimum(spent[field], before))
        field, before = field[np.argsort(funs[field, rung], kind="stable")], rung
    end = funs[:, -1]
    return bool(field[0] == np.argmin(end)), float(end[field[0]] / end.min()), used / spent.sum()


def raced(problem, rungs, keep, finish):
    """The first block in a real race: the infidelity of its winner."""
    run = partial(sl.design, problem, method="spinors", radius=0)
    result = sl.race(
        run, BLOCK, rungs, keep, END - rungs[-1], finish, seed=SEED, jobs=1
    )
    return result.best.fun


def starts():
    """How often every rule keeps the best of a block, and at which share of the cost."""
    found = {}
    for name, problem in PROBLEMS.items():
        funs, spent = follow(problem)
        blocks = [slice(b * BLOCK, (b + 1) * BLOCK) for b in range(BLOCKS)]
        rules = {}
        for rule, settings in RULES.items():
            outcome = [simulate(funs[block], spent[block], *settings) for block in blocks]
            kept, excess, cost = zip(*outcome, strict=True)
            rules[rule] = {
                "kept": sum(kept), "excess": digits(excess), "cost": round(float(np.mean(cost)), 3)
            }
        ranks = []
        for block in blocks:
            winner = np.argmin(funs[block, -1])
            ranks.append([int(np.sum(funs[block, k] < funs[block, k][winner]))
                          for k in CHECKPOINTS])
        found[name] = {
            "rules": rules, "rank": ranks, "best": digits(funs[blocks[0], -1].min()),
            "median": digits(np.median(funs[:, -1])),
            "raced": digits(raced(problem, *RULES[RACED])),
            "after": {str(k): digits(funs[:, k]) for k in (15, 60, END)},
        }
        print(name, {rule: (row["kept"], row["cost"]) for rule, row in rules.items()}, flush=True)
    return {"blocks": BLOCKS, "starts": BLOCK, "end": END, "checkpoints": CHECKPOINTS,
            "raced by": RACED, "problems": found}


#: name: (optimiser, options): the paper's universal quarter turn
RUNNERS = {
    "gradient": ("gradient", {}),
    "l-bfgs": ("l-bfgs", {}),
    "newton": ("newton", {}),
    "gauss-newton": ("gauss-newton", {}),
    "gauss-newton, every 4th": ("gauss-newton", {"every": 4}),
    "mma (paper)": ("mma", {}),
    "mma, tangent": ("mma", {"form": "tangent"}),
    "mma, then gauss-newton": (("mma", "gauss-newton"), {}),
    "gcmma": ("gcmma", {}),
}
SEEDS, ITERATIONS, SECONDS, LEVELS = 7, 60, 8.0, (0.99, 0.995, 0.999)


def quarter_turn():
    """The paper's universal quarter turn."""
    ensemble = sl.Ensemble.grid(np.linspace(-10e3, 10e3, 51), np.linspace(0.9, 1.1, 5))
    return sl.Problem(
        None, sl.turn(np.pi / 2, "x"), 500e-6, 500, 10e3, ensemble, objective="universal"
    )


def timed(design, seconds=math.inf):
    """What a design returns, which takes a callback, and the CPU seconds at all its iterations.

    It is stopped after so many of them.
    """
    clock = [time.thread_time()]

    def note(state):
        clock.append(time.thread_time())
        if clock[-1] - clock[0] > seconds:
            raise StopIteration

    result = design(callback=note)
    return result, np.array(clock) - clock[0]


def optimisers():
    """Iterations, CPU seconds and evaluations to each level; None where it was not reached."""
    problem = quarter_turn()
    table = {name: [] for name in RUNNERS}
    for seed in range(SEEDS):
        x0 = np.pi / 3 * np.random.default_rng(seed).uniform(-1, 1, (1, 500))
        for name, (optimiser, options) in RUNNERS.items():
            result, seconds = timed(partial(
                sl.design, problem, radius=0, method="spinors", x0=x0, optimiser=optimiser,
                max_iterations=ITERATIONS, **options,
            ), SECONDS)
            table[name].append(arrivals(result.history, seconds))
            print(seed, name, result.nit, round(result.fidelity, 5), flush=True)
    return {"iterations": ITERATIONS, "seconds": SECONDS, "levels": LEVELS, "table": table}


def arrivals(history, seconds):
    """For every level (iterations, CPU seconds, evaluations), and at last the final fidelity."""
    rows = []
    for level in LEVELS:
        there = np.flatnonzero(history.fidelity[: len(seconds)] >= level)
        k = int(there[0]) if len(there) else None
        rows.append(None if k is None else [k, digits(seconds[k]), int(history.evaluations[k])])
    last = digits(history.fidelity[-1], 6)
    return {"arrivals": rows, "iterations": len(seconds) - 1, "fidelity": last}


def digits(values, count=4):
    """Numbers as JSON takes them, with so many digits."""
    rounded = [float(f"{value:.{count}g}") for value in np.atleast_1d(values)]
    return rounded if np.ndim(values) else rounded[0]


def main(makers, path, asked):
    """Make the parts that are asked for, or all, and write each into a file of data at once."""
    for part in asked or makers:
        began = time.process_time()
        found = makers[part]()
        print(f"{part}: {time.process_time() - began:.0f} s of CPU time", flush=True)
        data = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        data[part] = found
        path.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main({"starts": starts, "optimisers": optimisers}, DATA, sys.argv[1:])
