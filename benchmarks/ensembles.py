"""Ensembles: what a gradient costs by the number of members; BEBOP; two processes against one.

One spin throughout, RF 10 kHz, x and y controls, offsets within +-10 kHz, B1 scales 0.8 to 1.2.
"Gradient" is the value and the exact gradient of the mean over the members.
"""

import resource
import subprocess
import sys
import time
from functools import partial

import numpy as np
from measure import interleave, ratio, record

from spinlab import Ensemble, Problem, design, judge, race
from spinlab.propagation import rotations

RF_HZ = 1e4
LOOP = (
    "benchmarks.ensembles.rodrigues_loop: closed-form rotations, NumPy, vectorised over members, "
    "Python loop over time"
)


def records():
    """All rows of this area, one by one."""
    yield from speed()
    yield from as_polynomials()
    yield from members()
    yield from large()
    yield from bebop()
    yield from processes()


def problem(members, steps, dt=1e-6):
    """From Iz to Ix; the members spread over offsets and B1 scales."""
    ensemble = Ensemble(
        np.linspace(-1e4, 1e4, members), np.resize(np.linspace(0.8, 1.2, 5), members)
    )
    return Problem("Iz", "Ix", steps * dt, steps, RF_HZ, ensemble)


def random_waveform(steps):
    """Any waveform costs the same."""
    return np.random.default_rng(0).uniform(-0.7, 0.7, (2, steps))


def cross(a, b):
    """Cross product along the first axis; several times faster than ``numpy.cross``."""
    return np.array([
        a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    ])


def rodrigues(w, vectors):
    """Rotated vectors, and ``a``, ``b``, ``c`` of the formula and of its derivative."""
    theta = np.sqrt((w * w).sum(axis=0))
    a, b = np.sin(theta) / theta, (1 - np.cos(theta)) / theta**2
    c = (1 - a) / theta**2
    turned = np.cos(theta) * vectors + a * cross(w, vectors) + b * w * (w * vectors).sum(axis=0)
    return turned, a, b, c


def rodrigues_loop(task, waveform):
    """Mean and gradient as one would write them down: forwards, then backwards."""
    members, steps = task.ensemble.members, waveform.shape[1]
    reach = 2 * np.pi * task.rf_hz * task.dt * task.ensemble.b1_scale
    turn = 2 * np.pi * task.dt * task.ensemble.offset_hz
    rho = np.zeros((3, members))
    rho[2] = 1
    for ux, uy in waveform.T:
        rho, *_ = rodrigues(np.array([ux * reach, uy * reach, turn]), rho)
    value = rho[0].mean()
    x = cross(rho, np.array([np.ones(members), np.zeros(members), np.zeros(members)]))
    gradient = np.empty((2, steps))
    for n in reversed(range(steps)):
        w = np.array([waveform[0, n] * reach, waveform[1, n] * reach, turn])
        before, a, b, c = rodrigues(-w, x)
        by_w = a * x - b * cross(w, x) + c * w * (w * x).sum(axis=0)
        gradient[:, n] = by_w[:2] @ reach / members
        x = before
    return value, gradient


def speed(rounds=9):
    """Gradients of the mean, against the loop."""
    cases = {
        "E = 10, N = 500": (10, 500, 25), "E = 100, N = 500": (100, 500, 4),
        "E = 1000, N = 500": (1000, 500, 1), "P1: 55 members, N = 200": (55, 200, 2),
        "E = 255, N = 500": (255, 500, None),
    }
    for name, (members, steps, target) in cases.items():
        task, waveform = problem(members, steps), random_waveform(steps)
        (value, gradient), (v, g) = task.fidelity(waveform), rodrigues_loop(task, waveform)
        assert abs(value - v) < 1e-12 and np.abs(gradient - g).max() < 1e-12
        times = interleave({
            "loop": lambda task=task, waveform=waveform: rodrigues_loop(task, waveform),
            "ours": lambda task=task, waveform=waveform: task.fidelity(waveform),
        }, 3 * rounds)
        yield record(f"gradient, {name}, faster than a Rodrigues loop",
                     ratio(times["loop"], times["ours"]), "x", at_least=target, baseline=LOOP)
        yield record(f"gradient, {name}", np.median(times["ours"]) * 1e3, "ms")


def as_polynomials(rounds=9):
    """A scan whose functions of the angle are one matrix product, against a series a step."""
    task, waveform = problem(255, 500), random_waveform(500)
    run = rotations.prepare_final(task.generator(), task.dt, np.eye(3)[:, 2:])
    axes, polynomials, *rest = run.args
    costates, weights = np.broadcast_to(np.eye(3)[:, :1], (255, 3, 1)), task.ensemble.weights

    def gradient(polynomials):
        return run.func(axes, polynomials, *rest, waveform)[1](costates, weights)

    assert np.abs(gradient(polynomials) - gradient(None)).max() < 1e-14
    jobs = {"one": lambda: gradient(polynomials), "each": lambda: gradient(None)}
    times = interleave(jobs, rounds)
    yield record("gradient, E = 255, N = 500: angles by one product, faster than by a series each",
                 ratio(times["each"], times["one"]), "x", at_least=1.25,
                 baseline="the same scan with polynomials=None: Horner's rule, nine passes")


def members(steps=500, rounds=3):
    """What a step of a member costs, from one member to ten thousand."""
    tasks = {n: problem(n, steps) for n in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)}
    waveform = random_waveform(steps)
    times = interleave({n: lambda n=n: tasks[n].fidelity(waveform) for n in tasks}, rounds)
    for n, seconds in times.items():
        cost = np.median(seconds) / n / steps * 1e9
        yield record(f"gradient, N = {steps}, each step of each of {n} members", cost, "ns")


def large(members=10_000, steps=2000):
    """The largest ensemble, in a process of its own: memory and time."""
    command = [sys.executable, __file__, str(members), str(steps)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    peak, seconds = map(float, answer)
    name = f"gradient, {members} members x {steps} steps"
    yield record(f"{name}, peak memory of the process", peak, "GB", at_most=2)
    yield record(name, seconds, "s")


def bebop(duration=337.5e-6, seconds=300):
    """Broadband excitation, 20 kHz and B1 +-20 %, phases only: a race of starts, then finer steps.

    Designed with 135 steps of 2.5 us, within which the state turns by 9 degrees; then each step is
    cut into the five of 0.5 us of the published pulse, and all are optimised.
    """
    published = "Kobzar, Skinner, Khaneja, Glaser, Luy 2004, as deposited by the authors: 0.99666"

    def task(steps):
        grid = Ensemble.grid(np.linspace(-1e4, 1e4, 21), np.linspace(0.8, 1.2, 5))
        return Problem("Iz", "Ix", duration, steps, RF_HZ, grid)

    start, cpu = time.perf_counter(), time.process_time()
    run = partial(design, kind="phase", method="spinors", radius=0)
    coarse = race(
        partial(run, task(135)), n=16, rungs=(150,), finish=4, max_iterations=1500, seed=0, jobs=1,
    ).best
    fine = run(task(675), x0=np.repeat(coarse.x, 5, axis=1), max_iterations=300)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    report = judge(fine.pulse, task(675), offsets=101, scales=5)
    yield record("BEBOP 20 kHz, +-20 % B1, 337.5 us: mean fidelity on 101 x 5", report.mean, "",
                 at_least=0.9970, baseline=published)
    yield record("BEBOP, least fidelity on 101 x 5", report.minimum, "")
    yield record("BEBOP, reported against dense fidelity", abs(fine.fidelity - report.mean), "",
                 at_most=0.002, baseline="spinlab.judge on 101 x 5 members")
    yield record("BEBOP, wall time (one process)", wall, "s", at_most=seconds)
    yield record("BEBOP, CPU time", cpu, "s")


def processes(restarts=32, iterations=45, rounds=3):
    """A race of 32 starts in two processes and in one: wall time, and the same answers.

    The two processes are started before the clock is, as in the second race of a session.  Each
    start runs for about half a second; the best two are finished.
    """
    run = partial(design, problem(255, 500), kind="phase", method="spinors")
    contest = partial(
        race, run, n=restarts, rungs=(iterations,), finish=2, max_iterations=iterations
    )
    race(run, n=4, rungs=(1,), max_iterations=1, jobs=2)
    results, seconds = {}, {1: [], 2: []}
    for jobs in (1, 2) * rounds:
        start = time.perf_counter()
        results[jobs] = contest(jobs=jobs)
        seconds[jobs].append(time.perf_counter() - start)
    for one, two in zip(
        (*results[1].heats.values(), *results[1].finished),
        (*results[2].heats.values(), *results[2].finished), strict=True,
    ):  # fmt: skip
        assert one.fun == two.fun and np.array_equal(one.x, two.x)
    yield record(f"{restarts} restarts, two processes against one, same answers",
                 ratio(np.array(seconds[1]), np.array(seconds[2])), "x", at_least=1.7,
                 baseline="spinlab.race(jobs=1), wall time; the two processes already there")
    yield record(f"{restarts} restarts in two processes", np.median(seconds[2]), "s")


def largest(members, steps):
    """Print peak memory, GB, and CPU time, s."""
    task, waveform = problem(members, steps), random_waveform(steps)
    start = time.process_time()
    task.fidelity(waveform)
    seconds = time.process_time() - start
    unit = 1e9 if sys.platform == "darwin" else 1e6  # ru_maxrss counts bytes there, kB elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, seconds)


if __name__ == "__main__":
    largest(*map(int, sys.argv[1:]))
