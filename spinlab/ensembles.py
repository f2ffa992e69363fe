r"""Ensembles: the members that one pulse has to serve at once.

A member is one offset and one scale of the RF field.  A design grid must not be coarser in offset
than :math:`1/(2T)`: between two coarser members the optimiser finds room to fail,
:eq:`eq-grid-spacing`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .inputs import finite_array


@dataclass(frozen=True)
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

    Examples
    --------
    >>> Ensemble.grid(offset_hz=[-1e3, 0, 1e3], b1_scale=[0.9, 1.1]).members
    6
    """

    offset_hz: np.ndarray
    b1_scale: np.ndarray
    weights: np.ndarray | None = None

    def __post_init__(self):
        offset = np.atleast_1d(finite_array("offset_hz", self.offset_hz))
        scale = np.atleast_1d(finite_array("b1_scale", self.b1_scale))
        count = max(offset.size, scale.size)
        weights = np.ones(count) if self.weights is None else self.weights
        weights = finite_array("weights", weights)
        lengths_fit = {offset.size, scale.size} <= {1, count} and weights.shape == (count,)
        if offset.ndim != 1 or scale.ndim != 1 or not (offset.size and scale.size and lengths_fit):
            raise ValueError(
                "Offsets, B1 scales and weights must be 1-D and of one length, but the shapes "
                f"{offset.shape}, {scale.shape} and {weights.shape} arrived."
            )
        offset, scale = np.broadcast_arrays(offset, scale)
        if np.any(scale <= 0):
            raise ValueError(f"b1_scale must be positive, but {scale.min():g} arrived.")
        if np.any(weights < 0) or not weights.sum():
            raise ValueError("The weights must not be negative, and at least one must be positive.")
        object.__setattr__(self, "offset_hz", offset.copy())
        object.__setattr__(self, "b1_scale", scale.copy())
        object.__setattr__(self, "weights", weights / weights.sum())

    @classmethod
    def grid(cls, offset_hz=(0.0,), b1_scale=(1.0,)):
        """All combinations of offsets and B1 scales, the scale running fastest, equal weights."""
        axes = finite_array("offset_hz", offset_hz), finite_array("b1_scale", b1_scale)
        if max(axis.ndim for axis in axes) > 1 or not min(axis.size for axis in axes):
            raise ValueError(
                "A grid takes numbers or 1-D arrays that are not empty, but the shapes "
                f"{axes[0].shape} and {axes[1].shape} arrived."
            )
        offset, scale = np.meshgrid(*axes, indexing="ij")
        return cls(offset.ravel(), scale.ravel())

    @property
    def members(self):
        """Number of members."""
        return len(self.offset_hz)

    @property
    def offset_spacing_hz(self):
        """Largest gap between neighbouring offsets, Hz; 0 for a single offset."""
        offsets = np.unique(self.offset_hz)
        return float(np.diff(offsets).max()) if len(offsets) > 1 else 0.0
