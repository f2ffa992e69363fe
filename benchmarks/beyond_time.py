"""Time and coefficients as unknowns: gradients, the shortest pulses, few numbers, frozen samples.

Every pulse is judged by closed-form rotations on a dense grid of its own (``spinlab.judge``), never
by the number that the optimiser reports.
"""

import time
from dataclasses import replace

import numpy as np
from measure import record

import spinlab as sl
from spinlab.propagation import spinors

COMPLEX_STEP = "spinlab.check_gradient: complex step of the same method's value"
ROTATIONS = "complex step of the lengths of all steps, through closed-form rotations"
SCAN = "one duration after the other, up to 6 random starts of Gauss-Newton each"
METHODS = (
    "rotations", "grape", "grape-batched", "fem-linear", "fem-quadratic-reduced", "fem-exact",
)  # fmt: skip
GAUSS_NEWTON = {"optimiser": "gauss-newton", "radius": 0}


def records():
    yield from gradients()
    yield from one_spin()
    yield from inversion()
    yield from excitation()
    yield from few_numbers()
    yield from frozen()


def gradients(steps=40):
    """By the lengths of the steps, in every method; by the duration, in the spinor pass."""
    rng = np.random.default_rng(0)
    members = sl.Ensemble.grid(np.linspace(-8e3, 8e3, 5), (0.9, 1.1))
    fields = members.offset_hz, members.b1_scale, 1e4
    spins = sl.evaluate(**dict(zip(("offset_hz", "b1_scale", "rf_hz"), fields, strict=True)))
    timed, target, dt = spins.time_scaled(), sl.transfer(sl.observable("Ix")), 2e-6
    u, errors = rng.uniform(-0.7, 0.7, (2, steps)), {}
    for method in METHODS:

        def value_and_gradient(s, method=method):
            scaled, pullback = sl.pulses.scale_time(u, s)
            task = timed, scaled, dt, sl.state("Iz"), target, method
            found = sl.evaluate_objective(*task, weights=members.weights)
            return members.weights @ found.values, pullback(found.gradients)[1]

        check = sl.check_gradient(value_and_gradient, rng.uniform(0.5, 1.5, steps))
        errors[method] = check.relative_error
    yield record(f"gradient by the lengths of the steps, worst of {len(METHODS)} methods",
                 max(errors.values()), "", at_most=1e-12, baseline=COMPLEX_STEP)  # fmt: skip
    phase, worst = rng.uniform(-3, 3, steps), 0.0
    for h in (dt, 50e-6, 100e-6):  # at the nominal field on resonance: half a turn, a whole one
        fields = np.append(members.offset_hz, 0.0), np.append(members.b1_scale, 1.0), 1e4
        path = spinors.propagate_phase(phase, *fields, h, stretch=True)
        found = spinors.transfer_fidelity(path.final, np.eye(3)[2], np.eye(3)[0])
        spins = sl.evaluate(offset_hz=fields[0], b1_scale=fields[1], rf_hz=1e4).time_scaled()
        longer = np.full(steps, 1 + 1e-30j)
        scaled, _ = sl.pulses.scale_time(sl.pulses.from_phase(phase[None])[0], longer)
        exact = sl.propagate(spins, scaled, h, sl.state("Iz"))[:, -1, 0].imag / 1e-30
        miss = np.abs(np.sum(found.slopes * path.stretch, axis=0) - exact).max()
        worst = max(worst, miss / np.abs(exact).max())
    yield record("derivative by the duration in the spinor pass, three lengths of steps",
                 worst, "", at_most=1e-12, baseline=ROTATIONS)  # fmt: skip


def one_spin():
    """A half turn, from 50 random phases in 80 us: the least time is known."""
    least = (np.pi - np.arccos(1 - 1e-6)) / (2 * np.pi * 1e4)
    task = sl.Problem("Iz", "-Iz", 80e-6, 50, 1e4)
    how = {"starts": 1, "tolerance": 2e-4, "radius": 0}
    found = [sl.control.shortest(task, 1 - 1e-6, seed=seed, **how) for seed in range(4)]
    yield record("half turn of one spin to 1e-6, over the least time, worst of 4 starts",
                 max(one.duration for one in found) / least - 1, "", at_most=1e-3,
                 baseline="(pi - arccos(1 - 1e-6)) / (2 pi 10 kHz) = 49.977 us")  # fmt: skip


def inversion():
    """Over +-10 kHz: four starts, one by one."""
    members = sl.Ensemble.grid(np.linspace(-1e4, 1e4, 31))
    task = sl.Problem("Iz", "-Iz", 300e-6, 100, 1e4, ensemble=members)
    durations, seconds, means = [], [], []
    for seed in range(4):
        began = time.process_time()
        found = sl.control.shortest(task, 0.995, starts=1, seed=seed, radius=0)
        seconds.append(time.process_time() - began)
        durations.append(1e6 * found.duration)
        means.append(found.judge().mean)
    sweep = 6 * np.pi * ((np.arange(100) + 0.5) / 100 - 0.5) ** 2
    swept = sl.control.shortest(task, 0.995, starts=1, x0=sweep, radius=0)
    name = "shortest inversion, +-10 kHz, mean 0.995"
    yield record(f"{name}, median of 4 starts", np.median(durations), "us", at_most=190)
    yield record(f"{name}, best of them", min(durations), "us")
    yield record(f"{name}, from a sweep", 1e6 * swept.duration, "us")
    yield record(f"{name}, slowest start", max(seconds), "s", at_most=1)
    yield record(f"{name}, least dense mean", min(means), "", at_least=0.995)


def excitation():
    """Over +-10 kHz, with fields that differ by +-20 %: heats, then three are shortened."""
    grid = np.linspace(-1e4, 1e4, 21), np.linspace(0.8, 1.2, 7)
    members = sl.Ensemble.grid(*grid, weights="trapezoidal")
    task = sl.Problem("Iz", "Ix", 400e-6, 200, 1e4, ensemble=members)
    name = "shortest excitation, 20 kHz, B1 +-20 %, mean 0.995"
    began = time.process_time()
    found = sl.control.shortest(task, 0.995, radius=0)
    seconds, report = time.process_time() - began, found.judge()
    yield record(name, 1e6 * found.duration, "us", at_most=315)
    yield record(f"{name}, all of it", seconds, "s", at_most=12)
    yield record(f"{name}, dense mean", report.mean, "", at_least=0.995)
    yield record(f"{name}, dense worst", report.minimum, "")
    began, shortest = time.process_time(), np.inf
    for microseconds in range(380, 240, -20):
        at = replace(task, duration=1e-6 * microseconds)
        how = {**GAUSS_NEWTON, "max_iterations": 60, "stop_at": 0.995}
        if not any(sl.design(at, seed=seed, **how).fidelity >= 0.995 for seed in range(6)):
            break
        shortest = microseconds
    yield record(f"{name}, by a scan with restarts", shortest, "us", baseline=SCAN)
    yield record(f"{name}, the scan", time.process_time() - began, "s")


def few_numbers(steps=250):
    """Excitation in 500 us by cosines: each pulse from the one before, and from four sweeps."""
    members = sl.Ensemble.grid(np.linspace(-1e4, 1e4, 21), np.linspace(0.8, 1.2, 5))
    task = sl.Problem("Iz", "Ix", 500e-6, steps, 1e4, ensemble=members)
    t = (np.arange(steps) + 0.5) / steps
    sweeps, last, found = [turns * np.pi * (t - 0.5) ** 2 for turns in (-25, -20, 15, 20)], [], {}
    for count in (4, 8, 16, 32, 64):
        basis = sl.pulses.cosines(steps, count)
        how = {"optimiser": "gauss-newton", "basis": basis, "max_iterations": 40}
        starts = [sl.pulses.coefficients(basis, phase) for phase in (*last, *sweeps)]
        best = min((sl.design(task, x0=x0, **how) for x0 in starts), key=lambda run: run.fun)
        last, found[count] = [basis @ best.x[0]], best
    dense = {count: run.judge().mean for count, run in found.items()}
    name = "excitation, 105 members, 500 us"
    yield record(f"{name}, 32 cosines, dense mean", dense[32], "", at_least=0.993)
    yield record(f"{name}, 64 cosines, dense mean", dense[64], "", at_least=0.997)
    least = np.diff([run.fidelity for run in found.values()]).min()
    yield record(f"{name}, 4 to 64 cosines, least gain of a refinement", least, "", at_least=0)
    sweep = sl.pulses.legendre(steps, 4)
    starts = [sl.pulses.coefficients(sweep, phase) for phase in sweeps]
    how = {"optimiser": "gauss-newton", "basis": sweep, "max_iterations": 40}
    best = max(sl.design(task, x0=x0, **how).judge().mean for x0 in starts)
    yield record(f"{name}, 4 polynomials from a sweep, dense mean", best, "")
    free = max(sl.design(task, seed=seed, **GAUSS_NEWTON, max_iterations=60).judge().mean
               for seed in range(3))  # fmt: skip
    yield record(f"{name}, {steps} free phases, best of 3, dense mean", free, "")


def frozen():
    """Fifty of 250 phases are given: how many of their bits change."""
    members = sl.Ensemble.grid(np.linspace(-1e4, 1e4, 21), np.linspace(0.8, 1.2, 3))
    task = sl.Problem("Iz", "Ix", 500e-6, 250, 1e4, ensemble=members)
    given = np.random.default_rng(0).uniform(-3, 3, 50)
    lower, upper = np.full(250, -np.inf), np.full(250, np.inf)
    lower[100:150] = upper[100:150] = given
    changed = 0
    for optimiser in ("l-bfgs", "gauss-newton"):
        how = {"optimiser": optimiser, "radius": 0, "lower": lower, "upper": upper}
        result = sl.design(task, max_iterations=30, **how)
        changed += np.sum(result.x[0, 100:150] != given)
        wanted = sl.pulses.from_phase(given[None])[0]
        changed += np.sum(result.pulse.waveform[:, 100:150] != wanted)
    yield record("frozen samples that changed, two optimisers", changed, "", at_most=0)
