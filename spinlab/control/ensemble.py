r"""Ensembles: the members that one pulse has to serve at once.

A member is one offset, one scale of the RF field and, if wanted, one pair of relaxation times.  A
design grid must not be coarser in offset than :math:`1/(2T)`: between two coarser members the
optimiser finds room to fail, :eq:`eq-grid-spacing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..inputs import choice, finite_array, instance, not_negative, positive
from ..spins.systems import check_times

#: What a member may differ in; all but the offset are positive.
AXES = ("offset_hz", "b1_scale", "t1", "t2")
#: The largest grid that is made, and the largest B1 scale in a histogram: 100 is per cent.
MEMBERS, SCALE = 1_000_000, 10


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members of an ensemble.

    Parameters
    ----------
    offset_hz : array_like, (members,)
        Offsets from the carrier, Hz.
    b1_scale : array_like, (members,)
        Scales of the RF field, positive.
    weights : array_like, (members,), optional
        Not negative; normalised to sum 1.  Default: all equal.
    t1, t2 : array_like, (members,), optional
        Relaxation times, s: values of the symbols ``T1`` and ``T2`` of the spin system.

    Examples
    --------
    >>> Ensemble.grid(offset_hz=[-1e3, 0, 1e3], b1_scale=[0.9, 1.1]).members
    6
    """

    offset_hz: np.ndarray
    b1_scale: np.ndarray
    weights: np.ndarray | None = None
    t1: np.ndarray | None = None
    t2: np.ndarray | None = None

    def __post_init__(self):
        arrays = {
            name: np.atleast_1d(finite_array(name, getattr(self, name)))
            for name in AXES
            if name in AXES[:2] or getattr(self, name) is not None
        }
        count = max(array.size for array in arrays.values())
        weights = np.ones(count) if self.weights is None else self.weights
        weights = finite_array("weights", weights)
        sizes = {array.size for array in arrays.values()}
        one_axis = all(array.ndim == 1 for array in arrays.values())
        if not (one_axis and min(sizes) and sizes <= {1, count} and weights.shape == (count,)):
            shapes = ", ".join(str(array.shape) for array in arrays.values())
            raise ValueError(
                f"{_listed(arrays)} and weights must be 1-D and of one length, but the shapes "
                f"{shapes} and {weights.shape} arrived."
            )
        for name, array in arrays.items():
            if name != "offset_hz" and np.any(array <= 0):
                raise ValueError(f"{name} must be positive, but {array.min():g} arrived.")
            object.__setattr__(self, name, np.broadcast_to(array, (count,)).copy())
        if {"t1", "t2"} <= arrays.keys():
            check_times(self.t1, self.t2)
        weights = _scaled(weights)
        object.__setattr__(self, "weights", weights / weights.sum())

    @classmethod
    def grid(cls, offset_hz=(0.0,), b1_scale=(1.0,), t1=None, t2=None, weights=None):
        """All combinations of the values on the axes, the last axis running fastest.

        Parameters
        ----------
        offset_hz, b1_scale, t1, t2 : array_like
            Values on the axes, as of an :class:`Ensemble`.
        weights : "trapezoidal" or dict, optional
            Weights along an axis by its name, such as ``{"b1_scale": [1, 2, 1]}``; those of a
            member are the product.  Default: all equal.  ``"trapezoidal"``, for all axes or as the
            weights of one, makes the mean over the members that over the ranges by the trapezoidal
            rule, :eq:`eq-trapezoidal-weights`; the values must then be in ascending order.

        Returns
        -------
        Ensemble

        Examples
        --------
        >>> Ensemble.grid([-1e3, 0, 1e3], weights="trapezoidal").weights
        array([0.25, 0.5 , 0.25])
        """
        given = zip(AXES, (offset_hz, b1_scale, t1, t2), strict=True)
        axes = {name: finite_array(name, axis) for name, axis in given if axis is not None}
        if max(axis.ndim for axis in axes.values()) > 1 or not min(a.size for a in axes.values()):
            shapes = " and ".join(str(axis.shape) for axis in axes.values())
            raise ValueError(
                "A grid takes numbers or 1-D arrays that are not empty, but the shapes "
                f"{shapes} arrived."
            )
        along = {name: np.ones(axis.size) for name, axis in axes.items()}
        if isinstance(weights, str):
            weights = dict.fromkeys(axes, weights)
        hint = "Give one row of weights an axis, such as {'b1_scale': [1, 2, 1]}."
        weights = {} if weights is None else instance("weights", weights, dict, hint)
        for name, values in weights.items():
            if isinstance(values, str):
                choice("rule for weights", values, ("trapezoidal",))
                values = _trapezoidal(name, axes.get(name, ()))
            values = finite_array(f"The weights of {name}", values)
            if name not in axes or values.shape != (axes[name].size,):
                raise ValueError(
                    f"The weights of {name!r} have shape {values.shape}; give one number for every "
                    f"value on an axis that the grid has: {', '.join(axes)}."
                )
            along[name] = _scaled(values)
        grids = np.meshgrid(*axes.values(), indexing="ij")
        shares = math.prod(np.meshgrid(*along.values(), indexing="ij"))
        members = {name: grid.ravel() for name, grid in zip(axes, grids, strict=True)}
        return cls(**members, weights=shares.ravel())

    @property
    def members(self):
        """Number of members."""
        return len(self.offset_hz)

    @property
    def offset_spacing_hz(self):
        """Largest gap between neighbouring offsets, Hz; 0 for a single offset."""
        offsets = np.unique(self.offset_hz)
        return float(np.diff(offsets).max()) if len(offsets) > 1 else 0.0

    @property
    def relaxation_times(self):
        """Values of the symbols ``T1`` and ``T2``, where the members have them."""
        return {
            name.upper(): getattr(self, name)
            for name in ("t1", "t2")
            if getattr(self, name) is not None
        }


def design_grid(duration, bandwidth_hz, b1_range=(1.0, 1.0), rf_hz=0.0):
    r"""The coarsest grid on which a pulse may be designed.

    Offsets are at most :math:`1/(2T)` apart, :eq:`eq-grid-spacing`, and B1 scales at most
    :math:`1/(2\nu_{\text{rf}}T)`: between neighbours the flip angle then differs by half a turn.
    The weights are those of the trapezoidal rule, :eq:`eq-trapezoidal-weights`.  Over few members
    even that rule is rough (a mean over two B1 scales may be 0.01 too low): :func:`spinlab.adapt`
    goes on from this grid until reported and dense fidelity agree.

    Parameters
    ----------
    duration : float
        Length :math:`T` of the pulse, s.
    bandwidth_hz : float
        Width of the range of offsets, Hz, centred on the carrier.
    b1_range : tuple of two floats
        Smallest and largest B1 scale.
    rf_hz : float
        Largest RF amplitude, Hz.

    Returns
    -------
    Ensemble

    Examples
    --------
    >>> grid = design_grid(0.5e-3, bandwidth_hz=20e3, b1_range=(0.8, 1.2), rf_hz=10e3)
    >>> grid.members, grid.offset_spacing_hz
    (105, 1000.0)
    """
    positive("duration", duration, " of seconds")
    not_negative("bandwidth_hz", bandwidth_hz)
    not_negative("rf_hz", rf_hz)
    b1_range = finite_array("b1_range", b1_range)
    if b1_range.shape != (2,) or b1_range[0] > b1_range[1]:
        raise ValueError(f"b1_range must be (smallest, largest), but {b1_range} arrived.")
    if np.ptp(b1_range) and not rf_hz:
        raise ValueError("A range of B1 scales needs rf_hz, to know how close they must lie.")
    ranges = ((-bandwidth_hz / 2, bandwidth_hz / 2, 1), (*b1_range, rf_hz))
    gaps = [2 * duration * rate * (high - low) for low, high, rate in ranges]
    if math.prod(gap + 1 for gap in gaps) > MEMBERS:
        raise ValueError(
            f"The grid would have {math.prod(gap + 1 for gap in gaps):.3g} members, more than "
            f"{MEMBERS}; look at the units of duration (s), bandwidth_hz and rf_hz."
        )
    axes = [
        np.linspace(low, high, math.ceil(gap - 1e-9) + 1)
        for (low, high, _), gap in zip(ranges, gaps, strict=True)
    ]
    return Ensemble.grid(*axes, weights="trapezoidal")


def read_histogram(path):
    """A measured B1 histogram: axis and weights of :meth:`Ensemble.grid`.

    Parameters
    ----------
    path : str or path-like
        A text file of comma-separated values with the header ``b1_scale,weight``.

    Returns
    -------
    b1_scale, weights : ndarray, (bins,)

    Raises
    ------
    ValueError
        No such file, another header, a row that is not two numbers, no row, impossible weights,
        scales in per cent.

    Examples
    --------
    >>> scale, weights = read_histogram("b1.csv")  # doctest: +SKIP
    >>> Ensemble.grid(offsets, scale, weights={"b1_scale": weights})  # doctest: +SKIP
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"No histogram could be read from {path!r}: {error}.") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    columns = [name.strip() for name in lines[0].split(",")] if lines else []
    if columns != ["b1_scale", "weight"]:
        raise ValueError(
            f"{path} must begin with the line b1_scale,weight, but it begins with "
            f"{lines[0][:60] if lines else 'nothing'!r}."
        )
    rows = []
    for line in lines[1:]:
        try:
            scale, weight = map(float, line.split(","))
        except ValueError:
            raise ValueError(
                f"Every line of {path} must hold two numbers, such as 0.95,12, but {line[:60]!r} "
                "arrived."
            ) from None
        rows.append((scale, weight))
    if not rows:
        raise ValueError(f"{path} holds no bin; every line behind the header is one.")
    scale, weights = np.array(rows).T
    Ensemble(np.zeros(len(rows)), scale, weights)  # says so if a number makes no sense
    if scale.max() > SCALE:
        raise ValueError(
            f"{path} holds the B1 scale {scale.max():g}; a scale is a ratio: 1.1, not 110 per cent."
        )
    return scale, weights


def _scaled(weights):
    """The weights, checked, times a power of two: none overflows in sums and products."""
    if np.any(weights < 0) or not weights.any():
        raise ValueError("The weights must not be negative, and at least one must be positive.")
    return np.ldexp(weights, -np.frexp(weights.max())[1])


def _trapezoidal(name, axis):
    gaps = np.diff(np.ravel(axis))
    if np.any(gaps <= 0):
        raise ValueError(f"Trapezoidal weights need {name} in ascending order, but it is not.")
    return np.convolve(gaps, [0.5, 0.5]) if len(gaps) else np.ones(1)


def _listed(names):
    return ", ".join(names).replace("offset_hz, b1_scale", "Offsets, B1 scales")
