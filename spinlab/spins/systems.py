r"""Spin systems, their Hamiltonians and Liouvillians, by symbols.

The conventions of the whole package live here, once:

* users give offsets, couplings and RF amplitudes in hertz; the factor :math:`2\pi` that turns them
  into rad/s stands in :func:`hamiltonian` and nowhere else;
* a positive offset ``nu`` is :math:`+2\pi\nu I_z`, so x turns towards y under free precession;
* :math:`\dot\rho = -i L \rho`, and ``A = -i L`` is called the generator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import sympy as sp

from ..inputs import choice, instance
from .operators import (
    basis_matrix,
    commutation_superoperator,
    in_product_basis,
    product_basis,
    spin_operator,
)

#: Offset of an ensemble member from the carrier, in Hz (``offset_hz`` in :func:`spinlab.evaluate`).
OFFSET = sp.Symbol("nu", real=True)
#: RF amplitude that ``|u| = 1`` stands for, in Hz of nutation (``rf_hz``).
RF_AMPLITUDE = sp.Symbol("nu_rf", positive=True)
#: Scale of the RF field at an ensemble member, dimensionless (``b1_scale``).
B1_SCALE = sp.Symbol("kappa", positive=True)
#: The two controls, dimensionless.
CONTROLS = sp.symbols("u_x u_y", real=True)
#: Names that a system's own symbols cannot have, the users' names for the first three included.
RESERVED_NAMES = {s.name for s in (OFFSET, RF_AMPLITUDE, B1_SCALE, *CONTROLS)} | {
    "offset_hz", "rf_hz", "b1_scale"
}


@dataclass(frozen=True)
class SpinSystem:
    """Spins 1/2 that share one RF channel.

    Parameters
    ----------
    offset_hz : tuple of (float or sympy.Expr)
        One entry a spin: its offset from the carrier, in Hz.  The member offset ``nu`` is added
        to every spin, so one spin needs nothing but the default ``(0,)``.
    coupling_hz : tuple of (int, int, float or sympy.Expr)
        ``(i, j, J)``: spins are counted from 1, J in Hz.
    weak : bool
        Keep only the ``Iz Iz`` part of every coupling.
    t1, t2 : float or sympy.Expr, optional
        Relaxation times in seconds, both or neither, for one spin only.

    Examples
    --------
    >>> J = sp.Symbol("J")
    >>> SpinSystem(offset_hz=(-20, 20), coupling_hz=((1, 2, J),)).spins
    2
    """

    offset_hz: tuple = (0,)
    coupling_hz: tuple = ()
    weak: bool = False
    t1: object = None
    t2: object = None

    def __post_init__(self):
        object.__setattr__(self, "offset_hz", _entries("offset_hz", self.offset_hz))
        couplings = _entries("coupling_hz", self.coupling_hz)
        object.__setattr__(
            self, "coupling_hz", tuple(_entries("A coupling (i, j, J)", c) for c in couplings)
        )
        if not self.offset_hz:
            raise ValueError("offset_hz is empty; give one offset a spin, such as (0,).")
        for value in self.offset_hz:
            _require_number_or_symbol("An offset", value)
        pairs = set()
        for entry in self.coupling_hz:
            if len(entry) != 3:
                raise ValueError(f"A coupling is (i, j, J in Hz), but {entry} arrived.")
            i, j, value = entry
            if not (i in range(1, self.spins + 1) and j in range(1, self.spins + 1)) or i == j:
                raise ValueError(
                    f"The coupling {entry} names a pair that is not there: "
                    f"give two different spins between 1 and {self.spins}."
                )
            if {i, j} in pairs:
                raise ValueError(f"The spins {i} and {j} are coupled twice; give one J a pair.")
            pairs.add(frozenset((i, j)))
            _require_number_or_symbol("A coupling", value)
        if (self.t1 is None) != (self.t2 is None):
            raise ValueError("Relaxation needs both t1 and t2 (in seconds); only one was given.")
        if self.relaxes and self.spins > 1:
            raise ValueError(
                f"Relaxation is modelled for one spin, but the system has {self.spins}; "
                "leave out t1 and t2, or treat each spin alone."
            )
        for name in ("t1", "t2"):
            value = getattr(self, name)
            if value is not None:
                _require_number_or_symbol(name, value)
                if sp.sympify(value).is_positive is False:
                    raise ValueError(f"{name} must be positive, in seconds, but {value} arrived.")
        if self.relaxes and (2 * sp.sympify(self.t1) - self.t2).is_negative:
            raise ValueError(
                f"t2 cannot exceed 2 t1 in any spin, but t1 = {self.t1} and t2 = {self.t2} arrived."
            )

    @property
    def spins(self):
        """Number of spins."""
        return len(self.offset_hz)

    @property
    def relaxes(self):
        """Whether relaxation is part of the system."""
        return self.t1 is not None


def _entries(name, values):
    if isinstance(values, str):
        raise TypeError(f"{name} must be a tuple, but the string {values!r} arrived.")
    try:
        return tuple(values)
    except TypeError as error:
        raise TypeError(f"{name} must be a tuple, but {values!r} arrived.") from error


def _require_number_or_symbol(what, value):
    try:
        number = sp.sympify(value, strict=True)  # strict: a string is not a number
    except (sp.SympifyError, TypeError) as error:
        raise TypeError(f"{what} must be a number or a SymPy expression, not {value!r}.") from error
    if not isinstance(number, sp.Expr) or (number.is_real is False and number.is_finite):
        raise TypeError(f"{what} must be a real number or a SymPy expression, not {value!r}.")
    if number.is_finite is False or number is sp.nan:
        raise ValueError(f"{what} must be finite, but {value} arrived.")
    taken = {s.name for s in number.free_symbols} & RESERVED_NAMES
    if taken:
        raise ValueError(
            f"{what} uses the symbol {', '.join(sorted(taken))}, which spinlab uses itself; "
            "choose another name."
        )


def hamiltonian(system):
    r"""Hamiltonian in rad/s, :eq:`eq-hamiltonian`.

    .. math::

       H = 2\pi \sum_i (\nu + \nu_i) I_{iz} + 2\pi \sum_{i<j} J_{ij} \mathbf I_i \cdot \mathbf I_j
           + 2\pi \kappa \nu_{\text{rf}} \sum_i (u_x I_{ix} + u_y I_{iy})

    Parameters
    ----------
    system : SpinSystem

    Returns
    -------
    sympy.Matrix
        Of size :math:`2^n`, affine in the controls ``u_x, u_y``.
    """
    n = instance("system", system, SpinSystem).spins
    total = sp.zeros(2**n)
    for k, offset in enumerate(system.offset_hz, 1):
        total += (OFFSET + offset) * spin_operator("z", k, n)
        for u, axis in zip(CONTROLS, "xy", strict=True):
            total += B1_SCALE * RF_AMPLITUDE * u * spin_operator(axis, k, n)
    for i, j, coupling in system.coupling_hz:
        for axis in "z" if system.weak else "xyz":
            total += coupling * spin_operator(axis, i, n) * spin_operator(axis, j, n)
    return 2 * sp.pi * total


def relaxation_superoperator(t1, t2):
    r"""T1/T2 relaxation of one spin towards :math:`I_z`, in the basis (E/2, Ix, Iy, Iz).

    .. math:: \dot M_{x,y} = -M_{x,y}/T_2, \qquad \dot M_z = (1 - M_z)/T_1

    The unit operator's coefficient is constant and equal to 1, which makes the affine equation
    linear, :eq:`eq-relaxation`.  The 4 x 4 matrix is added to :math:`-i L`.
    """
    r1, r2 = 1 / sp.sympify(t1), 1 / sp.sympify(t2)
    return sp.Matrix([[0, 0, 0, 0], [0, -r2, 0, 0], [0, 0, -r2, 0], [r1, 0, 0, -r1]])


@dataclass(frozen=True)
class Liouvillian:
    r"""A symbolic Liouvillian: the object that is printed, evaluated and differentiated.

    Parameters
    ----------
    matrix : sympy.ImmutableMatrix
        :math:`L`, in rad/s, such that :math:`\dot\rho = -i L \rho`.
    basis : tuple of str
        Name of each basis operator, in the order of the rows.
    spins : int
        Number of spins.
    identity : bool
        Whether the unit operator belongs to the basis, as relaxation needs.
    controls : tuple of sympy.Symbol
        The control symbols; L is affine in them.
    """

    matrix: sp.ImmutableMatrix
    basis: tuple
    spins: int
    identity: bool = False
    controls: tuple = field(default=CONTROLS)

    def __post_init__(self):
        object.__setattr__(self, "matrix", sp.ImmutableMatrix(self.matrix))
        object.__setattr__(self, "basis", tuple(self.basis))
        if self.matrix.shape != (len(self.basis),) * 2:
            raise ValueError(
                f"The matrix has shape {self.matrix.shape}, but the basis has {len(self.basis)} "
                "operators; a Liouvillian has one row and one column for each."
            )

    @property
    def generator(self):
        r""":math:`A = -i L`, so that :math:`\dot\rho = A\rho`."""
        return (-sp.I * self.matrix).applyfunc(sp.expand)

    @property
    def drift(self):
        """The generator with all controls off."""
        return self.generator.subs(dict.fromkeys(self.controls, 0))

    @property
    def control_operators(self):
        r""":math:`\partial A / \partial u_k`, found by differentiating; free of the controls."""
        return tuple(self.generator.diff(u) for u in self.controls)

    @property
    def parameters(self):
        """Free symbols that are not controls, sorted by name."""
        return tuple(sorted(self.matrix.free_symbols - set(self.controls), key=lambda s: s.name))

    def _repr_latex_(self):
        return f"$\\displaystyle {sp.latex(self.matrix)}$"


def liouvillian(system=None, basis="product"):
    r"""Liouvillian of a spin system.

    Parameters
    ----------
    system : SpinSystem, optional
        Default: one spin.
    basis : {"product", "elements"}
        ``"product"``: product operators; A = -iL is then real.  ``"elements"``: the usual complex
        basis of the density matrix's elements, row by row.

    Returns
    -------
    Liouvillian

    Examples
    --------
    >>> liouvillian().generator / (2 * sp.pi)
    Matrix([
    [                0,               -nu, kappa*nu_rf*u_y],
    [               nu,                 0, -kappa*nu_rf*u_x],
    [-kappa*nu_rf*u_y, kappa*nu_rf*u_x,                 0]])
    """
    system = SpinSystem() if system is None else instance("system", system, SpinSystem)
    return _liouvillian(system, choice("basis", basis, ("product", "elements")))


@lru_cache(maxsize=32)
def _liouvillian(system, basis):
    n, identity = system.spins, system.relaxes
    full = commutation_superoperator(hamiltonian(system))
    matrix = in_product_basis(full, n, identity)
    if identity:
        matrix += sp.I * relaxation_superoperator(system.t1, system.t2)
    names = tuple(name for name, _ in product_basis(n, identity))
    if basis == "elements":
        columns = basis_matrix(n, identity)
        rows = columns.H / sp.Integer(2) ** (n - 2)
        matrix = sp.Matrix(columns * matrix * rows).applyfunc(sp.expand) if identity else full
        names = tuple(f"|{r}><{c}|" for r in range(2**n) for c in range(2**n))
    return Liouvillian(sp.ImmutableMatrix(matrix), names, n, identity)
