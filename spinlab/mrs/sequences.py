"""Sequences of localised spectroscopy, ready to play.

Each function returns a tuple of blocks (:mod:`spinlab.mrs.blocks`); take it apart, replace blocks,
or write your own.  All excite along y, so that z turns to x, and end at the echo, where the readout
starts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..inputs import choice, echo_time, instance, not_negative, positive, whole
from ..pulses.pulse import Pulse
from .blocks import CoherenceFilter, Cycle, Delay, IdealPulse, ShapedPulse

EXCITATION = IdealPulse(90.0, 90.0)
REFOCUSING = IdealPulse(180.0, 0.0)


def pulse_acquire():
    """A 90 degree pulse: the spectrum that others are measured by."""
    return (EXCITATION,)


def spin_echo(te):
    """90 - te/2 - 180 - te/2, the pathway selected by crushers."""
    half = Delay(echo_time("te", te) / 2)
    return (EXCITATION, half, CoherenceFilter(1), REFOCUSING, CoherenceFilter(-1), half)


def press(te1, te2):
    """PRESS: 90 - te1/2 - 180 - te1/2 - te2/2 - 180 - te2/2, with crushers at both echoes."""
    echo_time("te1", te1)
    echo_time("te2", te2)
    return (
        EXCITATION, Delay(te1 / 2), CoherenceFilter(-1), REFOCUSING, CoherenceFilter(1),
        Delay((te1 + te2) / 2), REFOCUSING, CoherenceFilter(-1), Delay(te2 / 2),
    )  # fmt: skip


def steam(te, tm):
    """STEAM: 90 - te/2 - 90 - tm - 90 - te/2, stimulated echo only; half the signal is lost."""
    half = Delay(echo_time("te", te) / 2)
    not_negative("tm", tm, " of seconds")
    return (
        EXCITATION, half, CoherenceFilter(1), replace(EXCITATION, phase_deg=-90.0),
        CoherenceFilter(0), Delay(tm), EXCITATION, CoherenceFilter(-1), half,
    )  # fmt: skip


def gaussian_pulse(length, angle_deg=180.0, steps=64):
    """A Gaussian pulse along x that falls to 1 % of its height at the ends.

    ``length`` is its duration, s, ``angle_deg`` the flip angle on resonance; ``rf_hz`` is its peak.
    """
    positive("length", length, " of seconds")
    positive("angle_deg", angle_deg)
    t = (np.arange(whole("steps", steps)) + 0.5) / steps * 2 - 1
    shape = 0.01 ** (t**2)
    shape = shape / shape.max()
    dt = length / steps
    rf_hz = angle_deg / 360 / (shape.sum() * dt)
    return Pulse(np.array([shape, 0 * shape]), dt, rf_hz)


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
    echo_time("te", te)
    echo_time("te1", te1)
    length = pulse.duration
    before, after = te / 4 - length / 2, te / 4 - te1 / 2 - length / 2
    if after < 0:
        raise ValueError(
            f"te = {te:g} s is too short for editing pulses of {length:g} s and te1 = {te1:g} s; "
            f"it must be at least {2 * (length + te1):g} s."
        )

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
