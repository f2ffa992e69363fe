"""Hamiltonians and Liouvillians: structure, signs, relaxation; two spins against Kronecker."""

import numpy as np
import pytest
import sympy as sp
from scipy.linalg import expm
from tables import ANY_SYSTEM, EXACT, SYSTEMS, J, case, relative

import spinlab as sl

LIOUVILLIANS = {name: sl.liouvillian(system) for name, (system, _) in SYSTEMS.items()}


@pytest.mark.parametrize("name", SYSTEMS)
def test_generator_is_real_and_conserves_the_norm(name):
    liouville = LIOUVILLIANS[name]
    A = liouville.generator
    assert all(entry.is_real for entry in A)
    assert len(liouville.basis) == A.rows == 4**liouville.spins - 1 + liouville.identity
    loss = name in ("relaxing", "two channels")
    assert loss == (A + A.T != sp.zeros(A.rows))


@pytest.mark.parametrize("name", SYSTEMS)
def test_generator_is_affine_in_the_controls(name):
    liouville = LIOUVILLIANS[name]
    affine = liouville.drift
    for u, B in zip(liouville.controls, liouville.control_operators, strict=True):
        assert B != sp.zeros(B.rows) and not B.free_symbols & set(liouville.controls)
        affine += u * B
    assert (liouville.generator - affine).applyfunc(sp.expand) == sp.zeros(affine.rows)


@pytest.mark.parametrize("name", SYSTEMS)
def test_bases_agree(name):
    """Same generator, symbolically, and same trajectory, in product operators and in elements."""
    system, parameters = SYSTEMS[name]
    product, elements = LIOUVILLIANS[name], sl.liouvillian(system, basis="elements")
    columns = sl.spins.basis_matrix(system.spins, system.relaxes)
    difference = elements.generator * columns - columns * product.generator
    assert difference.applyfunc(sp.expand) == sp.zeros(*columns.shape)

    pulse = case(name)
    columns = np.array(columns.tolist(), dtype=complex)
    other = sl.evaluate(elements, offset_hz=600.0, b1_scale=1.1, rf_hz=8e3, **parameters)
    states = sl.propagate(*pulse.arguments, "grape-batched")
    same = sl.propagate(other, pulse.waveform, pulse.dt, columns @ pulse.rho0, "grape-batched")
    assert relative(same, states @ columns.T) < 1e-12


@pytest.mark.parametrize("name", ["weak", "coupled", "two channels"])
def test_two_spins_against_kronecker_products(name):
    """Density matrices turned by exp(-iHt), with a Hamiltonian that NumPy builds from scratch.

    Between two channels the coupling is weak, and a step of exp(-iHt) is followed by one of the
    relaxation of the pair, in which what 2IzSz does not commute with decays; so fine that it does
    not matter that the two alternate.
    """
    pulse = case(name)
    xyz = np.array([[0, 1], [1, 0]]) / 2, np.array([[0, -1j], [1j, 0]]) / 2, np.diag([0.5, -0.5])
    first, second = [np.kron(a, np.eye(2)) for a in xyz], [np.kron(np.eye(2), a) for a in xyz]
    drift = 300 * first[2] + 1000 * second[2]  # 600 Hz and the spins' -300 and 400
    for k in (0, 1, 2) if name == "coupled" else (2,):
        drift = drift + 150 * first[k] @ second[k]
    products = first + second + [2 * a @ b for a in first for b in second]
    rho = sum(c * B for c, B in zip(pulse.rho0, products, strict=True))
    pair, fine = np.diagonal(2 * first[2] @ second[2]), 400 if name == "two channels" else 1
    decay = np.exp(-np.pi * 60.0 * (pair[:, None] - pair) ** 2 * pulse.dt / fine / 2) if fine > 1 else 1
    for u in np.repeat(pulse.waveform, fine, axis=1).T:
        (ax, ay), (bx, by) = u[:2], u[-2:]
        rf = 1.1 * 8e3 * (ax * first[0] + ay * first[1] + bx * second[0] + by * second[1])
        turn = expm(-2j * np.pi * (drift + rf) * pulse.dt / fine)
        rho = decay * (turn @ (decay * rho) @ turn.conj().T)
    expected = [np.trace(B @ rho).real for B in products]
    states = sl.propagate(*pulse.arguments, "grape")[-1]
    assert relative(states, expected) < (1e-12 if fine == 1 else 1e-8)
    assert fine == 1 or relative(states, pulse.rho0) > 0.1


PAIR = sl.SpinSystem((0, 0), ((1, 2, J),), channels=("I", None), dipolar_width_hz=((1, 2, 30.0),))


def test_each_channel_turns_its_own_spin():
    """A quarter turn about y by one channel, half a turn about x by the other."""
    liouville = sl.liouvillian(SYSTEMS["two channels"][0])
    generator = sl.evaluate(liouville, rf_hz=1e6, offset_hz=0, J=0.0, k=0.0)
    start, strong = sl.state("I1z + I2z", liouville), np.array([[0], [0.25], [0.5], [0]])
    end = sl.propagate(generator, strong, 1e-6, start, "grape")[-1]
    assert np.allclose(end, sl.state("I1x - I2z", liouville), atol=2e-3)
    assert [str(u) for u in liouville.controls] == ["u_Ix", "u_Iy", "u_Sx", "u_Sy"]


def test_without_a_channel_a_spin_is_not_turned():
    """And two spins that no RF reaches, or that share a channel, couple strongly."""
    assert [str(u) for u in PAIR.controls] == ["u_Ix", "u_Iy"]
    H = sl.hamiltonian(PAIR)
    assert H.subs(dict.fromkeys(PAIR.controls, 0)).is_diagonal()
    for channels in (("I", "I", None), ("I", None, None)):
        three = sl.SpinSystem((0, 0, 0), ((1, 2, J), (2, 3, J)), channels=channels)
        drift = sl.hamiltonian(three).subs(dict.fromkeys(three.controls, 0))
        pairs = {(i ^ j).bit_count() for i, j in drift.todok() if i != j}
        swapped = {i ^ j for i, j in drift.todok() if i != j}
        assert pairs == {2} and swapped == ({0b110} if channels[1] else {0b011})


@pytest.mark.parametrize("start, decays", [
    ("I1x", 1), ("I2y", 1), ("2I1xI2z", 1), ("2I1zI2y", 1),
    ("I1z", 0), ("2I1zI2z", 0), ("2I1xI2x", 0), ("2I1yI2x", 0),
])  # fmt: skip
def test_what_is_transverse_for_one_spin_decays(start, decays):
    uncoupled = sl.SpinSystem((0, 0), channels=("I", "S"), dipolar_width_hz=((1, 2, 30.0),))
    liouville = sl.liouvillian(uncoupled)
    generator, rho = sl.evaluate(liouville, rf_hz=1.0), sl.state(start, liouville)
    end = sl.propagate(generator, np.zeros((4, 1)), 0.01, rho, "grape")[-1]
    assert np.allclose(end, np.exp(-np.pi * 30 * 0.01 * decays) * rho)


def test_antiphase_by_coupling_and_decay():
    """I1x -> 2I1yI2z with exp(-pi k t) sin(pi J t): INEPT."""
    liouville = sl.liouvillian(PAIR)
    generator = sl.evaluate(liouville, rf_hz=1.0, J=100.0)
    end = sl.propagate(generator, np.zeros((2, 7)), 1e-3, sl.state("I1x", liouville), "grape")[-1]
    angle, loss = np.pi * 100 * 7e-3, np.exp(-np.pi * 30 * 7e-3)
    expected = np.cos(angle) * sl.state("I1x", liouville) + np.sin(angle) * sl.state("2I1yI2z", liouville)
    assert np.allclose(end, loss * expected)


def free(liouville, start, time, **values):
    """The state after free precession."""
    generator = sl.evaluate(liouville, rf_hz=1.0, **values)
    off = np.zeros((2, 50))
    return sl.propagate(generator, off, time / 50, sl.state(start, liouville), "grape-batched")[-1]


def test_signs():
    """A positive offset turns x towards y, a field along x turns z towards -y, along y to x."""
    liouville, quarter = sl.liouvillian(), np.ones(50)
    assert np.allclose(free(liouville, "Ix", 0.25 / 40, offset_hz=40.0), sl.state("Iy"))
    for ux, uy, target in ((1, 0, "-Iy"), (0, 1, "Ix")):
        waveform = np.array([ux * quarter, uy * quarter])
        end = sl.propagate(sl.evaluate(rf_hz=1e4), waveform, 0.5e-6, sl.state("Iz"))[-1]
        assert np.allclose(end, sl.state(target))


@pytest.mark.parametrize("turns", [0.1, 0.25, 0.5])
def test_weak_coupling_makes_antiphase(turns):
    """I1x -> I1x cos(pi J t) + 2I1yI2z sin(pi J t), the textbook's product-operator rule."""
    liouville = sl.liouvillian(sl.SpinSystem((0, 0), ((1, 2, J),), weak=True))
    expected = np.cos(np.pi * turns) * sl.state("I1x", liouville)
    expected += np.sin(np.pi * turns) * sl.state("2I1yI2z", liouville)
    assert np.allclose(free(liouville, "I1x", turns / 10, J=10.0), expected)


@pytest.mark.parametrize("method, control", ANY_SYSTEM)
@pytest.mark.parametrize("start", ["Ix", "-Iz", "0.6 Ix + 0.5 Iz"])
def test_relaxation_against_closed_forms(method, control, start):
    """Transverse: exp(-t/T2) and precession; longitudinal: 1 - (1 - z0) exp(-t/T1)."""
    t1, t2, nu, time, steps = 1.0, 0.4, 0.7, 0.5, 60
    liouville = sl.liouvillian(sl.SpinSystem(t1=t1, t2=t2))
    generator = sl.evaluate(liouville, offset_hz=nu, rf_hz=1.0)
    _, x0, _, z0 = rho0 = sl.state(start, liouville)
    off = np.zeros((2, steps + (control == "linear")))
    states = sl.propagate(generator, off, time / steps, rho0, method, control)
    t = np.linspace(0, time, steps + 1)
    decay, angle = x0 * np.exp(-t / t2), 2 * np.pi * nu * t
    z = 1 - (1 - z0) * np.exp(-t / t1)
    expected = np.stack([np.ones_like(t), decay * np.cos(angle), decay * np.sin(angle), z], axis=1)
    assert relative(states, expected) < (1e-12 if method in EXACT else 1e-3)


def test_equilibrium_does_not_move_and_dark_states_return_to_it():
    liouville = sl.liouvillian(sl.SpinSystem(t1=1e-3, t2=5e-4))
    equilibrium = sl.state("Iz", liouville)
    assert np.allclose(free(liouville, "Iz", 1.0), equilibrium)
    assert np.allclose(free(liouville, "-Iz + Iy", 0.1, offset_hz=300.0), equilibrium)


def test_reads_as_mathematics():
    text = sl.liouvillian()._repr_latex_()
    assert text.startswith("$\\displaystyle") and text.endswith("$")
    assert all(part in text for part in (r"\nu", r"\kappa", "u_{x}", "matrix"))
    names = [symbol.name for symbol in LIOUVILLIANS["relaxing"].parameters]
    assert names == ["T1", "kappa", "nu", "nu_rf"]
