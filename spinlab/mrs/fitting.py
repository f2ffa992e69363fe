r"""A fit: linear combination of the spectra of all molecules.

.. math:: y(\nu) = \operatorname{Re} \int_0^\infty \sum_j c_j s_j(t)\,
          e^{i\phi + 2\pi i\delta t - \pi w t}\, e^{-2\pi i\nu t}\, dt + \text{baseline}(\nu),

:eq:`eq-fit-model`, with amplitudes :math:`c_j`, and a phase, a shift and a width of all lines.  The
signals :math:`s_j` are sampled so that the points of the axis are those of their fast Fourier
transform.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.fft import next_fast_len
from scipy.optimize import least_squares

from ..inputs import arrays, instance, whole
from .fit_models import FitModel, check_duration, covariance_of
from .simulation import simulate
from .spectra import add_noise, fid, transitions


@dataclass(frozen=True, eq=False)
class Fit:
    """What a fit found.

    Parameters
    ----------
    amplitudes : dict
        By name, in the unit of the model's concentrations.
    phase_deg, shift_hz : float
        Of all lines.
    width_hz : float
        Lorentzian width beyond that of the basis.
    residual : ndarray, (points,)
        Real part of the data less the fit and its baseline.
    """

    amplitudes: dict
    phase_deg: float
    shift_hz: float
    width_hz: float
    residual: np.ndarray


def fit_signals(sequence, model, offset_hz=0.0, b1_scale=1.0):
    """Signals of all molecules of a model by the exact path: the basis of a fit, or what is fitted.

    Parameters
    ----------
    sequence : tuple of blocks
    model : FitModel
    offset_hz, b1_scale : float or ndarray, (members,)
        As in :func:`spinlab.mrs.simulate`.

    Returns
    -------
    dict
        Name: ndarray, ([members,] samples), of one unit of concentration, seen by a receiver at the
        first point of the axis.
    """
    check_duration(model, sequence)
    times, found = _times(model), {}
    receiver = replace(model.scanner, carrier_ppm=float(model.ppm[0]))
    for one in model.molecules:
        state = simulate(one, sequence, model.scanner, offset_hz, b1_scale)
        found[one.name] = fid(transitions(one, state, receiver), times, model.linewidth_hz)
    return found


def _times(model):
    """Times of the samples, s: so many that all lines are there, over one period of a step."""
    samples = next_fast_len(4 * len(model.ppm))
    return np.arange(samples) / (samples * model.step_hz)


def _spectra(signals, model, phase, shift_hz, width_hz):
    """Spectra of signals, (..., samples), with a phase, shift and width, and by time of signals."""
    times = _times(model)
    turning = times[1] * np.exp(1j * phase + (2j * np.pi * shift_hz - np.pi * width_hz) * times)
    turning[0] /= 2  # as the trapezoidal rule has it
    signals = signals * turning
    return np.fft.fft(signals)[..., : len(model.ppm)], signals * times


def noisy_spectrum(signals, model, seed, phase_deg=8.0, shift_hz=1.0, width_hz=0.4):
    """A spectrum as it may be measured, (points,): with noise, and a random phase, shift and width.

    Parameters
    ----------
    signals : dict
        What :func:`fit_signals` returns, of one member.
    model : FitModel
        Of these signals, or of some of them.
    seed : int
    phase_deg, shift_hz, width_hz : float
        Deviations of the three.
    """
    layout = "phase_deg: >= 0 (degrees); shift_hz: >= 0 (hertz); width_hz: >= 0 (hertz)"
    deviations = arrays(layout, phase_deg=phase_deg, shift_hz=shift_hz, width_hz=width_hz)
    basis = _basis(signals, model)
    total = [*model.concentrations.values()] @ basis
    drawn = np.random.default_rng((whole("seed", seed, 0), 1)).standard_normal(3)
    phase, shift_hz, width_hz = drawn * deviations
    spectrum, _ = _spectra(total, model, np.deg2rad(phase), shift_hz, width_hz)
    return add_noise(spectrum, model.noise, seed)


def _basis(signals, model):
    instance("model", model, FitModel)
    return model.in_order("signals", signals, f"{len(model.molecules)} {len(_times(model))}")


def fit_spectrum(spectrum, signals, model):
    """Fit a spectrum by :eq:`eq-fit-model`, by variable projection.

    For every phase, shift and width the best amplitudes and the best baseline solve a linear
    problem, so that three numbers are left to be searched for, :eq:`eq-variable-projection`.

    Parameters
    ----------
    spectrum : ndarray, (points,)
        Complex or real, on the model's axis, with a phase within about 30 degrees and a shift
        within half a line width: the search begins at 0.
    signals : dict
        The basis: what :func:`fit_signals` returns, of one member.
    model : FitModel

    Returns
    -------
    Fit

    Examples
    --------
    >>> from spinlab.mrs import fit_model, press
    >>> sequence, model = press(10e-3, 10e-3), fit_model(20e-3)
    >>> signals = fit_signals(sequence, model)
    >>> found = fit_spectrum(noisy_spectrum(signals, model, seed=0), signals, model)
    >>> round(found.amplitudes["Glu"], 1), model.concentrations["Glu"]
    (10.2, 10.0)
    """
    basis, axes = _basis(signals, model), f"{len(model.ppm)}"
    data = model.project(arrays(f"spectrum: complex {axes}", spectrum=spectrum).real)
    covariance_of(model.project(_spectra(basis, model, 0, 0, 0)[0].real.T))  # or says why not

    @lru_cache(maxsize=1)
    def parts(*nuisances):
        """Amplitudes, residual, and its slopes with the amplitudes held (Kaufman)."""
        spectra, moments = _spectra(basis, model, *nuisances)
        q, r = np.linalg.qr(model.project(spectra.real.T))
        amplitudes = np.linalg.solve(r, q.T @ data)
        moment = np.fft.fft(amplitudes @ moments)[: len(data)]
        slopes = [-amplitudes @ spectra.imag, -2 * np.pi * moment.imag, -np.pi * moment.real]
        slopes = model.project(np.transpose(slopes))
        return amplitudes, data - q @ (q.T @ data), q @ (q.T @ slopes) - slopes

    found = least_squares(
        lambda x: parts(*x)[1], np.zeros(3), lambda x: parts(*x)[2], method="lm",
        x_scale=(0.1, 1.0, 0.5), xtol=1e-6, ftol=1e-9,
    )  # fmt: skip
    amplitudes, residual, _ = parts(*found.x)
    phase, shift_hz, width_hz = found.x.tolist()
    amplitudes = dict(zip(model.concentrations, amplitudes.tolist(), strict=True))
    return Fit(amplitudes, float(np.rad2deg(phase)), shift_hz, width_hz, residual)
