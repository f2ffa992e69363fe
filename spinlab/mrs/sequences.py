r"""Blocks, what sequences are made of, and sequences of localised spectroscopy, ready to play.

A sequence is a tuple of blocks, played from left to right:

===========================  =====================================================
:class:`IdealPulse`          turns all spins at once, in no time
:class:`Delay`               free evolution
:class:`ShapedPulse`         a :class:`spinlab.Pulse`, at any frequency
:class:`CoherenceFilter`     keeps coherence orders, as ideal crusher gradients do
:class:`Cycle`               several scans, added by the receiver: phase cycles, editing
===========================  =====================================================

A pulse of phase 0 is along x, one of 90 degrees along y, which turns z to x.  The ready sequences
excite along y, and end at the echo, where the readout starts.  Take them apart, replace blocks, or
write your own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..inputs import arrays, choice, hold, instance, require, whole
from ..pulses.pulse import Pulse

#: What an echo time can be: one in milliseconds is far too long.
ECHO = "> 0 <= 5 (seconds)"


@dataclass(frozen=True)
class IdealPulse:
    """A pulse without duration, on resonance for every spin.

    Parameters
    ----------
    angle_deg, phase_deg : float
        Flip angle and phase; 0 is along x, 90 along y.
    follows_b1 : bool
        Whether the angle grows with the B1 scale of a member.  False: a pulse that turns by its
        angle whatever the field is, as adiabatic ones nearly do.
    """

    angle_deg: float
    phase_deg: float = 0.0
    follows_b1: bool = True
    duration = 0.0

    def __post_init__(self):
        hold(self, "angle_deg: (degrees); phase_deg: (degrees)")
        instance("follows_b1", self.follows_b1, bool)


@dataclass(frozen=True)
class Delay:
    """Free evolution for ``duration`` seconds."""

    duration: float

    def __post_init__(self):
        hold(self, "duration: >= 0 (seconds)")


@dataclass(frozen=True, eq=False)
class ShapedPulse:
    """A pulse of finite duration, with everything that happens in it.

    Parameters
    ----------
    pulse : Pulse
        Piecewise constant.
    phase_deg : float
        Added to the phase of the waveform; at the middle of the pulse.
    carrier_ppm : float, optional
        Chemical shift at which this pulse is played.  Default: the scanner's carrier.
    """

    pulse: Pulse
    phase_deg: float = 0.0
    carrier_ppm: float | None = None

    def __post_init__(self):
        constant = instance("pulse", self.pulse, Pulse).control == "constant"
        require(constant, "A ShapedPulse must be piecewise constant, but a linear one arrived.")
        hold(self, "phase_deg: (degrees); carrier_ppm?: (ppm)")

    @property
    def duration(self):
        """Length in seconds."""
        return self.pulse.duration


@dataclass(frozen=True)
class CoherenceFilter:
    r"""Keep coherences of the given orders, drop all others.

    The order of :math:`|r\rangle\langle s|` is the difference of the total magnetic quantum
    numbers, :math:`m_r - m_s`.  A filter before and one after a pulse select a pathway, as a pair
    of crusher gradients or a long phase cycle does.  What is left after selecting one sign only is
    not Hermitian: half of a density matrix, the half that will be read.

    Parameters
    ----------
    orders : tuple of int
        Such as ``(-1,)``, or ``(0,)`` for longitudinal and zero-quantum terms.
    """

    orders: tuple
    duration = 0.0

    def __post_init__(self):
        orders = self.orders if isinstance(self.orders, (tuple, list)) else (self.orders,)
        require(orders, "orders is empty, which would keep nothing; give one order or more.")
        object.__setattr__(self, "orders", tuple(whole("An order", p, least=-99) for p in orders))


@dataclass(frozen=True, eq=False)
class Cycle:
    r"""Mean of several scans, each seen by a receiver of its own phase.

    The scan's state is multiplied by :math:`e^{-i\varphi}`.  Receiver phases of 0 and 180 degrees
    make half the difference of two scans, as MEGA editing does.

    Parameters
    ----------
    scans : tuple of sequences
        All of one duration.
    receiver_deg : tuple of float
        One phase a scan.
    """

    scans: tuple
    receiver_deg: tuple

    def __post_init__(self):
        scans = tuple(map(check_sequence, instance("scans", self.scans, (tuple, list))))
        whole("The number of scans", len(scans))
        object.__setattr__(self, "scans", scans)
        hold(self, f"receiver_deg: {len(scans)} (degrees)")
        durations = [duration(scan) for scan in scans]
        equal = max(durations) - min(durations) < 1e-9
        require(equal, f"The scans of a cycle must last equally long, not {durations} s.")

    @property
    def duration(self):
        """Length of every scan, s."""
        return duration(self.scans[0])


BLOCKS = (IdealPulse, Delay, ShapedPulse, CoherenceFilter, Cycle)


def check_sequence(sequence):
    """The sequence as a tuple, if it holds nothing but blocks."""
    if isinstance(sequence, BLOCKS):
        return (sequence,)
    for block in instance("A sequence", sequence, (tuple, list), "Give a tuple of blocks."):
        instance("A block of a sequence", block, BLOCKS)
    return tuple(sequence)


def duration(sequence):
    """Length of a sequence in seconds: from the first block to the start of the readout."""
    return float(sum(block.duration for block in check_sequence(sequence)))


def phase_cycle(blocks, phases_deg, receiver_deg):
    """A :class:`Cycle` that repeats the blocks with all their RF turned by each phase.

    Examples
    --------
    >>> exorcycle = phase_cycle(IdealPulse(180), (0, 90, 180, 270), (0, 180, 0, 180))
    >>> [scan[0].phase_deg for scan in exorcycle.scans]
    [0.0, 90.0, 180.0, 270.0]
    """
    blocks = check_sequence(blocks)
    phases = arrays("phases_deg: scans", phases_deg=phases_deg).tolist()
    return Cycle(tuple(_turned(blocks, phase) for phase in phases), receiver_deg)


def _turned(blocks, phase):
    """The same blocks with RF of another phase."""
    turned = []
    for block in blocks:
        if isinstance(block, Cycle):
            block = replace(block, scans=tuple(_turned(scan, phase) for scan in block.scans))
        elif isinstance(block, (IdealPulse, ShapedPulse)):
            block = replace(block, phase_deg=block.phase_deg + phase)
        turned.append(block)
    return tuple(turned)


EXCITATION = IdealPulse(90.0, 90.0)
REFOCUSING = IdealPulse(180.0, 0.0)


def pulse_acquire():
    """A 90 degree pulse: the spectrum that others are measured by."""
    return (EXCITATION,)


def spin_echo(te):
    """90 - te/2 - 180 - te/2, the pathway selected by crushers."""
    half = Delay(arrays(f"te: {ECHO}", te=te) / 2)
    return (EXCITATION, half, CoherenceFilter(1), REFOCUSING, CoherenceFilter(-1), half)


def press(te1, te2):
    """PRESS: 90 - te1/2 - 180 - te1/2 - te2/2 - 180 - te2/2, with crushers at both echoes."""
    te1, te2 = arrays(f"te1: {ECHO}; te2: {ECHO}", te1=te1, te2=te2)
    return (
        EXCITATION, Delay(te1 / 2), CoherenceFilter(-1), REFOCUSING, CoherenceFilter(1),
        Delay((te1 + te2) / 2), REFOCUSING, CoherenceFilter(-1), Delay(te2 / 2),
    )  # fmt: skip


def shaped_press(first, second, third):
    """PRESS with a shaped pulse in each of its free intervals.

    The three ideal pulses turn by their angle whatever B1 is.  Of what arrives at an echo, phase
    cycling of the 180 degree pulse keeps the orders +1 and -1.
    """
    excite, refocus = (replace(one, follows_b1=False) for one in (EXCITATION, REFOCUSING))
    first, second, third = (ShapedPulse(pulse) for pulse in (first, second, third))
    echo = CoherenceFilter((-1, 1)), refocus
    return excite, first, *echo, second, *echo, third


def steam(te, tm):
    """STEAM: 90 - te/2 - 90 - tm - 90 - te/2, stimulated echo only; half the signal is lost."""
    te, tm = arrays(f"te: {ECHO}; tm: >= 0 (seconds)", te=te, tm=tm)
    half, mixing = Delay(te / 2), Delay(tm)
    return (
        EXCITATION, half, CoherenceFilter(1), replace(EXCITATION, phase_deg=-90.0),
        CoherenceFilter(0), mixing, EXCITATION, CoherenceFilter(-1), half,
    )  # fmt: skip


def gaussian_pulse(length, angle_deg=180.0, steps=64):
    """A Gaussian pulse along x that falls to 1 % of its height at the ends.

    ``length`` is its duration, s, ``angle_deg`` the flip angle on resonance; ``rf_hz`` is its peak.
    """
    layout = "length: > 0 (seconds); angle_deg: > 0 (degrees)"
    length, angle_deg = arrays(layout, length=length, angle_deg=angle_deg)
    t = (np.arange(whole("steps", steps)) + 0.5) / steps * 2 - 1
    shape = 0.01 ** (t**2)
    shape = shape / shape.max()
    dt = length / steps
    return Pulse(np.array([shape, 0 * shape]), dt, angle_deg / 360 / (shape.sum() * dt))


def mega_press(te, edit_ppm=1.9, off_ppm=7.5, pulse=None, te1=0.01, mode="difference"):
    """MEGA-PRESS: PRESS with two editing pulses, half an echo time apart.

    Parameters
    ----------
    te : float
        Echo time, s.
    edit_ppm, off_ppm : float
        Where the editing pulses stand in the two scans.
    pulse : Pulse, optional
        Editing pulse.  Default: ``gaussian_pulse(0.014)``.
    te1 : float
        First echo time of the PRESS; the second is ``te - te1``.
    mode : {"difference", "on", "off"}
        The difference is (on - off) / 2.
    """
    choice("mode", mode, ("difference", "on", "off"))
    pulse = gaussian_pulse(0.014) if pulse is None else instance("pulse", pulse, Pulse)
    (te, te1), length = arrays(f"te: {ECHO}; te1: {ECHO}", te=te, te1=te1), pulse.duration
    before, after = te / 4 - length / 2, te / 4 - te1 / 2 - length / 2
    require(after >= 0, f"te = {te:g} s is too short for editing pulses of {length:g} s and te1 = "
                        f"{te1:g} s; make it at least {2 * (length + te1):g} s.")  # fmt: skip

    def scan(carrier_ppm):
        edit = ShapedPulse(pulse, carrier_ppm=carrier_ppm)
        return (
            EXCITATION, Delay(te1 / 2), CoherenceFilter(-1), REFOCUSING, CoherenceFilter(1),
            Delay(before), edit, CoherenceFilter(1), Delay(before), REFOCUSING,
            CoherenceFilter(-1), Delay(before), edit, CoherenceFilter(-1), Delay(after),
        )  # fmt: skip

    if mode == "difference":
        return (Cycle((scan(edit_ppm), scan(off_ppm)), (0.0, 180.0)),)
    return scan(edit_ppm if mode == "on" else off_ppm)
