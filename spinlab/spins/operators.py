"""Spin operators and superoperators, by symbols, and their numbers.

With this module you can write down the operators of ``n`` spins 1/2, expand a density operator in
the product-operator basis, and turn "commutator with H" into a matrix.  Everything is SymPy, so
everything prints as mathematics in a notebook; :func:`spin_matrices` reads the numbers off.

Spins are numbered from 1, as in the literature: ``I1z``, ``2I1xI2z``.
"""

from functools import lru_cache
from itertools import product
from reprlib import repr as brief

import numpy as np
import sympy as sp

from ..inputs import choice, frozen, require, whole

IDENTITY = sp.eye(2)
SPIN_HALF = {
    "x": sp.Matrix([[0, 1], [1, 0]]) / 2,
    "y": sp.Matrix([[0, -sp.I], [sp.I, 0]]) / 2,
    "z": sp.Matrix([[1, 0], [0, -1]]) / 2,
}
MAX_SPINS = 8  # matrices of 2^8 x 2^8 are a second's work, those of 2^12 a day's
MAX_PRODUCT_SPINS = 4  # 4^4 product operators take a second, and 4^5 a minute


def kronecker(*factors):
    """Kronecker product, of SymPy's plain class: it multiplies two classes far more slowly."""
    return sp.Matrix(sp.kronecker_product(*factors))


def numbers(matrix):
    """A matrix of SymPy's numbers as a complex array."""
    array = np.zeros(matrix.shape, complex)
    for place, entry in matrix.todok().items():
        array[place] = entry
    return array


def spin_operator(axis, spin=1, spins=1):
    r"""Operator :math:`I_{\text{axis}}` of one spin among several, :eq:`eq-kronecker`.

    Parameters
    ----------
    axis : {"x", "y", "z"}
        Cartesian component.
    spin : int
        Which spin, counted from 1.
    spins : int
        How many spins there are, at most 8.

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
    whole("spin", spin, most=whole("spins", spins, most=MAX_SPINS))
    factors = (SPIN_HALF[axis] if k == spin else IDENTITY for k in range(1, spins + 1))
    return kronecker(*factors)


def spin_matrices(spins=1):
    """Numbers of :func:`spin_operator`: :math:`I_{ix}, I_{iy}, I_{iz}` of every spin.

    Of shape (3, n, 2**n, 2**n), first axis x, y, z; shared, hence read-only.

    Examples
    --------
    >>> spin_matrices(2)[2].sum(axis=0).diagonal().real  # Fz
    array([ 1.,  0.,  0., -1.])
    """
    return _spin_matrices(whole("spins", spins, most=MAX_SPINS))


@lru_cache
def _spin_matrices(spins):
    return frozen([[numbers(spin_operator(axis, k, spins)) for k in range(1, spins + 1)]
                   for axis in "xyz"])


def product_basis(spins=1, identity=False):
    r"""Product-operator basis of ``spins`` spins 1/2, :eq:`eq-product-basis`.

    Each operator is :math:`2^{q-1}` times a product of ``q`` one-spin operators (Sørensen et al.
    1983), so that all of them have the same norm :math:`\operatorname{tr} B^2 = 2^{n-2}`.

    Parameters
    ----------
    spins : int
        Number of spins ``n``, at most 4.
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
    basis = _product_basis(whole("spins", spins, most=MAX_PRODUCT_SPINS))
    return basis if identity else basis[1:]


@lru_cache
def _product_basis(spins):
    basis = []
    for axes in product(" xyz", repeat=spins):
        chosen = [k for k, axis in enumerate(axes) if axis != " "]
        factor = sp.Integer(2) ** (len(chosen) - 1)
        matrix = factor * kronecker(*(SPIN_HALF.get(axis, IDENTITY) for axis in axes))
        letters = "".join(f"I{k + 1 if spins > 1 else ''}{axes[k]}" for k in chosen)
        name = f"{factor if factor > 1 else ''}{letters or 'E/2'}"
        basis.append((len(chosen), chosen, name, sp.ImmutableMatrix(matrix)))
    basis.sort(key=lambda item: item[:2])
    return tuple(item[2:] for item in basis)


def commutator(a, b):
    """``a b - b a``, expanded."""
    a, b = _square(a, b)
    return (a * b - b * a).applyfunc(sp.expand)


def commutation_superoperator(hamiltonian):
    r"""Matrix of :math:`\rho \mapsto [H, \rho]` on row-stacked density matrices.

    .. math:: \hat H = H \otimes E - E \otimes H^{\mathsf T}

    This is :eq:`eq-superoperator`, of size ``D**2`` for a Hamiltonian of size ``D``; the basis is
    that of the matrix elements of :math:`\rho`, read row by row.
    """
    (hamiltonian,) = _square(hamiltonian)
    unit = sp.eye(hamiltonian.rows)
    return kronecker(hamiltonian, unit) - kronecker(unit, hamiltonian.T)


def relaxation_superoperator(t1, t2):
    r"""T1/T2 relaxation of one spin towards :math:`I_z`, in the basis (E/2, Ix, Iy, Iz).

    .. math:: \dot M_{x,y} = -M_{x,y}/T_2, \qquad \dot M_z = (1 - M_z)/T_1

    The unit operator's coefficient is constant and equal to 1, which makes the affine equation
    linear, :eq:`eq-relaxation`.  The 4 x 4 matrix is added to :math:`-i L`.
    """
    r1, r2 = 1 / sp.sympify(t1), 1 / sp.sympify(t2)
    return sp.Matrix([[0, 0, 0, 0], [0, -r2, 0, 0], [0, 0, -r2, 0], [r1, 0, 0, -r1]])


def pair_relaxation_superoperator(widths_hz, spins=2):
    r"""Dipolar relaxation of pairs that tumble slowly, :eq:`eq-pair-relaxation`.

    .. math:: \dot\rho = -\pi \sum_{i<j} k_{ij}\,
              \bigl[2I_{iz}I_{jz}, [2I_{iz}I_{jz}, \rho]\bigr]

    Of the entries ``(i, j, k)``, k in Hz, a matrix on row-stacked density matrices that is added to
    :math:`-iL`.  What is transverse for one spin of the pair decays with :math:`\pi k`, and its
    line is wider by :math:`k`; what is longitudinal, or transverse for both, does not decay.
    """
    total = sp.zeros(4**spins)
    for i, j, width in widths_hz:
        pair = 2 * spin_operator("z", i, spins) * spin_operator("z", j, spins)
        total -= sp.pi * width * commutation_superoperator(pair) ** 2
    return total


def _square(*values):
    """Whatever SymPy reads as matrices (also NumPy's arrays), if they are square, of one size."""
    try:
        matrices = [sp.Matrix(value) for value in values]
    except (TypeError, ValueError, NotImplementedError) as error:
        raise TypeError(f"Matrices are needed, but {brief(values)} arrived.") from error
    shapes = [matrix.shape for matrix in matrices]
    require(len(set(sum(shapes, ()))) <= 1 and 0 not in shapes[0],
            f"Square matrices of one size are needed, but {shapes} arrived.")
    return matrices


def basis_matrix(spins=1, identity=False):
    r"""Columns :math:`\operatorname{vec} B_s`: from product operators to matrix elements.

    Of size :math:`4^n` by the number of basis operators.  Its left inverse is :math:`2^{2-n}` times
    its conjugate transpose, because the product operators are orthogonal and of equal norm.
    """
    columns = [matrix.reshape(4**spins, 1) for _, matrix in product_basis(spins, identity)]
    return sp.Matrix(sp.Matrix.hstack(*columns))
