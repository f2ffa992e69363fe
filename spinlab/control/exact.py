"""Exact propagation of a pulse for the judge, whatever method designed it."""

import numpy as np

from ..propagation.methods import linearise_final
from ..propagation.quaternions import product, step_quaternions

#: A piecewise-linear pulse is cut so fine that a substep turns by no more than this, rad.
SUBSTEP = 0.1


def mean_times(ensemble):
    """Mean relaxation times of an ensemble, where it has any."""
    times = ensemble.relaxation_times
    return {name.lower(): ensemble.weights @ values for name, values in times.items()}


def exact_method(system):
    """The method of a piecewise-constant pulse: closed forms of one spin, else exponentials."""
    return "grape-batched" if system.spins > 1 or system.relaxes else "rotations"


def propagators(problem, pulse):
    """Propagators of all members as unit quaternions, (4, members): the steps one by one."""
    turn = 2 * np.pi * pulse.dt * problem.ensemble.offset_hz
    rf = 2 * np.pi * pulse.dt * problem.rf_hz * problem.ensemble.b1_scale
    total = np.eye(4)[0][:, None]
    for ux, uy in pulse.waveform.T:
        total = product(step_quaternions(np.array([ux * rf, uy * rf, turn])), total)
    return total


def cut(pulse, generator):
    """Waveform, step and substeps of a pulse; a piecewise-linear one is cut until it is exact."""
    if pulse.control == "constant":
        return pulse.waveform, pulse.dt, 1
    drift = np.abs(generator.drift).sum(axis=-1).max()
    controls = np.abs(generator.controls).sum(axis=(-3, -1)).max()
    substeps = max(4, int(np.ceil((drift + controls) * pulse.dt / SUBSTEP)))
    fine = np.linspace(0, pulse.steps, substeps * pulse.steps + 1)
    waveform = [np.interp(fine, np.arange(pulse.steps + 1), row) for row in pulse.waveform]
    return np.array(waveform), pulse.dt / substeps, substeps


def final_states(problem, pulse, chunk=512):
    """Final states of all members."""
    generator, rho0 = problem.generator(), problem.initial_state()
    waveform, dt, _ = cut(pulse, generator)
    parts = (generator.member(slice(k, k + chunk)) for k in range(0, generator.members, chunk))
    task = waveform, dt, rho0, exact_method(problem.system), pulse.control
    return np.concatenate([linearise_final(part, *task)[0] for part in parts])
