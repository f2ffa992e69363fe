"""Macromolecules: the broad signal under all others, as one metabolite like any other.

Eleven Gaussians, data with their source in ``macromolecules.json`` next to this module, are sampled
by spins that couple with nothing.  So they pass through every sequence, shaped pulses included.
"""

import json
from pathlib import Path

import numpy as np

from ..inputs import arrays, require
from .metabolites import Metabolite, SpinGroup

_FILE = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
#: Where there are fewer protons than this per ppm, no spin is needed.
LEAST = 0.4


def macromolecules(spacing_ppm=0.025):
    """Macromolecules of the brain as one molecule, ``MM``, for a fit or a basis set.

    Parameters
    ----------
    spacing_ppm : float
        Of the spins; no coarser than the lines will be wide, so that they blend.

    Returns
    -------
    Metabolite
        With a T2 of its own, which :func:`spinlab.mrs.fit_model` knows what to do with.

    Examples
    --------
    >>> round(macromolecules().protons, 1)
    13.6
    """
    spacing_ppm = arrays("spacing_ppm: > 0 (ppm)", spacing_ppm=spacing_ppm)
    narrow = min(one["width_ppm"] for one in _FILE["gaussians"])
    require(spacing_ppm <= narrow / 2, f"spacing_ppm must be at most {narrow / 2:g} of ppm, half "
            f"the narrowest width, but {spacing_ppm:g} arrived.")  # fmt: skip
    # The trapezoidal rule is exact for Gaussians that are sampled so finely.
    axis = np.arange(0.6, 4.4, spacing_ppm)
    density = np.zeros(len(axis))
    for one in _FILE["gaussians"]:
        shape = 2.0 ** (-((2 * (axis - one["shift_ppm"]) / one["width_ppm"]) ** 2))
        density += one["protons"] * shape / np.sum(shape)
    seen = density > LEAST * spacing_ppm
    pairs = zip(axis[seen], density[seen], strict=True)
    groups = tuple(SpinGroup([shift], weight=protons) for shift, protons in pairs)
    source = _FILE["sources"]["gaussians"]
    return Metabolite("MM", groups, source, concentration=_FILE["concentration"], t2=_FILE["t2"])
