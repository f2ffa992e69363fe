r"""From the state to the spectrum, and what a spectrum is worth.

The receiver reads :math:`s(t) = \operatorname{tr}(\rho(t) F_+)`, scaled so that one proton after a
90 degree pulse gives 1.  A spin above the carrier turns x towards y, so its signal is
:math:`e^{+2\pi i\nu t}`, its line stands at :math:`+\nu` of

.. math:: S(\nu) = \int_0^\infty s(t)\, e^{-2\pi i \nu t}\, dt,

and is positive and absorptive in the real part if the spin lies along x.  An axis in ppm belongs
to it; figures draw it from right to left.

Between readout and spectrum there is no time grid: in the eigenbasis of the Hamiltonian the signal
is a sum of lines, the *transition table*, and a line shape is a formula.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import wofz

from ..inputs import finite_array, instance, not_negative, positive, whole
from .metabolites import Metabolite, Scanner, SpinGroup
from .simulation import spins_at


@dataclass(frozen=True, eq=False)
class Transitions:
    """Lines of a molecule, without widths.

    Parameters
    ----------
    offset_hz : ndarray, (lines,)
        Frequencies, relative to the carrier.
    amplitude : ndarray, ([members,] lines)
        Complex; at the start of the readout.
    scanner : Scanner
    """

    offset_hz: np.ndarray
    amplitude: np.ndarray
    scanner: Scanner

    @property
    def shift_ppm(self):
        """Chemical shifts of the lines."""
        return self.scanner.shift_ppm(self.offset_hz)


def transitions(molecule, state, scanner):
    """Transition table of a state: where its lines are, and how strong.

    The readout is without B0 offset: members are compared as after frequency correction.

    Parameters
    ----------
    molecule : SpinGroup or Metabolite
    state : ndarray, ([members,] D, D), or tuple of them
        What :func:`spinlab.mrs.simulate` returns for this molecule.
    scanner : Scanner

    Returns
    -------
    Transitions

    Examples
    --------
    >>> from spinlab.mrs import Scanner, SpinGroup, pulse_acquire, simulate
    >>> group, scanner = SpinGroup([3.2], weight=3), Scanner()
    >>> lines = transitions(group, simulate(group, pulse_acquire(), scanner), scanner)
    >>> lines.shift_ppm, lines.amplitude.real
    (array([3.2]), array([3.]))
    """
    instance("scanner", scanner, Scanner)
    if isinstance(molecule, Metabolite):
        if len(instance("state", state, tuple)) != len(molecule.groups):
            raise ValueError(f"Give {len(molecule.groups)} states, one a group of {molecule.name}.")
        tables = [transitions(*pair, scanner) for pair in zip(molecule.groups, state, strict=True)]
        return Transitions(
            np.concatenate([table.offset_hz for table in tables]),
            np.concatenate([table.amplitude for table in tables], axis=-1),
            scanner,
        )
    instance("molecule", molecule, SpinGroup, "Use spinlab.mrs.metabolite(name).")
    state = finite_array("state", state, complex)
    spins = spins_at(molecule, scanner)
    if state.ndim not in (2, 3) or state.shape[-2:] != spins.Fz.shape:
        raise ValueError(
            f"The state of {molecule.spins} spins has shape ([members,] {2**molecule.spins}, "
            f"{2**molecule.spins}), but {state.shape} arrived."
        )
    V, E = spins.vectors, spins.energies
    raising = np.where(spins.order == 1, 2 * spins.Fx, 0)  # F+ = F_x + i F_y
    raising = V.T @ raising @ V
    # tr(rho F+) = sum over r, s of rho_rs F+_sr, which turns as exp(-i (E_r - E_s) t).
    r, s = np.nonzero(np.abs(raising.T) > 1e-10)
    scale = molecule.weight * 4 / 2**molecule.spins
    amplitude = scale * (V.T @ state @ V)[..., r, s] * raising[s, r]
    return Transitions((E[s] - E[r]) / (2 * np.pi), amplitude, scanner)


def ppm_axis(low, high, step=0.002):
    """Chemical shifts from low to high, evenly spaced."""
    low, high = check_window((low, high))
    return np.linspace(low, high, round((high - low) / positive("step", step, " of ppm")) + 1)


def decay(times, lorentz_hz=0.0, gauss_hz=0.0):
    r"""Envelope, at times in s, of a signal whose line has these widths.

    .. math:: e^{-\pi \Gamma t}\, e^{-(\pi G t)^2 / (4 \ln 2)}

    Full widths at half maximum, Hz, of the Lorentzian and of the Gaussian whose convolution the
    line is: both together are a Voigt line.  Also the apodisation that adds them: multiply a signal
    by it.
    """
    times = finite_array("times", times)
    if np.any(times < 0):
        raise ValueError(f"times must not be negative, but {times.min():g} s arrived.")
    _widths(lorentz_hz, gauss_hz, least=0)
    return np.exp(-np.pi * lorentz_hz * times - (np.pi * gauss_hz * times) ** 2 / (4 * np.log(2)))


def line_shape(offset_hz, lorentz_hz=6.0, gauss_hz=0.0):
    """Fourier transform of :func:`decay`: complex, absorptive in the real part, in s.

    At distances ``offset_hz`` from the centre of the line; not both widths are 0.
    """
    offset = finite_array("offset_hz", offset_hz)
    _widths(lorentz_hz, gauss_hz, least=1)
    z = np.pi * lorentz_hz + 2j * np.pi * offset
    if gauss_hz == 0:
        return 1 / z
    b = np.pi * gauss_hz / (2 * np.sqrt(np.log(2)))
    return np.sqrt(np.pi) / (2 * b) * wofz(1j * z / (2 * b))


def _widths(lorentz_hz, gauss_hz, least):
    not_negative("lorentz_hz", lorentz_hz, " of hertz")
    not_negative("gauss_hz", gauss_hz, " of hertz")
    if least and lorentz_hz == gauss_hz == 0:
        raise ValueError("A line needs a width: give lorentz_hz, gauss_hz, or both.")


def spectrum(table, shift_ppm, lorentz_hz=6.0, gauss_hz=0.0):
    """Spectrum of a transition table on an axis in ppm, without a time grid.

    Parameters
    ----------
    table : Transitions
    shift_ppm : ndarray, (points,)
    lorentz_hz, gauss_hz : float
        Full widths at half maximum, Hz.

    Returns
    -------
    ndarray, ([members,] points)
        Complex; one proton with a Lorentzian line is ``1 / (pi * lorentz_hz)`` high.
    """
    instance("table", table, Transitions)
    axis = table.scanner.offset_hz(check_axis(shift_ppm))
    return table.amplitude @ line_shape(axis - table.offset_hz[:, None], lorentz_hz, gauss_hz)


def fid(table, times, lorentz_hz=0.0, gauss_hz=0.0):
    """Signal, ([members,] points), at given times, (points,) in s, after the start of the readout.

    The widths of the lines, Hz, are those of :func:`decay`; by default the signal does not decay.
    """
    instance("table", table, Transitions)
    envelope = decay(times, lorentz_hz, gauss_hz)
    if envelope.ndim != 1:
        raise ValueError(f"times must be a 1-D array, but its shape is {envelope.shape}.")
    return table.amplitude @ np.exp(2j * np.pi * np.outer(table.offset_hz, times)) * envelope


def add_noise(signal, deviation, seed):
    """The signal with white Gaussian noise, of one deviation in real and imaginary part."""
    signal = finite_array("signal", signal, complex)
    not_negative("deviation", deviation)
    noise = np.random.default_rng(whole("seed", seed, least=0)).standard_normal((2, *signal.shape))
    return signal + deviation * (noise[0] + 1j * noise[1])


def fourier(signal, dwell, scanner):
    """Axis in ppm, (points,), ascending, and spectrum, (..., points), of a sampled signal.

    The signal is (..., points), at times 0, dwell, 2 dwell, ... (s).  The spectrum tends to
    :func:`spectrum` as the dwell time shrinks: the first point counts half, as the trapezoidal rule
    has it.
    """
    signal = finite_array("signal", signal, complex) + 0j
    if not signal.ndim or signal.shape[-1] < 2:
        raise ValueError(f"signal needs two points at least, but shape {signal.shape} arrived.")
    positive("dwell", dwell, " of seconds")
    signal[..., 0] /= 2
    offset = np.fft.fftshift(np.fft.fftfreq(signal.shape[-1], dwell))
    spectra = dwell * np.fft.fftshift(np.fft.fft(signal, axis=-1), axes=-1)
    return instance("scanner", scanner, Scanner).shift_ppm(offset), spectra


def check_axis(shift_ppm):
    """An axis in ppm, if it is 1-D and holds finite numbers."""
    axis = finite_array("shift_ppm", shift_ppm)
    if axis.ndim != 1 or not axis.size:
        raise ValueError(f"shift_ppm must be a 1-D axis, but shape {axis.shape} arrived.")
    return axis


def check_window(window):
    """A window ``[low, high]`` in ppm, if it is one."""
    edges = finite_array("A window", window)
    if edges.shape != (2,) or edges[0] >= edges[1]:
        raise ValueError(f"A window is (low, high) in ppm, low first, but {window!r} arrived.")
    return edges.tolist()
