"""What is fitted to a spectrum, and how noisy it is.

All molecules have an amplitude; phase, shift and width are common to all lines, and a smooth
baseline is under them, :eq:`eq-fit-model`.  As in clinical practice the real part is fitted.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import BSpline
from scipy.ndimage import correlate1d

from ..inputs import arrays, hold, instance, require, window
from .blocks import ECHO, duration
from .metabolites import Scanner, metabolite
from .sequences import press
from .spectra import check_molecules, exact_spectrum, peak, ppm_axis

#: Molecules of a fit, where none are named.
FITTED = ("Glu", "Gln", "NAA", "Cr", "mI", "GABA", "GSH")


@dataclass(frozen=True, eq=False)
class FitModel:
    """What is fitted to a spectrum, and how noisy it is.

    Parameters
    ----------
    ppm : ndarray, (points,)
        Axis of the spectra: rising, evenly spaced.
    molecules : tuple of (str or Metabolite), or dict
        All molecules of the fit, those of interest and the others, with the concentrations that
        they have, or those that a dict gives: ``{"Glu": 10.0, "Gln": 3.5}``.
    noise : float
        Deviation of the noise, in the spectra's unit at concentration 1.
    knots : int
        Number of baseline splines (cubic); 0 for no baseline.
    scanner : Scanner
    linewidth_hz : float
    te : float, optional
        Echo time that the noise is for, s: no sequence of another duration is judged.
    """

    ppm: np.ndarray
    molecules: tuple
    noise: float = 1.0
    knots: int = 12
    scanner: Scanner = Scanner()
    linewidth_hz: float = 6.0
    te: float | None = None

    def __post_init__(self):
        hold(self, "ppm: points; noise: > 0; knots: whole >= 0; linewidth_hz: > 0 (hertz); "
                   "te?: > 0 (seconds)")  # fmt: skip
        ppm, knots = self.ppm, self.knots
        even = len(ppm) >= 9 and np.ptp(np.diff(ppm)) < 1e-9 and ppm[1] > ppm[0]
        require(even, "ppm must be a rising, evenly spaced axis of at least 9 points.")
        few = knots == 0 or 4 <= knots < len(ppm) / 2
        require(few, f"knots must be 0 or from 4 to half the points, not {knots}.")
        instance("scanner", self.scanner, Scanner)
        object.__setattr__(self, "molecules", _known(self.molecules))
        object.__setattr__(self, "_baseline", _splines(len(ppm), knots))

    @property
    def step_hz(self):
        """From one point of the axis to the next, Hz."""
        return self.scanner.offset_hz(self.ppm[1]) - self.scanner.offset_hz(self.ppm[0])

    @property
    def concentrations(self):
        """Concentrations by name."""
        return {one.name: one.concentration for one in self.molecules}

    def columns(self, spectra):
        """Derivatives of the real part by all parameters but the baseline's, which is projected
        out: amplitudes in the order of ``molecules``, phase, shift, width.

        Parameters
        ----------
        spectra : dict
            Of one unit of concentration: complex, ([members,] points), by name.

        Returns
        -------
        ndarray, ([members,] points, molecules + 3)
        """
        found = self.in_order("spectra", spectra, f"... {len(self.ppm)}")
        total = np.tensordot([*self.concentrations.values()], found, 1)
        slope = difference(total) / self.step_hz
        # A Lorentzian of width w is a function of w/2 + i nu: one derivative serves for both.
        parts = [*found.real, -total.imag, -slope.real, slope.imag / 2]
        return self.project(np.stack(parts, axis=-1))

    def in_order(self, what, given, axes):
        """What is given by name as one array of these axes, in the order of the molecules."""
        missing = set(self.concentrations) - set(instance(what, given, dict))
        require(not missing, f"The fit needs the {what} of {', '.join(sorted(missing))}, too.")
        found = [given[name] for name in self.concentrations]
        return arrays(f"{what}: complex {axes}", **{what: found})

    def project(self, columns):
        """Columns, (..., points, columns), without what the baseline can make."""
        return columns - self._baseline @ (self._baseline.T @ columns)

    def bounds(self, spectra):
        """Cramér-Rao bounds relative to the concentrations, {name: ([members])}; 0.05 is 5 %.

        Parameters
        ----------
        spectra : dict
            As in :meth:`columns`.
        """
        covariance = covariance_of(self.columns(spectra))
        return {name: self.noise * np.sqrt(covariance[..., j, j]) / value
                for j, (name, value) in enumerate(self.concentrations.items())}  # fmt: skip


def check_duration(model, sequence):
    """Refuse a model whose noise is that of another echo time."""
    seconds, te = duration(sequence), instance("model", model, FitModel).te
    require(te is None or abs(te - seconds) < 1e-6, f"The model is for an echo time of "
            f"{1e3 * (te or 0):g} ms, but {1e3 * seconds:g} ms arrived; make it by "
            "fit_model(duration(sequence)).")  # fmt: skip


def _known(molecules):
    """The molecules as metabolites of different names, whose concentrations are known."""
    kinds = (tuple, list, dict)
    if isinstance(instance("molecules", molecules, kinds), dict):
        pairs = molecules.items()
        molecules = [replace(metabolite(one), concentration=value) for one, value in pairs]
    known = check_molecules("molecules", molecules)
    for one in known:
        require(one.concentration, f"{one.name} has no concentration; give molecules as a dict, "
                "or set it by dataclasses.replace().")  # fmt: skip
    return known


def covariance_of(columns):
    """Inverse of ``columns.T @ columns``, found at columns of length 1."""
    length = np.linalg.norm(columns, axis=-2, keepdims=True)
    unit = columns / np.where(length == 0, 1, length)
    gram = np.swapaxes(unit, -1, -2) @ unit
    require(np.linalg.eigvalsh(gram)[..., 0].min() >= 1e-10, "The fit cannot tell apart all of its "
            "parameters; leave out a molecule without a signal of its own, or widen the window.")
    return np.linalg.inv(gram) / (np.swapaxes(length, -1, -2) * length)


def _splines(points, count):
    """Orthonormal basis of cubic splines over the axis, (points, count)."""
    if not count:
        return np.zeros((points, 0))
    knots = np.concatenate([[0] * 3, np.linspace(0, 1, count - 2), [1] * 3])
    design = BSpline.design_matrix(np.linspace(0, 1, points), knots, 3).toarray()
    return np.linalg.qr(design)[0]


#: A symmetric difference of order 6.
STENCIL = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60


def difference(values):
    """Derivative along the last axis in units of the step; 0 at the three points of each end."""
    return _inside(correlate1d(values, STENCIL, mode="constant"))


def difference_transposed(values):
    """The transposed of :func:`difference`."""
    return -correlate1d(_inside(values), STENCIL, mode="constant")


def _inside(values):
    """The values with 0 in place of the three at each end."""
    values = values.copy()
    values[..., :3] = values[..., -3:] = 0
    return values


def fit_model(te, snr=100.0, window_ppm=(0.6, 4.2), knots=12, scanner=None, linewidth_hz=6.0,
              molecules=FITTED):  # fmt: skip
    """The fit of a spectrum of echo time ``te``.

    The axis has a point every hertz, as a readout of one second has.  The noise is that of the
    receiver, whatever is measured: it makes the NAA peak of PRESS with TE 15 + 15 ms and lines of
    6 Hz, after its decay with ``t2``, ``snr`` times as high as its deviation.  Instead of letting
    the signal decay with ``te`` it is the noise that grows.  So of a molecule with another T2 than
    that of NAA the model has what is left of it relative to NAA's: that concentration is fitted.

    Parameters
    ----------
    te : float
        Echo time of the sequence that is judged, s.
    snr : float
    window_ppm : (float, float)
        What is fitted.
    knots : int
        Of the baseline.
    scanner : Scanner, optional
    linewidth_hz : float
    molecules : tuple of (str or Metabolite), or dict
        As in :class:`FitModel`, such as ``(*FITTED, macromolecules())``.

    Returns
    -------
    FitModel
    """
    scanner = Scanner() if scanner is None else instance("scanner", scanner, Scanner)
    te, snr = arrays(f"te: {ECHO}; snr: > 0", te=te, snr=snr)
    ppm = ppm_axis(*window("window_ppm", window_ppm), 1e6 / scanner.larmor_hz)
    naa, axis = metabolite("NAA"), np.linspace(1.9, 2.1, 201)

    def left(one):
        rest = 0.0 if one.t2 is None else te / naa.t2 - te / one.t2
        return replace(one, concentration=one.concentration * np.exp(rest)) if rest else one

    molecules = tuple(map(left, _known(molecules)))
    spectrum = exact_spectrum(naa, press(15e-3, 15e-3), scanner, axis, 6.0)
    noise = naa.concentration * peak(spectrum, axis, (1.9, 2.1)) / snr
    noise = float(noise * np.exp((te - 30e-3) / naa.t2))
    return FitModel(ppm, molecules, noise, knots, scanner, linewidth_hz, te)
