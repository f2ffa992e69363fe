r"""Pulses that select by frequency: a Gaussian, and the linear-phase pulses of Shinnar and Le Roux.

A hard pulse followed by free precession multiplies the two Cayley-Klein parameters of a spin by
:math:`z = e^{i\omega h}` or its inverse, so after :math:`N` steps both are polynomials in
:math:`z^{-1}`, :eq:`eq-slr`.  An FIR filter for :math:`\beta` gives the profile; :math:`\alpha`, of
least phase, follows from :math:`|\alpha|^2 + |\beta|^2 = 1`, and taking off one step after the
other gives back the pulse.

Source: J. Pauly, P. Le Roux, D. Nishimura, A. Macovski, IEEE Trans. Med. Imaging 10, 53 (1991).
"""

import numpy as np

from ..inputs import arrays, choice, require, whole
from ..pulses.pulse import Pulse
from .blocks import SlicePulse

#: What a pulse is for: flip angle; ripples of beta in the pass and the stop band for a ripple of
#: 1 % of the profile, and its height.
PURPOSES = {
    "refocus": (180.0, 0.01 / 4, np.sqrt(0.01), 1.0),
    "excite": (90.0, np.sqrt(0.01 / 2), 0.01 / np.sqrt(2), np.sqrt(0.5)),
}


def gaussian_pulse(length, angle_deg=180.0, steps=64):
    """A Gaussian pulse along x that falls to 1 % of its height at the ends.

    ``length`` is its duration, s, ``angle_deg`` the flip angle on resonance; ``rf_hz`` is its peak.
    """
    layout = "length: > 0 (seconds); angle_deg: > 0 (degrees)"
    length, angle_deg = arrays(layout, length=length, angle_deg=angle_deg)
    t = (np.arange(whole("steps", steps)) + 0.5) / steps * 2 - 1
    shape = 0.01 ** (t**2)
    return _pulse(shape, length, angle_deg / 360 / (shape.sum() * length / steps) * shape.max())


def _pulse(shape, length, rf_hz):
    shape = shape / np.abs(shape).max()
    return Pulse(np.array([shape, 0 * shape]), length / len(shape), rf_hz)


def slr_pulse(length, time_bandwidth, purpose="refocus", steps=None):
    """A linear-phase pulse of Shinnar and Le Roux along x.

    The profile, what is refocused or excited, is 0.96 to 1 within the slice; outside it is below
    0.01, or below 0.05 if the pulse excites.  (Measured, for products of 6 or more; between the two
    is the transition.)

    Parameters
    ----------
    length : float
        Duration, s.
    time_bandwidth : float
        Product of duration and bandwidth; 3 or more.
    purpose : {"refocus", "excite"}
        180 degrees between crushers, or 90 degrees.
    steps : int, optional
        Default: one for every 50 us.

    Returns
    -------
    Pulse

    Examples
    --------
    >>> pulse = slr_pulse(7e-3, 6)
    >>> pulse.steps, round(pulse.rf_hz)
    (140, 816)
    """
    layout = "length: > 0 <= 1 (seconds); time_bandwidth: >= 3"
    length, product = arrays(layout, length=length, time_bandwidth=time_bandwidth)
    _, pass_ripple, stop_ripple, height = PURPOSES[choice("purpose", purpose, PURPOSES)]
    steps = max(16, round(length / 50e-6)) if steps is None else steps
    steps = whole("steps", steps, 16, 2000)  # more would fill the memory
    width = _transition(pass_ripple, stop_ripple) / product
    edges = product / 2 / steps * np.array([0, 1 - width, 1 + width, steps / product])
    require(width < 1 and edges[2] < 0.5, f"A product of {product:g} in {steps} steps leaves no "
            "pass band or no stop band; give a longer pulse or more steps.")
    b = height * _filter(steps, edges, pass_ripple / stop_ripple)
    b = b / max(1.0, 1.0000001 * np.abs(np.fft.fft(b, 16 * steps)).max())
    turns = _turns(_least_phase(b), b)
    return _pulse(turns, length, np.abs(turns).max() * steps / length / (2 * np.pi))


def _filter(steps, edges, stop_weight):
    """Symmetric low-pass filter of least squares, whose ends are smooth: equal ripples have spikes.

    Of scipy.signal.firls it is the even length that is missing.
    """
    bands = np.linspace(0, edges[1], 8 * steps), np.linspace(*edges[2:], 8 * steps)
    weights = np.repeat([1.0, np.sqrt(stop_weight)], 8 * steps) * np.sqrt(
        np.repeat([edges[1], edges[3] - edges[2]], 8 * steps))  # fmt: skip
    places = np.arange(steps) - (steps - 1) / 2
    half = np.cos(2 * np.pi * np.multiply.outer(np.concatenate(bands), places[: (steps + 1) // 2]))
    half[:, : steps // 2] *= 2
    wanted = np.repeat([1.0, 0.0], 8 * steps)
    found = np.linalg.lstsq(weights[:, None] * half, weights * wanted, rcond=None)[0]
    return np.concatenate([found, found[: steps // 2][::-1]])


def _transition(pass_ripple, stop_ripple):
    """Width of the transition band of an equiripple filter, times the number of steps.

    Pauly's equation (20): a fit to many filters.
    """
    low, high = np.log10(pass_ripple), np.log10(stop_ripple)
    first = 5.309e-3 * low**2 + 7.114e-2 * low - 4.761e-1
    return first * high - 2.66e-3 * low**2 - 5.941e-1 * low - 4.278e-1


def _least_phase(b):
    """The polynomial alpha of least phase with ``|alpha|^2 = 1 - |beta|^2`` on the circle."""
    points = 32 * 2 ** int(np.ceil(np.log2(len(b))))
    size = np.sqrt(np.maximum(1 - np.abs(np.fft.fft(b, points)) ** 2, 1e-14))
    cepstrum = np.fft.ifft(np.log(size))
    cepstrum[1 : points // 2] *= 2
    cepstrum[points // 2 + 1 :] = 0
    return np.fft.ifft(np.exp(np.fft.fft(cepstrum)))[: len(b)].real


def _turns(a, b):
    """Angles of the hard pulses whose polynomials are ``a`` and ``b``, the first one first."""
    turns = np.empty(len(b))
    for k in range(len(b) - 1, -1, -1):
        turns[k] = 2 * np.arctan2(b[0], a[0])
        cosine, sine = np.cos(turns[k] / 2), np.sin(turns[k] / 2)
        a, b = (cosine * a + sine * b)[:-1], (cosine * b - sine * a)[1:]
    return turns


def slice_pulse(length, time_bandwidth, purpose="refocus", **means):
    """:func:`slr_pulse` as a :class:`spinlab.mrs.SlicePulse`: along x, or along y to excite.

    Keywords are those of :class:`spinlab.mrs.SlicePulse`.
    """
    pulse, excites = slr_pulse(length, time_bandwidth, purpose), purpose == "excite"
    means = {"phase_deg": 90.0 * excites, "rephased": excites, **means}
    return SlicePulse(pulse, time_bandwidth / length, **means)
