"""Reference answers of the exercises of chapter 4: a table as in
:mod:`spinlab.teaching.answers.chapter1`."""

from __future__ import annotations

from math import comb

import numpy as np

from ...mrs.metabolites import GAMMA_HZ, Scanner, metabolite

GLU = metabolite("Glu").groups[0]


def _roof(delta, coupling):
    length = np.hypot(delta, coupling)
    return (length - abs(coupling)) / (length + abs(coupling))


def _two_bounds(a, b, sigma):
    alone = a @ a
    return sigma / np.sqrt([alone, alone - (a @ b) ** 2 / (b @ b)])


A, B = np.array([1.0, 2.0, 0.5, -1.0]), np.array([0.5, 1.5, 1.0, 0.0])

#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-shift-to-hertz": {
        "asks": "the offset in Hz",
        "reference": Scanner.of_field(7.0, carrier_ppm=4.65).offset_hz(2.35),
        "tolerance": 1e-3,
    },
    "ex-line-count": {
        "asks": "your function count(n) of the number of spins",
        "reference": lambda n: float(comb(2 * n, n - 1)),
        "cases": ((1,), (3,), (6,)),
    },
    "ex-first-point": {
        "asks": "the amount in s",
        "reference": metabolite("Glu").protons * 0.25e-3 / 2,
    },
    "ex-roof": {
        "asks": "your function ratio(delta, coupling), both in Hz",
        "reference": _roof,
        "cases": ((10.0, 12.0), (3.0, -15.9), (80.0, 7.0)),
    },
    "ex-strong-field": {
        "asks": "the field in tesla",
        "reference": abs(GLU.coupling_hz[3, 4])
        / (1e-6 * (GLU.shift_ppm[4] - GLU.shift_ppm[3]) * GAMMA_HZ),
        "tolerance": 1e-3,
    },
    "ex-echo-order": {
        "asks": "the power",
        "reference": 4.0,
        "tolerance": 0.05,
    },
    "ex-cycle-of-three": {
        "asks": "the list of the changes, in ascending order",
        "reference": [-2.0, 1.0, 4.0],
    },
    "ex-press-doublet": {
        "asks": "the relative integral",
        "reference": np.cos(np.pi * 7 * 0.05),
        "tolerance": 1e-3,
    },
    "ex-edited-triplet": {
        "asks": "your function difference(te, coupling)",
        "reference": lambda te, coupling: np.sin(np.pi * coupling * te) ** 2 / 2,
        "cases": ((0.068, 7.4), (0.03, 7.0), (0.144, 6.9)),
    },
    "ex-torque": {
        "asks": "the list of the three derivatives",
        "reference": [0.0, 0.0, 0.5],
    },
    "ex-storage": {
        "asks": "your function megabytes(n, m, N)",
        "reference": lambda n, m, N: 16 * 4**n * m * N / 1e6,
        "cases": ((5, 9, 200), (1, 1, 1000), (6, 25, 300)),
    },
    "ex-decibel": {
        "asks": "the number of dB",
        "reference": 10 * np.log10(4),
        "tolerance": 1e-3,
    },
    "ex-real-part": {"asks": "the part of the energy", "reference": 0.5},
    "ex-visible-count": {
        "asks": "your function count(n) of the number of spins",
        "reference": lambda n: float(n * 2**n),
        "cases": ((1,), (2,), (5,)),
    },
    "ex-dark-pulse": {
        "asks": "the 4 x 4 array of the coefficients",
        "reference": np.array([[0.0] * 4, [0.0] * 4, [0.0] * 4, [0.0, -1.0, 0.0, 0.0]]),
    },
    "ex-scans": {
        "asks": "your function scans(before, after)",
        "reference": lambda before, after: (before / after) ** 2,
        "cases": ((0.08, 0.05), (0.02, 0.03)),
    },
    "ex-nuisance": {
        "asks": "your function bounds(a, b, sigma), the two standard deviations",
        "reference": _two_bounds,
        "cases": ((A, B, 0.1), (B, A, 2.0)),
    },
}
