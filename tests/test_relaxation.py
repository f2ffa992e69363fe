"""Relaxing spins: against the whole superoperator, and the limits that are known."""

import numpy as np
import pytest
from scipy.linalg import expm

import spinlab as sl

SCANNER = sl.mrs.Scanner()
T1, T2 = 0.05, 0.02
AB = sl.mrs.SpinGroup([3.05, 2.9], [[0, 14], [14, 0]])
NEVER = {"t1": 1e12, "t2": 1e12}
RNG = np.random.default_rng(3)
PULSE = sl.Pulse(np.repeat(RNG.uniform(-0.7, 0.7, (2, 5)), 32, axis=1), 0.125e-3, 150.0)
SEQUENCE = (
    *sl.mrs.pulse_acquire(), sl.mrs.Delay(0.012), sl.mrs.ShapedPulse(PULSE, 20.0),
    sl.mrs.CoherenceFilter((-1, 0)), sl.mrs.IdealPulse(70.0, 10.0), sl.mrs.Delay(0.008),
)  # fmt: skip


def relaxed(group, sequence, t1=T1, t2=T2, step=0.5e-3, **members):
    sequence = sl.mrs.relaxing(sequence, SCANNER, t1, t2, step)
    return sl.mrs.simulate(group, sequence, SCANNER, **members)


def dense(group, sequence):
    """By superoperators of all spins at once: -i[H, .] and the double commutators."""
    one = np.eye(2**group.spins)
    I = sl.spins.spin_matrices(group.spins)  # noqa: E741

    def commutator(A):
        return np.kron(A, one) - np.kron(one, A.T)

    rates = 1 / (2 * T1), 1 / (2 * T1), 1 / T2 - 1 / (2 * T1)
    loss = sum(k * commutator(A) @ commutator(A) for k, axis in zip(rates, I, strict=True) for A in axis)
    H, F = sl.mrs.free_hamiltonian(group, SCANNER), I.sum(axis=1)
    rho = F[2].astype(complex).ravel()
    for block in sequence:
        if isinstance(block, sl.mrs.Delay):
            rho = expm(block.duration * (-1j * commutator(H) - loss)) @ rho
        elif isinstance(block, sl.mrs.ShapedPulse):
            field = (PULSE.waveform[0] + 1j * PULSE.waveform[1]) * np.exp(1j * np.deg2rad(block.phase_deg))
            for u in 2 * np.pi * PULSE.rf_hz * field:
                rf = H + u.real * F[0] + u.imag * F[1]
                rho = expm(PULSE.dt * (-1j * commutator(rf) - loss)) @ rho
        else:
            rho = sl.mrs.simulate(group, block, SCANNER, start=rho.reshape(one.shape)).ravel()
    return rho.reshape(one.shape)


def test_second_order_against_the_superoperator():
    expected = dense(AB, SEQUENCE)
    errors = [np.linalg.norm(relaxed(AB, SEQUENCE, step=step) - expected) for step in (2e-3, 1e-3, 0.5e-3)]
    assert errors[2] < 1e-3 * np.linalg.norm(expected)
    assert np.linalg.norm(sl.mrs.simulate(AB, SEQUENCE, SCANNER) - expected) > 0.3 * np.linalg.norm(expected)
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4, rtol=0.1)


@pytest.mark.parametrize("sequence", [
    SEQUENCE, sl.mrs.mega_press(0.07), sl.mrs.press(0.03, 0.04, **sl.mrs.at_scanner()),
    (*sl.mrs.pulse_acquire(), sl.mrs.ShapedPulse(PULSE, 30.0, carrier_ppm=3.4)), (),
])  # fmt: skip
def test_spins_that_never_relax_are_simulated(sequence):
    """Every block survives being cut: phases of pulses at other frequencies, cycles, slices."""
    cut = sl.mrs.relaxing(sequence, SCANNER, **NEVER)
    assert sl.mrs.duration(cut) == pytest.approx(sl.mrs.duration(sequence))
    members = np.array([-5.0, 4.0]), np.array([0.9, 1.1])
    found, expected = (sl.mrs.simulate(AB, one, SCANNER, *members) for one in (cut, sequence))
    np.testing.assert_allclose(found, expected, atol=1e-11)


def test_known_decays():
    """One spin, a longitudinal spin, antiphase magnetisation, and a pulse of no strength."""
    x, _, z = sl.spins.spin_matrices(2)
    idle = (sl.mrs.Delay(0.03), sl.mrs.ShapedPulse(sl.Pulse(np.zeros((2, 8)), 1e-3, 1.0)))
    apart = sl.mrs.SpinGroup([3.0, 3.0])
    for start, rate in ((x[0], 1 / T2), (z[1], 1 / T1), (2 * x[0] @ z[1], 1 / T1 + 1 / T2)):
        cut = sl.mrs.relaxing(idle, SCANNER, T1, T2)
        rho = sl.mrs.simulate(apart, cut, SCANNER, start=start)
        np.testing.assert_allclose(rho, start * np.exp(-0.038 * rate), atol=1e-14)


def test_whatever_judges_takes_a_relaxing_sequence():
    """An echo of uncoupled spins is lower by exp(-TE / T2), and no selectivity changes."""
    alone = sl.Ensemble([0.0], [1.0])
    lines = [sl.mrs.Metabolite(name, sl.mrs.SpinGroup([shift]), line_ppm=shift)
             for name, shift in (("A", 2.35), ("B", 2.45))]  # fmt: skip
    plain = sl.mrs.press(0.03, 0.07)
    reports = [sl.mrs.judge_isolation(one, *lines, ensemble=alone)
               for one in (plain, sl.mrs.relaxing(plain, SCANNER, 1.2, 0.16))]  # fmt: skip
    assert reports[1].peak[0] == pytest.approx(reports[0].peak[0] * np.exp(-0.1 / 0.16))
    assert reports[1].selectivity_db[0] == pytest.approx(reports[0].selectivity_db[0])
