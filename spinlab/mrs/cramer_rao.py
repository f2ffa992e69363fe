r"""What a spectrum can tell about concentrations at best: Cramér-Rao bounds, and how to lower them.

A spectrum is fitted by amplitudes of all molecules together with what nobody asks for: a phase, a
shift and a width common to all lines, and a smooth baseline.  With the derivatives of the model by
all parameters as columns of :math:`A`, white noise of deviation :math:`\sigma` allows no unbiased
estimate better than

.. math:: \operatorname{var}\theta_j \ge \sigma^2\,[(A^{\mathsf T} A)^{-1}]_{jj},

:eq:`eq-cramer-rao`.  As in clinical practice the real part is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import BSpline

from ..inputs import choice, echo_time, finite_array, instance, positive, whole
from .merits import peak
from .metabolites import METABOLITES, Scanner, metabolite
from .problem import SpectralProblem, exact_spectrum, judging_members
from .sequences import press
from .spectra import check_window

#: mmol per kg: round numbers of the size found in human grey matter, not those of one source.
CONCENTRATIONS = {
    "Glu": 10.0, "Gln": 3.5, "NAA": 10.0, "Cr": 8.0, "mI": 6.0, "GABA": 1.5, "GSH": 2.0,
}  # fmt: skip
#: Common decay of all signals with the echo time, s.
T2 = 0.160


@dataclass(frozen=True, eq=False)
class FitModel:
    """What is fitted to a spectrum, and how noisy it is.

    Parameters
    ----------
    ppm : ndarray, (points,)
        Axis of the spectra: rising, evenly spaced.
    concentrations : dict
        Concentration by name: all molecules of the fit, those of interest and the others.
        Names are those of :data:`spinlab.mrs.metabolites.METABOLITES`.
    noise : float
        Deviation of the noise, in the spectra's unit at concentration 1.
    knots : int
        Number of baseline splines (cubic); 0 for no baseline.
    scanner : Scanner
    linewidth_hz : float
    """

    ppm: np.ndarray
    concentrations: dict
    noise: float = 1.0
    knots: int = 12
    scanner: Scanner = Scanner()
    linewidth_hz: float = 6.0

    def __post_init__(self):
        ppm = finite_array("ppm", self.ppm)
        if ppm.ndim != 1 or len(ppm) < 9 or np.ptp(np.diff(ppm)) > 1e-9 or ppm[1] <= ppm[0]:
            raise ValueError(
                "ppm must be one rising, evenly spaced axis of at least 9 points, but an array of "
                f"shape {ppm.shape} arrived that is not."
            )
        instance("scanner", self.scanner, Scanner)
        if not instance("concentrations", self.concentrations, dict):
            raise ValueError("concentrations is empty; give one molecule or more.")
        for name, value in self.concentrations.items():
            choice("metabolite", name, METABOLITES)
            positive(f"The concentration of {name}", value)
        positive("noise", self.noise), positive("linewidth_hz", self.linewidth_hz, " of hertz")
        if whole("knots", self.knots, least=0) and not 4 <= self.knots < len(ppm) / 2:
            raise ValueError(
                f"knots must be 0 or from 4 to half the points, but {self.knots} arrived."
            )
        object.__setattr__(self, "ppm", ppm)
        object.__setattr__(self, "_baseline", _splines(len(ppm), self.knots))
        object.__setattr__(self, "_step", np.diff(self.scanner.offset_hz(ppm[:2]))[0])

    def columns(self, spectra):
        """Derivatives of the real part by all parameters but the baseline's, which is projected
        out: amplitudes in the order of ``concentrations``, phase, shift, width.

        Parameters
        ----------
        spectra : dict
            Of one unit of concentration: complex, (..., points), by name.

        Returns
        -------
        ndarray, (..., points, molecules + 3)
        """
        missing = set(self.concentrations) - set(instance("spectra", spectra, dict))
        if missing:
            raise ValueError(f"The fit needs the spectra of {', '.join(sorted(missing))}, too.")
        spectra = {name: finite_array(f"The spectrum of {name}", spectra[name], complex)
                   for name in self.concentrations}  # fmt: skip
        for name, one in spectra.items():
            if one.shape[-1:] != self.ppm.shape:
                raise ValueError(
                    f"The spectrum of {name} must have the {len(self.ppm)} points of the axis, but "
                    f"shape {one.shape} arrived."
                )
        total = sum(value * spectra[name] for name, value in self.concentrations.items())
        slope = _difference(total) / self._step
        # A Lorentzian of width w is a function of w/2 + i nu: one derivative serves for both.
        parts = [spectra[name].real for name in self.concentrations]
        parts += [-total.imag, -slope.real, slope.imag / 2]
        return self._project(np.stack(parts, axis=-1))

    def _project(self, columns):
        return columns - self._baseline @ (self._baseline.T @ columns)

    def bounds(self, spectra):
        """Cramér-Rao bounds relative to the concentrations, {name: ndarray (...)}; 0.05 is 5 %.

        Parameters
        ----------
        spectra : dict
            As in :meth:`columns`.
        """
        covariance = _covariance(self.columns(spectra))
        return {
            name: self.noise * np.sqrt(covariance[..., j, j]) / value
            for j, (name, value) in enumerate(self.concentrations.items())
        }

    def loss(self, goals, weights=None):
        r"""Loss on spectra: :math:`\sum_j (\text{bound}_j / \text{goal}_j)^2`, :eq:`eq-cramer-rao`.

        Parameters
        ----------
        goals : dict
            Relative bound by name, such as that of the best conventional sequence.
        weights : ndarray, (members,), optional
            Default: equal.

        Returns
        -------
        callable
            For :class:`spinlab.mrs.SpectralProblem`.
        """
        names = list(self.concentrations)
        if not instance("goals", goals, dict):
            raise ValueError("goals is empty; give the bound of one molecule or more.")
        for name, value in goals.items():
            choice("molecule in the fit", name, names)
            positive(f"The goal of {name}", value)
        scale = np.array([
            (self.noise / self.concentrations[name] / goals[name]) ** 2 if name in goals else 0.0
            for name in names
        ] + [0.0] * 3)  # fmt: skip

        def value(spectra):
            columns = self.columns(spectra)
            members = np.ones(len(columns)) if weights is None else np.asarray(weights)
            members = (members / members.sum())[:, None]
            covariance = _covariance(columns)
            terms = np.diagonal(covariance, axis1=1, axis2=2) * scale
            inner = (covariance * scale) @ covariance
            back = -2 * self._project(columns @ inner) * members[..., None]
            return np.sum(members * terms), self._pull(back, names)

        return value

    def _pull(self, back, names):
        """Derivatives by the columns to derivatives by the spectra."""
        slope = -back[..., -2] + 0.5j * back[..., -1]
        total = _difference_transposed(slope) / self._step - 1j * back[..., -3]
        return {
            name: back[..., j] + self.concentrations[name] * total for j, name in enumerate(names)
        }


def _covariance(columns):
    """Inverse of ``columns.T @ columns``, found at columns of length 1."""
    length = np.linalg.norm(columns, axis=-2, keepdims=True)
    unit = columns / np.where(length == 0, 1, length)
    gram = np.swapaxes(unit, -1, -2) @ unit
    if np.linalg.eigvalsh(gram)[..., 0].min() < 1e-10:
        raise ValueError(
            "The fit cannot tell apart all of its parameters: a molecule has no signal here, or "
            "two have the same spectrum; leave one out, or widen the window."
        )
    return np.linalg.inv(gram) / (np.swapaxes(length, -1, -2) * length)


def _splines(points, count):
    """Orthonormal basis of cubic splines over the axis, (points, count)."""
    if not count:
        return np.zeros((points, 0))
    knots = np.concatenate([[0] * 3, np.linspace(0, 1, count - 2), [1] * 3])
    design = BSpline.design_matrix(np.linspace(0, 1, points), knots, 3).toarray()
    return np.linalg.qr(design)[0]


#: Weights of a symmetric difference of order 6, for neighbours 1, 2 and 3 points away.
STENCIL = (45 / 60, -9 / 60, 1 / 60)


def _difference(values):
    """Derivative along the last axis in units of the step; 0 at the three points of each end."""
    result, n = np.zeros_like(values), values.shape[-1]
    for k, weight in enumerate(STENCIL, 1):
        result[..., 3:-3] += weight * (values[..., 3 + k:n - 3 + k] - values[..., 3 - k:n - 3 - k])
    return result


def _difference_transposed(values):
    result, n = np.zeros_like(values), values.shape[-1]
    for k, weight in enumerate(STENCIL, 1):
        result[..., 3 + k:n - 3 + k] += weight * values[..., 3:-3]
        result[..., 3 - k:n - 3 - k] -= weight * values[..., 3:-3]
    return result


def fit_model(te, snr=100.0, window_ppm=(0.6, 4.2), knots=12, scanner=None, linewidth_hz=6.0):
    """The fit of a spectrum of echo time ``te``, with molecules as in :data:`CONCENTRATIONS`.

    The axis has a point every hertz, as a readout of one second has.  The noise makes the NAA peak
    of PRESS with TE 15 + 15 ms, after its decay with :data:`T2`, ``snr`` times as high as its
    deviation.  Instead of letting the signal decay with ``te`` it is the noise that grows.

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

    Returns
    -------
    FitModel
    """
    scanner = Scanner() if scanner is None else instance("scanner", scanner, Scanner)
    echo_time("te", te), positive("snr", snr)
    low, high = check_window(window_ppm)
    points = round(scanner.offset_hz(high) - scanner.offset_hz(low)) + 1
    model = FitModel(np.linspace(low, high, points), CONCENTRATIONS, 1.0, knots, scanner,
                     linewidth_hz)  # fmt: skip
    axis = np.linspace(1.9, 2.1, 201)
    naa = exact_spectrum(metabolite("NAA"), press(15e-3, 15e-3), scanner, axis, linewidth_hz)
    height = CONCENTRATIONS["NAA"] * peak(naa, axis, (1.9, 2.1))
    return replace(model, noise=float(height / snr * np.exp((te - 30e-3) / T2)))


def judge_bounds(sequence, model, ensemble=None):
    """Bounds of any sequence by the exact path, {name: ndarray (members,)}.

    Parameters
    ----------
    sequence : tuple of blocks
    model : FitModel
        Of the sequence's echo time, such as ``fit_model(duration(sequence))``.
    ensemble : Ensemble, optional
        Default: 25 members, B0 within 5 Hz and B1 within 10 %.
    """
    instance("model", model, FitModel)
    ensemble = judging_members(ensemble)
    seen_by = model.scanner, model.ppm, model.linewidth_hz, ensemble.offset_hz, ensemble.b1_scale
    return model.bounds({
        name: exact_spectrum(metabolite(name), sequence, *seen_by) for name in model.concentrations
    })


def cramer_rao_problem(goals, model, te1, te2, **means):
    """The problem of making bounds small, whatever the spectra look like.

    Parameters
    ----------
    goals : dict
        Relative bound by name, such as that of the best PRESS: the loss adds up the squares of
        ``bound / goal``.
    model : FitModel
    te1, te2 : float
        Echo times, s.
    **means
        Of :class:`spinlab.mrs.SpectralProblem`.

    Returns
    -------
    SpectralProblem
    """
    instance("model", model, FitModel)
    problem = SpectralProblem(
        tuple(model.concentrations), model.loss(goals), te1, te2,
        window_ppm=(model.ppm[0], model.ppm[-1]), points=len(model.ppm),
        linewidth_hz=model.linewidth_hz, scanner=model.scanner, **means,
    )  # fmt: skip
    return replace(problem, loss=model.loss(goals, problem.ensemble.weights))
