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

from ..inputs import arrays, choice, hold, instance, positive, require, window
from .blocks import ECHO, duration
from .metabolites import METABOLITES, Scanner, metabolite
from .problem import SpectralProblem
from .sequences import press
from .spectra import exact_spectrum, judging_members, peak, ppm_axis

#: Molecules of a fit, where none are named: not all that come with the package.
FITTED = ("Glu", "Gln", "NAA", "Cr", "mI", "GABA", "GSH")


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
    te : float, optional
        Echo time that the noise is for, s: no sequence of another duration is judged.
    """

    ppm: np.ndarray
    concentrations: dict
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
        _check_names("concentration", self.concentrations, METABOLITES)
        object.__setattr__(self, "_baseline", _splines(len(ppm), knots))
        object.__setattr__(self, "_step", np.diff(self.scanner.offset_hz(ppm[:2]))[0])

    def columns(self, spectra):
        """Derivatives of the real part by all parameters but the baseline's, which is projected
        out: amplitudes in the order of ``concentrations``, phase, shift, width.

        Parameters
        ----------
        spectra : dict
            Of one unit of concentration: complex, ([members,] points), by name.

        Returns
        -------
        ndarray, ([members,] points, molecules + 3)
        """
        missing = set(self.concentrations) - set(instance("spectra", spectra, dict))
        require(not missing, f"The fit needs the spectra of {', '.join(sorted(missing))}, too.")
        found = [spectra[name] for name in self.concentrations]
        found = arrays(f"spectra: complex ... {len(self.ppm)}", spectra=found)
        total = np.tensordot([*self.concentrations.values()], found, 1)
        slope = _difference(total) / self._step
        # A Lorentzian of width w is a function of w/2 + i nu: one derivative serves for both.
        parts = [*found.real, -total.imag, -slope.real, slope.imag / 2]
        return self._project(np.stack(parts, axis=-1))

    def _project(self, columns):
        return columns - self._baseline @ (self._baseline.T @ columns)

    def bounds(self, spectra):
        """Cramér-Rao bounds relative to the concentrations, {name: ([members])}; 0.05 is 5 %.

        Parameters
        ----------
        spectra : dict
            As in :meth:`columns`.
        """
        covariance = _covariance(self.columns(spectra))
        return {name: self.noise * np.sqrt(covariance[..., j, j]) / value
                for j, (name, value) in enumerate(self.concentrations.items())}  # fmt: skip


@dataclass(frozen=True, eq=False)
class BoundLoss:
    r"""Loss on spectra, :math:`\sum_j (\text{bound}_j / \text{goal}_j)^2`, and its judge.

    Parameters
    ----------
    model : FitModel
    goals : dict
        Relative bound by name, such as that of the best conventional sequence.
    """

    model: FitModel
    goals: dict

    def __post_init__(self):
        instance("model", self.model, FitModel)
        _check_names("goal", self.goals, self.model.concentrations)

    def __call__(self, spectra):
        """Values, (members,), and derivatives by the spectra."""
        model = self.model
        terms = [model.noise / value / self.goals.get(name, np.inf)
                 for name, value in model.concentrations.items()]  # fmt: skip
        scale, columns = np.array([*terms, 0, 0, 0]) ** 2, model.columns(spectra)
        covariance = _covariance(columns)
        values = np.diagonal(covariance, axis1=1, axis2=2) @ scale
        back = -2 * model._project(columns @ ((covariance * scale) @ covariance))
        # From derivatives by the columns to derivatives by the spectra.
        slope = -back[..., -2] + 0.5j * back[..., -1]
        total = _difference_transposed(slope) / model._step - 1j * back[..., -3]
        parts = enumerate(model.concentrations.items())
        return values, {name: back[..., j] + value * total for j, (name, value) in parts}

    def judge(self, sequence, problem, ensemble):
        """:func:`judge_bounds` on an ensemble."""
        return judge_bounds(sequence, self.model, ensemble)


def _check_names(what, values, names):
    """Refuse what is no dict of positive numbers by some of the names."""
    require(instance(f"{what}s", values, dict), f"{what}s is empty; give one molecule or more.")
    for name, value in values.items():
        positive(f"The {what} of {choice('molecule', name, tuple(names))}", value)


def _covariance(columns):
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
    """The fit of a spectrum of echo time ``te``: seven metabolites, :data:`FITTED`.

    The axis has a point every hertz, as a readout of one second has.  The noise makes the NAA peak
    of PRESS with TE 15 + 15 ms, after its decay with ``t2``, ``snr`` times as high as its
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
    te, snr = arrays(f"te: {ECHO}; snr: > 0", te=te, snr=snr)
    ppm = ppm_axis(*window("window_ppm", window_ppm), 1e6 / scanner.larmor_hz)
    known = {name: metabolite(name).concentration for name in FITTED}
    model = FitModel(ppm, known, 1.0, knots, scanner, linewidth_hz, te)
    naa, axis = metabolite("NAA"), np.linspace(1.9, 2.1, 201)
    spectrum = exact_spectrum(naa, press(15e-3, 15e-3), scanner, axis, model.linewidth_hz)
    height = naa.concentration * peak(spectrum, axis, (1.9, 2.1))
    return replace(model, noise=float(height / snr * np.exp((te - 30e-3) / naa.t2)))


def judge_bounds(sequence, model, ensemble=None):
    """Bounds of any sequence by the exact path, {name: ndarray (members,)}.

    Parameters
    ----------
    sequence : tuple of blocks
    model : FitModel
        Of the sequence's echo time, such as ``fit_model(duration(sequence))``.  Where a part of the
        duration is no echo time, as in STEAM: ``dataclasses.replace(model, te=None)``.
    ensemble : Ensemble, optional
        Default: 25 members, B0 within 5 Hz and B1 within 10 %.
    """
    _check_duration(instance("model", model, FitModel), duration(sequence))
    ensemble = judging_members(ensemble)
    seen_by = model.scanner, model.ppm, model.linewidth_hz, ensemble.offset_hz, ensemble.b1_scale
    names = model.concentrations
    return model.bounds({n: exact_spectrum(metabolite(n), sequence, *seen_by) for n in names})


def _check_duration(model, seconds):
    """Refuse a model whose noise is that of another echo time."""
    te = seconds if model.te is None else model.te
    require(abs(te - seconds) < 1e-6, f"The model is for an echo time of {1e3 * te:g} ms, but "
            f"{1e3 * seconds:g} ms arrived; make it by fit_model(duration(sequence)).")


def cramer_rao_problem(goals, model, blocks, **means):
    """The problem of making bounds small, whatever the spectra look like.

    Parameters
    ----------
    goals : dict
        Relative bound by name, such as that of the best PRESS: the loss adds up the squares of
        ``bound / goal``.
    model : FitModel
    blocks : tuple of blocks
        The sequence, with free intervals, such as ``press(10e-3, 30e-3, free=True)``.
    **means
        Of :class:`spinlab.mrs.SpectralProblem`.

    Returns
    -------
    SpectralProblem
    """
    loss = BoundLoss(model, goals)
    problem = SpectralProblem(
        tuple(model.concentrations), loss, blocks,
        window_ppm=(model.ppm[0], model.ppm[-1]), points=len(model.ppm),
        linewidth_hz=model.linewidth_hz, scanner=model.scanner, **means,
    )  # fmt: skip
    _check_duration(model, duration(problem.blocks))
    return problem
