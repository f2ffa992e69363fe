"""Spins that move: matrices of space, two ways through time, and closed forms of diffusion."""

import numpy as np
import pytest
from scipy.sparse import coo_array, kron
from scipy.sparse.linalg import spsolve
from tables import fitted_order, relative

import spinlab as sl
from spinlab.propagation import BlochTorrey, element
from spinlab.propagation.space import POLE, RESIDUE, TURNS

SHAPES = ["linear", "quadratic"]
D, X = 2e-9, np.array([1.0, 0, 0])


def line(shapes="quadratic", cells=6, **means):
    known = {"ends": (-20e-6, 40e-6), "diffusion": D, "velocity": 2e-3, "rf_hz": 200.0}
    known["gradient_hz_per_m"] = 4e6
    return BlochTorrey(cells=cells, shapes=shapes, **{**known, **means})


def waves(steps, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (3, steps))


@pytest.mark.parametrize("shapes", SHAPES)
def test_matrices_integrate_what_the_shapes_can_say(shapes):
    """Of polynomials up to the degree of the shapes every entry of the weak form is exact."""
    sample = line(shapes, ends=(-2.0, 4.0))
    mass, stiffness, convection, moment = (matrix.toarray() for matrix in sample.matrices)
    x, (a, b) = sample.nodes, sample.ends

    def integral(power):
        return (b ** (power + 1) - a ** (power + 1)) / (power + 1)

    for p in range(2 if shapes == "linear" else 3):
        for q in range(2 if shapes == "linear" else 3):
            f, g = x**p, x**q
            assert f @ mass @ g == pytest.approx(integral(p + q), rel=1e-12)
            assert f @ moment @ g == pytest.approx(integral(p + q + 1), rel=1e-12)
            assert f @ convection @ g == pytest.approx(q * integral(p + q - 1) if q else 0, rel=1e-12, abs=1e-12)
            slope = p * q * integral(p + q - 2) if p and q else 0
            assert f @ stiffness @ g == pytest.approx(slope, rel=1e-12, abs=1e-12)
    assert sample.weights.sum() == pytest.approx(1) and len(sample.weights) == len(x)


def test_turns_have_the_signs_of_the_book():
    """RF along x turns z towards -y, along y towards x; an offset turns x towards y."""
    for turn, start, end in zip(TURNS, ([0, 0, 1], [0, 0, 1], X), ([0, -1, 0], X, [0, 1, 0]), strict=True):
        assert np.array_equal(turn @ start, end)


def test_the_pole_and_its_residue():
    """r(z) = 1 + 2 Re[residue/(z - pole)] for real z, and exp(z) to the fifth power."""
    z = np.linspace(-3, 3, 25)
    pade = (1 + z / 2 + z**2 / 12) / (1 - z / 2 + z**2 / 12)
    assert np.allclose(1 + 2 * np.real(RESIDUE / (z - POLE)), pade, rtol=1e-13)
    assert fitted_order(lambda n: abs(1 + 2 * np.real(RESIDUE / (1 / n - POLE)) - np.exp(1 / n)), [4, 8, 16]) > 4.9


@pytest.mark.parametrize("shapes", SHAPES)
def test_marching_solves_the_matrix_of_space_and_time(shapes):
    """One sparse matrix for all nodes and all steps, assembled here by tensor products."""
    sample, dt, u = line(shapes), 0.4e-3, waves(5)
    rule, steps = element("quadratic-reduced"), 5
    place = 2 * np.arange(steps)[:, None] + np.arange(3)
    entries = np.repeat(place, 3, axis=1).ravel(), np.tile(place, 3).ravel()

    def in_time(matrix, weights):
        return coo_array(((weights[:, None, None] * matrix).ravel(), entries)).tocsr()

    mass, stiffness, convection, moment = sample.matrices
    moves = -(sample.diffusion * stiffness + sample.velocity * convection)
    terms = [(np.ones(steps), moves, np.eye(3))]
    terms += [(u[k], 2 * np.pi * sample.rf_hz * mass, TURNS[k]) for k in (0, 1)]
    terms += [(u[2], 2 * np.pi * sample.gradient_hz_per_m * moment, TURNS[2])]
    K = kron(in_time(rule.C, np.ones(steps)), kron(mass, np.eye(3))).tolil()
    for weights, space, turn in terms:
        K = K - dt * kron(in_time(rule.M[0], weights), kron(space, turn))
    size, start = 3 * len(sample.nodes), np.random.default_rng(1).normal(size=(len(sample.nodes), 3))
    K, b = K.tolil(), np.zeros((2 * steps + 1) * size)
    K[:size] = 0
    K[np.arange(size), np.arange(size)], b[:size] = 1, start.ravel()
    path = spsolve(K.tocsc(), b).reshape(2 * steps + 1, -1, 3)[::2]
    assert relative(sample.march(u, dt, start), path) < 1e-10


@pytest.mark.parametrize("shapes", SHAPES)
def test_the_splitting_is_of_order_two_and_marching_of_order_four(shapes):
    """In time, each against itself: they treat a gradient within an element differently."""
    sample, T = line(shapes, cells=12, gradient_hz_per_m=1e6, velocity=0.2e-3), 4e-3
    start = np.stack([np.cos(2e5 * sample.nodes), np.sin(1e5 * sample.nodes), 0.5 + 0 * sample.nodes], axis=1)

    def controls(n):
        return np.repeat(waves(4), n // 4, axis=1)

    ways = {
        2: lambda n: sample.prepare(T / n, start)(controls(n))[0],
        4: lambda n: sample.march(controls(n), T / n, start)[-1],
    }
    for order, final in ways.items():
        exact = final(1024)
        found = fitted_order(lambda n, f=final, e=exact: np.abs(f(n) - e).max(), [32, 64, 128])
        assert found == pytest.approx(order, abs=0.15)


def test_both_ways_meet_where_the_elements_are_small():
    T, steps, ends = 4e-3, 256, []
    for cells in (20, 40):
        sample = line(cells=cells, gradient_hz_per_m=1e6, velocity=0.0)
        u = np.repeat(waves(4), steps // 4, axis=1)
        ends.append(sample.march(u, T / steps, X)[-1] - sample.prepare(T / steps, X)(u)[0])
    coarse, fine = (np.abs(difference).max() for difference in ends)
    assert fine < 1e-4 and fine < coarse / 3


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("kind", ["complex", "difference"])
def test_gradient_of_the_splitting(kind, shapes):
    """RF and gradient, with diffusion and flow: every entry."""
    sample = line(shapes)
    run = sample.prepare(0.2e-3, np.random.default_rng(1).normal(size=(len(sample.nodes), 3)))
    weights = np.random.default_rng(2).normal(size=(len(sample.nodes), 3))

    def function(u):
        final, pullback = run(u)
        return np.sum(weights * final), None if np.iscomplexobj(u) else pullback(weights)

    check = sl.check_gradient(function, waves(7), kind)
    assert check.relative_error < {"complex": 1e-12, "difference": 1e-7}[kind]


def test_without_motion_the_nodes_are_an_ensemble():
    """Each node is a spin with the offset of its place, turned by the library's own rotations."""
    sample, u = line(diffusion=0.0, velocity=0.0), waves(9)
    spins = sl.evaluate(offset_hz=4e6 * 0.7 * sample.nodes, rf_hz=200.0)
    u[2] = 0.7
    alone = sl.propagate(spins, u[:2], 0.2e-3, sl.state("Iz"))[:, -1]
    moving, pullback = sample.prepare(0.2e-3, sl.state("Iz"))(u)
    assert np.allclose(moving, alone, atol=1e-12)
    goal = sl.evaluate_objective(spins, u[:2], 0.2e-3, sl.state("Iz"), sl.transfer(X), weights=sample.weights)
    costates = sample.weights[:, None] * X
    assert np.allclose(pullback(costates)[:2], goal.gradients, atol=1e-12)


@pytest.mark.parametrize("way", ["march", "split"])
def test_magnetisation_is_kept_between_walls(way):
    sample, u = line(velocity=0.0), waves(20)
    u[:2] = 0
    start = np.random.default_rng(1).normal(size=(len(sample.nodes), 3))
    end = sample.march(u, 1e-3, start)[-1] if way == "march" else sample.prepare(1e-3, start)(u)[0]
    assert sample.weights @ end[:, 2] == pytest.approx(sample.weights @ start[:, 2], rel=1e-12)


# Closed forms; the others are rows of the benchmark "beyond".


@pytest.mark.parametrize("shapes, cells, most", [("linear", 256, 1e-3), ("quadratic", 64, 1e-4)])
def test_free_diffusion_in_a_constant_gradient(shapes, cells, most):
    T = 20e-3
    slope = np.sqrt(3 / (D * T**3)) / (2 * np.pi)
    water = BlochTorrey((-60e-6, 60e-6), cells, D, gradient_hz_per_m=slope, shapes=shapes)
    end = water.march(np.ones((3, 50)) * [[0], [0], [1]], T / 50, X)[-1][len(water.nodes) // 2]
    assert end == pytest.approx([np.exp(-1), 0, 0], abs=most)


def test_what_flows_gains_phase():
    """-g delta Delta v, with the attenuation of diffusion beside it."""
    delta, Delta, v, dt = 4e-3, 12e-3, 0.5e-3, 0.2e-3
    g = np.sqrt(1 / (D * delta**2 * (Delta - delta / 3)))
    water = BlochTorrey((-60e-6, 60e-6), 64, D, v, gradient_hz_per_m=g / (2 * np.pi))
    u = np.zeros((3, 80))
    u[2, :20], u[2, -20:] = 1, -1
    x, y, _ = water.march(u, dt, X)[-1][len(water.nodes) // 2]
    assert np.hypot(x, y) == pytest.approx(np.exp(-1), rel=1e-4)
    assert np.arctan2(y, x) == pytest.approx(-g * delta * Delta * v, abs=1e-5)
