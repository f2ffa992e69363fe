r"""Ensembles: the members that one pulse has to serve at once.

A member is one offset, one scale of the RF field and, if wanted, one pair of relaxation times.  A
design grid must not be coarser in offset than :math:`1/(2T)`: between two coarser members the
optimiser finds room to fail, :eq:`eq-grid-spacing`.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..files.formats import cells, read_text, table
from ..inputs import arrays, choice, frozen, hold, instance, require
from ..spins.systems import check_times

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
        hold(self, "offset_hz: members?; b1_scale: members? > 0; t1?: members? > 0; "
                   "t2?: members? > 0; weights?: members >= 0")  # fmt: skip
        given = {name: values for name, values in vars(self).items() if values is not None}
        members = max(map(np.size, given.values()))
        weights = _scaled(given.get("weights", np.ones(members)))
        given["weights"] = weights / weights.sum()
        for name, values in given.items():
            object.__setattr__(self, name, frozen(np.broadcast_to(values, members)))
        check_times(self.t1, self.t2)

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
        layout = "offset_hz: offsets?; b1_scale: scales?; t1?: t1s?; t2?: t2s?"
        axes = {"offset_hz": offset_hz, "b1_scale": b1_scale, "t1": t1, "t2": t2}
        given = zip(axes, arrays(layout, **axes), strict=True)
        axes = {name: np.atleast_1d(axis) for name, axis in given if axis is not None}
        _countable(math.prod(axis.size for axis in axes.values()))
        along = {name: np.ones(axis.size) for name, axis in axes.items()}
        if isinstance(weights, str):
            weights = dict.fromkeys(axes, weights)
        hint = "Give one row of weights per axis, such as {'b1_scale': [1, 2, 1]}."
        weights = {} if weights is None else instance("weights", weights, dict, hint)
        for name, values in weights.items():
            axis = axes[choice("axis of the grid", name, axes)]
            if isinstance(values, str):
                values = RULES[choice("rule for weights", values, RULES)](name, axis)
            along[name] = _scaled(arrays(f"weights: {axis.size} >= 0", weights=values))
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
        return float(np.diff(np.unique(self.offset_hz)).max(initial=0.0))

    @property
    def relaxation_times(self):
        """Values of the symbols ``T1`` and ``T2``, where the members have them."""
        times = {"T1": self.t1, "T2": self.t2}
        return {name: values for name, values in times.items() if values is not None}


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
    duration, bandwidth_hz, b1_range, rf_hz = arrays(
        "duration: > 0 (seconds); bandwidth_hz: >= 0; b1_range: 2 > 0; rf_hz: >= 0",
        duration=duration, bandwidth_hz=bandwidth_hz, b1_range=b1_range, rf_hz=rf_hz)  # fmt: skip
    low, high = b1_range.tolist()
    require(low == high or low < high and rf_hz, "b1_range must be (smallest, largest), and a "
            f"range needs rf_hz > 0, but ({low:g}, {high:g}) and {rf_hz:g} arrived.")
    ranges = ((-bandwidth_hz / 2, bandwidth_hz / 2, 1), (low, high, rf_hz))
    gaps = [2 * duration * rate * (high - low) for low, high, rate in ranges]
    _countable(math.prod(gap + 1 for gap in gaps))
    axes = [np.linspace(low, high, math.ceil(gap - 1e-9) + 1)
            for (low, high, _), gap in zip(ranges, gaps, strict=True)]  # fmt: skip
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
    header, *rows = cells(read_text(path)) or [[]]
    begin = ",".join(header)[:60] or "nothing"
    require(begin == "b1_scale,weight",
            f"{path} must begin with b1_scale,weight, but begins with {begin!r}.")
    scale, weights = table(rows, 2)
    Ensemble(np.zeros(len(rows)), scale, weights)  # says so if a number makes no sense
    arrays(f"b1_scale: bins <= {SCALE} (a scale is 1.1, not 110 %)", b1_scale=scale)
    return scale, weights


def _countable(members):
    """Refuse a grid that fills the memory."""
    arrays(f"members: <= {MEMBERS} (look at the units, or at the spacing)", members=members)


def _scaled(weights):
    """The weights times a power of two: none overflows in sums and products."""
    require(weights.any(), "At least one of the weights must be positive.")
    return np.ldexp(weights, -np.frexp(weights.max())[1])


def _trapezoidal(name, axis):
    gaps = np.diff(axis)
    require(np.all(gaps > 0), f"Trapezoidal weights need {name} in ascending order; sort it.")
    return np.convolve(gaps, [0.5, 0.5]) if len(gaps) else np.ones(1)


#: name: function of the name of an axis and its points
RULES = {"trapezoidal": _trapezoidal}
