"""The judge: any pulse on a dense grid of its own, by exact propagation, and what it asks of an
amplifier.

Numbers alone; :func:`spinlab.plot_report` draws them.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..inputs import arrays, instance, require, warn, whole
from ..propagation.methods import linearise
from ..pulses import Pulse, measures
from ..spins import liouvillian, observable, state
from .ensemble import Ensemble
from .exact import cut, exact_method, final_states, mean_times, propagators


class CoarseGridWarning(UserWarning):
    """The design grid is coarser in offset than 1/(2T)."""


@dataclass(frozen=True, repr=False, eq=False)
class Judgement:
    r"""What there is to know about a pulse; printed, it is a short table.

    Power is that of the pulse as programmed, at the amplifier.  Paths and spectrum are those of
    the pulse that the spins feel.

    Parameters
    ----------
    pulse, felt : Pulse
        As programmed, and behind the distortion; the same without one.
    problem : Problem
        What it was judged for.
    offset_hz : ndarray, (offsets,)
    b1_scale : ndarray, (scales,)
        The grid.
    fidelity : ndarray, (offsets, scales)
    """

    pulse: Pulse
    felt: Pulse
    problem: object = field(repr=False)
    offset_hz: np.ndarray
    b1_scale: np.ndarray
    fidelity: np.ndarray

    @property
    def mean(self):
        """Mean over the grid."""
        return float(self.fidelity.mean())

    @property
    def minimum(self):
        """Worst value on the grid."""
        return float(self.fidelity.min())

    @property
    def worst_member(self):
        """Offset (Hz) and B1 scale of the worst value."""
        i, j = np.unravel_index(np.argmin(self.fidelity), self.fidelity.shape)
        return float(self.offset_hz[i]), float(self.b1_scale[j])

    def weighted_mean(self, b1_scale, weights):
        """Mean with the weights of a histogram of B1 scales.

        Between two of the scales that were judged, the fidelity is read off a straight line.

        Parameters
        ----------
        b1_scale, weights : array_like, (bins,)
            As from :func:`spinlab.control.read_histogram`, in ascending order, within the scales
            judged.

        Returns
        -------
        float
        """
        layout = "b1_scale: bins > 0; weights: bins >= 0"
        b1_scale, weights = arrays(layout, b1_scale=b1_scale, weights=weights)
        rising = np.all(np.diff(b1_scale) > 0) and weights.any()
        require(rising, "A histogram has B1 scales in ascending order, and some weight.")
        (first, last), (low, high) = b1_scale[weights > 0][[0, -1]], self.b1_scale[[0, -1]]
        require(low - 1e-9 < first and last < high + 1e-9, "The histogram has weight from B1 scale "
                f"{first:g} to {last:g}, but {low:g} to {high:g} were judged; widen it.")
        profile = np.interp(b1_scale, self.b1_scale, self.fidelity.mean(axis=0))
        return float(np.average(profile, weights=weights))

    @property
    def power_hz2(self):
        """Mean square of the RF amplitude, Hz^2; times the duration, its energy."""
        return measures.relative_power(self.pulse) * self.pulse.rf_hz**2

    @property
    def rms_hz(self):
        """Root of the mean square of the RF amplitude, Hz."""
        return self.power_hz2**0.5

    @property
    def peak_hz(self):
        """Largest RF amplitude, Hz."""
        return float(self.pulse.amplitude.max() * self.pulse.rf_hz)

    @cached_property
    def spectrum(self):
        """Frequencies, Hz, ascending, and the flip angles, turns, of a weak pulse: two ndarrays.

        As :func:`spinlab.pulses.measures.spectrum` has them.
        """
        return measures.spectrum(self.felt)

    @property
    def band_hz(self):
        """How far from the carrier one finds 95 % of the energy of the spectrum, Hz."""
        frequency, turns = self.spectrum
        distance = np.abs(frequency)
        outwards = np.argsort(distance)
        energy = np.cumsum(turns[outwards] ** 2)
        return float(distance[outwards][np.searchsorted(energy, 0.95 * energy[-1])])

    @cached_property
    def members(self):
        """Offsets (Hz) and B1 scales of the members whose paths are drawn.

        A small grid over the ensemble, its centre in the middle, and the worst member last.
        """
        grid = Ensemble.grid(*_spread(self.offset_hz, 7, self.b1_scale, 3))
        axes = zip((grid.offset_hz, grid.b1_scale), self.worst_member, strict=True)
        return [np.append(axis, worst) for axis, worst in axes]

    @cached_property
    def paths(self):
        """Magnetisation of those members at the ends of the steps of ``felt``.

        Of shape (members, steps + 1, 3); None for coupled spins, whose states are no arrows.
        """
        if self.problem.system.spins > 1:
            return None
        return self._states(Ensemble, *self.members)[..., -3:]  # without the unit operator

    def _states(self, grid, offset_hz, b1_scale):
        """States of members at the ends of the steps of ``felt``, (members, steps + 1, d)."""
        system, times = self.problem.system, mean_times(self.problem.ensemble)
        task = replace(self.problem, ensemble=grid(offset_hz, b1_scale, **times),
                       rf_hz=self.felt.rf_hz)  # fmt: skip
        start = task.initial_state()
        start = state("Iz", liouvillian(system)) if start.ndim > 1 else start
        generator = task.generator()
        waveform, dt, substeps = cut(self.felt, generator)
        path = linearise(generator, waveform, dt, start, exact_method(system), self.felt.control)
        return path.states[:, ::substeps]

    def along(self, name):
        """Overlap with a state, such as ``"Iz"``, at the ends of the steps of ``felt``.

        For every member of the grid, by exact propagation, which needs memory: some 200 bytes for
        each number.  Where a step turns far, judge the same pulse in shorter steps.

        Returns
        -------
        ndarray, (offsets, scales, steps + 1)
        """
        wanted = observable(name, liouvillian(self.problem.system))
        paths = self._states(Ensemble.grid, self.offset_hz, self.b1_scale)
        return (paths @ wanted / np.linalg.norm(wanted)).reshape(*self.fidelity.shape, -1)

    def __repr__(self):
        pulse, power, (offset, scale) = self.pulse, self.power_hz2, self.worst_member
        offsets, scales = self.fidelity.shape
        rows = [
            f"pulse     {pulse.duration * 1e6:g} us, {pulse.steps} steps of {pulse.dt * 1e6:g} us, "
            f"piecewise {pulse.control}",
            f"fidelity  mean {self.mean:.4f} of {offsets} offsets x {scales} B1 scales",
            f"worst     {self.minimum:.4f} at offset {offset:g} Hz, B1 scale {scale:g}",
            f"RF        peak {self.peak_hz / 1e3:.4g} kHz, rms {self.rms_hz / 1e3:.4g} kHz",
            f"power     {power:.3g} Hz^2, {power / pulse.rf_hz**2:.3f} of steady "
            f"{pulse.rf_hz / 1e3:.4g} kHz; energy {power * pulse.duration:.3g} Hz^2 s",
            f"spectrum  peak {self.spectrum[1].max():.3g} turns, 95 % of the energy within "
            f"±{self.band_hz / 1e3:.3g} kHz",
        ]
        if self.felt is not pulse:
            peak = self.felt.amplitude.max() * self.felt.rf_hz
            duration = self.felt.duration * 1e6
            rows.append(f"felt      {duration:g} us, ringing included, peak {peak / 1e3:.4g} kHz")
        return "\n".join(rows)


def judge(pulse, problem, offsets=201, scales=21, distortion=None):
    """Judge a pulse on a dense grid of its own, by exact propagation, and measure it.

    The grid spans the offsets and B1 scales of the problem's ensemble; relaxation times are those
    of its mean.  One spin without relaxation is judged by closed-form rotations, whatever method
    designed the pulse; anything else by batched matrix exponentials.

    Parameters
    ----------
    pulse : Pulse
    problem : Problem or Bands
        Paths begin at its start; where that is every state, at Iz.
    offsets, scales : int
        Size of the grid.
    distortion : Distortion, optional
        What the instrument does to the pulse before the spins feel it.

    Returns
    -------
    Judgement, or a tuple of them
        Of bands, band by band.

    Warns
    -----
    CoarseGridWarning
        The design grid is coarser in offset than 1/(2T): expect a gap between its fidelity and
        this one.

    Examples
    --------
    >>> from spinlab import Problem
    >>> hard = Pulse(np.array([[0.0] * 10, [1.0] * 10]), dt=2.5e-6, rf_hz=10e3)
    >>> judge(hard, Problem("Iz", "Ix", duration=25e-6, steps=10, rf_hz=10e3))
    pulse     25 us, 10 steps of 2.5 us, piecewise constant
    fidelity  mean 1.0000 of 1 offsets x 1 B1 scales
    worst     1.0000 at offset 0 Hz, B1 scale 1
    RF        peak 10 kHz, rms 10 kHz
    power     1e+08 Hz^2, 1.000 of steady 10 kHz; energy 2.5e+03 Hz^2 s
    spectrum  peak 0.25 turns, 95 % of the energy within ±59.4 kHz
    """
    instance("pulse", pulse, Pulse, "Of a result, call result.judge().")
    if hasattr(problem, "problems"):  # bands
        bands = problem.problems
        return tuple(judge(pulse, band, offsets, scales, distortion) for band in bands)
    if not hasattr(problem, "objective_function"):
        raise TypeError(f"problem must be a Problem, but {type(problem).__name__} arrived.")
    require(pulse.control == problem.control, f"The pulse is piecewise {pulse.control}, the "
            f"problem {problem.control}; give the problem the control of the pulse.")
    rows, controls = len(pulse.waveform), len(problem.system.controls)
    require(rows == controls, f"The pulse has {rows} rows, but the problem {controls} controls.")
    _warn_of_coarse_grid(pulse, problem)
    felt = pulse if distortion is None else pulse.felt(distortion)
    members = problem.ensemble
    ranges = _spread(members.offset_hz, offsets, members.b1_scale, scales)
    ensemble = Ensemble.grid(*ranges, **mean_times(members))
    judged = replace(problem, ensemble=ensemble, rf_hz=felt.rf_hz)
    if problem.objective == "universal":
        values = judged.spinor_fidelity()(propagators(judged, felt)).values
    else:
        values, _ = judged.objective_function()(final_states(judged, felt))
    shape = tuple(len(axis) for axis in ranges)
    return Judgement(pulse, felt, problem, *ranges, values.reshape(shape))


def _spread(offset_hz, offsets, b1_scale, scales):
    """Axes of so many points over the ranges of others; of one where there is no range."""
    axes = ("offsets", offset_hz, offsets), ("scales", b1_scale, scales)
    return [np.linspace(axis.min(), axis.max(), whole(name, count, 2)) if np.ptp(axis) else axis[:1]
            for name, axis, count in axes]  # fmt: skip


def _warn_of_coarse_grid(pulse, problem):
    spacing, limit = problem.ensemble.offset_spacing_hz, 1 / (2 * pulse.duration)
    if spacing > limit * (1 + 1e-9):
        warn(
            f"The design grid has offsets {spacing:.4g} Hz apart, coarser than 1/(2T) = "
            f"{limit:.4g} Hz: between them the pulse may fail. Design with at least "
            f"{int(np.ceil(np.ptp(problem.ensemble.offset_hz) / limit)) + 1} offsets.",
            CoarseGridWarning,
        )
