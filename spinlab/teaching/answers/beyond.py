"""Reference answers of the exercises beyond the four chapters (as in
:mod:`spinlab.teaching.answers.chapter1`)."""

import numpy as np

from ...control.problem import Problem
from ...propagation.space import BlochTorrey
from ...pulses.filter_and_bound import from_phase
from ...spins.operators import product_basis
from ...spins.systems import SpinSystem
from .plain import numbers, pack, pulses

PROTON_HZ = 42.577e6  # per tesla


# --- two channels ------------------------------------------------------------------------


def _best_inept(J, k):
    angle = np.arctan2(J, k)
    return [angle / (np.pi * J), np.exp(-k / J * angle) * J / np.hypot(J, k)]


def _rope_gain(xi):
    return (np.sqrt(1 + xi**2) - xi) * np.hypot(1, xi) * np.exp(xi * np.arctan(1 / xi))


def _shift_rates(k, spin="1"):
    """Rates of the product operators of a pair, by a fluctuating field at one spin."""
    names = [name for name, _ in product_basis(2)]
    return np.pi * k * np.array([f"I{spin}x" in n or f"I{spin}y" in n for n in names], float)


def _rates_by_letters(k):
    """Where the usual dipolar rates are taken instead."""
    rates = [float(sum(letter in name for letter in "xy") == 1) for name, _ in product_basis(2)]
    return np.pi * k * np.array(rates)


def pair_is_led(data):
    """A hint about a pulse for a relaxing pair, judged by matrix exponentials."""
    (pulse,) = pulses(data)
    peak = pulse.rf_hz * pulse.amplitude.max()
    if pulse.duration > 12e-3 * (1 + 1e-9) or peak > 1e3 * (1 + 1e-9):
        return f"{pulse.duration * 1e3:.4g} ms with up to {peak:.4g} Hz of RF are too much."
    pair = SpinSystem((0, 0), ((1, 2, 145.0),), channels=("I", None),
                      dipolar_width_hz=((1, 2, 60.0),))  # fmt: skip
    size = pulse.duration, pulse.steps, pulse.rf_hz
    task = Problem("I1z", "2I1zI2z", *size, system=pair, control=pulse.control)
    value, _ = task.fidelity(pulse.waveform, "grape-batched")
    return "" if value >= 0.65 else f"It transfers {value:.4f}."


# --- space -------------------------------------------------------------------------------


def _attenuation(G, delta, Delta, D):
    return np.exp(-((2 * np.pi * PROTON_HZ * G) ** 2) * delta**2 * D * (Delta - delta / 3))


def _many_echoes(slope, D, T, n, twelfth=12):
    return np.exp(-(slope**2) * D * T**3 / (twelfth * n**2))


def _unequal_elements(x):
    mass, stiffness = np.zeros((2, len(x), len(x)))
    for n, h in enumerate(np.diff(x)):
        element = slice(n, n + 2)
        mass[element, element] += h / 6 * np.array([[2, 1], [1, 2]])
        stiffness[element, element] += np.array([[1, -1], [-1, 1]]) / h
    return [mass, stiffness]


def flowing_sample_is_excited(data):
    """A hint about 200 phases for a slab that diffuses and flows, judged by marching."""
    phases = np.array(numbers(data))
    if phases.shape not in ((200,), (1, 200)):
        return f"Wanted are 200 phases in rad, but shape {phases.shape} arrived."
    slab = BlochTorrey((-120e-6, 120e-6), 120, 2.3e-9, 5e-3, 5e3, PROTON_HZ)
    inside = slab.weights * (np.abs(slab.nodes) <= 100.1e-6)
    rf, _ = from_phase(phases.reshape(1, -1))
    end = slab.march(np.vstack([rf, np.ones(200)]), 10e-6, [0, 0, 1.0])[-1]
    value = inside @ end[:, 0] / inside.sum()
    return "" if value >= 0.9975 else f"With diffusion and flow it reaches {value:.4f}."


#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-inept-delay": {
        "asks": "your function best(J, k), the delay in s and the transfer",
        "reference": _best_inept,
        "cases": ((100.0, 50.0), (145.0, 145.0), (92.0, 300.0), (100.0, 0.0)),
        "digits": 4,
        "wrong": {
            "This delay is best without relaxation.":
                lambda J, k: [0.5 / J, np.exp(-0.5 * np.pi * k / J)],
            "The lines are k wide in hertz; their rate is pi k.":
                lambda J, k: [np.arctan2(np.pi * J, k) / (np.pi * J),
                              np.exp(-k / (np.pi * J) * np.arctan2(np.pi * J, k))
                              * np.pi * J / np.hypot(np.pi * J, k)],
        },
    },
    "ex-rope-gain": {
        "asks": "your function gain(xi)", "reference": _rope_gain,
        "cases": ((0.2,), (1.0,), (5.0,)),
        "digits": 4,
        "wrong": {
            "This is INEPT over the bound.": lambda xi: 1 / _rope_gain(xi),
            "INEPT has its best delay here, not that of a pair without relaxation.":
                lambda xi: (np.sqrt(1 + xi**2) - xi) * np.exp(np.pi * xi / 2),
        },
    },
    "ex-own-relaxation": {
        "asks": "your function rates(k), 15 numbers in 1/s", "reference": _shift_rates,
        "cases": ((10.0,), (3.0,)),
        "digits": 4,
        "wrong": {
            "These are the rates by the dipolar field of the pair.": _rates_by_letters,
            "This field is at the other spin.": lambda k: _shift_rates(k, "2"),
            "A width of k Hz is a rate of pi k.": lambda k: _shift_rates(k) / np.pi,
        },
    },
    "ex-own-pair": {"asks": "the Pulse", "take": pack, "judge": pair_is_led},
    "ex-attenuation": {
        "asks": "your function left(G, delta, Delta, D)", "reference": _attenuation,
        "cases": ((0.1, 2e-3, 20e-3, 2e-9), (0.5, 1e-3, 10e-3, 1e-9), (0.05, 5e-3, 8e-3, 2e-9)),
        "wrong": {
            "Diffusion goes on during the pulses, too.":
                lambda G, delta, Delta, D: _attenuation(G, delta, Delta + delta / 3, D),
            "The gradient turns spins in rad/s, 2 pi times as many as hertz.":
                lambda G, delta, Delta, D: _attenuation(G / (2 * np.pi), delta, Delta, D),
        },
    },
    "ex-many-echoes": {
        "asks": "your function left(slope, D, T, n)", "reference": _many_echoes,
        "cases": ((5e6, 2e-9, 20e-3, 1), (2e7, 2e-9, 20e-3, 4), (1e7, 1e-9, 30e-3, 3)),
        "digits": 4,
        "wrong": {
            "This is without any half turn.":
                lambda slope, D, T, n: _many_echoes(slope, D, T, 1, 3),
            "A half turn comes in the middle of its echo, not at its beginning.":
                lambda slope, D, T, n: _many_echoes(slope, D, T, n, 3),
        },
    },
    "ex-unequal-elements": {
        "asks": "your function matrices(x), mass and stiffness", "reference": _unequal_elements,
        "cases": ((np.array([0.0, 0.1, 0.3, 0.7]),), (np.array([-1.0, 1.0, 1.5]),)),
        "digits": 6,
        "wrong": {
            "The stiffness is divided by the length of its element.":
                lambda x: [_unequal_elements(x)[0],
                           _unequal_elements(np.arange(len(x)))[1]],
        },
    },
    "ex-flowing-sample": {
        "asks": "the 200 phases", "take": numbers, "judge": flowing_sample_is_excited,
    },
}
