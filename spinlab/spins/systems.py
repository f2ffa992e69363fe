r"""Spin systems, their Hamiltonians and Liouvillians, by symbols.

The conventions of the whole package live here, once:

* offsets, couplings and RF are given in hertz; :func:`hamiltonian` alone has the :math:`2\pi`;
* a positive offset ``nu`` is :math:`+2\pi\nu I_z`, so x turns towards y under free precession;
* :math:`\dot\rho = -i L \rho`, and ``A = -i L`` is called the generator.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from numbers import Real
from reprlib import repr as brief

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..inputs import arrays, choice, frozen, instance, require, whole
from . import operators
from .operators import MAX_SPINS, numbers, product_basis, spin_operator

#: Offset of an ensemble member from the carrier, in Hz (``offset_hz`` in :func:`spinlab.evaluate`).
OFFSET = sp.Symbol("nu", real=True)
#: RF amplitude that ``|u| = 1`` stands for, in Hz of nutation (``rf_hz``).
RF_AMPLITUDE = sp.Symbol("nu_rf", positive=True)
#: Scale of the RF field at an ensemble member, dimensionless (``b1_scale``).
B1_SCALE = sp.Symbol("kappa", positive=True)
#: The two controls of the only RF channel, dimensionless.
CONTROLS = sp.symbols("u_x u_y", real=True)
#: What users call the three symbols that every system has.
PARAMETER_NAMES = {OFFSET.name: "offset_hz", RF_AMPLITUDE.name: "rf_hz", B1_SCALE.name: "b1_scale"}
#: Names that a system's own symbols cannot have.
RESERVED_NAMES = (*PARAMETER_NAMES, *(u.name for u in CONTROLS), *PARAMETER_NAMES.values())


@dataclass(frozen=True)
class SpinSystem:
    """Spins 1/2 on one RF channel or several.

    Parameters
    ----------
    offset_hz : tuple of (float or sympy.Expr)
        One per spin: its offset from its carrier, Hz, to which the member offset ``nu`` is added.
    coupling_hz : tuple of (int, int, float or sympy.Expr)
        ``(i, j, J)``: spins are counted from 1, J in Hz.
    weak : bool
        Keep only the ``Iz Iz`` part of every coupling; between channels nothing else is left.
    t1, t2 : float or sympy.Expr, optional
        Relaxation times in seconds, both or neither, for one spin only.
    channels : tuple of (str or None), optional
        One per spin: the name of its RF channel, such as ``("I", "S")``, or None where no RF
        reaches it.  Each has two controls.  Default: one channel without a name.
    dipolar_width_hz : tuple of (int, int, float or sympy.Expr)
        ``(i, j, k)``: width of the lines, in Hz, by dipolar relaxation of a pair that tumbles
        slowly, :eq:`eq-pair-relaxation`.

    Examples
    --------
    >>> J = sp.Symbol("J")
    >>> SpinSystem(offset_hz=(-20, 20), coupling_hz=((1, 2, J),)).controls
    (u_x, u_y)
    >>> SpinSystem((0, 0), ((1, 2, J),), channels=("I", "S")).controls
    (u_Ix, u_Iy, u_Sx, u_Sy)
    """

    offset_hz: tuple = (0,)
    coupling_hz: tuple = ()
    weak: bool = False
    t1: object = None
    t2: object = None
    channels: tuple = ()
    dipolar_width_hz: tuple = ()

    def __post_init__(self):
        for name in ("offset_hz", "channels"):
            object.__setattr__(self, name, _tuple(name, getattr(self, name)))
        n = whole("The number of offsets", self.spins, most=MAX_SPINS)
        couplings = self._pairs("coupling_hz", "A coupling (i, j, J in Hz)")
        widths = self._pairs("dipolar_width_hz", "A width (i, j, k in Hz)")
        require(not any(isinstance(width, Real) and width < 0 for width in widths),
                f"Widths of lines are 0 or positive, but {brief(widths)} arrived.")
        times = [time for time in (self.t1, self.t2) if time is not None]
        require(not (len(times) == 1 or (times and n > 1)),
                f"Relaxation takes t1 and t2 of one spin, not {times} of {n} spins.")
        named = [str(name) for name in self.channels if name is not None]
        good = named and all(map(str.isalnum, named)) and len(self.channels) == n
        require(good or not self.channels,
                "channels must be one name of letters and digits for each spin, or None where no "
                f"RF reaches it, but {brief(self.channels)} arrived for {n} spins.")
        reserved = {*RESERVED_NAMES, *(u.name for u in self.controls)}
        _check_values([*self.offset_hz, *couplings, *widths, *times], reserved)
        check_times(*(None if getattr(time, "free_symbols", ()) else time for time in times))

    def _pairs(self, name, words):  # the values of entries (i, j, value)
        entries = tuple(_tuple(words, entry, 3) for entry in _tuple(name, getattr(self, name)))
        object.__setattr__(self, name, entries)
        pairs = [{whole("A coupled spin", k, most=self.spins) for k in one[:2]} for one in entries]
        require(not any(len(pair) < 2 or pairs.count(pair) > 1 for pair in pairs),
                f"Couple different spins, and each pair once, not {brief(entries)}.")
        return [value for *_, value in entries]

    @property
    def spins(self):
        """Number of spins."""
        return len(self.offset_hz)

    @property
    def relaxes(self):
        """Whether relaxation to an equilibrium is part of the system."""
        return self.t1 is not None

    @property
    def drives(self):
        """Control symbols of each spin: x and y of its channel, or none."""
        return tuple(() if name is None else sp.symbols(f"u_{name}x u_{name}y", real=True)
                     for name in self.channels) or (CONTROLS,) * self.spins  # fmt: skip

    @property
    def controls(self):
        """Control symbols, two a channel, channels in the order in which the spins name them."""
        return tuple(dict.fromkeys(sum(self.drives, ())))


def _tuple(name, values, length=None):
    if not isinstance(values, (tuple, list)) or length not in (None, len(values)):
        raise TypeError(f"{name} must be a tuple, but {brief(values)} arrived.")
    return tuple(values)


def _check_values(values, reserved):
    """Refuse what is neither a number nor an expression, and names that cannot be told apart."""
    symbols, unreal = set(), (sp.I, sp.nan, AppliedUndef)
    for value in values:
        number = sp.sympify(value) if isinstance(value, Real) else value
        unfit = not isinstance(number, sp.Expr) or number.is_real is False or number.has(*unreal)
        if unfit or number.is_number and abs(number) > 1e300:  # no float holds it
            words = "must be real, finite numbers or SymPy expressions of symbols"
            raise TypeError(f"Offsets, couplings, t1 and t2 {words}, but {brief(value)} arrived.")
        symbols |= number.free_symbols
    names = sorted(symbol.name for symbol in symbols)
    odd = [name for name in names if re.search(r"[:;?]|^\s|\s$", name)]  # no layout holds them
    require(not odd, f"Names of symbols have no : ; ? or outer blanks, but {odd} arrived.")
    require(len({*names, *reserved}) >= len(names) + len(reserved),
            f"Symbols need names of their own, none of {sorted(reserved)}, but {names} arrived.")


def check_times(t1=None, t2=None):
    """Refuse relaxation times, numbers or (members,), that no spin has; None is not known yet."""
    t1, t2 = arrays("t1?: members? > 0 (seconds); t2?: members? > 0 (seconds)", t1=t1, t2=t2)
    if t1 is not None and t2 is not None and np.any(t2 > 2 * t1 * (1 + 1e-9)):
        t1, t2 = max(np.broadcast(t1, t2), key=lambda pair: pair[1] / pair[0])
        raise ValueError(f"t2 cannot exceed 2 t1, but t1 = {t1:g} and t2 = {t2:g} arrived.")


def hamiltonian(system):
    r"""Hamiltonian in rad/s, :eq:`eq-hamiltonian`.

    .. math::

       H = 2\pi \sum_i (\nu + \nu_i) I_{iz} + 2\pi \sum_{i<j} J_{ij} \mathbf I_i \cdot \mathbf I_j
           + 2\pi \kappa \nu_{\text{rf}} \sum_i (u_x I_{ix} + u_y I_{iy})

    with the controls of each spin's channel: a SymPy matrix of size :math:`2^n`, affine in them.
    Between channels a coupling is weak: its x and y parts oscillate with the difference of the
    carriers, :eq:`eq-two-channels`.
    """
    n = instance("system", system, SpinSystem).spins
    spin = {(axis, k): spin_operator(axis, k, n) for axis in "xyz" for k in range(1, n + 1)}
    total = sp.zeros(2**n)
    for k, (offset, drive) in enumerate(zip(system.offset_hz, system.drives, strict=True), 1):
        total += (OFFSET + offset) * spin["z", k]
        for u, axis in zip(drive, "xy", strict=False):  # none where no channel reaches the spin
            total += B1_SCALE * RF_AMPLITUDE * u * spin[axis, k]
    for i, j, coupling in system.coupling_hz:
        weak = system.weak or system.drives[i - 1] != system.drives[j - 1]
        for axis in "z" if weak else "xyz":
            total += coupling * (spin[axis, i] * spin[axis, j])
    return 2 * sp.pi * total


@lru_cache
def hamiltonian_terms(spins):
    r"""Numbers of :func:`hamiltonian`: what the offsets and couplings of ``n`` spins multiply.

    H is linear in both.  The array, (n + n (n - 1) / 2, 2**n, 2**n), is shared, hence read-only:
    first :math:`\partial H/\partial\nu_i`, then :math:`\partial H/\partial J_{12}, \dots`

    Examples
    --------
    >>> (hamiltonian_terms(2)[2] / (2 * np.pi)).round(2)  # I1 . I2
    array([[ 0.25,  0.  ,  0.  ,  0.  ],
           [ 0.  , -0.25,  0.5 ,  0.  ],
           [ 0.  ,  0.5 , -0.25,  0.  ],
           [ 0.  ,  0.  ,  0.  ,  0.25]])
    """
    pairs = list(combinations(range(1, spins + 1), 2))
    symbols = sp.symbols(f"x_:{spins + len(pairs)}")
    couplings = [(*pair, J) for pair, J in zip(pairs, symbols[spins:], strict=True)]
    entries = hamiltonian(SpinSystem(symbols[:spins], couplings)).todok()
    coefficients, _ = sp.linear_eq_to_matrix(list(entries.values()), symbols)
    terms = np.zeros((len(symbols), 2**spins, 2**spins))
    terms[(..., *np.transpose(list(entries)))] = numbers(coefficients).real.T
    return frozen(terms)


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
    controls: tuple = CONTROLS

    def __post_init__(self):
        object.__setattr__(self, "matrix", sp.ImmutableMatrix(self.matrix))
        object.__setattr__(self, "basis", tuple(self.basis))
        shape, n = self.matrix.shape, len(self.basis)
        require(shape == (n, n), f"The matrix has shape {shape}, but the basis has {n} operators.")

    @cached_property
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
    names = tuple(name for name, _ in product_basis(n, identity))
    full = operators.commutation_superoperator(hamiltonian(system))
    if system.dipolar_width_hz:
        full += sp.I * operators.pair_relaxation_superoperator(system.dipolar_width_hz, n)
    columns = operators.basis_matrix(n, identity)
    matrix = (columns.H * (full * columns) / sp.Integer(2) ** (n - 2)).applyfunc(sp.expand)
    if identity:
        matrix += sp.I * operators.relaxation_superoperator(system.t1, system.t2)
    if basis == "elements":  # only one spin relaxes, and its columns' inverse is 2 columns.H
        names = tuple(f"|{r}><{c}|" for r in range(2**n) for c in range(2**n))
        matrix = 2 * (columns * matrix * columns.H).applyfunc(sp.expand) if identity else full
    return Liouvillian(matrix, names, n, identity, system.controls)
