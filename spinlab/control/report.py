"""The report of a pulse: fidelity, worst member, paths, RF power and spectrum, in one call.

Numbers alone; :func:`spinlab.plot_report` draws them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..propagation.methods import linearise
from ..pulses.pulse import Pulse
from ..spins.generators import state
from ..spins.systems import liouvillian
from .ensemble import Ensemble
from .referee import RefereeReport, _cut, _judge, _mean_times


@dataclass(frozen=True, repr=False)
class PulseReport:
    r"""What there is to know about a pulse; printed, it is a short table.

    Power is that of the pulse as programmed, at the amplifier.  Paths and spectrum are those of
    the pulse that the spins feel.

    Parameters
    ----------
    pulse, felt : Pulse
        As programmed, and behind the distortion; the same without one.
    judged : RefereeReport
        Fidelity over offset and B1 scale.
    offset_hz, b1_scale : ndarray, (members,)
        The members whose paths are kept: a small grid over the ensemble, its centre in the middle,
        and the worst member last.
    paths : ndarray, (members, steps + 1, 3), or None
        Magnetisation of those members at the ends of the steps of ``felt``; None for coupled spins,
        whose states are no arrows.
    frequency_hz : ndarray, (frequencies,)
        Ascending, within half the sampling rate.
    spectrum : ndarray, (frequencies,)
        :math:`|\int \nu_1(t)\,e^{-2\pi ift}\,dt|` with the RF :math:`\nu_1` in Hz, exactly: the
        flip angle in turns that a weak pulse gives a spin at the offset :math:`f`.
    """

    pulse: Pulse
    felt: Pulse
    judged: RefereeReport
    offset_hz: np.ndarray
    b1_scale: np.ndarray
    paths: np.ndarray | None
    frequency_hz: np.ndarray
    spectrum: np.ndarray

    @property
    def relative_power(self):
        """Mean of ``ux**2 + uy**2`` over the pulse."""
        left, right = _ends(self.pulse)
        squares = abs(left) ** 2 + abs(right) ** 2 + np.real(left * np.conj(right))
        return float(np.mean(squares) / 3)  # of a straight line; if level, of one number

    @property
    def power_hz2(self):
        """Mean square of the RF amplitude, Hz^2."""
        return self.relative_power * self.pulse.rf_hz**2

    @property
    def rms_hz(self):
        """Root of the mean square of the RF amplitude, Hz."""
        return self.power_hz2**0.5

    @property
    def peak_hz(self):
        """Largest RF amplitude, Hz."""
        return float(self.pulse.amplitude.max() * self.pulse.rf_hz)

    @property
    def energy_hz(self):
        """Integral of the square of the RF amplitude over time, Hz^2 s."""
        return self.power_hz2 * self.pulse.duration

    @property
    def band_hz(self):
        """How far from the carrier one finds 95 % of the energy of the spectrum, Hz."""
        distance = np.abs(self.frequency_hz)
        outwards = np.argsort(distance)
        energy = np.cumsum(self.spectrum[outwards] ** 2)
        return float(distance[outwards][np.searchsorted(energy, 0.95 * energy[-1])])

    def __repr__(self):
        pulse, judged = self.pulse, self.judged
        (offset, scale), (offsets, scales) = judged.worst_member, judged.fidelity.shape
        rows = [
            f"pulse     {pulse.duration * 1e6:g} us, {pulse.steps} steps of {pulse.dt * 1e6:g} us, "
            f"piecewise {pulse.control}",
            f"fidelity  mean {judged.mean:.4f} of {offsets} offsets x {scales} B1 scales",
            f"worst     {judged.minimum:.4f} at offset {offset:g} Hz, B1 scale {scale:g}",
            f"RF        peak {self.peak_hz / 1e3:.4g} kHz, rms {self.rms_hz / 1e3:.4g} kHz",
            f"power     {self.power_hz2:.3g} Hz^2, {self.relative_power:.3f} of steady "
            f"{pulse.rf_hz / 1e3:.4g} kHz; energy {self.energy_hz:.3g} Hz^2 s",
            f"spectrum  peak {self.spectrum.max():.3g} turns, 95 % of the energy within "
            f"±{self.band_hz / 1e3:.3g} kHz",
        ]
        if self.felt is not pulse:
            peak = self.felt.amplitude.max() * self.felt.rf_hz
            duration = self.felt.duration * 1e6
            rows.append(f"felt      {duration:g} us, ringing included, peak {peak / 1e3:.4g} kHz")
        return "\n".join(rows)


def report_pulse(pulse, problem, offsets=201, scales=21, method=None, distortion=None):
    """Judge a pulse and measure it: everything that a laboratory asks before it runs one.

    Parameters
    ----------
    pulse : Pulse
    problem : Problem
        Paths begin at its start; where that is every state, at Iz.
    offsets, scales, method, distortion
        As of :func:`spinlab.control.referee`.

    Returns
    -------
    PulseReport

    Examples
    --------
    >>> from spinlab import Problem
    >>> hard = Pulse(np.array([[0.0] * 10, [1.0] * 10]), dt=2.5e-6, rf_hz=10e3)
    >>> report_pulse(hard, Problem("Iz", "Ix", duration=25e-6, steps=10, rf_hz=10e3))
    pulse     25 us, 10 steps of 2.5 us, piecewise constant
    fidelity  mean 1.0000 of 1 offsets x 1 B1 scales
    worst     1.0000 at offset 0 Hz, B1 scale 1
    RF        peak 10 kHz, rms 10 kHz
    power     1e+08 Hz^2, 1.000 of steady 10 kHz; energy 2.5e+03 Hz^2 s
    spectrum  peak 0.25 turns, 95 % of the energy within ±59.4 kHz
    """
    judged = _judge(pulse, problem, offsets, scales, method, distortion)
    felt = pulse if distortion is None else pulse.felt(distortion)
    ranges = [
        np.linspace(axis[0], axis[-1], count) if len(axis) > 1 else axis
        for axis, count in ((judged.offset_hz, 7), (judged.b1_scale, 3))
    ]
    grid = Ensemble.grid(*ranges)
    members = [
        np.append(axis, worst)
        for axis, worst in zip((grid.offset_hz, grid.b1_scale), judged.worst_member, strict=True)
    ]
    paths = _paths(felt, problem, members) if problem.system.spins == 1 else None
    return PulseReport(pulse, felt, judged, *members, paths, *_spectrum(felt))


def _paths(felt, problem, members):
    """Magnetisation of all members at the ends of the steps."""
    ensemble = Ensemble(*members, **_mean_times(problem.ensemble))
    task = replace(problem, ensemble=ensemble, rf_hz=felt.rf_hz)
    start = task.initial_state()
    if start.ndim > 1:
        start = state("Iz", liouvillian(problem.system))
    waveform, dt = _cut(felt)
    method = "grape-batched" if problem.system.relaxes else "rotations"
    path = linearise(task.generator(), waveform, dt, start, method, felt.control)
    return path.states[:, :: waveform.shape[1] // felt.steps, -3:]  # without the unit operator


def _ends(pulse):
    """Complex waveform at the beginning and at the end of every step."""
    u = pulse.waveform[0] + 1j * pulse.waveform[1]
    return (u, u) if pulse.control == "constant" else (u[:-1], u[1:])


def _spectrum(pulse, padding=8):
    """Frequencies, and the size of the Fourier integral there.

    Within a step the waveform is a line from one end to the other, whose integral against the
    oscillation Gauss's rule finds to the last digit.
    """
    left, right = _ends(pulse)
    n = padding * 2 ** int(np.ceil(np.log2(pulse.steps)))
    turns = np.fft.fftfreq(n)  # in a step
    s, weights = np.polynomial.legendre.leggauss(12)
    s = (s + 1) / 2
    oscillation = np.exp(-2j * np.pi * turns[:, None] * s) * weights / 2
    integral = oscillation @ (1 - s) * np.fft.fft(left, n) + oscillation @ s * np.fft.fft(right, n)
    spectrum = pulse.rf_hz * pulse.dt * np.abs(integral)
    return np.fft.fftshift(turns / pulse.dt), np.fft.fftshift(spectrum)
