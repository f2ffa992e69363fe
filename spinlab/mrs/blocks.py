"""Blocks: what a sequence is made of.

A sequence is a tuple of blocks, played from left to right:

===========================  =====================================================
:class:`IdealPulse`          turns all spins at once, in no time
:class:`Delay`               free evolution; a *free* one may be filled with RF by a design
:class:`ShapedPulse`         a :class:`spinlab.Pulse`, at any frequency
:class:`SlicePulse`          a pulse under a slice gradient, the mean over positions
:class:`CoherenceFilter`     keeps coherence orders, as ideal crusher gradients do
:class:`Cycle`               several scans, added by the receiver: phase cycles, editing
:class:`Relaxation`          what spins lose in a given time; :func:`relaxing` puts it in
===========================  =====================================================

A pulse of phase 0 is along x, one of 90 degrees along y, which turns z to x.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..inputs import arrays, hold, instance, require, whole
from ..pulses.pulse import Pulse, one_channel
from ..spins.systems import check_times

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
    """Free evolution for ``duration`` seconds.

    Parameters
    ----------
    duration : float
    free : bool
        Whether a design may fill this interval with shaped RF; until then nothing happens in it.
    """

    duration: float
    free: bool = False

    def __post_init__(self):
        hold(self, "duration: >= 0 (seconds)")
        instance("free", self.free, bool)


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
        _need_constant(self)
        hold(self, "phase_deg: (degrees); carrier_ppm?: (ppm)")

    @property
    def duration(self):
        """Length in seconds."""
        return self.pulse.duration


@dataclass(frozen=True, eq=False)
class SlicePulse:
    """A pulse under a slice gradient: the mean over positions along one axis.

    A position is an offset of all spins from the pulse's carrier, so that spins of different
    shifts are selected at different places, as they are at a scanner.  Slices along different axes
    act one after the other: each takes the mean over its own positions.

    Parameters
    ----------
    pulse : Pulse
        Piecewise constant, in steps short enough for a split step: 0.1 ms or less.
    bandwidth_hz : float
        What the slice is wide, in Hz of offset across it.
    phase_deg : float
        Added to the phase of the waveform.
    carrier_ppm : float, optional
        Chemical shift that the middle of the slice belongs to.  Default: the scanner's carrier.
    rephased : bool
        Whether a gradient after the pulse undoes the phase of the positions, as it does after an
        excitation.  A refocusing pulse undoes it by itself.
    positions : int
        At most half a slice apart, if the sample is wider than the slice.
    extent : float
        Width of the sample, in slices.  The mean is over one slice: a box profile gives 1.
    """

    pulse: Pulse
    bandwidth_hz: float
    phase_deg: float = 0.0
    carrier_ppm: float | None = None
    rephased: bool = False
    positions: int = 13
    extent: float = 1.5

    def __post_init__(self):
        _need_constant(self)
        require(self.pulse.dt <= 1.001e-4, "A SlicePulse needs steps of 0.1 ms or less, but "
                f"{1e3 * self.pulse.dt:g} ms arrived; repeat its samples in shorter steps.")
        hold(self, "bandwidth_hz: > 0 (hertz); phase_deg: (degrees); carrier_ppm?: (ppm); "
                   "positions: whole >= 1 <= 1000; extent: > 0")
        apart = self.extent / self.positions
        require(apart <= 0.5 or self.extent <= 1, f"Positions {apart:g} slices apart miss the "
                "slice; give more of them, or extent=1 for the middle alone.")
        instance("rephased", self.rephased, bool)

    @property
    def duration(self):
        """Length in seconds."""
        return self.pulse.duration

    @property
    def offset_hz(self):
        """Offsets of the positions, (positions,), in the middle of equal parts of the sample."""
        places = (np.arange(self.positions) + 0.5) / self.positions - 0.5
        return self.extent * self.bandwidth_hz * places


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
        All of one duration, and none with a free delay: one waveform serves all scans.
    receiver_deg : tuple of float
        One phase a scan.
    """

    scans: tuple
    receiver_deg: tuple

    def __post_init__(self):
        scans = tuple(map(check_sequence, instance("scans", self.scans, (tuple, list))))
        whole("The number of scans", len(scans))
        object.__setattr__(self, "scans", scans)
        free = any(map(is_free, sum(scans, ())))
        require(not free, "A free delay in a cycle cannot be shaped; make it Delay(duration).")
        hold(self, f"receiver_deg: {len(scans)} (degrees)")
        durations = [duration(scan) for scan in scans]
        equal = max(durations) - min(durations) < 1e-9
        require(equal, f"The scans of a cycle must last equally long, not {durations} s.")

    @property
    def duration(self):
        """Length of every scan, s."""
        return duration(self.scans[0])


@dataclass(frozen=True)
class Relaxation:
    r"""What every spin loses in a time, by random fields of its own, :eq:`eq-random-fields`.

    :math:`I_x` and :math:`I_y` of a spin fall by :math:`e^{-t/T_2}`, :math:`I_z` by
    :math:`e^{-t/T_1}`, and a product of several spins by the factors of all of them.  In itself it
    takes no time: :func:`relaxing` puts it between the pieces of a sequence.

    Parameters
    ----------
    time, t1, t2 : float
        s.
    """

    time: float
    t1: float
    t2: float
    duration = 0.0

    def __post_init__(self):
        hold(self, "time: >= 0 (seconds); t1: > 0 (seconds); t2: > 0 (seconds)")
        check_times(self.t1, self.t2)


BLOCKS = (IdealPulse, Delay, ShapedPulse, SlicePulse, CoherenceFilter, Cycle, Relaxation)


def check_sequence(sequence):
    """The sequence as a tuple, if it holds nothing but blocks."""
    if isinstance(sequence, BLOCKS):
        return (sequence,)
    for block in instance("A sequence", sequence, (tuple, list), "Give a tuple of blocks."):
        instance("A block of a sequence", block, BLOCKS)
    return tuple(sequence)


def _need_constant(block):
    constant = one_channel(block.pulse).control == "constant"
    require(constant, f"A {type(block).__name__} must be piecewise constant, but a linear one "
                      "arrived.")  # fmt: skip


def is_free(block):
    """Whether a design may play RF in a block."""
    return isinstance(block, Delay) and block.free


def carrier_hz(block, scanner):
    """Frequency of a shaped or slice pulse, from the carrier of the scanner, Hz."""
    return 0.0 if block.carrier_ppm is None else scanner.offset_hz(block.carrier_ppm)


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
        elif isinstance(block, (IdealPulse, ShapedPulse, SlicePulse)):
            block = replace(block, phase_deg=block.phase_deg + phase)
        turned.append(block)
    return tuple(turned)
