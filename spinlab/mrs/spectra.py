r"""From the state to the spectrum, and what a spectrum is worth.

The receiver reads :math:`s(t) = \operatorname{tr}(\rho(t) F_+)`, scaled so that one proton after a
90 degree pulse gives 1.  A spin above the carrier turns x towards y, so its signal is
:math:`e^{+2\pi i\nu t}`, its line stands at :math:`+\nu` of

.. math:: S(\nu) = \int_0^\infty s(t)\, e^{-2\pi i \nu t}\, dt,

and is positive and absorptive in the real part if the spin lies along x.  An axis in ppm belongs
to it; figures draw it from right to left.

Between readout and spectrum there is no time grid: in the eigenbasis of the Hamiltonian the signal
is a sum of lines, the *transition table*, and a line shape is a formula.

Figures of merit judge a window ``(low, high)`` of chemical shifts, which the axis must cover; they
take one spectrum, (points,), or those of all members, (members, points).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import wofz

from ..control.ensemble import Ensemble
from ..inputs import arrays, hold, instance, require, whole
from ..inputs import window as check_window
from .metabolites import Metabolite, Scanner, SpinGroup, metabolite
from .simulation import check_states, simulate, spins_at

#: More steps of an axis in ppm are a mistake of units.
MAX_STEPS = 1_000_000
#: What a line width may be.
WIDTHS = "; linewidth_hz: >= 0 (hertz); gauss_hz: >= 0 (hertz)"


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

    def __post_init__(self):
        hold(self, "offset_hz: lines; amplitude: complex members? lines")
        instance("scanner", self.scanner, Scanner)

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
        Of the field that the state was made at; a metabolite's states know it.

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
        pairs = zip(molecule.groups, check_states(molecule, state, scanner), strict=True)
        tables = [transitions(*pair, scanner) for pair in pairs]
        offsets = np.concatenate([table.offset_hz for table in tables])
        amplitudes = np.concatenate([table.amplitude for table in tables], axis=-1)
        return Transitions(offsets, amplitudes, scanner)
    instance("molecule", molecule, SpinGroup, "Use spinlab.mrs.metabolite(name).")
    d = 2**molecule.spins
    state = arrays(f"state: complex members? {d} {d}", state=state)
    spins = spins_at(molecule, scanner)
    V, E, raising = spins.vectors, spins.energies, spins.raising
    # tr(rho F+) = sum over r, s of rho_rs F+_sr, which turns as exp(-i (E_r - E_s) t).
    r, s = np.nonzero(np.abs(raising.T) > 1e-10)
    amplitude = molecule.weight * 4 / d * (V.T @ state @ V)[..., r, s] * raising[s, r]
    return Transitions((E[s] - E[r]) / (2 * np.pi), amplitude, scanner)


def ppm_axis(low, high, step=0.002):
    """Chemical shifts from low to high, evenly spaced."""
    low, high = check_window("An axis", (low, high))
    steps = (high - low) / arrays("step: > 0 (ppm)", step=step)
    require(0.999 < steps <= MAX_STEPS,
            f"An axis has from 1 to {MAX_STEPS} steps, but {steps:.3g} arrived.")
    return np.linspace(low, high, round(steps) + 1)


def decay(times, linewidth_hz=0.0, gauss_hz=0.0):
    r"""Envelope, at times in s, of a signal whose line has these widths.

    .. math:: e^{-\pi \Gamma t}\, e^{-(\pi G t)^2 / (4 \ln 2)}

    Full widths at half maximum, Hz, of the Lorentzian and of the Gaussian whose convolution the
    line is: both together are a Voigt line.  Also the apodisation that adds them: multiply a signal
    by it.
    """
    given = {"times": times, "linewidth_hz": linewidth_hz, "gauss_hz": gauss_hz}
    times, linewidth_hz, gauss_hz = arrays("times: ... >= 0 (seconds)" + WIDTHS, **given)
    return np.exp(-np.pi * linewidth_hz * times - (np.pi * gauss_hz * times) ** 2 / (4 * np.log(2)))


def line_shape(offset_hz, linewidth_hz=6.0, gauss_hz=0.0):
    """Fourier transform of :func:`decay`: complex, absorptive in the real part, in s.

    At distances ``offset_hz`` from the centre of the line; not both widths are 0.
    """
    given = {"offset_hz": offset_hz, "linewidth_hz": linewidth_hz, "gauss_hz": gauss_hz}
    offset, linewidth_hz, gauss_hz = arrays("offset_hz: ..." + WIDTHS, **given)
    require(linewidth_hz + gauss_hz, "A line needs a width: give linewidth_hz, gauss_hz, or both.")
    z = np.pi * linewidth_hz + 2j * np.pi * offset
    if gauss_hz == 0:
        return 1 / z
    b = np.pi * gauss_hz / (2 * np.sqrt(np.log(2)))
    return np.sqrt(np.pi) / (2 * b) * wofz(1j * z / (2 * b))


def spectrum(table, shift_ppm, linewidth_hz=6.0, gauss_hz=0.0):
    """Spectrum of a transition table on an axis in ppm, without a time grid.

    Parameters
    ----------
    table : Transitions
    shift_ppm : ndarray, (points,)
    linewidth_hz, gauss_hz : float
        Full widths at half maximum, Hz, of the Lorentzian and of the Gaussian.

    Returns
    -------
    ndarray, ([members,] points)
        Complex; one proton with a Lorentzian line is ``1 / (pi * linewidth_hz)`` high.
    """
    instance("table", table, Transitions)
    axis = table.scanner.offset_hz(arrays("shift_ppm: points", shift_ppm=shift_ppm))
    return table.amplitude @ line_shape(axis - table.offset_hz[:, None], linewidth_hz, gauss_hz)


def fid(table, times, linewidth_hz=0.0, gauss_hz=0.0):
    """Signal, ([members,] points), at given times, (points,) in s, after the start of the readout.

    The widths of the lines, Hz, are those of :func:`decay`; by default the signal does not decay.
    """
    instance("table", table, Transitions)
    times = arrays("times: points", times=times)
    turning = np.exp(2j * np.pi * np.outer(table.offset_hz, times))
    return table.amplitude @ turning * decay(times, linewidth_hz, gauss_hz)


def add_noise(signal, deviation, seed):
    """The signal with white Gaussian noise, of one deviation in real and imaginary part."""
    signal = arrays("signal: complex ...", signal=signal)
    noise = np.random.default_rng(whole("seed", seed, 0)).standard_normal((2, *signal.shape))
    return signal + arrays("deviation: >= 0", deviation=deviation) * (noise[0] + 1j * noise[1])


def fourier(signal, dwell, scanner):
    """Axis in ppm, (points,), ascending, and spectrum, (..., points), of a sampled signal.

    The signal is (..., points), at times 0, dwell, 2 dwell, ... (s).  The spectrum tends to
    :func:`spectrum` as the dwell time shrinks: the first point counts half, as the trapezoidal rule
    has it.
    """
    layout = "signal: complex ... points; dwell: > 0 (seconds)"
    signal, dwell = arrays(layout, signal=signal, dwell=dwell)
    signal, points = signal + 0j, whole("The number of points of a signal", signal.shape[-1], 2)
    signal[..., 0] /= 2
    offset = np.fft.fftshift(np.fft.fftfreq(points, dwell))
    spectra = dwell * np.fft.fftshift(np.fft.fft(signal, axis=-1), axes=-1)
    return instance("scanner", scanner, Scanner).shift_ppm(offset), spectra


def exact_spectrum(molecule, sequence, scanner, shift_ppm, linewidth_hz, *member):
    """Spectrum after any sequence by the exact path, which judges what split steps designed."""
    states = simulate(molecule, sequence, scanner, *member)
    return spectrum(transitions(molecule, states, scanner), shift_ppm, linewidth_hz)


def judging_members(ensemble=None, design=None):
    """The ensemble on which a sequence is judged, if none is given.

    25 members over the ranges of the ensemble of a design; default: B0 within 5 Hz, B1 within 10 %.
    """
    if ensemble is not None:
        return check_members(ensemble)
    axes = ((-5, 5), (0.9, 1.1)) if design is None else (design.offset_hz, design.b1_scale)
    return Ensemble.grid(*(np.unique(np.linspace(min(a), max(a), 5)) for a in axes))


def check_molecules(what, molecules):
    """Metabolites, or names of those that come with the package: at least one, each once."""
    found = tuple(map(metabolite, molecules))
    names = [one.name for one in found]
    good = names and len(set(names)) == len(names)
    require(good, f"{what} is empty, or one is named twice: {names}.")
    return found


def check_members(ensemble):
    """The ensemble, if its members differ in nothing but B0 and B1."""
    instance("ensemble", ensemble, Ensemble, "Ensemble.grid() makes one.")
    require(not ensemble.relaxation_times, "Coupled spins do not relax by the t1 and t2 of an "
            "ensemble; leave them out, and judge relaxing(sequence, scanner, t1, t2).")
    return ensemble


def within(shift_ppm, window):
    """Mask of the points of an axis in a window ``(low, high)`` of ppm, which it must cover."""
    axis = arrays("shift_ppm: points", shift_ppm=shift_ppm)
    low, high = check_window("A window", window)
    first, last, inside = axis.min(), axis.max(), (axis >= low - 1e-9) & (axis <= high + 1e-9)
    require(first - 1e-9 <= low and high <= last + 1e-9, f"The window {low:g} to {high:g} ppm "
            f"reaches outside of the spectrum, which goes from {first:g} to {last:g} ppm.")
    require(inside.any(), f"No point of the axis is in the window {low:g} to {high:g} ppm.")
    return inside


def _inside(shift_ppm, window, **spectra):
    """The parts of spectra in a window."""
    mask = within(shift_ppm, window)
    layout = "; ".join(f"{name}: complex members? {mask.size}" for name in spectra)
    found = arrays(layout, **spectra)
    return [one[..., mask] for one in (found if len(spectra) > 1 else (found,))]


def peak(spectrum, shift_ppm, window, magnitude=False):
    """Largest real value in a window, ([members]); with ``magnitude``, whatever the phase is."""
    (part,) = _inside(shift_ppm, window, spectrum=spectrum)
    return (np.abs(part) if magnitude else part.real).max(axis=-1)


def energy(spectrum, shift_ppm, window):
    """Mean of the squared magnitude in a window, ([members])."""
    (part,) = _inside(shift_ppm, window, spectrum=spectrum)
    return np.mean(np.abs(part) ** 2, axis=-1)


def selectivity_db(wanted, unwanted, shift_ppm, window):
    """Ten times the decimal logarithm of the ratio of two energies in a window.

    Both spectra must have signal there.
    """
    parts = _inside(shift_ppm, window, wanted=wanted, unwanted=unwanted)
    energies = [np.mean(np.abs(part) ** 2, axis=-1) for part in parts]
    for name, value in zip(("wanted", "unwanted"), energies, strict=True):
        require(np.all(value > 0), f"The {name} spectrum has no signal in the window {window}.")
    return 10 * np.log10(energies[0] / energies[1])


def line_shape_cosine(spectrum, reference, shift_ppm, window):
    """Cosine of the angle between the real parts of two spectra: 1 if the shapes are the same."""
    a, b = (p.real for p in _inside(shift_ppm, window, spectrum=spectrum, reference=reference))
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    require(np.all(norms > 0), f"One of the spectra has no real part in the window {window}.")
    return np.sum(a * b, axis=-1) / norms
