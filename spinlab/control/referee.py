"""The referee: judges any pulse on a dense grid, by exact propagation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from ..inputs import finite_array, instance, whole
from ..propagation.methods import linearise_final
from ..propagation.quaternions import product, step_quaternions
from ..pulses.pulse import Pulse
from .ensemble import Ensemble
from .problem import Problem


class CoarseGridWarning(UserWarning):
    """The design grid is coarser in offset than 1/(2T)."""


@dataclass(frozen=True)
class RefereeReport:
    """Fidelity of a pulse on a dense grid.

    Parameters
    ----------
    offset_hz : ndarray, (offsets,)
    b1_scale : ndarray, (scales,)
    fidelity : ndarray, (offsets, scales)
    """

    offset_hz: np.ndarray
    b1_scale: np.ndarray
    fidelity: np.ndarray

    @property
    def mean(self):
        """Mean over the grid."""
        return float(self.fidelity.mean())

    def weighted_mean(self, b1_scale, weights):
        """Mean with the weights of a histogram of B1 scales, straight lines between its bins.

        Beyond its outermost bins the weight is 0.

        Parameters
        ----------
        b1_scale, weights : array_like, (bins,)
            As from :func:`spinlab.control.read_histogram`, in ascending order, within the scales
            judged.

        Returns
        -------
        float
        """
        histogram = Ensemble(0.0, b1_scale, finite_array("weights", weights))
        scale, weights = histogram.b1_scale, histogram.weights
        if np.any(np.diff(scale) <= 0):
            raise ValueError("The B1 scales of a histogram must be in ascending order.")
        (first, last), (low, high) = scale[weights > 0][[0, -1]], self.b1_scale[[0, -1]]
        inside = (self.b1_scale > scale[0] - 1e-9) & (self.b1_scale < scale[-1] + 1e-9)
        shares = inside * np.interp(self.b1_scale, scale, weights)
        if first < low - 1e-9 or last > high + 1e-9 or not shares.any():
            raise ValueError(
                f"The histogram has weight from B1 scale {first:g} to {last:g}, but "
                f"{len(self.b1_scale)} scales from {low:g} to {high:g} were judged; referee more "
                "of them, with an ensemble that spans the histogram."
            )
        return float(np.average(self.fidelity.mean(axis=0), weights=shares))

    @property
    def minimum(self):
        """Worst value on the grid."""
        return float(self.fidelity.min())

    @property
    def worst_member(self):
        """Offset (Hz) and B1 scale of the worst value."""
        i, j = np.unravel_index(np.argmin(self.fidelity), self.fidelity.shape)
        return float(self.offset_hz[i]), float(self.b1_scale[j])


def referee(pulse, problem, offsets=201, scales=21, method=None, distortion=None):
    """Judge a pulse on a dense grid of its own, by exact propagation.

    The grid spans the offsets and B1 scales of the problem's ensemble; relaxation times are those
    of its mean.  One spin without relaxation is judged by closed-form
    rotations, whatever method designed the pulse; anything else by batched matrix exponentials.

    Parameters
    ----------
    pulse : Pulse
    problem : Problem
    offsets, scales : int
        Size of the grid.
    method : str, optional
        Another propagation method.
    distortion : Distortion, optional
        What the instrument does to the pulse before the spins feel it.

    Returns
    -------
    RefereeReport

    Warns
    -----
    CoarseGridWarning
        The design grid is coarser in offset than 1/(2T): expect a gap between its fidelity and
        this one.
    """
    return _judge(pulse, problem, offsets, scales, method, distortion)


def _judge(pulse, problem, offsets, scales, method, distortion):
    """The referee; its warning names the line that called its caller."""
    instance("pulse", pulse, Pulse)
    instance("problem", problem, Problem)
    if pulse.control != problem.control:
        raise ValueError(
            f"The pulse is piecewise {pulse.control} but the problem is piecewise "
            f"{problem.control}; give the problem the control of the pulse."
        )
    spacing, limit = problem.ensemble.offset_spacing_hz, 1 / (2 * pulse.duration)
    if spacing > limit * (1 + 1e-9):
        warnings.warn(
            f"The design grid has offsets {spacing:.4g} Hz apart, coarser than 1/(2T) = "
            f"{limit:.4g} Hz: between them the pulse may fail. Design with at least "
            f"{int(np.ceil(np.ptp(problem.ensemble.offset_hz) / limit)) + 1} offsets.",
            CoarseGridWarning,
            stacklevel=3,
        )
    if distortion is not None:
        pulse = pulse.felt(distortion)
    ranges = [
        np.linspace(values.min(), values.max(), whole(name, count, 2)) if np.ptp(values)
        else values[:1]
        for name, values, count in (
            ("offsets", problem.ensemble.offset_hz, offsets),
            ("scales", problem.ensemble.b1_scale, scales),
        )
    ]
    ensemble = Ensemble.grid(*ranges, **_mean_times(problem.ensemble))
    judged = replace(problem, ensemble=ensemble, rf_hz=pulse.rf_hz)
    if problem.objective == "universal":
        values = judged.spinor_fidelity()(_propagators(judged, pulse)).values
        return RefereeReport(*ranges, values.reshape(len(ranges[0]), len(ranges[1])))
    one_spin = problem.system.spins == 1 and not problem.system.relaxes
    final = _final_states(judged, pulse, method or ("rotations" if one_spin else "grape-batched"))
    values, _ = judged.objective_function()(final)
    return RefereeReport(*ranges, values.reshape(len(ranges[0]), len(ranges[1])))


def _mean_times(ensemble):
    """Mean relaxation times of an ensemble, where it has any."""
    times = ensemble.relaxation_times
    return {name.lower(): ensemble.weights @ values for name, values in times.items()}


def _propagators(problem, pulse):
    """Propagators of all members as unit quaternions, (4, members): the steps one by one."""
    offset, scale = problem.ensemble.offset_hz, problem.ensemble.b1_scale
    total = np.eye(4)[0][:, None]
    for ux, uy in pulse.waveform.T:
        rf = 2 * np.pi * pulse.dt * problem.rf_hz * scale
        step = step_quaternions(np.array([ux * rf, uy * rf, 2 * np.pi * pulse.dt * offset]))
        total = product(step, total)
    return total


def _cut(pulse, substeps=4):
    """Waveform and step of a pulse; a piecewise-linear one is cut finer, to be safe."""
    if pulse.control == "constant":
        return pulse.waveform, pulse.dt
    fine = np.linspace(0, pulse.steps, substeps * pulse.steps + 1)
    waveform = [np.interp(fine, np.arange(pulse.steps + 1), row) for row in pulse.waveform]
    return np.array(waveform), pulse.dt / substeps


def _final_states(problem, pulse, method, chunk=512):
    """Final states of all members."""
    waveform, dt = _cut(pulse)
    generator, rho0 = problem.generator(), problem.initial_state()
    parts = [
        linearise_final(
            generator.member(slice(k, k + chunk)), waveform, dt, rho0, method, pulse.control
        )[0]
        for k in range(0, generator.members, chunk)
    ]
    return np.concatenate(parts)
