r"""A sequence at a scanner: what its RF asks for, and a Pulseq file that plays it.

Blocks say which coherences pass; a file has to say by which gradients.  It plays, on three axes,

====  ======================================================================
x     slice of the excitation, rephaser
y     [a1, slice of the first echo, a2], RF, a3
z     [b1, slice of the second echo, b2], RF, b3
====  ======================================================================

where [ ] is one block, and a3 and b1 are played at once.  In a crusher of area :math:`a`, turns per
metre, a coherence of order :math:`p` at :math:`r` takes up the phase :math:`-2\pi p\,a\,r`, so that
a pathway :math:`p_0 \to p_1 \to p_2 \to p_3 \to -1` passes if

.. math:: a_1 p_0 + a_2 p_1 + a_3 p_2 = 0, \qquad b_1 p_2 + b_2 p_3 - b_3 = 0,

:eq:`eq-crushers`.  The one that :func:`spinlab.mrs.at_scanner` means is -1, +1, +1, -1, so
:math:`a_1 = a_2 + a_3` and :math:`b_1 = b_2 + b_3`.  The third crushers count: with two equal ones
at each echo, +1, -1, +1, -1 would pass as well, as RF between the echoes changes the order.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..files.formats import file_path, write_text
from ..files.vendors import pulseq_rf, pulseq_text, pypulseq
from ..inputs import arrays, instance, require
from ..pulses.measures import relative_power

from .blocks import (  # isort: skip
    CoherenceFilter, Delay, ShapedPulse, SlicePulse, carrier_hz, check_sequence, duration,
)
from .metabolites import GAMMA_HZ, Scanner

#: What is written, by letters of the blocks: slices, RF, delays, and filters of coherences.
LETTERS = {SlicePulse: "S", ShapedPulse: "R", Delay: "D", CoherenceFilter: "C"}
PRESS = "SDCSCD[RD]DCSCD[RD]D"
#: a1, a2, a3 and b1, b2, b3, the largest being 1.  On one axis or the other, every other pathway of
#: orders up to 1, such as those of fresh magnetisation, has at least 0.3, and of five spins 0.1.
CRUSHERS = {"y": (1.0, 0.7, 0.3), "z": (1.0, 0.3, 0.7)}
#: Every ramp of a gradient, s.
RAMP = 0.3e-3
#: A scanner that is neither new nor strong, in the words of pypulseq.
SYSTEM = {
    "max_grad": 40, "grad_unit": "mT/m", "max_slew": 150, "slew_unit": "T/m/s",
    "rf_dead_time": 100e-6, "rf_ringdown_time": 30e-6, "adc_dead_time": 10e-6,
}  # fmt: skip


class RfReport(NamedTuple):
    """What the RF of a sequence asks for: :func:`rf_report`.

    ``peak_ut`` and ``rms_ut`` are B1+ in microtesla, its maximum and its root mean square over the
    repetition time; ``duty`` is the part of that time in which RF is on.
    """

    peak_ut: float
    rms_ut: float
    duty: float


def rf_report(sequence, tr):
    """Peak and mean of the B1 of a sequence that is repeated every ``tr`` seconds.

    Examples
    --------
    >>> from spinlab.mrs import at_scanner, press
    >>> rf_report(press(16e-3, 30e-3, **at_scanner()), tr=2.0)
    RfReport(peak_ut=19.16, rms_ut=0.499, duty=0.0085)
    """
    sequence, tr = check_sequence(sequence), arrays("tr: > 0 (seconds)", tr=tr)
    last, per_ut = duration(sequence), 1e-6 * GAMMA_HZ
    require(last <= tr, f"A sequence of {last:g} s cannot be repeated every {tr:g} s.")
    require(all(type(block) in LETTERS for block in sequence), "Ideal pulses have no B1, and every "
            "scan of a cycle has its own; give one of slices, shaped pulses and delays.")
    pulses = [block.pulse for block in sequence if hasattr(block, "pulse")]
    peak = max((one.rf_hz * one.amplitude.max() for one in pulses), default=0.0)
    square = sum(one.rf_hz**2 * relative_power(one) * one.duration for one in pulses) / tr
    on = sum(one.dt * np.count_nonzero(one.amplitude) for one in pulses)
    return RfReport(float(peak / per_ut), float(np.sqrt(square) / per_ut), float(on / tr))


def write_pulseq_sequence(
    path, sequence, scanner=None, thickness=(0.03, 0.03, 0.03), cycles=40.0, samples=2048,
    dwell=0.5e-3, system=None,
):  # fmt: skip
    """Write a PRESS with slices, crushers and RF of a design as a Pulseq file, by pypulseq.

    The first sample of the readout has its middle at the echo, where the sequence ends.  The
    frequency zero of the file is the carrier of the scanner.

    Parameters
    ----------
    path : str or Path
        A file of that path is replaced.
    sequence : tuple of blocks
        As ``press(te1, te2, **at_scanner())`` makes it, or ``result.sequence`` of a design of it;
        free intervals that no design has filled stay silent.
    scanner : Scanner, optional
    thickness : (float, float, float)
        Of the slices along x, y and z, m.
    cycles : float
        Turns of the phase across a slice that the largest crusher makes.
    samples : int
    dwell : float
        Time from a sample to the next, s.
    system : pypulseq.Opts, optional
        Limits, rasters and dead times.  Default: :data:`SYSTEM`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        What cannot be written: other sequences, times off the raster, crushers that the gradients
        cannot make within the closed delays.
    """
    path, pp = file_path(path), pypulseq()
    thickness, cycles, samples, dwell = arrays(
        "thickness: 3 > 0 <= 1 (metres); cycles: > 0; samples: whole >= 1; dwell: > 0 (seconds)",
        thickness=thickness, cycles=cycles, samples=samples, dwell=dwell)
    scanner = Scanner() if scanner is None else instance("scanner", scanner, Scanner)
    system = pp.Opts(**SYSTEM) if system is None else instance("system", system, pp.Opts)
    blocks = _check_press(sequence, system.block_duration_raster)
    played = pp.Sequence(system)
    for events in _events(blocks, _Console(scanner, system), thickness, cycles, samples, dwell):
        played.add_block(*events)
    good, wrong = played.check_timing()
    wrong = ", ".join(f"{one.event} {one.field}" for one in wrong)
    require(good, f"pypulseq finds times off its rasters: {wrong}.")
    played.set_definition("FOV", thickness.tolist())
    played.set_definition("CarrierPpm", scanner.carrier_ppm)
    write_text(path, pulseq_text(played, path.stem))
    return path


def _up(time, raster):
    """The next time on a raster."""
    return float(raster * np.ceil(time / raster - 1e-6))


def _check_press(sequence, raster):
    """Its blocks, if they are such as can be written."""
    blocks = check_sequence(sequence)
    orders = [block.orders for block in blocks if isinstance(block, CoherenceFilter)]
    good = re.fullmatch(PRESS, "".join(LETTERS.get(type(block), "?") for block in blocks))
    good = good and orders == [(-1,), (1,), (1,), (-1,)] and blocks[0].rephased
    require(good, "Only a PRESS with slices, crushers and closed delays around its RF can be "
            "written, as press(te1, te2, **at_scanner()) makes it, not "
            f"{', '.join(type(block).__name__ for block in blocks)}.")  # fmt: skip
    for block in blocks:
        off = _up(block.duration, raster) - block.duration
        require(abs(off) < 1e-9, f"A block of {1e3 * block.duration:g} ms is no multiple of the "
                f"raster of {1e6 * raster:g} us; change its pulse or the echo times.")  # fmt: skip
    return blocks


@dataclass(frozen=True)
class _Console:
    """Makes events of pypulseq, within the limits of a system."""

    scanner: Scanner
    system: object

    def rf(self, block, delay, use):
        """A pulse with its phase in its middle."""
        shift = carrier_hz(block, self.scanner)
        phase = np.deg2rad(block.phase_deg) - np.pi * shift * block.duration
        return pulseq_rf(
            block.pulse, self.system, delay=round(delay, 9), use=use, center=block.duration / 2,
            freq_offset=shift, phase_offset=phase % (2 * np.pi),
        )  # fmt: skip

    def between(self, block):
        """What is played without a gradient; the dead times of the RF are outside of the block."""
        silent = isinstance(block, Delay) or not block.pulse.waveform.any()
        wait = pypulseq().make_delay(block.duration + 2 * self.guard)
        return (wait,) if silent else (self.rf(block, self.guard, "other"), wait)

    @property
    def guard(self):
        """Dead time of the RF, on the raster."""
        dead = max(self.system.rf_dead_time, self.system.rf_ringdown_time)
        return _up(dead, self.system.block_duration_raster)

    def slice(self, axis, block, thickness, before, after, use="refocusing"):
        """A pulse and its gradient with crushers on both sides: (time, area) of each.

        Areas begin in the middle of the pulse; None stands for the gradient of the slice alone.
        """
        flat = block.bandwidth_hz / thickness
        half = flat * (block.duration + RAMP) / 2
        left, right = (flat if area is None else (area - half) / (time - RAMP)
                       for time, area in (before, after))  # fmt: skip
        heights = np.array([0, left, left, flat, flat, right, right, 0])
        steps = [[RAMP, time - 2 * RAMP, RAMP] for time, _ in (before, after)]
        ends = np.round(np.cumsum([0, *steps[0], block.duration, *steps[1]]), 9)
        gradient = self.gradient("make_extended_trapezoid", axis, amplitudes=heights, times=ends)
        return self.rf(block, before[0], use), gradient

    def crusher(self, axis, time, area):
        """A crusher alone."""
        return self.gradient("make_trapezoid", axis, area=area, duration=time, rise_time=RAMP)

    def gradient(self, make, axis, **how):
        """Whatever pypulseq makes, if it can be played."""
        try:
            return getattr(pypulseq(), make)(axis, system=self.system, **how)
        except (ValueError, AssertionError) as error:
            raise ValueError(
                f"The gradient along {axis} cannot be played ({error}). Give fewer cycles, thicker "
                "slices, longer closed delays, or a system that can do more.") from None


def _events(blocks, console, thickness, cycles, samples, dwell):
    """What is played, block by block."""
    pp, system, raster = pypulseq(), console.system, console.system.block_duration_raster
    ex, first, _, y180, _, before2, rf2, after2, _, z180, _, before3, rf3, after3 = blocks
    half = _up(first.duration / 2, raster)  # for the rephaser; the rest is for a1
    delays = before2, after2, before3, after3
    t2, t3, t4, t5 = (delay.duration - console.guard for delay in delays)
    wait = round(t5 - dwell / 2, 9)
    require(wait >= system.adc_dead_time, "The closed delay before the readout is too short for "
            f"half a dwell time of {1e3 * dwell:g} ms.")  # fmt: skip
    adc = pp.make_adc(samples, dwell=dwell, delay=wait, system=system)
    end = _up(pp.calc_duration(adc) + system.adc_dead_time, raster)
    x, y, z = thickness
    a1, a2, a3 = cycles / y * np.array(CRUSHERS["y"])
    b1, b2, b3 = cycles / z * np.array(CRUSHERS["z"])
    return (
        console.slice("x", ex, x, (3 * RAMP, None), (half, 0.0), "excitation"),
        console.slice("y", y180, y, (first.duration - half, a1), (t2, a2)),
        console.between(rf2),
        (*console.slice("z", z180, z, (t3, b1), (t4, b2)), console.crusher("y", t3, a3)),
        console.between(rf3),
        (adc, console.crusher("z", _up(wait - raster, raster), b3), pp.make_delay(end)),
    )
