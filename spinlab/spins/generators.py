r"""From the symbolic Liouvillian to numbers.

:func:`evaluate` turns a :class:`~spinlab.spins.systems.Liouvillian` into a :class:`Generator`: the
arrays ``drift`` and ``controls`` of the affine generator

.. math:: A(u) = A_0 + \sum_k u_k A_k,

with one leading axis for the members of an ensemble where a parameter was given as an array.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from ..inputs import arrays, hold, instance, require
from .operators import basis_matrix, numbers, product_basis
from .systems import PARAMETER_NAMES, Liouvillian, check_times, liouvillian


@dataclass(frozen=True, eq=False)
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
        hold(self, "drift: complex [members] d d; controls: complex [members] k d d")

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
        rows = self.controls.shape[-3]
        waveform = arrays(f"waveform: complex {rows} samples", waveform=waveform)
        return self.drift[..., None, :, :] + np.einsum("kn,...kij->...nij", waveform, self.controls)

    def time_scaled(self):
        r"""The same with the drift among the controls: for steps of unequal lengths.

        Where a step is :math:`s` times as long, :math:`s A(u) = s A_0 + \sum_k (s u_k) A_k`,
        :eq:`eq-time-scaling`, which has no drift, and the controls :math:`s` and :math:`s u_k`: as
        :func:`spinlab.pulses.scale_time` makes them.
        """
        drift = self.drift[..., None, :, :]
        return Generator(0 * self.drift, np.concatenate([drift, self.controls], axis=-3))

    def member(self, index):
        """The generator of one ensemble member, or of a slice of them."""
        return Generator(self.drift[index], self.controls[index]) if self.members else self


@lru_cache(maxsize=32)
def _compiled(liouville):
    """Names of the parameters, one NumPy function of them, and the entries that it evaluates."""
    matrices = (liouville.drift, *liouville.control_operators)
    entries = {(m, *place): value for m, matrix in enumerate(matrices)
               for place, value in matrix.todok().items()}
    function = sp.lambdify(liouville.parameters, list(entries.values()), modules="numpy", cse=True)
    names = [PARAMETER_NAMES.get(s.name, s.name) for s in liouville.parameters]
    return names, function, list(entries), len(matrices)


def evaluate(liouville=None, /, **values):
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
    liouville = _given(liouville)
    names, function, places, count = _compiled(liouville)
    values = {"offset_hz": 0.0, "b1_scale": 1.0, **values}
    wrong = (set(names) ^ set(values)) - {"offset_hz", "b1_scale"}
    hint = f"missing or unknown: {', '.join(sorted(wrong))}."
    require(not wrong, f"Give values of {', '.join(names)}; {hint}")
    signs = {"rf_hz": ">= 0", "b1_scale": ">= 0"}
    layout = "; ".join(f"{name}: members? {signs.get(name, '')}" for name in values)
    given = dict(zip(values, arrays(layout, **values), strict=True))
    members = np.broadcast_shapes(*(array.shape for array in given.values()))
    entries = function(*(given[name] for name in names))
    d = len(liouville.basis)
    matrices = np.zeros((*members, count, d, d), np.result_type(float, *entries))
    for place, entry in zip(places, entries, strict=True):
        matrices[(..., *place)] = entry
    generator = Generator(matrices[..., 0, :, :], matrices[..., 1:, :, :])
    if liouville.identity:  # in both bases these two places hold -1/T1 and -1/T2
        check_times(*(-1 / generator.drift[..., k, k].real for k in (3, 1)))
    return generator


def _given(liouville):
    liouville = liouvillian() if liouville is None else liouville
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
    return _vector(name, liouville, constant=True)


def observable(name, liouville=None):
    """Like :func:`state`, without the constant unit operator: what a target state is.

    Examples
    --------
    >>> observable("0.5 Ix + Iz")
    array([0.5, 0. , 1. ])
    """
    return _vector(name, liouville)


def _vector(name, liouville, constant=False):
    liouville = _given(liouville)
    operators = [operator for operator, _ in product_basis(liouville.spins, liouville.identity)]
    vector = np.zeros(len(operators))
    term = rf"([+-]?)(\d+\.?\d*|\.\d+|)[* ]?({'|'.join(operators)})"
    # Blanks go, but not between digits: "2 2Ix" is not 22 Ix.
    text = re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", instance("The name of a state", name, str))
    for part in filter(None, re.split(r"(?=[+-])", text)):
        found = re.fullmatch(term, part)
        require(found,
                f"There is no operator {part!r} in {name!r}; the basis has {', '.join(operators)}.")
        sign, factor, operator = found.groups()
        vector[operators.index(operator)] += float(sign + (factor or "1"))
    require(vector.any() and np.isfinite(vector).all(),
            f"The state {name!r} is zero or not finite; name at least one operator.")
    if constant and liouville.identity:
        vector[0] = 1.0
    if liouville.basis[0].startswith("|"):
        return numbers(basis_matrix(liouville.spins, liouville.identity)) @ vector
    return vector
