"""The same gradients and designs in the hands of other programs: the data of the page on them.

    python benchmarks/peers.py             both parts, with the programs that are installed
    python benchmarks/peers.py gradients   cost of a value with its exact gradient
    python benchmarks/peers.py designs     time to a mean fidelity of 0.995

Writes into ``book/data/peers.json``, which the page reads, the rows of the programs that are there,
and keeps the others: not all of them can be installed side by side.  ``pip install '.[bench]'``
brings most; qutip-qoc wants NumPy below 2 and krotov QuTiP below 5, so each has an environment of
its own.  ``make bench ONLY=peers`` measures the gradients alone, and writes nothing there.

What comes out must be our numbers, else there is no row.  Times are CPU time of the process on one
core; all contestants of a task take turns.  What comes before the second call (set-up,
compilation) is told apart.

Asked of us were at most 0.9 of the CPU time of hand-written compiled JAX for P1 (0.5 at 255 x 500),
and 1/50 of qutip-qoc's.  By two controls they are kept against a plain scan (0.76 and 0.40).
Against JAX's quickest form of a dozen they are missed (2.5 and 0.73), and by phases against both
(1.8 and 2.1 against the scan, 4.4 and 3.5 against the quickest).
"""

import ast
import importlib.util
import inspect
import json
import os
import sys
import textwrap
import time
import warnings
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):  # before NumPy is imported: it reads these once
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
# Before JAX is imported, too.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import ensembles  # noqa: E402
import numpy as np  # noqa: E402
import peer_designs  # noqa: E402
import peer_jax as by_jax  # noqa: E402
import peer_programs as programs  # noqa: E402
from measure import ratio, record  # noqa: E402
from peer_programs import Glutamate, OneSpin  # noqa: E402

DATA = Path(__file__).parents[1] / "book" / "data" / "peers.json"
SU2, SPINOR = (by_jax.imported, by_jax.step), (by_jax.imported, by_jax.step, by_jax.product)


def loop(p):
    return lambda waveform: ensembles.rodrigues_loop(p.task, waveform)


def jax_scan(kind):
    return lambda p: by_jax.scan(p, kind)


def jax_blocks(kind):
    return lambda p: by_jax.blocks(p, kind)


OURS = "spinlab"
SCAN, BLOCKS = ((f"JAX, {form}", "jax") for form in ("scan", "blocks"))
#: The forms of one spin that are raced at both sizes.
BY_PHASE = {
    (OURS, None): (programs.ours_phase, (programs.ours_phase,)),
    SCAN: (jax_scan("phase"), (by_jax.scan, *SU2)),
    BLOCKS: (jax_blocks("phase"), (by_jax.blocks, *SPINOR)),
}
#: task: (setting, kind of point, {(name, package): (make, functions whose lines a user writes)})
TASKS = {
    "P1, phases, 55 x 200": (OneSpin, "phase", BY_PHASE),
    "P1, phases, 255 x 500": (lambda: OneSpin("255 x 500"), "phase", BY_PHASE),
    "P1, two controls, 55 x 200": (OneSpin, "xy", {
        (OURS, None): (programs.ours_xy, (programs.ours_xy,)),
        ("NumPy, Rodrigues loop", None): (loop, (
            ensembles.rodrigues_loop, ensembles.rodrigues, ensembles.cross)),
        SCAN: (jax_scan("xy"), (by_jax.scan, *SU2)),
        BLOCKS: (jax_blocks("xy"), (by_jax.blocks, *SPINOR)),
        ("dynamiqs", "dynamiqs"): (programs.dynamiqs_xy, (programs.dynamiqs_xy,)),
        ("qutip-qtrl", "qutip_qtrl"): (programs.qtrl_xy, (programs.qtrl_xy,)),
        ("qutip-qoc", "qutip_qoc"): (programs.qoc_xy, (programs.qoc_xy, programs.qoc_problem)),
    }),
    "P1, two controls, 255 x 500": (lambda: OneSpin("255 x 500"), "xy", {
        (OURS, None): (programs.ours_xy, (programs.ours_xy,)),
        SCAN: (jax_scan("xy"), (by_jax.scan, *SU2)),
        BLOCKS: (jax_blocks("xy"), (by_jax.blocks, *SPINOR)),
    }),
    "Glu, two controls, 100 steps": (Glutamate, "xy", {
        (OURS, None): (programs.ours_glu, (programs.ours_glu,)),
        ("JAX, split step", "jax"): (by_jax.glu_split, (by_jax.glu_split, by_jax.imported)),
        ("JAX, expm", "jax"): (by_jax.glu_expm, (by_jax.glu_expm, by_jax.imported)),
        ("dynamiqs", "dynamiqs"): (programs.dynamiqs_glu, (programs.dynamiqs_glu,)),
        ("qutip-qtrl", "qutip_qtrl"): (programs.qtrl_glu, (programs.qtrl_glu,)),
    }),
}  # fmt: skip

#: How many times our CPU time a program shall take at least.
ASKED = {
    ("P1, two controls, 55 x 200", "JAX, scan"): 1 / 0.9,
    ("P1, two controls, 255 x 500", "JAX, scan"): 1 / 0.5,
    ("P1, two controls, 55 x 200", "qutip-qoc"): 50,
}

#: Programs without a row, and why.
ABSENT = {
    "optimalcontrol-nmr 0.5.0": "no wheel for the machine that measured; its source needs crates "
    "of Rust, which were not to be had there",
}


@contextmanager
def one_core():
    """XLA makes as many threads as there are cores, whatever it is told: let there be one."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def records():
    """How many times longer every peer takes, and what was asked."""
    with one_core():
        rows = [row for task in TASKS for row in gradients(task)]
    for row in rows:
        if row["program"] != OURS:
            peer = f"{row['program']} {row['version']}".strip()
            asked = ASKED.get((row["task"], row["program"]))
            yield record(f"{row['task']}: {peer}, CPU time over ours", row["ratio"], "x",
                         at_least=asked, baseline="benchmarks/peer_programs.py, peer_jax.py: "
                         "one thread, double precision, without compilation")  # fmt: skip


def gradients(task, rounds=7):
    """A row for each program that is installed, all of whose numbers are ours."""
    setting, kind, contestants = TASKS[task]
    there = {key: made for key, made in contestants.items()
             if key[1] is None or importlib.util.find_spec(key[1])}  # fmt: skip
    if all(package is None for _, package in there) and "55" not in task:
        return
    p, jobs, rows = setting(), {}, {}
    for _, package in there:
        importlib.import_module(package or "numpy")  # is no part of a first call
    points = p.points(kind)
    for (name, package), (make, written) in there.items():
        cpu, wall = time.process_time(), time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own old ways
            jobs[name] = in_turn(make(p), points)
            value, gradient = jobs[name]()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        expected = (programs.overlap if name == "qutip-qoc" else reference)(p, points[0])
        errors = abs(value - expected[0]), relative(gradient, expected[1])
        assert max(errors) < 2e-6, f"{name} is off by {errors}"
        rows[name] = {
            "task": task, "program": name, "version": version(package) if package else "",
            "lines": sum(map(lines, written)), "first": {"cpu": cpu, "wall": wall},
            "error": [float(error) for error in errors],
        }
        jobs[name]()  # the second point, so that all go on with the first
    times = turns(jobs, rounds)
    for name, row in rows.items():
        row["ms"] = dict(zip(("cpu", "wall"), 1e3 * np.median(times[name], axis=0), strict=True))
        row["ratio"] = float(ratio(times[name][:, 0], times[OURS][:, 0]))
        yield rounded(row)


def reference(p, point):
    """The library's value and gradient."""
    glu = isinstance(p, Glutamate)
    job = programs.ours_glu if glu else programs.ours_xy if point.ndim == 2 else programs.ours_phase
    return job(p)(point)


def relative(gradient, expected):
    return np.linalg.norm(gradient - expected) / np.linalg.norm(expected)


def in_turn(job, points):
    """A job without arguments that goes from point to point: none is seen twice in a row."""
    count = [0]

    def call():
        count[0] += 1
        value, gradient = job(points[(count[0] - 1) % len(points)])
        return float(value), np.asarray(gradient)  # waits for JAX

    return call


def turns(jobs, rounds, shortest=0.02, patience=0.1):
    """CPU and wall time of every job, {name: (rounds, 2)} in s a call; the slow have two rounds.

    A job that takes longer than ``patience`` sits out the later rounds, and keeps its median there.
    """

    def clock():
        return np.array([time.process_time(), time.perf_counter()])

    def measured(job, calls):
        start = clock()
        for _ in range(calls):
            job()
        return (clock() - start) / calls

    single = {name: measured(job, 1)[0] for name, job in jobs.items()}
    times = {name: [] for name in jobs}
    for k in range(rounds):
        for name, job in jobs.items():
            if single[name] > patience and k > 1:
                times[name].append(np.median(times[name], axis=0))
            else:
                times[name].append(measured(job, 2 * max(1, round(shortest / single[name] / 2))
                                            if single[name] < shortest else 1))  # fmt: skip
    return {name: np.array(seconds) for name, seconds in times.items()}


def lines(function):
    """Lines of a function that are neither blank nor its docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    body = ast.parse(source).body[0].body
    told = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    rows = source.splitlines()
    if told:
        del rows[body[0].lineno - 1 : body[0].end_lineno]
    return sum(bool(row.strip()) for row in rows)


def rounded(entry, digits=4):
    """Floats with so many digits, all the way down."""
    if isinstance(entry, dict):
        return {name: rounded(value, digits) for name, value in entry.items()}
    if isinstance(entry, list):
        return [rounded(value, digits) for value in entry]
    return float(f"{entry:.{digits}g}") if isinstance(entry, float) else entry


def designs():
    """A row for each program that is installed and each start."""
    for name, (package, _) in peer_designs.DESIGNS.items():
        if package is not None and not importlib.util.find_spec(package):
            continue
        importlib.import_module(package or "numpy")
        slow = name.startswith(peer_designs.SLOW)
        for seed in range(1 if slow else peer_designs.STARTS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found, waveform = peer_designs.run(name, seed)
            at = np.round(waveform, 4).tolist() if seed == 0 else None
            yield {"program": name, "version": version(package) if package else "",
                   **rounded(found, 6), "waveform": at}  # fmt: skip


def main(parts):
    for part in parts or ("gradients", "designs"):
        data = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
        made, key = {
            "gradients": ((row for task in TASKS for row in gradients(task)), ("task", "program")),
            "designs": (designs(), ("program", "seed")),
        }[part]
        kept = {tuple(row[name] for name in key): row for row in data.get(part, [])}
        for row in made:
            print({name: value for name, value in row.items() if name != "waveform"}, flush=True)
            kept[tuple(row[name] for name in key)] = row
        order = [*TASKS, *peer_designs.DESIGNS]
        rows = sorted(kept.values(), key=lambda row: order.index(row[key[0]]))
        data |= {part: rows, "absent": ABSENT, "goal": peer_designs.GOAL}
        DATA.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with one_core():
        main(sys.argv[1:])
