"""Sequences of blocks for the property tests, and what each block does, by NumPy alone."""

from functools import reduce
from itertools import product

import numpy as np
from hypothesis import strategies as st
from scipy.linalg import expm
from strategies import SCANNER, between, ensembles, real, spin, spins, total

import spinlab as sl
from spinlab import mrs
from spinlab.mrs import blocks as b

degrees = between(-400.0, 400.0)
orders = st.lists(st.integers(-3, 3), min_size=1, max_size=3).map(tuple)
carriers = st.one_of(st.none(), between(1.0, 5.0))


def pulses(dt, most=3, rf_hz=300.0):
    steps = st.integers(1, most)
    return st.builds(sl.Pulse, steps.flatmap(lambda n: real(2, n)), st.just(dt), st.just(rf_hz))


#: Blocks that are turns of the spins and nothing else.
TURNS = (
    st.builds(b.IdealPulse, degrees, degrees, st.booleans()),
    st.builds(b.Delay, between(0.0, 5e-3)),
    st.builds(b.ShapedPulse, pulses(4e-4), degrees, carriers),
)
SLICES = st.builds(
    b.SlicePulse, pulses(1e-4), between(100.0, 2e3), degrees, carriers, st.booleans(),
    st.integers(2, 4), st.just(1.0),
)  # fmt: skip
FILTERS = st.builds(b.CoherenceFilter, orders)
REST = st.builds(lambda time, t1, part: b.Relaxation(time, t1, 2 * t1 * part),
                 between(0.0, 0.1), between(0.01, 1.0), between(0.01, 1.0))  # fmt: skip
CYCLES = st.builds(
    lambda blocks, pairs: b.phase_cycle(blocks, *np.transpose(pairs)),
    st.lists(st.one_of(TURNS[0], SLICES, FILTERS), min_size=1, max_size=2).map(tuple),
    st.lists(st.tuples(degrees, degrees), min_size=1, max_size=3),
)
BLOCKS = (*TURNS, SLICES, FILTERS, REST, CYCLES)


def sequences(kinds=BLOCKS, most=4):
    return st.lists(st.one_of(*kinds), min_size=1, max_size=most).map(tuple)


def conjugated(U, rho):
    return U @ rho @ U.conj().T


def shaped(block, spins, rho, offset, scale, places=0.0):
    """A pulse in the frame that turns with its carrier, and stands still in the middle."""
    n, pulse, T = spins.count, block.pulse, block.duration
    shift = 0.0 if block.carrier_ppm is None else SCANNER.offset_hz(block.carrier_ppm)
    phase, U = np.exp(1j * np.deg2rad(block.phase_deg)), np.eye(2**n)
    for u in pulse.waveform[0] + 1j * pulse.waveform[1]:
        rf = scale * pulse.rf_hz * u * phase
        H = spins.hamiltonian(offset + places - shift, rf.real, rf.imag)
        U = expm(-1j * pulse.dt * H) @ U
    half = np.diag(np.exp(-1j * np.pi * shift * T * np.diag(total("z", n))))
    return conjugated(half @ U @ half, rho)


def slices(block, spins, rho, offset, scale):
    found = []
    for k in range(block.positions):
        place = block.bandwidth_hz * block.extent * ((k + 0.5) / block.positions - 0.5)
        after = shaped(block, spins, rho, offset, scale, place)
        undo = np.exp(1j * np.pi * place * block.duration * np.diag(total("z", spins.count)))
        found.append(conjugated(np.diag(undo), after) if block.rephased else after)
    return block.extent * np.mean(found, axis=0)


def ideal(block, spins, rho, offset, scale):
    n, phase = spins.count, np.deg2rad(block.phase_deg)
    angle = np.deg2rad(block.angle_deg) * (scale if block.follows_b1 else 1.0)
    axis = np.cos(phase) * total("x", n) + np.sin(phase) * total("y", n)
    return conjugated(expm(-1j * angle * axis), rho)


def relaxation(block, spins, rho, *_):
    """Every product of Pauli matrices falls by the factors of all of its spins."""
    n, result = spins.count, 0.0
    fall = {"z": np.exp(-block.time / block.t1), " ": 1.0}
    fall |= dict.fromkeys("xy", np.exp(-block.time / block.t2))
    for axes in product(" xyz", repeat=n):
        P = reduce(np.matmul, [2 * spin(a, k, n) for k, a in enumerate(axes) if a != " "], np.eye(2**n))
        result = result + np.prod([fall[a] for a in axes]) * np.trace(P @ rho) / 2**n * P
    return result


def filtered(block, spins, rho, *_):
    m = np.diag(total("z", spins.count)).real
    return rho * np.isin(np.rint(m[:, None] - m), block.orders)


def cycled(block, spins, rho, offset, scale):
    scans = [play(scan, spins, rho, offset, scale) for scan in block.scans]
    return np.mean([np.exp(-1j * np.deg2rad(phase)) * scan
                    for phase, scan in zip(block.receiver_deg, scans, strict=True)], axis=0)  # fmt: skip


def delayed(block, spins, rho, offset, scale):
    return conjugated(expm(-1j * block.duration * spins.hamiltonian(offset)), rho)


PLAYERS = {
    b.IdealPulse: ideal, b.Delay: delayed, b.ShapedPulse: shaped, b.SlicePulse: slices,
    b.CoherenceFilter: filtered, b.Relaxation: relaxation, b.Cycle: cycled,
}  # fmt: skip


def play(sequence, spins, rho, offset=0.0, scale=1.0):
    """The state at the end of a sequence."""
    for block in sequence:
        rho = PLAYERS[type(block)](block, spins, rho, offset, scale)
    return rho


member = st.tuples(between(-30.0, 30.0), between(0.5, 1.5))


@st.composite
def spectral_problems(draw):
    """One or two small molecules, free intervals anywhere, every penalty."""
    molecules = []
    for name in "AB"[: draw(st.integers(1, 2))]:
        groups = [draw(spins(2, strong=True, hz=100.0)).group]
        groups += [mrs.SpinGroup([draw(between(2.0, 4.0))], weight=2)] * draw(st.booleans())
        molecules.append(mrs.Metabolite(name, tuple(groups)))
    free = [mrs.Delay(5e-4 * draw(st.integers(1, 3)), free=True) for _ in range(draw(st.integers(1, 2)))]
    first, last = draw(sequences(most=2)), draw(sequences(most=2))
    blocks = (mrs.IdealPulse(90.0, 90.0), *free[:1], *first, *free[1:], *last)
    return mrs.SpectralProblem(
        tuple(molecules), None, blocks, (2.0, 4.0), 9, 20.0, rf_hz=400.0,
        radius=draw(st.sampled_from((0.0, 6e-4))), power_weight=draw(between(0.0, 1.0)),
        fresh_weight=draw(st.sampled_from(({}, {mrs.WATER: 1.0}))),
        ensemble=draw(ensembles(3)), scanner=SCANNER, precision="double",
    )  # fmt: skip
