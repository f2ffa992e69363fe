"""What a spectrum is worth: peak, selectivity, residue, shape and signal-to-noise ratio.

All but the last judge a window ``(low, high)`` of chemical shifts, which the axis must cover, and
work on any leading axes, such as the members of an ensemble.
"""

from __future__ import annotations

import numpy as np

from ..inputs import finite_array, positive
from .spectra import check_axis, check_window


def within(shift_ppm, window):
    """Mask of the points of an axis in a window ``(low, high)`` of ppm, which it must cover."""
    axis, (low, high) = check_axis(shift_ppm), check_window(window)
    if low < axis.min() - 1e-9 or high > axis.max() + 1e-9:
        raise ValueError(
            f"The window {low:g} to {high:g} ppm reaches outside of the spectrum, which goes from "
            f"{axis.min():g} to {axis.max():g} ppm."
        )
    inside = (axis >= low - 1e-9) & (axis <= high + 1e-9)
    if not inside.any():
        raise ValueError(f"No point of the axis is in the window {low:g} to {high:g} ppm.")
    return inside


def _part(name, spectra, shift_ppm, window):
    spectra = finite_array(name, spectra, complex)
    inside = within(shift_ppm, window)
    if not spectra.ndim or spectra.shape[-1] != inside.size:
        raise ValueError(
            f"{name} must have shape (..., {inside.size}), one value a point of the axis, "
            f"but {spectra.shape} arrived."
        )
    return spectra[..., inside]


def _parts(named, shift_ppm, window):
    """The parts in a window of spectra by name, whose leading axes must go together."""
    parts = [_part(name, spectra, shift_ppm, window) for name, spectra in named.items()]
    try:
        np.broadcast_shapes(*(part.shape for part in parts))
    except ValueError:
        shapes = " and ".join(str(np.shape(spectra)) for spectra in named.values())
        raise ValueError(
            f"The leading axes of both spectra must go together, but shapes {shapes} arrived."
        ) from None
    return parts


def peak(spectra, shift_ppm, window, magnitude=False):
    """Largest real value, or largest magnitude, in a window, of spectra (..., points): (...).

    With ``magnitude``, a line counts whatever its phase is.
    """
    part = _part("The spectrum", spectra, shift_ppm, window)
    return (np.abs(part) if magnitude else part.real).max(axis=-1)


def energy(spectra, shift_ppm, window):
    """Mean of the squared magnitude in the window, of shape (...)."""
    return np.mean(np.abs(_part("The spectrum", spectra, shift_ppm, window)) ** 2, axis=-1)


def selectivity_db(wanted, unwanted, shift_ppm, window):
    """Ten times the decimal logarithm of the ratio of two energies in a window.

    Both spectra, (..., points), must have signal there.
    """
    named = {"The wanted spectrum": wanted, "The unwanted spectrum": unwanted}
    energies = [np.mean(np.abs(part) ** 2, axis=-1) for part in _parts(named, shift_ppm, window)]
    for name, value in zip(named, energies, strict=True):
        if not np.all(value > 0):
            raise ValueError(f"{name} has no signal in the window {window}.")
    return 10 * np.log10(energies[0] / energies[1])


def residue(unwanted, wanted, shift_ppm, window):
    """Largest magnitude of what is unwanted, in units of the peak of what is wanted."""
    named = {"The unwanted spectrum": unwanted, "The wanted spectrum": wanted}
    rest, part = _parts(named, shift_ppm, window)
    rest, height = np.abs(rest).max(axis=-1), part.real.max(axis=-1)
    if not np.all(height > 0):
        raise ValueError(f"The wanted spectrum has no positive peak in the window {window}.")
    return rest / height


def line_shape_cosine(spectra, reference, shift_ppm, window):
    """Cosine of the angle between the real parts of two spectra: 1 if the shapes are the same."""
    named = {"The spectrum": spectra, "The reference": reference}
    a, b = (part.real for part in _parts(named, shift_ppm, window))
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    if not np.all(norms > 0):
        raise ValueError(f"One of the spectra has no real part in the window {window}.")
    return np.sum(a * b, axis=-1) / norms


def snr_per_time(height, deviation, repetition_time):
    """Signal-to-noise ratio of one second's scanning: height / (deviation sqrt(TR)), in 1/sqrt(s).

    Of the peak of the spectrum of one scan, the deviation of its noise, and the repetition time, s.
    """
    positive("repetition_time", repetition_time, " of seconds")
    return finite_array("height", height) / positive("deviation", deviation) / repetition_time**0.5
