"""Reference answers of two pages of chapter 3, about time and coefficients as unknowns (as in
:mod:`spinlab.teaching.answers.chapter1`)."""

from functools import partial

import numpy as np

from .judged import judge_pulse
from .plain import pack, pulses


def _least_time(angle, infidelity, rf_hz, scale):
    return (angle - np.arccos(1 - infidelity)) / (2 * np.pi * scale * rf_hz)


def _duration_slope(u, g, h):
    return (g[0].sum() + np.sum(u * g[1:])) / (u.shape[1] * h)


def _tents(samples, count):
    middles, knots = (np.arange(samples) + 0.5) / samples, np.linspace(0, 1, count)
    return np.maximum(0, 1 - np.abs(middles[:, None] - knots) * (count - 1))


def pulse_is_a_palindrome(data):
    """An inversion that is the same played backwards."""
    (pulse,) = pulses(data)
    off = np.abs(pulse.waveform - pulse.waveform[:, ::-1]).max()
    if off > 1e-6:
        return f"Played backwards, its controls differ by up to {off:.2g}."
    return judge_pulse(data, "-Iz", 300e-6, 10e3, 0, 0.998, 0.95)


DRAWN = np.random.default_rng(5).normal(size=(5, 7))

#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-least-time": {
        "asks": "your function least(angle, infidelity, rf_hz, scale), in s",
        "reference": _least_time,
        "cases": ((np.pi, 0.01, 10e3, 0.8), (np.pi / 2, 0.2, 5e3, 1.3), (2.0, 1e-4, 20e3, 0.5)),
        "digits": 4,
        "wrong": {
            "The scale of the field is missing.":
                lambda angle, e, rf, scale: _least_time(angle, e, rf, 1),
            "The infidelity forgives an angle, too.":
                lambda angle, e, rf, scale: _least_time(angle, 0, rf, scale),
            "A weaker field needs longer.":
                lambda angle, e, rf, scale: _least_time(angle, e, rf, 1 / scale),
        },
    },
    "ex-duration-slope": {
        "asks": "your function slope(u, g, h), per second",
        "reference": _duration_slope,
        "cases": ((DRAWN[:2], DRAWN[2:], 2e-6), (DRAWN[:2, :4], DRAWN[2:, 3:], 5e-7)),
        "digits": 6,
        "wrong": {
            "The controls of a longer step do more, too.":
                lambda u, g, h: g[0].sum() / (u.shape[1] * h),
            "This is by the length of one step; each of them is T/N.":
                lambda u, g, h: _duration_slope(u, g, h) * u.shape[1],
            "This is by the share s, not by T.":
                lambda u, g, h: _duration_slope(u, g, h) * u.shape[1] * h,
        },
    },
    "ex-short-inversion": {
        "asks": "the Pulse", "take": pack,
        "judge": partial(judge_pulse, target="-Iz", duration=170e-6, band_hz=10e3, spread=0,
                         mean=0.99, worst=0.9),
    },
    "ex-sweep-coefficients": {
        "asks": "your function sweep(turns), the three numbers",
        "reference": lambda turns: np.array([1, 0, 2]) * np.pi * turns / 12,
        "cases": ((20.0,), (-3.0,)),
        "digits": 4,
        "wrong": {
            "The polynomials are of 2t - 1, which is twice as far from the middle as t.":
                lambda turns: np.array([1, 0, 2]) * np.pi * turns / 3,
            "x squared is (P0 + 2 P2) / 3: the mean of a square is not 0.":
                lambda turns: np.array([0, 0, 2]) * np.pi * turns / 12,
        },
    },
    "ex-tents": {
        "asks": "your function tents(samples, count), a matrix of shape (samples, count)",
        "reference": _tents,
        "cases": ((12, 4), (7, 5)),
        "digits": 6,
        "wrong": {
            "The samples are at the middles of the steps.":
                lambda samples, count: np.maximum(0, 1 - np.abs(
                    np.linspace(0, 1, samples)[:, None] - np.linspace(0, 1, count)
                ) * (count - 1)),
        },
    },
    "ex-palindrome": {"asks": "the Pulse", "take": pack, "judge": pulse_is_a_palindrome},
}  # fmt: skip
