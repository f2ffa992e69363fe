"""What the property tests draw, and spins written down a second time, by NumPy alone.

Numbers are drawn in thousandths: they reach 0 and both ends, repeat each other and print well.
"""

import itertools
import re
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
import sympy as sp
from hypothesis import settings
from hypothesis import strategies as st
from scipy.linalg import expm

import spinlab as sl

HALF = {
    "x": np.array([[0, 1], [1, 0]]) / 2, "y": np.array([[0, -1j], [1j, 0]]) / 2,
    "z": np.array([[1, 0], [0, -1]]) / 2, "+": np.array([[0, 1], [0, 0]]),
}  # fmt: skip

#: Exact for a constant control, and for any spins.
GRAPE = ("grape", "grape-batched")


def examples(share):
    """Fewer (or more) examples than the profile has, for what is slow (or quick)."""
    return settings(max_examples=max(1, round(share * settings().max_examples)))


def between(low, high):
    """A number, in thousandths of the range; the simplest is in the middle."""
    return st.integers(-500, 500).map(lambda k: (low * (500 - k) + high * (500 + k)) / 1000)


def real(*shape, low=-1.0, high=1.0):
    """An array of such numbers."""
    size = int(np.prod(shape))
    return st.lists(between(low, high), min_size=size, max_size=size).map(
        lambda values: np.reshape(values, shape)
    )


def complex_(*shape):
    return st.tuples(real(*shape), real(*shape)).map(lambda pair: pair[0] + 1j * pair[1])


#: A seed, where so many numbers are needed that none of them matters.
seeds = st.integers(0, 2**16).map(np.random.default_rng)


# Spins.


def spin(axis, k, n):
    """One operator of spin k of n, counted from 0."""
    return reduce(np.kron, [HALF[axis] if j == k else np.eye(2) for j in range(n)])


def total(axis, n):
    return sum(spin(axis, k, n) for k in range(n))


@dataclass(frozen=True)
class Spins:
    """A spin system with its numbers."""

    offset_hz: tuple
    coupling_hz: tuple = ()
    weak: bool = False
    times: tuple = ()

    @property
    def count(self):
        return len(self.offset_hz)

    @property
    def pairs(self):
        return list(itertools.combinations(range(self.count), 2))

    def hamiltonian(self, offset_hz=0.0, rf_x=0.0, rf_y=0.0):
        """In rad/s; all arguments in Hz."""
        n = self.count
        H = sum((nu + offset_hz) * spin("z", k, n) for k, nu in enumerate(self.offset_hz))
        for (i, j), J in zip(self.pairs, self.coupling_hz, strict=True):
            H = H + J * sum(spin(a, i, n) @ spin(a, j, n) for a in ("z" if self.weak else "xyz"))
        return 2 * np.pi * (H + rf_x * total("x", n) + rf_y * total("y", n))

    @property
    def symbolic(self):
        return symbolic(self.count, self.weak, bool(self.times))

    def generator(self, basis="product", **means):
        """That of the library: the same symbols for all numbers, which go in late."""
        values = zip(("f1", "f2", "f3"), self.offset_hz, strict=False)
        couplings = zip((f"J{i}{j}" for i, j in self.pairs), self.coupling_hz, strict=True)
        times = zip(("T1", "T2"), self.times, strict=False)
        liouville = sl.liouvillian(self.symbolic, basis)
        return sl.evaluate(liouville, **dict(values), **dict(couplings), **dict(times), **means)

    @property
    def group(self):
        """The same spins for spinlab.mrs, at a scanner whose carrier is the zero of the offsets."""
        J = np.zeros((self.count, self.count))
        for (i, j), value in zip(self.pairs, self.coupling_hz, strict=True):
            J[i, j] = J[j, i] = value
        return sl.mrs.SpinGroup(SCANNER.shift_ppm(np.array(self.offset_hz)), J)


SCANNER = sl.mrs.Scanner(1e8, 3.0)


@cache
def symbolic(count, weak, relaxes):
    times = dict(zip(("t1", "t2"), sp.symbols("T1 T2", positive=True), strict=True))
    pairs = itertools.combinations(range(count), 2)
    couplings = tuple((i + 1, j + 1, sp.Symbol(f"J{i}{j}", real=True)) for i, j in pairs)
    offsets = tuple(sp.symbols("f1:4", real=True)[:count])
    return sl.SpinSystem(offsets, couplings, weak, **(times if relaxes else {}))


@st.composite
def spins(draw, most=2, relaxing=False, strong=False, hz=400.0, least=1):
    """Some spins, or (also) one that relaxes; coupled strongly, or (two) weakly."""
    if relaxing and draw(st.booleans()):
        t1 = draw(between(1e-4, 1e-3))
        return Spins((draw(between(-hz, hz)),), times=(t1, draw(between(0.1, 2.0)) * t1))
    count = draw(st.integers(least, most))
    pairs = count * (count - 1) // 2
    offsets, couplings = draw(real(count, low=-hz, high=hz)), draw(real(pairs, low=-150, high=150))
    weak = count == 2 and not strong and draw(st.booleans())
    return Spins(tuple(offsets), tuple(couplings), weak)


# Product operators, read off their names.


@cache
def product_operators(names):
    """Matrices of product operators, from names such as 2I1xI2z."""
    n = 1 if "Ix" in names else max(int(k) for name in names for k in re.findall(r"I(\d)", name))
    return np.array([_named(name, n) for name in names])


def _named(name, n):
    factor = float(re.match(r"\d*", name)[0] or 1) / (2 if name == "E/2" else 1)
    letters = re.findall(r"I(\d?)([xyz])", name)
    return factor * reduce(np.matmul, [spin(a, int(k or 1) - 1, n) for k, a in letters], np.eye(2**n))


def coefficients(matrix, names):
    """A matrix, Hermitian or not, as coefficients of product operators: a complex vector."""
    B = product_operators(tuple(names))
    return np.einsum("sij,ji->s", B, matrix) / np.einsum("ij,ji->", B[0], B[0]).real


# Pulses and members.


@dataclass(frozen=True)
class Shape:
    """A waveform, its step and what 1 stands for."""

    waveform: np.ndarray
    dt: float
    rf_hz: float

    @property
    def pulse(self):
        return sl.Pulse(self.waveform, self.dt, self.rf_hz)


def shapes(most=6, turn=1.0, control="constant"):
    """Waveforms whose controls turn by at most so many rad a step."""
    return st.builds(
        Shape, st.integers(1, most).flatmap(lambda n: real(2, n + (control == "linear"))),
        st.just(1e-5), between(0.0, turn).map(lambda angle: 1.0 + angle / (2 * np.pi * 1e-5)),
    )  # fmt: skip


def turns(spins, shape, offset_hz=0.0, b1_scale=1.0):
    """Propagators of all steps, by scipy's expm of the Hamiltonian."""
    rf = shape.rf_hz * b1_scale * shape.waveform
    return [expm(-1j * shape.dt * spins.hamiltonian(offset_hz, x, y)) for x, y in rf.T]


def turn(*means):
    """Propagator of the whole pulse."""
    return reduce(lambda total, U: U @ total, turns(*means))


members = st.tuples(between(-3e3, 3e3), between(0.5, 1.5))


@st.composite
def ensembles(draw, most=4, relaxing=False):
    """Members with weights of their own."""
    count = draw(st.integers(1, most))
    weights = draw(real(count, low=0.0).filter(np.any))
    axes = draw(real(count, low=-3e3, high=3e3)), draw(real(count, low=0.5, high=1.5))
    times = {}
    if relaxing:
        t1 = draw(real(count, low=1e-4, high=1e-3))
        times = {"t1": t1, "t2": draw(real(count, low=0.1, high=2.0)) * t1}
    return sl.Ensemble(*axes, weights, **times)


def states(count):
    """A matrix of n spins: a state or a target, Hermitian or not.

    Single transitions |r><c|, raising operators with complex weights, or complex numbers anywhere:
    whatever conjugates at a wrong place is seen.
    """
    d = 2**count
    raising = complex_(count).map(lambda a: sum(w * spin("+", k, count) for k, w in enumerate(a)))
    transition = st.tuples(st.permutations(range(d)), st.sampled_from((1, 1j, -1, 1 - 1j))).map(
        lambda drawn: drawn[1] * np.outer(np.eye(d)[drawn[0][0]], np.eye(d)[drawn[0][1]])
    )
    hermitian = complex_(d, d).map(lambda X: X + X.conj().T)
    return st.one_of(raising, transition, hermitian, complex_(d, d)).filter(np.any)


def unit(size):
    """A real vector of length 1."""
    return real(size).filter(np.any).map(lambda v: v / np.linalg.norm(v))


def rotation_of(U):
    """What a propagator of one spin does to arrows, (3, 3)."""
    axes = np.array([HALF[axis] for axis in "xyz"])
    return 2 * np.einsum("iab,bc,jcd,ad->ij", axes, U, axes, U.conj()).real


def slope(function, x, direction, step=1e-5):
    """Derivative of a function along a direction, by a central difference."""
    return (function(x + step * direction) - function(x - step * direction)) / (2 * step)
