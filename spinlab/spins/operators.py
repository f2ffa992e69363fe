"""Spin operators and superoperators, by symbols.

With this module you can write down the operators of ``n`` spins 1/2, expand a density operator in
the product-operator basis, and turn "commutator with H" into a matrix.  Everything is SymPy, so
everything prints as mathematics in a notebook.

Spins are numbered from 1, as in the literature: ``I1z``, ``2I1xI2z``.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from reprlib import repr as brief

import sympy as sp
from sympy.physics.quantum import TensorProduct

from ..inputs import choice, whole

IDENTITY = sp.eye(2)
SPIN_HALF = {
    "x": sp.Matrix([[0, 1], [1, 0]]) / 2,
    "y": sp.Matrix([[0, -sp.I], [sp.I, 0]]) / 2,
    "z": sp.Matrix([[1, 0], [0, -1]]) / 2,
}


def spin_operator(axis, spin=1, spins=1):
    r"""Operator :math:`I_{\text{axis}}` of one spin among several, :eq:`eq-kronecker`.

    Parameters
    ----------
    axis : {"x", "y", "z"}
        Cartesian component.
    spin : int
        Which spin, counted from 1.
    spins : int
        How many spins there are.

    Returns
    -------
    sympy.Matrix
        Hermitian, of size :math:`2^n \times 2^n`.

    Examples
    --------
    >>> spin_operator("z")
    Matrix([
    [1/2,    0],
    [  0, -1/2]])
    """
    choice("spin component", axis, SPIN_HALF)
    if not whole("spin", spin) <= whole("spins", spins):
        raise ValueError(f"Spin {spin} was asked for among {spins}; spins are counted from 1.")
    factors = [SPIN_HALF[axis] if k == spin else IDENTITY for k in range(1, spins + 1)]
    return sp.Matrix(TensorProduct(*factors)) if spins > 1 else factors[0]


@lru_cache
def product_basis(spins=1, identity=False):
    r"""Product-operator basis of ``spins`` spins 1/2, :eq:`eq-product-basis`.

    Each operator is :math:`2^{q-1}` times a product of ``q`` one-spin operators (Sørensen et al.
    1983), so that all of them have the same norm :math:`\operatorname{tr} B^2 = 2^{n-2}`.

    Parameters
    ----------
    spins : int
        Number of spins ``n``.
    identity : bool
        Whether half the unit operator, named ``"E/2"``, comes first.  Relaxation towards
        equilibrium needs it; a Hamiltonian never touches it.

    Returns
    -------
    tuple of (str, sympy.ImmutableMatrix)
        Name and matrix of each of the :math:`4^n - 1` (or :math:`4^n`) operators.

    Examples
    --------
    >>> [name for name, _ in product_basis(1)]
    ['Ix', 'Iy', 'Iz']
    >>> [name for name, _ in product_basis(2)][:6]
    ['I1x', 'I1y', 'I1z', 'I2x', 'I2y', 'I2z']
    """
    whole("spins", spins)
    operators = []
    for axes in product(" xyz", repeat=spins):
        factors = [(axis, k) for k, axis in enumerate(axes, 1) if axis != " "]
        matrix = sp.eye(2**spins) / 2
        for axis, k in factors:
            matrix = 2 * matrix * spin_operator(axis, k, spins)
        operators.append((factors, sp.ImmutableMatrix(matrix)))
    operators.sort(key=lambda item: (len(item[0]), [k for _, k in item[0]]))
    named = tuple((_product_name(factors, spins), matrix) for factors, matrix in operators)
    return named if identity else named[1:]


def _product_name(factors, spins):
    if not factors:
        return "E/2"
    prefix = str(2 ** (len(factors) - 1)) if len(factors) > 1 else ""
    return prefix + "".join(f"I{k if spins > 1 else ''}{axis}" for axis, k in factors)


def commutator(a, b):
    """``a b - b a``, expanded."""
    a, b = _square_matrix(a), _square_matrix(b)
    return (a * b - b * a).applyfunc(sp.expand)


def commutation_superoperator(hamiltonian):
    r"""Matrix of :math:`\rho \mapsto [H, \rho]` on row-stacked density matrices.

    .. math:: \hat H = H \otimes E - E \otimes H^{\mathsf T}

    This is :eq:`eq-superoperator`, of size ``D**2`` for a Hamiltonian of size ``D``; the basis is
    that of the matrix elements of :math:`\rho`, read row by row.
    """
    hamiltonian = _square_matrix(hamiltonian)
    unit = sp.eye(hamiltonian.rows)
    return sp.Matrix(TensorProduct(hamiltonian, unit) - TensorProduct(unit, hamiltonian.T))


def _square_matrix(matrix):
    """Whatever SymPy reads as a matrix (also NumPy's arrays), if it is square."""
    try:
        matrix = sp.Matrix(matrix)
    except (TypeError, ValueError) as error:
        raise TypeError(f"A matrix is needed, but {brief(matrix)} arrived.") from error
    if not matrix.is_square:
        raise ValueError(f"The matrix must be square, but its shape is {matrix.shape}.")
    return matrix


@lru_cache
def basis_matrix(spins=1, identity=False):
    r"""Columns :math:`\operatorname{vec} B_s`: from product operators to matrix elements.

    Of size :math:`4^n` by the number of basis operators.  Its left inverse is :math:`2^{2-n}` times
    its conjugate transpose, because the product operators are orthogonal and of equal norm.
    """
    columns = [matrix.reshape(4**spins, 1) for _, matrix in product_basis(spins, identity)]
    return sp.ImmutableMatrix.hstack(*columns)


def in_product_basis(superoperator, spins=1, identity=False):
    """The same superoperator, from the matrix-element basis into the product-operator basis."""
    columns = basis_matrix(spins, identity)
    transformed = columns.H * superoperator * columns / sp.Integer(2) ** (spins - 2)
    return sp.Matrix(transformed).applyfunc(sp.expand)
