r"""Blocks: what sequences are made of.

A sequence is a tuple of blocks, played from left to right:

===========================  =====================================================
:class:`IdealPulse`          turns all spins at once, in no time
:class:`Delay`               free evolution
:class:`ShapedPulse`         a :class:`spinlab.Pulse`, at any frequency
:class:`CoherenceFilter`     keeps coherence orders, as ideal crusher gradients do
:class:`Cycle`               several scans, added by the receiver: phase cycles, editing
===========================  =====================================================

A pulse of phase 0 is along x, one of 90 degrees along y, which turns z to x.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..inputs import finite_array, instance, not_negative, number, whole
from ..pulses.pulse import Pulse


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
        number("angle_deg", self.angle_deg)
        number("phase_deg", self.phase_deg)


@dataclass(frozen=True)
class Delay:
    """Free evolution for ``duration`` seconds."""

    duration: float

    def __post_init__(self):
        not_negative("A delay", self.duration, " of seconds")


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
        if instance("pulse", self.pulse, Pulse).control != "constant":
            raise ValueError("A ShapedPulse must be piecewise constant, but a linear one arrived.")
        number("phase_deg", self.phase_deg)
        if self.carrier_ppm is not None:
            number("carrier_ppm", self.carrier_ppm)

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
        if not orders:
            raise ValueError("orders is empty, which would keep nothing; give one order or more.")
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
    """

    scans: tuple
    receiver_deg: tuple

    def __post_init__(self):
        instance("scans", self.scans, (tuple, list))
        scans = tuple(check_sequence(scan) for scan in self.scans)
        receiver = tuple(finite_array("receiver_deg", self.receiver_deg).ravel().tolist())
        if not scans or len(receiver) != len(scans):
            raise ValueError(
                f"A cycle needs one receiver phase a scan, but {len(scans)} scans and "
                f"{len(receiver)} phases arrived."
            )
        durations = [duration(scan) for scan in scans]
        if max(durations) - min(durations) > 1e-9:
            raise ValueError(f"The scans of a cycle must last equally long, not {durations} s.")
        object.__setattr__(self, "scans", scans)
        object.__setattr__(self, "receiver_deg", receiver)

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
        if type(block) not in BLOCKS:
            raise TypeError(
                f"A sequence is made of {', '.join(kind.__name__ for kind in BLOCKS)}, "
                f"but {type(block).__name__} arrived in it."
            )
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
    phases = finite_array("phases_deg", phases_deg).ravel().tolist()
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
