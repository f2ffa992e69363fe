"""P1 designed to a mean of 0.995 by each program's own optimiser, or by SciPy's.

All begin at the same waveforms, whose peak is below 1: two controls within +-0.707 of 10 kHz each,
or their phases alone.  A job returns the waveform and what the program claims of it.
"""

import time

import numpy as np
import peer_jax
import peer_programs as programs
from scipy.optimize import minimize

import spinlab as sl

GOAL, STARTS, SECONDS, EDGE = 0.995, 3, 200.0, 0.5**0.5


def start_of(seed):
    """Two controls, (2, 200)."""
    return np.random.default_rng(seed).uniform(-EDGE, EDGE, (2, 200))


def by_phase(x):
    return np.array([np.cos(x), np.sin(x)])


def ours_newton(p, start):
    found = sl.design(p.task, kind="phase", radius=0, x0=np.arctan2(*start[::-1])[None],
                      optimiser="gauss-newton", stop_at=GOAL, max_iterations=300)  # fmt: skip
    return found.pulse.waveform, found.fidelity


def ours_phase(p, start):
    found = sl.design(p.task, kind="phase", radius=0, x0=np.arctan2(*start[::-1])[None],
                      stop_at=GOAL, max_iterations=300)  # fmt: skip
    return found.pulse.waveform, found.fidelity


def ours_lbfgs(p, start):
    found = sl.design(p.task, kind="xy-free", radius=0, x0=start, lower=-EDGE, upper=EDGE,
                      stop_at=GOAL, max_iterations=300)  # fmt: skip
    return found.pulse.waveform, found.fidelity


def by_scipy(gradient, x0, bounds):
    """L-BFGS-B until the goal: the optimum and its value."""

    def negative(x):
        value, slope = gradient(x.reshape(x0.shape))
        return -float(value), -np.asarray(slope).ravel()

    def stop(intermediate_result):
        if -intermediate_result.fun >= GOAL:
            raise StopIteration

    found = minimize(negative, x0.ravel(), jac=True, method="L-BFGS-B", bounds=bounds,
                     callback=stop, options={"maxiter": 300, "maxfun": 1000})  # fmt: skip
    return found.x.reshape(x0.shape), -found.fun


def jax_phase(p, start):
    x, value = by_scipy(peer_jax.blocks(p, "phase"), np.arctan2(*start[::-1]), None)
    return by_phase(x), value


def dynamiqs_xy(p, start):
    return by_scipy(programs.dynamiqs_xy(p), start, [(-EDGE, EDGE)] * start.size)


def qoc(p, start):
    """Stops by its own measure, the mean |<+|U|0>|: 0.99875 is a mean Mx of about 0.995."""
    from qutip_qoc import optimize_pulses

    found = optimize_pulses(**programs.qoc_problem(p, (1 - GOAL) / 4, None, start, 3 * SECONDS))
    return np.array(found.optimized_params).reshape(2, -1), 1 - found.infidelity


def krotov(p, start):
    """Stops by its own measure, the mean |<+|U|0>|^2: 0.9975 is a mean Mx of 0.995."""
    import krotov
    import qutip

    grid = p.dt * np.arange(p.steps + 1)
    rows = [np.append(row, row[-1]) for row in start]
    x, y, z = (s().full() / 2 for s in (qutip.sigmax, qutip.sigmay, qutip.sigmaz))
    pulses = [lambda t, args, row=row: row[min(int(t / p.dt + 0.5), p.steps)] for row in rows]
    up, plus = qutip.basis(2, 0), (qutip.basis(2, 0) + qutip.basis(2, 1)).unit()
    objectives = [krotov.Objective(initial_state=up, target=plus, H=[
        qutip.Qobj(a * z), [qutip.Qobj(r * x), pulses[0]], [qutip.Qobj(r * y), pulses[1]]])
        for a, r in zip(p.offset, p.reach, strict=True)]  # fmt: skip

    def closed_form(H, state, dt, c_ops=None, backwards=False, initialize=False):
        matrix = H[0].full() + sum(c * h.full() for h, c in H[1:])
        w = np.sqrt(-np.linalg.det(matrix).real)
        turn = -dt if backwards else dt
        U = np.cos(w * turn) * np.eye(2) - 1j * np.sin(w * turn) / w * matrix
        return qutip.Qobj(U @ state.full())

    options = {pulse: {"lambda_a": 1e4, "update_shape": 1} for pulse in pulses}
    began = time.process_time()
    found = krotov.optimize_pulses(
        objectives, options, grid, propagator=closed_form,
        chi_constructor=krotov.functionals.chis_ss,
        info_hook=lambda **run: krotov.functionals.J_T_ss(**run), iter_stop=1000,
        check_convergence=lambda run: run.info_vals[-1] <= (1 - GOAL) / 2
        or time.process_time() - began > SECONDS)  # fmt: skip
    waveform = np.array([krotov.conversions.control_onto_interval(c)
                         for c in found.optimized_controls])
    return waveform, 1 - found.info_vals[-1]


#: Those that take a minute or more have one start.
SLOW = ("dynamiqs", "qutip-qoc", "krotov")
#: name in the page: (package that it needs, job)
DESIGNS = {
    "spinlab, phases, Gauss-Newton": (None, ours_newton),
    "spinlab, phases, L-BFGS": (None, ours_phase),
    "spinlab, two controls, L-BFGS": (None, ours_lbfgs),
    "JAX, phases, SciPy's L-BFGS": ("jax", jax_phase),
    "dynamiqs, two controls, SciPy's L-BFGS": ("dynamiqs", dynamiqs_xy),
    "qutip-qoc, two controls, its L-BFGS": ("qutip_qoc", qoc),
    "krotov, two controls, its own": ("krotov", krotov),
}


def run(name, seed):
    """One design: seconds, what the program claims, and what is true of it on two grids."""
    p, start = programs.OneSpin(), start_of(seed)
    wall, cpu = time.perf_counter(), time.process_time()
    waveform, claimed = DESIGNS[name][1](p, start)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    grid = p.task.fidelity(waveform)[0]
    peak = np.hypot(*waveform).max()
    pulse = sl.Pulse(waveform / max(1, peak), p.dt, p.task.rf_hz * max(1, peak))
    return {
        "seed": seed, "cpu": cpu, "wall": wall, "claimed": float(claimed), "members": float(grid),
        "dense": sl.judge(pulse, p.task).mean, "peak": float(peak),
        "there": bool(grid >= GOAL - 5e-4),
    }, waveform  # fmt: skip
