r"""Coupled spins through a sequence, exactly.

:func:`simulate` carries the density matrix of a molecule through the blocks by eigendecompositions
of the Hamiltonian: the referee of everything that is faster.  (Pulses under a slice gradient are
the exception: they are cut into split steps of 0.1 ms or less.)  The B0 offset acts wherever time
passes, the B1 scale wherever there is RF.  Spins relax where :func:`spinlab.mrs.relaxing` says so.
Not modelled: diffusion; gradients but for slices and for what crushers select.

Every block is a linear map of density matrices, and comes with its adjoint, so that a design can go
back through it, :eq:`eq-block-adjoint`.

Signs are those of the whole package: a spin above the carrier in ppm has a positive offset, and x
turns towards y.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..inputs import arrays, frozen, instance, require
from ..spins.operators import spin_matrices

from .blocks import (  # isort: skip
    CoherenceFilter, Cycle, Delay, IdealPulse, Relaxation, ShapedPulse, SlicePulse,
    carrier_hz, check_sequence,
)
from .metabolites import Metabolite, Scanner, SpinGroup, spins_at
from .split_step import kron, turns_of_pulse

#: Complex numbers of the density matrices of as many members as are simulated at a time.
CHUNK = 2**17


class Map(NamedTuple):
    """A linear map of density matrices ([members,] D, D), and its adjoint."""

    forward: Callable
    adjoint: Callable


# Every block as a map: (block, spins, offset, scale, kind) -> Map.  Offset and scale have shape
# (members, 1, 1); kind is the type of the matrices.


def _ideal(block, spins, offset, scale, kind):
    angle = np.deg2rad(block.angle_deg) / 2 * (scale if block.follows_b1 else np.ones((1, 1)))
    axis = np.exp(1j * np.deg2rad(block.phase_deg)) * np.array([[0, 0], [1, 0]])
    one = np.cos(angle) * np.eye(2) - 1j * np.sin(angle) * (axis + axis.conj().T)
    return _conjugation(kron([one] * len(spins.offset_hz)), kind)


def _delay(block, spins, offset, scale, kind):
    # The offset commutes with couplings and shifts.
    alone = np.exp(-2j * np.pi * offset * block.duration * np.diag(spins.Fz))
    return _conjugation(alone * _exponential(spins.energies, spins.vectors, block.duration), kind)


def _shaped(block, spins, offset, scale, kind):
    pulse = block.pulse
    shift = carrier_hz(block, spins.scanner)
    # In the frame of the pulse its field stands still and the spins are off by its shift.  With
    # the phase of a step taken out, too, all that is left is real and symmetric.
    drift = spins.hamiltonian + 2 * np.pi * (offset - shift) * spins.Fz
    nutation = 2 * np.pi * pulse.rf_hz * scale * spins.Fx
    turn = np.eye(len(spins.Fz))
    for amplitude, phase in zip(pulse.amplitude, pulse.phase, strict=True):
        step = _exponential(*np.linalg.eigh(drift + amplitude * nutation), pulse.dt)
        turn = (step * np.exp(-1j * phase * spins.order)) @ turn
    return _conjugation(_in_frame(turn, block, spins, shift), kind)


def _slice(block, spins, offset, scale, kind):
    members = (np.ascontiguousarray(a[:, 0, 0]).tobytes() for a in (offset, scale))
    turns = _slice_turns(block, spins, *members).astype(kind)
    back, weight = _adjoint(turns), float(block.extent / block.positions)
    return Map(lambda rho: weight * (turns @ rho[..., None, :, :] @ back).sum(axis=-3),
               lambda c: weight * (back @ c[..., None, :, :] @ turns).sum(axis=-3))  # fmt: skip


@lru_cache(maxsize=32)
def _slice_turns(block, spins, offset, scale):
    """Unitaries of all members and positions; a scan of timings asks for the same ones often."""
    offset, scale = np.frombuffer(offset)[:, None], np.frombuffer(scale)[:, None]
    shift = carrier_hz(block, spins.scanner)
    places = block.offset_hz
    turns = turns_of_pulse(spins, block.pulse, offset + places - shift, scale + 0 * places)
    turns = _in_frame(turns, block, spins, shift)
    if block.rephased:
        undo = np.pi * block.duration * np.multiply.outer(places, np.diag(spins.Fz))
        turns = np.exp(1j * undo)[..., None] * turns
    return frozen(turns)


def _in_frame(turn, block, spins, shift):
    """From the frame of a pulse, at another frequency and phase, to that of the scanner."""
    m, phase = np.diag(spins.Fz), np.deg2rad(block.phase_deg)
    half_way = np.pi * shift * block.duration
    turn = np.exp(-1j * (phase + half_way) * m)[:, None] * turn
    return turn * np.exp(1j * (phase - half_way) * m)


def _filter(block, spins, offset, scale, kind):
    kept = np.isin(spins.order, block.orders)
    return Map(lambda rho: rho * kept, lambda c: c * kept)


def _cycle(block, spins, offset, scale, kind):
    scans = [sequence_map(scan, spins, offset, scale, kind) for scan in block.scans]
    weights = [complex(w) / len(scans) for w in np.exp(-1j * np.deg2rad(block.receiver_deg))]
    pairs = list(zip(weights, scans, strict=True))
    return Map(lambda rho: sum(w * scan.forward(rho) for w, scan in pairs),
               lambda c: sum(w.conjugate() * scan.adjoint(c) for w, scan in pairs))  # fmt: skip


def _relaxation(block, spins, offset, scale, kind):
    z, xy = (float(np.exp(-block.time / T)) for T in (block.t1, block.t2))
    states, tables = np.arange(len(spins.Fz)), []
    for bit in 2 ** np.arange(len(spins.offset_hz)):
        flipped, same = states ^ bit, (states[:, None] ^ states) & bit == 0
        # Of a spin's 2 x 2 blocks: the diagonal (a, d) keeps a + d, and a - d falls with T1.
        stays, swaps = np.where(same, (1 + z) / 2, xy), np.where(same, (1 - z) / 2, 0.0)
        tables.append((stays.astype(kind), swaps.astype(kind), (..., flipped[:, None], flipped)))

    def channel(rho):
        for stays, swaps, flipped in tables:
            rho = stays * rho + swaps * rho[flipped]
        return rho

    return Map(channel, channel)


def _exponential(energies, vectors, time):
    """exp(-i H t) of a real symmetric H, given by its eigenvalues and eigenvectors."""
    return (vectors * np.exp(-1j * time * energies)[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def _adjoint(turn):
    return np.swapaxes(turn, -1, -2).conj()


def _conjugation(turn, kind):
    turn = turn.astype(kind)
    back = _adjoint(turn)
    return Map(lambda rho: turn @ rho @ back, lambda c: back @ c @ turn)


MAPS = {
    IdealPulse: _ideal, Delay: _delay, ShapedPulse: _shaped, SlicePulse: _slice,
    CoherenceFilter: _filter, Cycle: _cycle, Relaxation: _relaxation,
}  # fmt: skip


def sequence_map(blocks, spins, offset, scale, kind=complex):
    """All blocks, one after the other, as one map; a block that comes twice is prepared once."""
    known = {id(block): block for block in blocks}
    known = {key: MAPS[type(one)](one, spins, offset, scale, kind) for key, one in known.items()}
    maps = [known[id(block)] for block in blocks]

    def forward(rho):
        for one in maps:
            rho = one.forward(rho)
        return rho

    def adjoint(c):
        for one in maps[::-1]:
            c = one.adjoint(c)
        return c

    return Map(forward, adjoint)


def simulate(molecule, sequence, scanner, offset_hz=0.0, b1_scale=1.0, start=None):
    r"""State of a molecule at the end of a sequence, exactly.

    Parameters
    ----------
    molecule : SpinGroup or Metabolite
    sequence : tuple of blocks
    scanner : Scanner
    offset_hz, b1_scale : float or ndarray, (members,)
        B0 offset and B1 scale.
    start : ndarray, ([members,] D, D), or tuple of them, optional
        Default: :math:`F_z = \sum_i I_{iz}`.

    Returns
    -------
    ndarray, ([members,] D, D), or for a Metabolite a tuple of them, one a group
        With a member axis if offset or scale is an array.

    Examples
    --------
    >>> simulate(SpinGroup([3.0]), IdealPulse(90, 90), Scanner()).real.round(3) + 0
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    sequence = check_sequence(sequence)
    instance("scanner", scanner, Scanner)
    if isinstance(molecule, Metabolite):
        means = sequence, scanner, offset_hz, b1_scale
        if start is None:
            alone = [group for group in molecule.groups if group.spins == 1]
            alone = iter(_alone(alone, *means) if alone else ())
            return _States((next(alone) if group.spins == 1 else simulate(group, *means)
                            for group in molecule.groups), scanner)  # fmt: skip
        pairs = zip(molecule.groups, check_states(molecule, start, scanner), strict=True)
        return _States((simulate(group, *means, one) for group, one in pairs), scanner)
    group = instance("molecule", molecule, SpinGroup, "Use spinlab.mrs.metabolite(name).")
    spins, d = spins_at(group, scanner), 2**group.spins
    layout = f"offset_hz: members?; b1_scale: members? >= 0; start: complex members? {d} {d}"
    start = spins.Fz if start is None else start
    offset, scale, rho = arrays(layout, offset_hz=offset_hz, b1_scale=b1_scale, start=start)
    members = np.broadcast_shapes(offset.shape, scale.shape, rho.shape[:-2])
    result = np.empty((*(members or (1,)), d, d), complex)
    rho = np.broadcast_to(rho, result.shape)
    offset, scale = (np.broadcast_to(a, len(result))[:, None, None] for a in (offset, scale))
    chunk = max(1, CHUNK // d**2)
    for first in range(0, len(result), chunk):
        some = slice(first, first + chunk)
        result[some] = sequence_map(sequence, spins, offset[some], scale[some]).forward(
            rho[some] + 0j)  # fmt: skip
    return result if members else result[0]


def _alone(groups, sequence, scanner, offset_hz, b1_scale):
    """States of groups of one spin each, all at once: they are one spin at as many offsets."""
    layout = "offset_hz: members?; b1_scale: members? >= 0"
    offset, scale = arrays(layout, offset_hz=offset_hz, b1_scale=b1_scale)
    members = np.broadcast_shapes(np.shape(offset), np.shape(scale))
    offset, scale = np.broadcast_arrays(distances_hz(groups, scanner)[:, None] + offset, scale)
    found = simulate(groups[0], sequence, scanner, offset.ravel(), scale.ravel())
    return found.reshape(len(groups), *members, 2, 2)


def distances_hz(groups, scanner):
    """How far the first spins of groups are from that of the first one, (groups,), Hz."""
    shifts = scanner.offset_hz(np.array([group.shift_ppm[0] for group in groups]))
    return shifts - shifts[0]


class _States(tuple):
    """The states of the groups of a molecule, which know the scanner that they were made at."""

    def __new__(cls, states, scanner=None):
        made = super().__new__(cls, states)
        made.scanner = scanner
        return made


def check_states(molecule, states, scanner):
    """The states, if there is one for every group of a molecule, all made at this field."""
    count = len(molecule.groups)
    all_there = len(instance("The states of a molecule", states, tuple)) == count
    require(all_there, f"Give {count} states, one a group of {molecule.name}.")
    made, here = (one.larmor_hz / 1e6 for one in (getattr(states, "scanner", scanner), scanner))
    require(made == here, f"States made at {made:g} MHz do not fit a scanner of {here:g} MHz.")
    return states


def product_coefficients(rho):
    r"""Coefficients of a density matrix by product operators, :eq:`eq-product-coefficients`.

    Those of :func:`spinlab.spins.product_basis`, for any number of spins: one spin at a time,
    instead of :math:`4^n` traces.

    Parameters
    ----------
    rho : ndarray, ([members,] 2**n, 2**n)

    Returns
    -------
    ndarray
        One axis of length 4 a spin, in the order E, x, y, z, behind that of the members; complex,
        with no imaginary part if ``rho`` is Hermitian.

    Examples
    --------
    >>> antiphase = 2 * spin_matrices(2)[0, 0] @ spin_matrices(2)[2, 1]  # 2 I1x I2z
    >>> product_coefficients(antiphase)[1, 3].real
    np.float64(1.0)
    """
    rho = arrays("rho: complex [members] d d", rho=rho)
    n = rho.shape[-1].bit_length() - 1
    require(n and len(rho.T) == 2**n, f"rho of n spins has 2**n rows, but {len(rho.T)} arrived.")
    pauli = np.concatenate([np.eye(2)[None], 2 * spin_matrices(1)[:, 0]])
    lead = rho.ndim - 2
    tensor = rho.reshape(rho.shape[:lead] + (2,) * 2 * n)
    for spin in range(n):  # rows of this spin and its columns go, its operator comes last
        tensor = np.tensordot(tensor, pauli, axes=([lead, lead + n - spin], [2, 1]))
    return tensor / 2 ** (n - 1)
