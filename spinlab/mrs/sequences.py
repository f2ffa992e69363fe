"""Sequences of localised spectroscopy, ready to play.

All excite along y, and end at the echo, where the readout starts.  Those made of echoes are one
function, :func:`echo_train`, whose keywords say, in the same words for each of them, what selects
the coherences, whether pulses follow B1, which pulses have slices, and where a design may play RF.
Take a sequence apart, replace blocks, or write your own.
"""

from dataclasses import replace
from functools import cache

from ..inputs import arrays, choice, instance, require
from ..pulses.pulse import Pulse

from .blocks import (  # isort: skip
    ECHO, CoherenceFilter, Cycle, Delay, IdealPulse, ShapedPulse, SlicePulse, phase_cycle,
)
from .selective_pulses import gaussian_pulse, slice_pulse

EXCITATION = IdealPulse(90.0, 90.0)
REFOCUSING = IdealPulse(180.0, 0.0)

#: What may select coherences at an echo.
PATHWAYS = ("crushers", "both", "none", "exorcycle")


def ideal():
    """Keywords of :func:`echo_train` for a world without B1, gradients and slices.

    Ideal pulses turn by their angle whatever B1 is, and the orders +1 and -1 are kept.
    """
    return {"pathway": "both", "follows_b1": False}


@cache
def _slices():
    return slice_pulse(3e-3, 6, "excite"), slice_pulse(7e-3, 6)


def at_scanner():
    """Keywords of :func:`press` as a scanner plays it.

    Three slices, of 2000 Hz (the excitation, 3 ms) and 857 Hz (both echoes, 7 ms); crushers; B1 on
    every pulse.  RF of a design has no place in the first interval.  In the two others there is
    time for crushers, ring-down and dead time of the amplifier at both ends.
    """
    excite, refocus = _slices()
    free = None, (2e-3, 2e-3), (2e-3, 2.5e-3)
    return {"excite": excite, "refocus": refocus, "free": free}


#: Keywords of :func:`press` by the name of what they stand for.
CONDITIONS = {"ideal": lambda: {**ideal(), "free": True}, "scanner": at_scanner}


def pulse_acquire():
    """A 90 degree pulse: the spectrum that others are measured by."""
    return (EXCITATION,)


def echo_train(
    te, middles, pulses=None, edits=(), follows_b1=True, pathway="crushers", excite=None,
    refocus=None, free=False,
):  # fmt: skip
    """A 90 degree pulse, and refocusing pulses with their middles at given times.

    Parameters
    ----------
    te : float
        Echo time, from the middle of the excitation to the readout, s.
    middles : sequence of float
        Times of the middles of the refocusing pulses, rising, s.
    pulses : sequence of blocks, optional
        In place of ``refocus``, one for each of the middles; None leaves it.
    edits : sequence of (float, block)
        Pulses that change no order of coherence, such as editing pulses, and their middles.
    follows_b1 : bool
        Whether ideal pulses turn more where B1 is higher.  Shaped and slice pulses always do.
    pathway : {"crushers", "exorcycle", "both", "none"}
        What selects coherences at every refocusing pulse.  Crushers keep one order before and one
        after it.  An exorcycle of four scans keeps changes of the order by 2, 6, ... either way.
        "both" keeps +1 and -1, which no scanner does alone: an ideal to compare with.
    excite, refocus : SlicePulse or IdealPulse, optional
        In place of the ideal pulses of 90 and 180 degrees.
    free : bool, or one entry for each interval
        Where a design may play RF: nowhere, everywhere, or for each interval None (nowhere) or a
        pair of dead times at its beginning and end, s, in which crushers act and amplifiers rest.

    Returns
    -------
    tuple of blocks

    Raises
    ------
    ValueError
        Also if the pulses leave no room between each other.

    Examples
    --------
    >>> for block in echo_train(0.03, [0.015], pathway="none", free=True):
    ...     print(block)
    IdealPulse(angle_deg=90.0, phase_deg=90.0, follows_b1=True)
    Delay(duration=0.015, free=True)
    IdealPulse(angle_deg=180.0, phase_deg=0.0, follows_b1=True)
    Delay(duration=0.015, free=True)
    """
    te, middles = arrays(f"te: {ECHO}; middles: echoes > 0 (seconds)", te=te, middles=middles)
    instance("follows_b1", follows_b1, bool)
    choice("pathway", pathway, PATHWAYS)
    excite = replace(EXCITATION, follows_b1=follows_b1) if excite is None else excite
    refocus = replace(REFOCUSING, follows_b1=follows_b1) if refocus is None else refocus
    pulses = [None] * len(middles) if pulses is None else instance("pulses", pulses, (list, tuple))
    require(len(pulses) == len(middles), f"pulses must have {len(middles)} entries, one for each "
            f"of the middles, but {len(pulses)} arrived.")  # fmt: skip
    order = (-1) ** (len(middles) - 1)  # so that it is -1 at the readout
    events = [(middle, pulse or refocus, True) for middle, pulse in
              zip(middles.tolist(), pulses, strict=True)]  # fmt: skip
    for edit in instance("edits", edits, (list, tuple)):
        require(len(instance("An edit", edit, (list, tuple))) == 2, "An edit is (middle, pulse).")
        middle = arrays("edit_middle: > 0 (seconds)", edit_middle=edit[0])
        events.append((middle, edit[1], False))
    events.sort(key=lambda event: event[0])
    intervals = len(events) + 1
    free = [free and (0.0, 0.0)] * intervals if isinstance(free, bool) else free
    instance("free", free, (list, tuple), "Give True, False, or an entry for each interval.")
    require(len(free) == intervals, f"free must have {intervals} entries, one for each interval, "
            f"but {len(free)} arrived.")  # fmt: skip
    blocks, now = [_kind("excite", excite)], excite.duration / 2
    for (middle, pulse, flips), dead in zip(events, free, strict=False):
        _kind("A pulse", pulse)
        blocks += _interval(middle - pulse.duration / 2 - now, dead)
        blocks += _selected(pulse, order, pathway, flips)
        now, order = middle + pulse.duration / 2, -order if flips else order
    return (*blocks, *_interval(te - now, free[-1]))


def _kind(name, pulse):
    return instance(name, pulse, (IdealPulse, ShapedPulse, SlicePulse))


def _interval(length, dead):
    """A delay, of which a design may have all but the dead times at its ends."""
    require(length > -1e-12, f"The pulses overlap by {-1e3 * length:g} ms; make the echo time "
            "longer, or the pulses shorter.")  # fmt: skip
    length = max(0.0, round(length, 12))
    if not dead:
        return (Delay(length),)
    before, after = arrays("dead times: 2 >= 0 (seconds)", **{"dead times": dead}).tolist()
    left = round(length - before - after, 12)
    require(left > 0, f"Dead times of {1e3 * before:g} and {1e3 * after:g} ms leave no time for RF "
            f"in an interval of {1e3 * length:g} ms.")  # fmt: skip
    parts = Delay(before), Delay(left, free=True), Delay(after)
    return tuple(part for part in parts if part.duration)


def _selected(pulse, order, pathway, flips):
    """A pulse with what selects its coherences, of which ``order`` is there before."""
    if pathway == "exorcycle" and flips:
        return (phase_cycle(pulse, (0, 90, 180, 270), (0, 180, 0, 180)),)
    if pathway in ("none", "exorcycle"):
        return (pulse,)
    orders = (order, -order if flips else order) if pathway == "crushers" else 2 * ((-1, 1),)
    before, after = map(CoherenceFilter, orders)
    return (before, pulse, after) if flips else (pulse, after)


def spin_echo(te, **means):
    """90 - te/2 - 180 - te/2; keywords as of :func:`echo_train`."""
    te = arrays(f"te: {ECHO}", te=te)
    return echo_train(te, (te / 2,), **means)


def press(te1, te2, **means):
    """PRESS: 90 - te1/2 - 180 - te1/2 - te2/2 - 180 - te2/2; keywords as of :func:`echo_train`."""
    te1, te2 = arrays(f"te1: {ECHO}; te2: {ECHO}", te1=te1, te2=te2)
    return echo_train(te1 + te2, (te1 / 2, te1 + te2 / 2), **means)


def semi_laser(te1, te2, **means):
    """Semi-LASER: two pairs of 180 degree pulses, as adiabatic pulses need.

    90 - te1/4 - 180 - te1/2 - 180 - te1/4 - te2/4 - 180 - te2/2 - 180 - te2/4; keywords as of
    :func:`echo_train`.
    """
    te1, te2 = arrays(f"te1: {ECHO}; te2: {ECHO}", te1=te1, te2=te2)
    middles = te1 / 4, 3 * te1 / 4, te1 + te2 / 4, te1 + 3 * te2 / 4
    return echo_train(te1 + te2, middles, **means)


def j_refocused(te1, te2, angle_deg=90.0, **means):
    """PRESS with one more pulse along x at its first echo, where it undoes J evolution.

    Keywords as of :func:`echo_train`.  The middle pulse leads to both signs of coherence, of which
    crushers keep one: half of the signal.  An exorcycle, ``pathway="exorcycle"``, keeps both.
    """
    te1, te2 = arrays(f"te1: {ECHO}; te2: {ECHO}", te1=te1, te2=te2)
    middle = IdealPulse(angle_deg, follows_b1=means.get("follows_b1", True))
    return echo_train(te1 + te2, (te1 / 2, te1 + te2 / 2), edits=[(te1, middle)], **means)


def steam(te, tm, follows_b1=True):
    """STEAM: 90 - te/2 - 90 - tm - 90 - te/2, stimulated echo only; half the signal is lost."""
    te, tm = arrays(f"te: {ECHO}; tm: >= 0 (seconds)", te=te, tm=tm)
    half, pulse = Delay(te / 2), replace(EXCITATION, follows_b1=follows_b1)
    return (
        pulse, half, CoherenceFilter(1), replace(pulse, phase_deg=-90.0), CoherenceFilter(0),
        Delay(tm), pulse, CoherenceFilter(-1), half,
    )  # fmt: skip


def mega_press(
    te, edit_ppm=1.9, off_ppm=7.5, pulse=None, te1=0.01, mode="difference", **means
):  # fmt: skip
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
    **means
        Keywords of :func:`echo_train`.
    """
    choice("mode", mode, ("difference", "on", "off"))
    pulse = gaussian_pulse(0.014) if pulse is None else instance("pulse", pulse, Pulse)
    (te, te1), length = arrays(f"te: {ECHO}; te1: {ECHO}", te=te, te1=te1), pulse.duration
    require(te / 4 - te1 / 2 - length / 2 > -1e-12,
            f"te = {te:g} s is too short for editing pulses of {length:g} s and te1 = "
            f"{te1:g} s; make it at least {2 * (length + te1):g} s.")

    def scan(carrier_ppm):
        edit = ShapedPulse(pulse, carrier_ppm=carrier_ppm)
        edits = [(te1 / 2 + te / 4, edit), (te1 / 2 + 3 * te / 4, edit)]
        return echo_train(te, (te1 / 2, (te + te1) / 2), edits=edits, **means)

    if mode == "difference":
        return (Cycle((scan(edit_ppm), scan(off_ppm)), (0.0, 180.0)),)
    return scan(edit_ppm if mode == "on" else off_ppm)
