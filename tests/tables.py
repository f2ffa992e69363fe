"""The tables that the tests run over: systems, methods, objectives; and how errors are measured."""

from dataclasses import dataclass

import numpy as np
import sympy as sp

import spinlab as sl
from spinlab.propagation.elements import CONTROL_SHAPES

REFUSED = {("fem-hermite", "constant"), ("fem-exact", "linear")}
#: Every method with every control that it supports.
METHOD_CONTROLS = [
    (method, control)
    for method in sl.METHODS
    for control in CONTROL_SHAPES
    if (method, control) not in REFUSED
]
#: Methods that take one spin without relaxation only.
ONE_SPIN = ("rotations", "fem-exact")
ANY_SYSTEM = [pair for pair in METHOD_CONTROLS if pair[0] not in ONE_SPIN]
#: Exact for a piecewise-constant control.
EXACT = ("grape", "grape-batched", "rotations", "fem-exact")

J = sp.Symbol("J", real=True)
SYSTEMS = {
    "one spin": (sl.SpinSystem(), {}),
    "relaxing": (sl.SpinSystem(t1=sp.Symbol("T1", positive=True), t2=2e-3), {"T1": 5e-3}),
    "weak": (sl.SpinSystem((-300, 400), ((1, 2, J),), weak=True), {"J": 150.0}),
    "coupled": (sl.SpinSystem((-300, 400), ((1, 2, J),)), {"J": 150.0}),
    "two channels": (
        sl.SpinSystem((-300, 400), ((1, 2, J),), channels=("I", "S"),
                      dipolar_width_hz=((1, 2, sp.Symbol("k", positive=True)),)),
        {"J": 150.0, "k": 60.0},
    ),
}


@dataclass
class Case:
    """A pulse on a system: what linearise() takes."""

    generator: sl.Generator
    waveform: np.ndarray
    dt: float
    rho0: np.ndarray

    @property
    def arguments(self):
        return self.generator, self.waveform, self.dt, self.rho0


def case(system="one spin", control="constant", steps=6, columns=None, members=None, seed=1):
    """A random pulse that turns by about half a radian a step, on a system of the table."""
    rng = np.random.default_rng(seed)
    spins, parameters = SYSTEMS[system]
    offset, scale = 600.0, 1.1
    if members:
        offset, scale = rng.uniform(-2e3, 2e3, members), rng.uniform(0.8, 1.2, members)
    generator = sl.evaluate(
        sl.liouvillian(spins), offset_hz=offset, b1_scale=scale, rf_hz=8e3, **parameters
    )
    waveform = rng.uniform(-1, 1, (len(spins.controls), steps + (control == "linear")))
    shape = (generator.dimension,) if columns is None else (generator.dimension, columns)
    return Case(generator, waveform, 1e-5, rng.normal(size=shape))


def relative(value, reference):
    """Largest difference over the largest entry of the reference."""
    return np.max(np.abs(np.subtract(value, reference))) / np.max(np.abs(reference))


def fitted_order(error, counts):
    """The p of error ~ counts**-p, by a straight line through the logarithms."""
    errors = [error(count) for count in counts]
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]
