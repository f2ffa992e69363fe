"""Reference answers of the exercises of chapter 4: a table as in
:mod:`spinlab.teaching.answers.chapter1`."""

from math import comb

import numpy as np

from ...mrs.blocks import check_sequence
from ...mrs.metabolites import GAMMA_HZ, Scanner, metabolite
from .plain import pack

from .judged_spectra import (  # isort: skip
    amplifier_can_play, echo_is_perfect, gaba_is_alone, gaba_is_fitted, one_is_alone_among_all,
    tabulate_echo,
)

GLU = metabolite("Glu").groups[0]


def _packed(sequence):
    return pack(list(check_sequence(sequence)))


def _roof(delta, coupling):
    length = np.hypot(delta, coupling)
    return (length - abs(coupling)) / (length + abs(coupling))


def _bias(A, y0, y, c):
    return np.linalg.lstsq(A, y - y0, rcond=None)[0][: c.size] / c


def _two_bounds(a, b, sigma):
    alone = a @ a
    return sigma / np.sqrt([alone, alone - (a @ b) ** 2 / (b @ b)])


def _least_slew(area, peak, time):
    """Of a triangle, or of a trapezoid where a triangle would be too high."""
    high = 2 * area / time > peak
    return peak / (time - area / peak) if high else 4 * area / time**2


A, B = np.array([1.0, 2.0, 0.5, -1.0]), np.array([0.5, 1.5, 1.0, 0.0])
RNG = np.random.default_rng(5)
#: derivatives, two spectra and concentrations: cases of a bias
OFF = tuple((RNG.normal(size=(9, n + 2)), *RNG.normal(size=(2, 9)), RNG.uniform(2, 9, n))
            for n in (2, 3, 1))  # fmt: skip
J_45, DELTA_45 = abs(GLU.coupling_hz[3, 4]), 1e-6 * (GLU.shift_ppm[4] - GLU.shift_ppm[3])

#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-shift-to-hertz": {
        "asks": "the offset in Hz",
        "reference": Scanner.of_field(7.0, carrier_ppm=4.65).offset_hz(2.35),
    },
    "ex-line-count": {
        "asks": "your function count(n) of the number of spins",
        "reference": lambda n: comb(2 * n, n - 1),
        "cases": ((1,), (2,), (3,), (6,)),
        "wrong": {"These are the lines of weak coupling.": lambda n: n * 2 ** (n - 1)},
    },
    "ex-first-point": {
        "asks": "the amount in s",
        "reference": metabolite("Glu").protons * 0.25e-3 / 2,
        "wrong": {"How many protons does s(0) count?": 0.25e-3 / 2},
    },
    "ex-roof": {
        "asks": "your function ratio(delta, coupling), both in Hz",
        "reference": _roof,
        "cases": ((10.0, 12.0), (3.0, -15.9), (80.0, 7.0), (-20.0, 5.0)),
        "wrong": {
            "Right for positive couplings only.":
                lambda delta, J: (np.hypot(delta, J) - J) / (np.hypot(delta, J) + J),
            "This is the inner over the outer.": lambda delta, J: 1 / _roof(delta, J),
        },
    },
    "ex-strong-field": {
        "asks": "the field in tesla",
        "reference": J_45 / (DELTA_45 * GAMMA_HZ),
        "wrong": {"Take 42.577 MHz per tesla.": 3 * J_45 / (DELTA_45 * 123.2e6)},
    },
    "ex-echo-order": {
        "asks": "your function loss(te, delta, coupling), the first term of the loss",
        "reference": lambda te, delta, J: np.pi**4 * J**2 * delta**2 * te**4 / 8,
        "cases": ((0.01, 10.0, 7.0), (0.002, -30.0, 12.0), (0.03, 2.0, -7.0)),
        "wrong": {
            "This is how the loss begins for weak coupling.":
                lambda te, delta, J: (np.pi * J * te) ** 2 / 2,
        },
    },
    "ex-cycle-of-three": {
        "asks": "the list of the three changes, in ascending order",
        "reference": [-2, 1, 4],
        "wrong": {
            "What does the receiver undo, the phase or its opposite?": [-4, -1, 2],
            "This is without the receiver.": [-3, 0, 3],
        },
    },
    "ex-press-doublet": {
        "asks": "the relative integral",
        "reference": np.cos(np.pi * 7 * 0.05),
        "wrong": {"Is it pi J, or 2 pi J?": np.cos(2 * np.pi * 7 * 0.05)},
    },
    "ex-edited-triplet": {
        "asks": "your function difference(te, coupling)",
        "reference": lambda te, coupling: np.sin(np.pi * coupling * te) ** 2 / 2,
        "cases": ((0.068, 7.4), (0.03, 7.0), (0.144, 6.9)),
        "wrong": {
            "This is a doublet.": lambda te, J: (1 - np.cos(np.pi * J * te)) / 2,
        },
    },
    "ex-torque": {
        "asks": "the list of the three derivatives", "reference": [0.0, 0.0, 0.5],
    },
    "ex-storage": {
        "asks": "your function megabytes(n, m, N)",
        "reference": lambda n, m, N: 16 * 4**n * m * N / 1e6,
        "cases": ((5, 9, 200), (1, 1, 1000), (6, 25, 300)),
        "digits": 4,
        "wrong": {
            "These are wave functions.": lambda n, m, N: 16 * 2**n * m * N / 1e6,
            "Without the start, please.": lambda n, m, N: 16 * 4**n * m * (N + 1) / 1e6,
        },
    },
    "ex-decibel": {
        "asks": "the number of dB", "reference": 10 * np.log10(4), "digits": 2,
        "wrong": {"Energy is the square of the amplitude.": 10 * np.log10(2)},
    },
    "ex-real-part": {"asks": "the part of the energy", "reference": 0.5},
    "ex-visible-count": {
        "asks": "your function count(n) of the number of spins",
        "reference": lambda n: n * 2**n,
        "cases": ((1,), (2,), (5,)),
        "wrong": {
            "In phase only: the other places may hold z, too.": lambda n: 2 * n,
            "The other places may hold E or z, and nothing else.": lambda n: 2 * n * 3 ** (n - 1),
        },
    },
    "ex-dark-pulse": {
        "asks": "the 4 x 4 array of the coefficients",
        "reference": [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, -1, 0, 0]],
    },
    "ex-scans": {
        "asks": "your function scans(before, after), new number over old",
        "reference": lambda before, after: (after / before) ** 2,
        "cases": ((0.08, 0.05), (0.02, 0.03)),
        "wrong": {
            "This is the old number over the new one.": lambda before, after: (before / after) ** 2,
            "The noise falls with the root of the number.": lambda before, after: after / before,
        },
    },
    "ex-nuisance": {
        "asks": "your function bounds(a, b, sigma), the two standard deviations",
        "reference": _two_bounds,
        "cases": ((A, B, 0.1), (B, A, 2.0)),
    },
    "ex-basis-bias": {
        "asks": "your function bias(A, y0, y, c), of the size of c",
        "reference": _bias,
        "cases": OFF,
        "wrong": {
            "Relative to the concentrations, please.":
                lambda A, y0, y, c: c * _bias(A, y0, y, c),
            "What the basis makes is no error: fit the change.":
                lambda A, y0, y, c: _bias(A, 0 * y0, y, c),
            "Fit all parameters at once: the others may change, too.":
                lambda A, y0, y, c: _bias(A[:, : c.size], y0, y, c),
        },
    },
    "ex-perfect-echo": {
        "asks": "your function echo(te), which returns the blocks",
        "take": tabulate_echo,
        "judge": echo_is_perfect,
    },
    "ex-own-editing": {
        "asks": "the tuple of blocks", "take": _packed, "judge": gaba_is_alone,
    },
    "ex-gaba-fit": {
        "asks": "the tuple of blocks", "take": _packed, "judge": gaba_is_fitted,
    },
    "ex-least-slew": {
        "asks": "your function least_slew(area, peak, time), in T/m/s",
        "reference": _least_slew,
        "cases": ((3.13e-5, 0.04, 1e-3), (3.13e-5, 0.04, 3e-3), (1e-5, 0.015, 2e-3)),
        "wrong": {
            "A triangle may be higher than the gradient can be.":
                lambda area, peak, time: 4 * area / time**2,
            "Not every crusher has a plateau.":
                lambda area, peak, time: peak / (time - area / peak),
        },
    },
    "ex-weak-amplifier": {
        "asks": "the tuple of blocks", "take": _packed, "judge": amplifier_can_play,
    },
    "ex-own-molecule": {
        "asks": "the tuple (name, window, blocks, dB)",
        "take": pack, "judge": one_is_alone_among_all,
    },
}
