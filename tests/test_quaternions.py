"""Quaternions of one spin, against matrices that share no code with them."""

import numpy as np
import pytest
from scipy.linalg import expm

import spinlab as sl
from spinlab.propagation.quaternions import (
    fold,
    half_angles,
    prefix_products,
    product,
    rotate,
    rotate_back,
    step_quaternions,
    unfold,
)

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
ANGLES = [0.0, 1e-9, 1e-4, 0.3, 0.999, 1.001, 3.0, np.pi, 6.0, 20.0]


def random_vectors(rng, *shape):
    return rng.normal(size=(3, *shape))


def two_level(q):
    """The 2 x 2 matrix of a quaternion."""
    return q[0] * np.eye(2) - 1j * np.tensordot(q[1:], PAULI, 1)


@pytest.mark.parametrize("angle", ANGLES)
def test_quaternion_is_the_propagator_of_a_spin_half(angle, rng):
    w = random_vectors(rng)
    w *= angle / np.linalg.norm(w)
    found = two_level(step_quaternions(w))
    assert np.allclose(found, expm(-0.5j * np.tensordot(w, PAULI, 1)), atol=1e-14)


@pytest.mark.parametrize("angle", ANGLES)
def test_rotation_equals_rodrigues(angle, rng):
    w, vector = random_vectors(rng), random_vectors(rng)
    w *= angle / np.linalg.norm(w)
    matrix = sl.propagation.rotations.rotation_matrices(w)
    q = step_quaternions(w)
    assert np.allclose(rotate(q, vector), matrix @ vector, atol=1e-14)
    assert np.allclose(rotate_back(q, vector), matrix.T @ vector, atol=1e-14)


def test_product_is_that_of_the_propagators(rng):
    left, right = step_quaternions(random_vectors(rng)), step_quaternions(random_vectors(rng))
    assert np.allclose(two_level(product(left, right)), two_level(left) @ two_level(right))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 12, 24, 25, 26, 101])
@pytest.mark.parametrize("members", [(), (4,)])
def test_running_products(count, members, rng):
    w = random_vectors(rng, *members, count)
    steps = step_quaternions(np.moveaxis(fold(w), (-2, -1), (1, 2)))
    found = unfold(prefix_products(steps), count)
    total = np.eye(4)[0].reshape(4, *[1] * len(members))
    for n in range(count):
        total = product(step_quaternions(w[..., n]), total)
        assert np.allclose(found[:, n], total, atol=1e-13)


@pytest.mark.parametrize("count", [1, 7, 9, 500])
def test_unfolding_undoes_folding(count):
    rows = np.arange(2 * count).reshape(2, count)
    assert np.array_equal(unfold(fold(rows), count), rows)


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_complex_step_passes(angle, rng):
    """The derivative of cos(theta/2) by one component of w is -sin(theta/2)/2 times n."""
    w = random_vectors(rng)
    w *= angle / np.linalg.norm(w)
    step = w + 1e-40j * np.eye(3)[1]
    slope = step_quaternions(step).imag / 1e-40
    _, sine = half_angles(w @ w)
    assert slope[0] == pytest.approx(-w[1] * sine / 2, abs=1e-15)
    small = 1e-6 * np.eye(3)[1]
    difference = (step_quaternions(w + small) - step_quaternions(w - small)) / 2e-6
    assert np.allclose(slope, difference, atol=1e-9)
