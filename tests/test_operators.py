"""Spin operators, the product basis and superoperators, against their definitions."""

from functools import reduce
from itertools import product

import numpy as np
import pytest
import sympy as sp

import spinlab as sl

SPINS = [(n, k) for n in (1, 2, 3) for k in range(1, n + 1)]
CYCLES = ["xyz", "yzx", "zxy"]


def numeric(matrix):
    return np.array(matrix.tolist(), dtype=complex)


@pytest.mark.parametrize("axes", CYCLES)
@pytest.mark.parametrize("n, k", SPINS)
def test_angular_momentum(n, k, axes):
    a, b, c = (sl.spins.spin_operator(axis, k, n) for axis in axes)
    assert sl.spins.commutator(a, b) == sp.I * c
    assert a.H == a and a**2 == sp.eye(2**n) / 4


@pytest.mark.parametrize("a", "xyz")
@pytest.mark.parametrize("b", "xyz")
def test_different_spins_commute(a, b):
    assert sl.spins.commutator(sl.spins.spin_operator(a, 1, 3), sl.spins.spin_operator(b, 3, 3)) == sp.zeros(8)


@pytest.mark.parametrize("identity", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_product_basis_is_orthogonal(n, identity):
    columns = numeric(sl.spins.basis_matrix(n, identity))
    assert columns.shape == (4**n, 4**n - 1 + identity)
    gram = columns.conj().T @ columns
    assert np.array_equal(gram, 2.0 ** (n - 2) * np.eye(len(gram)))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_names_say_what_the_operators_are(n):
    one_spin = {axis: numeric(sl.spins.spin_operator(axis)) for axis in "xyz"}
    names = set()
    for axes in product(" xyz", repeat=n):
        letters = [(k, axis) for k, axis in enumerate(axes, 1) if axis != " "]
        if letters:
            factor = 2 ** (len(letters) - 1)
            name = "".join(f"I{k if n > 1 else ''}{axis}" for k, axis in letters)
            name = name if factor == 1 else f"{factor}{name}"
            names.add(name)
            expected = factor * reduce(np.kron, (one_spin.get(axis, np.eye(2)) for axis in axes))
            assert np.array_equal(numeric(dict(sl.spins.product_basis(n))[name]), expected), name
    assert names == {name for name, _ in sl.spins.product_basis(n)}


def test_order_of_the_names():
    names = [name for name, _ in sl.spins.product_basis(2, identity=True)]
    assert names[:4] == ["E/2", "I1x", "I1y", "I1z"]
    assert names[4:9] == ["I2x", "I2y", "I2z", "2I1xI2x", "2I1xI2y"]


@pytest.mark.parametrize("size", [2, 4])
def test_superoperator_is_the_commutator(size):
    rng = np.random.default_rng(0)
    h, rho = (
        sp.Matrix(size, size, list(rng.integers(-9, 9, size**2) + sp.I * rng.integers(-9, 9)))
        for _ in range(2)
    )
    stacked = sl.spins.commutation_superoperator(h) * rho.reshape(size**2, 1)
    assert stacked.applyfunc(sp.expand) == sl.spins.commutator(h, rho).reshape(size**2, 1)


@pytest.mark.parametrize("axes", CYCLES)
def test_superoperator_in_the_product_basis_has_the_structure_constants(axes):
    """[Ia, Ib] = i Ic and [Ia, Ic] = -i Ib: column b of the superoperator of Ia holds i at c."""
    a, b, c = ("xyz".index(axis) for axis in axes)
    expected = sp.zeros(3)
    expected[c, b], expected[b, c] = sp.I, -sp.I
    operator = sl.spins.commutation_superoperator(sl.spins.spin_operator(axes[0]))
    columns = sl.spins.basis_matrix()
    assert 2 * (columns.H * operator * columns).applyfunc(sp.expand) == expected
