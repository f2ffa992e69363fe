"""The split step: exact where it must be, second order where it may be, and its gradient."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import spinlab as sl
from spinlab.mrs.split_step import tree_product

SCANNER = sl.mrs.Scanner()
GROUP = sl.mrs.SpinGroup([3.74, 2.1, 2.35], [[0, 7.3, 4.6], [7.3, 0, -14.8], [4.6, -14.8, 0]])
MEMBERS = np.array([-5.0, 0.0, 5.0]), np.array([0.9, 1.0, 1.1])
RNG = np.random.default_rng(0)
WAVEFORM = RNG.uniform(-0.3, 0.3, (2, 40))
RF_HZ = 500.0


def arguments(group=GROUP, waveform=WAVEFORM, dt=0.5e-3, rho0=None, precision="double"):
    """Of a split step for all members."""
    offset = SCANNER.offset_hz(group.shift_ppm) + MEMBERS[0][:, None]
    rho0 = sl.spins.spin_matrices(group.spins)[0].sum(axis=0) if rho0 is None else rho0
    return (
        sl.mrs.coupling_hamiltonian(group), 2 * np.pi * offset, MEMBERS[1],
        2 * np.pi * RF_HZ * waveform, dt, rho0, precision,
    )  # fmt: skip


def exact(group=GROUP, waveform=WAVEFORM, dt=0.5e-3):
    """The same by the general path."""
    pulse = sl.mrs.ShapedPulse(sl.Pulse(waveform, dt, RF_HZ))
    start = sl.spins.spin_matrices(group.spins)[0].sum(axis=0)
    return sl.mrs.simulate(group, (pulse,), SCANNER, *MEMBERS, start=start)


def random_matrices():
    shape = 2, len(MEMBERS[0]), 2**GROUP.spins, 2**GROUP.spins
    real, imaginary = np.random.default_rng(1).standard_normal(shape)
    return real + 1j * imaginary


def test_second_order_in_the_step():
    errors = []
    for refine in (1, 2, 4):
        waveform, dt = np.repeat(WAVEFORM, refine, axis=1), 0.5e-3 / refine
        errors.append(np.linalg.norm(sl.mrs.split_step(*arguments(waveform=waveform, dt=dt)).rho
                                     - exact()))  # fmt: skip
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4, rtol=0.05)
    assert errors[0] < 0.02 * np.linalg.norm(exact())


def test_the_error_does_not_grow_with_the_rf():
    """Where all spins have one shift, the split is exact however strong the RF is."""
    alike = sl.mrs.SpinGroup([2.1, 2.1, 2.1], GROUP.coupling_hz)
    for strength in (1.0, 3.0):
        split = sl.mrs.split_step(*arguments(alike, strength * WAVEFORM))
        np.testing.assert_allclose(split.rho, exact(alike, strength * WAVEFORM), atol=1e-12)
    errors = [
        np.linalg.norm(sl.mrs.split_step(*arguments(waveform=s * WAVEFORM)).rho
                       - exact(waveform=s * WAVEFORM)) for s in (0.0, 1.0, 3.0)
    ]  # fmt: skip
    assert max(errors) < 2 * errors[0]


def test_gradient_against_finite_differences():
    target, direction, step = random_matrices(), RNG.standard_normal(WAVEFORM.shape), 1e-5

    def value(waveform):
        return np.vdot(target, sl.mrs.split_step(*arguments(waveform=waveform)).rho).real

    slope = (value(WAVEFORM + step * direction) - value(WAVEFORM - step * direction)) / (2 * step)
    gradient = sl.mrs.split_step(*arguments()).pullback(target)[0] * 2 * np.pi * RF_HZ
    assert abs(np.sum(gradient * direction) / slope - 1) < 1e-6


def test_costate_at_the_start():
    """<c, rho> is the same at both ends: what was linear in the state stays linear."""
    target, start = random_matrices(), random_matrices()
    pulse = sl.mrs.split_step(*arguments(rho0=start))
    before = np.vdot(pulse.pullback(target)[1], start)
    np.testing.assert_allclose(np.vdot(target, pulse.rho), before)


def plain(waveform, coupling, offset, scale, dt, rho0):
    """The same split in autograd's NumPy, one step after the other: final state of one member."""
    energies, vectors = np.linalg.eigh(coupling)
    half = (vectors * np.exp(-0.5j * dt * energies)) @ vectors.T
    rho = rho0 + 0j
    for ux, uy in zip(waveform[0], waveform[1], strict=True):
        turn = half
        kron = anp.ones((1, 1))
        for w in offset:
            norm = anp.sqrt((scale * ux) ** 2 + (scale * uy) ** 2 + w**2)
            c, s = anp.cos(norm * dt / 2), anp.sin(norm * dt / 2) / norm
            one = anp.array([[c - 1j * s * w, -1j * s * scale * (ux - 1j * uy)],
                             [-1j * s * scale * (ux + 1j * uy), c + 1j * s * w]])  # fmt: skip
            kron = anp.kron(kron, one)
        turn = half @ kron @ half
        rho = turn @ rho @ anp.conj(turn.T)
    return rho


def test_gradient_against_autograd():
    coupling, offset, scale, waveform, dt, rho0, _ = arguments(waveform=WAVEFORM[:, :8])
    target = random_matrices()[0]

    def loss(u):
        rho = plain(u, coupling, offset[0], scale[0], dt, rho0)
        return anp.real(anp.sum(np.conj(target) * rho))

    one = coupling, offset[:1], scale[:1]
    reference = autograd.grad(loss)(waveform)
    pulse = sl.mrs.split_step(*one, waveform, dt, rho0)
    gradient = pulse.pullback(target[None])[0]
    assert np.linalg.norm(gradient - reference) < 1e-10 * np.linalg.norm(reference)
    assert abs(loss(waveform) - np.vdot(target, pulse.rho[0]).real) < 1e-10


def test_single_precision_keeps_five_digits():
    target = random_matrices()
    double, single = (sl.mrs.split_step(*arguments(precision=p)) for p in ("double", "single"))
    assert single.rho.dtype == np.complex64
    gradients = [pulse.pullback(target)[0] for pulse in (double, single)]
    for a, b in ((double.rho, single.rho), gradients):
        assert np.linalg.norm(a - b) < 1e-5 * np.linalg.norm(a)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
def test_tree_product_is_the_product(count):
    matrices = np.random.default_rng(2).standard_normal((count, 3, 3))
    np.testing.assert_allclose(tree_product(matrices), np.linalg.multi_dot(
        [*matrices[::-1], np.eye(3), np.eye(3)]))  # fmt: skip
