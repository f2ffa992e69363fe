r"""From the symbolic Liouvillian to numbers.

:func:`evaluate` turns a :class:`~spinlab.spins.systems.Liouvillian` into a :class:`Generator`: the
arrays ``drift`` and ``controls`` of the affine generator

.. math:: A(u) = A_0 + \sum_k u_k A_k,

with one leading axis for the members of an ensemble where a parameter was given as an array.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from ..inputs import finite_array, instance
from .operators import basis_matrix, product_basis
from .systems import B1_SCALE, OFFSET, RF_AMPLITUDE, Liouvillian, liouvillian

# What users call the three symbols that every system has.
PARAMETER_NAMES = {OFFSET.name: "offset_hz", RF_AMPLITUDE.name: "rf_hz", B1_SCALE.name: "b1_scale"}


@dataclass(frozen=True)
class Generator:
    r"""Numeric generator :math:`A(u) = A_0 + \sum_k u_k A_k` in rad/s, :eq:`eq-affine`.

    Parameters
    ----------
    drift : ndarray, (d, d) or (members, d, d)
    controls : ndarray, (controls, d, d) or (members, controls, d, d)
        The derivative of the generator with respect to each control.
    """

    drift: np.ndarray
    controls: np.ndarray

    def __post_init__(self):
        drift = finite_array("The drift of a generator", self.drift, complex)
        controls = finite_array("The controls of a generator", self.controls, complex)
        if drift.ndim not in (2, 3) or drift.shape[-1] != drift.shape[-2] or not drift.size:
            raise ValueError(
                "The drift must have shape (d, d) or (members, d, d), and not be empty, "
                f"but {drift.shape} arrived."
            )
        expected = drift.shape[:-2] + controls.shape[-3:-2] + drift.shape[-2:]
        if controls.ndim != drift.ndim + 1 or controls.shape != expected:
            raise ValueError(
                f"For a drift of shape {drift.shape} the controls must have shape "
                f"{(*drift.shape[:-2], 'controls', *drift.shape[-2:])}, "
                f"but {controls.shape} arrived."
            )
        object.__setattr__(self, "drift", drift)
        object.__setattr__(self, "controls", controls)

    @property
    def dimension(self):
        """Length ``d`` of the state vector."""
        return self.drift.shape[-1]

    @property
    def members(self):
        """Number of ensemble members, or None for a single system."""
        return len(self.drift) if self.drift.ndim == 3 else None

    def at(self, waveform):
        """Generators, ([members,] samples, d, d), at the samples of (controls, samples)."""
        count = self.controls.shape[-3]
        if np.ndim(waveform) != 2 or len(waveform) != count:
            raise ValueError(
                f"The waveform must have shape ({count}, samples), one row per control operator, "
                f"but {np.shape(waveform)} arrived."
            )
        return self.drift[..., None, :, :] + np.einsum("kn,...kij->...nij", waveform, self.controls)

    def member(self, index):
        """The generator of one ensemble member."""
        return Generator(self.drift[index], self.controls[index]) if self.members else self


@lru_cache(maxsize=32)
def _compiled(liouville):
    """Names of the parameters, one NumPy function of them, and the entries that it evaluates."""
    matrices = (liouville.drift, *liouville.control_operators)
    entries = [
        (m, i, j, value)
        for m, matrix in enumerate(matrices)
        for (i, j), value in matrix.todok().items()
        if value != 0
    ]
    values = [value for *_, value in entries]
    function = sp.lambdify(liouville.parameters, values, modules="numpy", cse=True)
    index = tuple(np.array([entry[:3] for entry in entries]).T)
    names = [PARAMETER_NAMES.get(s.name, s.name) for s in liouville.parameters]
    return names, function, index, len(matrices)


def evaluate(liouville=None, **values):
    """Evaluate a symbolic Liouvillian: the same object that is printed, as arrays.

    Parameters
    ----------
    liouville : Liouvillian, optional
        Default: one spin.
    offset_hz : float or ndarray, (members,)
        Offset from the carrier, in Hz.  Default 0.
    b1_scale : float or ndarray, (members,)
        Scale of the RF field.  Default 1.
    rf_hz : float
        RF amplitude, in Hz of nutation, that ``|u| = 1`` stands for.
    **values
        Every other free symbol of the Liouvillian, by its name.  Arrays share one length.

    Returns
    -------
    Generator
        With a member axis if any value is an array.  Real in the product basis.

    Raises
    ------
    ValueError
        A symbol without value, an unknown name, NaN, or arrays of different lengths.

    Examples
    --------
    >>> evaluate(offset_hz=1000.0, rf_hz=1e4).drift.round(1)
    array([[    0. , -6283.2,     0. ],
           [ 6283.2,     0. ,     0. ],
           [    0. ,     0. ,     0. ]])
    """
    liouville = _required(liouville)
    names, function, index, count = _compiled(liouville)
    values = {"offset_hz": 0.0, "b1_scale": 1.0, **values}
    unknown = set(values) - set(names) - {"offset_hz", "b1_scale"}
    missing = set(names) - set(values)
    if unknown or missing:
        raise ValueError(
            f"The Liouvillian has the parameters {', '.join(names)}. "
            + (f"Please give {', '.join(sorted(missing))}. " if missing else "")
            + (f"There is no {', '.join(sorted(unknown))}." if unknown else "")
        )
    arrays = [finite_array(name, values[name]) for name in names]
    for name, array in zip(names, arrays, strict=True):
        if array.ndim > 1 or not array.size:
            raise ValueError(
                f"{name} must be a number or a 1-D array that is not empty, "
                f"but an array of shape {array.shape} arrived."
            )
        if name in ("rf_hz", "b1_scale") and np.any(array < 0):
            raise ValueError(f"{name} must not be negative, but {array.min():g} arrived.")
    lengths = {array.size for array in arrays if array.ndim}
    if len(lengths) > 1:
        raise ValueError(
            f"Arrays of {sorted(lengths)} members arrived; give arrays of one length "
            "(spinlab.Ensemble.grid makes all combinations)."
        )
    entries = function(*arrays)
    members = (lengths.pop(),) if lengths else ()
    dtype = np.result_type(float, *entries)
    d = len(liouville.basis)
    matrices = np.zeros((count, d, d, *members), dtype)
    for m, i, j, entry in zip(*index, entries, strict=True):
        matrices[m, i, j] = entry
    matrices = np.moveaxis(matrices, -1, 0) if members else matrices
    return Generator(matrices[..., 0, :, :].copy(), matrices[..., 1:, :, :].copy())


def _required(liouville):
    if liouville is None:
        return liouvillian()
    return instance("liouville", liouville, Liouvillian, "Make one by liouvillian(system).")


def state(name, liouville=None):
    """Vector of a density operator, given by the names of product operators.

    Parameters
    ----------
    name : str
        Such as ``"Iz"``, ``"-Iy"``, ``"I1x + I2x"``, ``"0.5 I1z - 2I1xI2z"``.
    liouville : Liouvillian, optional
        Default: one spin.

    Returns
    -------
    ndarray, (d,)
        In the basis of the Liouvillian.  Where relaxation needs the unit operator, its coefficient
        is the constant 1; use :func:`observable` for a target, which must not read it.

    Examples
    --------
    >>> state("-Iy")
    array([ 0., -1.,  0.])
    """
    liouville = _required(liouville)
    vector = _product_vector(name, liouville)
    if liouville.identity:
        vector[0] = 1.0
    return _in_basis_of(liouville, vector)


def observable(name, liouville=None):
    """Like :func:`state`, without the constant unit operator: what a target state is.

    Examples
    --------
    >>> observable("0.5 Ix + Iz")
    array([0.5, 0. , 1. ])
    """
    liouville = _required(liouville)
    return _in_basis_of(liouville, _product_vector(name, liouville))


def _product_vector(name, liouville):
    operators = [operator for operator, _ in product_basis(liouville.spins, liouville.identity)]
    vector = np.zeros(len(operators))
    instance("The name of a state", name, str)
    # Blanks go, but not between digits: "2 2Ix" is not 22 Ix.
    for term in re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", name).replace("-", "+-").split("+"):
        if not term:
            continue
        factor, operator = _split_factor(term, operators)
        if operator not in operators:
            raise ValueError(
                f"There is no operator {operator!r} in {name!r}; "
                f"the basis has {', '.join(operators)}."
            )
        vector[operators.index(operator)] += factor
    if not vector.any() or not np.all(np.isfinite(vector)):
        raise ValueError(f"The state {name!r} is zero or not finite; name at least one operator.")
    return vector


def _in_basis_of(liouville, vector):
    if liouville.basis[0].startswith("|"):
        columns = basis_matrix(liouville.spins, liouville.identity)
        return np.array(columns.tolist(), dtype=complex) @ vector
    return vector


def _split_factor(term, operators):
    """``"-0.5 2I1xI2z"`` to (-0.5, "2I1xI2z"): the longest operator that the term ends in."""
    operator = max((name for name in operators if term.endswith(name)), key=len, default=None)
    if operator is None:
        return 1.0, term.lstrip("-")
    number = term[: -len(operator)].rstrip("*")
    try:
        return float({"": "1", "-": "-1"}.get(number, number)), operator
    except ValueError:
        return 1.0, term
