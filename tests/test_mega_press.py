"""MEGA-PRESS as FID-A plays it, and its editing phase cycle.

FID-A (R. Simpson et al., Magn. Reson. Med. 77, 23 (2017)) plays a step of a shaped pulse as a
product of first order, couplings after RF and shifts.  Its formula, by scipy.linalg.expm, is the
reference; none of its data are used.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

import spinlab as sl

TE, TE1 = 0.068, 0.0091
PULSE = sl.mrs.gaussian_pulse(0.014, steps=128)
SCANNER = sl.mrs.Scanner()
TIMES = 0.5e-3 * np.arange(512)


def mega(group, scanner, edit, turn):
    """90x - 180y with an editing pulse after each 180; ``turn(rho, H, seconds)`` plays the rest."""
    x, y, _ = sl.spins.spin_matrices(group.spins).sum(axis=1)
    free = sl.mrs.free_hamiltonian(group, scanner)
    rho = turn(sl.spins.spin_matrices(group.spins)[2].sum(axis=0), x, np.pi / 2)
    rho = turn(turn(rho, free, 4.55e-3), y, np.pi)
    rho = turn(edit(turn(rho, free, 10e-3)), free, 10e-3)
    return turn(edit(turn(turn(rho, y, np.pi), free, 10e-3)), free, 5.45e-3)


def turned(rho, hamiltonian, time):
    U = expm(-1j * time * hamiltonian)
    return U @ rho @ U.conj().T


def as_fid_a(group, scanner, reverse=False):
    """U = J(dt) R(dt) for every step; in the reverse order to see that the order is seen."""
    x, y, _ = sl.spins.spin_matrices(group.spins).sum(axis=1)
    coupling = sl.mrs.coupling_hamiltonian(group)
    shifts = sl.mrs.free_hamiltonian(group, scanner) - coupling
    J, U = expm(-1j * PULSE.dt * coupling), np.eye(len(x))
    for amplitude in 2 * np.pi * PULSE.rf_hz * PULSE.amplitude:  # the edit phase is 90 degrees
        R = expm(-1j * PULSE.dt * (shifts + amplitude * y))
        U = (R @ J if reverse else J @ R) @ U
    return mega(group, scanner, lambda rho: U @ rho @ U.conj().T, turned)


def by_split_steps(group, scanner):
    """(J R)^N is a half step of J, N split steps, and the half step taken back."""
    coupling = sl.mrs.coupling_hamiltonian(group)
    offset = 2 * np.pi * scanner.offset_hz(group.shift_ppm)[None]
    waveform = 2 * np.pi * PULSE.rf_hz * PULSE.waveform[::-1]

    def edit(rho):
        rho = turned(rho, coupling, -PULSE.dt / 2)
        rho = sl.mrs.split_step(coupling, offset, np.ones(1), waveform, PULSE.dt, rho).rho[0]
        return turned(rho, coupling, PULSE.dt / 2)

    return mega(group, scanner, edit, turned)


def exactly(group, scanner):
    edit, refocus = sl.mrs.ShapedPulse(PULSE, 90.0), sl.mrs.IdealPulse(180.0, 90.0)
    delays = map(sl.mrs.Delay, (4.55e-3, 10e-3, 10e-3, 10e-3, 5.45e-3))
    parts = zip((sl.mrs.IdealPulse(90.0), refocus, edit, refocus, edit), delays, strict=True)
    return sl.mrs.simulate(group, sum(parts, ()), scanner)


def distance(group, scanner, state, reference):
    """Largest difference of two signals, after one complex scale, in units of the reference's."""
    one, other = (sl.mrs.fid(sl.mrs.transitions(group, rho, scanner), TIMES, 2.0)
                  for rho in (state, reference))  # fmt: skip
    scale = np.vdot(one, other) / np.vdot(one, one)
    return np.abs(scale * one - other).max() / np.abs(other).max()


@pytest.mark.parametrize("edit_ppm", [1.9, 2.12, 7.5])
@pytest.mark.parametrize("name", ["Glu", "Gln"])
def test_fid_a_is_replayed(name, edit_ppm):
    group, scanner = sl.mrs.metabolite(name).groups[0], sl.mrs.Scanner(123.2e6, edit_ppm)
    reference = as_fid_a(group, scanner)
    assert distance(group, scanner, by_split_steps(group, scanner), reference) < 2e-10
    assert 1e-4 < distance(group, scanner, exactly(group, scanner), reference) < 5e-3
    assert distance(group, scanner, as_fid_a(group, scanner, reverse=True), reference) > 1e-3


@pytest.mark.parametrize("name, edit_ppm, most", [
    ("Glu", 1.9, 2e-2), ("Gln", 2.12, 2e-2), ("Glu", 7.5, 1e-12),
])  # fmt: skip
def test_the_editing_cycle_does_what_filters_do(name, edit_ppm, most):
    """Eight steps in nested cycles let orders change by 4 only, and that is hardly ever seen."""
    group, means = sl.mrs.metabolite(name).groups[0], {"edit_ppm": edit_ppm, "te1": TE1, "mode": "on"}
    single = sl.mrs.mega_press(TE, pathway="none", **means)
    *start, edit, rest, refocus, last, again, end = single
    inner = sl.mrs.phase_cycle(again, (0, 90, 180, 270), (0, 0, 0, 0))
    scans = [(*start, replace(edit, phase_deg=phase), rest, refocus, last, inner, end) for phase in (0, 90)]
    before, after = sl.mrs.CoherenceFilter((1, -3, 5)), sl.mrs.CoherenceFilter((-1, 3, -5))
    fours = *start, before, edit, before, rest, refocus, last, again, after, end
    cycled, expected, filtered, plain = (
        sl.mrs.simulate(group, sequence, SCANNER) for sequence in
        (sl.mrs.Cycle(scans, (0, 0)), fours, sl.mrs.mega_press(TE, **means), single)
    )  # fmt: skip
    assert distance(group, SCANNER, cycled, expected) < 1e-12
    assert distance(group, SCANNER, cycled, filtered) < most
    assert edit_ppm == 7.5 or distance(group, SCANNER, plain, filtered) > 0.3
