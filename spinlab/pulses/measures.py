"""What a pulse asks of an amplifier: its mean power, and its spectrum."""

import numpy as np


def ends(pulse):
    """Complex waveform, (channels, steps), at the beginning and at the end of every step."""
    u = pulse.waveform[::2] + 1j * pulse.waveform[1::2]
    return (u, u) if pulse.control == "constant" else (u[:, :-1], u[:, 1:])


def relative_power(pulse):
    """Mean of ``ux**2 + uy**2`` over the pulse, of all channels together."""
    left, right = ends(pulse)
    squares = abs(left) ** 2 + abs(right) ** 2 + np.real(left * np.conj(right))
    # The mean square of a straight line; of one that is level, of one number.
    return float(np.sum(np.mean(squares, axis=1)) / 3)


def spectrum(pulse):
    r"""Frequencies, Hz, and size of the spectrum of a pulse, two ndarrays, (frequencies,).

    Ascending, within half the sampling rate; the size is
    :math:`|\int \nu_1(t)\,e^{-2\pi ift}\,dt|` with the RF :math:`\nu_1` in Hz: the flip angle in
    turns that a weak pulse gives a spin at the offset :math:`f`.  Within a step the waveform is a
    line from one end to the other, whose integral against the oscillation Gauss's rule finds to the
    last digit.  Of several channels it is the root of the sum of the squares.
    """
    left, right = ends(pulse)
    n = 8 * 2 ** int(np.ceil(np.log2(pulse.steps)))  # padded: a fine axis
    turns = np.fft.fftfreq(n)  # in a step
    s, weights = np.polynomial.legendre.leggauss(12)
    s = (s + 1) / 2
    oscillation = np.exp(-2j * np.pi * turns[:, None] * s) * weights / 2
    integral = oscillation @ (1 - s) * np.fft.fft(left, n) + oscillation @ s * np.fft.fft(right, n)
    size = pulse.rf_hz * pulse.dt * np.linalg.norm(integral, axis=0)
    return np.fft.fftshift(turns / pulse.dt), np.fft.fftshift(size)
