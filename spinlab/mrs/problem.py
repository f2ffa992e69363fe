r"""The problem of a spectrum: which pulse makes the molecules look as wanted.

The sequence is :func:`shaped_press`.  A loss takes ``{name: spectrum}`` and returns its value with
``{name: derivative}``; one adjoint then serves every loss, :eq:`eq-spectrum-adjoint`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from reprlib import repr as brief

import numpy as np

from ..control.ensemble import Ensemble
from ..inputs import choice, echo_time, finite_array, instance, not_negative, positive, whole
from ..pulses.filter_and_bound import helmholtz, radial_bound
from ..pulses.pulse import Pulse
from ..spins.operators import spin_matrices
from .adjoint import coupling_hamiltonian, detection_matrix, group_spectra, in_threads, shaped_press
from .metabolites import Metabolite, Scanner, metabolite
from .simulation import simulate
from .spectra import line_shape, spectrum, transitions
from .split_step import PRECISIONS, split_step

#: A group whose tails in the window are lower than this, in lines of one proton, is left out.
LEAST_TAIL = 0.01


@dataclass(frozen=True, eq=False)
class SpectralProblem:
    """Shaped RF in the free intervals of PRESS, judged by the spectra of several molecules.

    Parameters
    ----------
    metabolites : tuple of (str or Metabolite)
        Names of :data:`spinlab.mrs.metabolites.METABOLITES`, or molecules of your own.
    loss : callable
        ``loss({name: spectrum})`` returns the number that is to become small and its derivatives
        ``{name: derivative}``.  Spectra and derivatives ``D`` are complex, (members, points), and
        ``df = Re sum(conj(D) dS)``.
    te1, te2 : float
        Echo times, s.
    window_ppm : (float, float)
        Where the spectra are computed.
    points : int
        How many points they have.
    linewidth_hz : float
        Full width at half height.
    dt : float
        Step of the RF, s; the three intervals must be whole multiples of it.
    rf_hz : float
        Limit of the RF amplitude, in Hz of nutation.
    radius : float
        Helmholtz filter radius within an interval, s; 0 for no smoothing.
    power_weight, water_weight : float
        Penalties on the mean square of the RF in units of (100 Hz)^2, and on the mean square of
        what the shaped RF excites of fresh magnetisation within ``water_ppm``.
    water_ppm : (float, float)
    ensemble : Ensemble
        B0 offsets and B1 scales.  They act in the intervals; the ideal pulses are ideal, and the
        spectra are aligned in frequency, as scans are before they are averaged.
    scanner : Scanner
    precision : {"double", "single"}
        Of the propagation.
    """

    metabolites: tuple
    loss: Callable
    te1: float = 16e-3
    te2: float = 84e-3
    window_ppm: tuple = (2.25, 2.55)
    points: int = 61
    linewidth_hz: float = 6.0
    dt: float = 0.5e-3
    rf_hz: float = 500.0
    radius: float = 0.0
    power_weight: float = 0.0
    water_weight: float = 0.0
    water_ppm: tuple = (4.58, 4.78)
    ensemble: Ensemble = field(
        default_factory=lambda: Ensemble.grid([-5.0, 0.0, 5.0], [0.9, 1.0, 1.1])
    )
    scanner: Scanner = field(default_factory=Scanner)
    precision: str = "single"

    def __post_init__(self):
        for name in ("linewidth_hz", "dt", "rf_hz"):
            positive(name, getattr(self, name))
        for name in ("radius", "power_weight", "water_weight"):
            not_negative(name, getattr(self, name))
        choice("precision", self.precision, PRECISIONS)
        instance("ensemble", self.ensemble, Ensemble, "Ensemble.grid() makes one.")
        instance("scanner", self.scanner, Scanner)
        whole("points", self.points, least=2)
        if not callable(self.loss):
            raise TypeError(f"The loss must be a function, but {self.loss!r} arrived.")
        for name in ("window_ppm", "water_ppm"):
            ends = finite_array(name, getattr(self, name))
            if ends.shape != (2,) or ends[0] >= ends[1]:
                raise ValueError(f"{name} must be two rising numbers, but {ends} arrived.")
            object.__setattr__(self, name, tuple(ends.tolist()))
        if not isinstance(self.metabolites, (tuple, list)):
            raise TypeError(f"metabolites must be a tuple, but {self.metabolites!r} arrived.")
        molecules = tuple(
            one if isinstance(one, Metabolite) else metabolite(one) for one in self.metabolites
        )
        names = [one.name for one in molecules]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"metabolites is empty, or a molecule is named twice: {', '.join(names) or '()'}."
            )
        object.__setattr__(self, "metabolites", molecules)
        self.intervals  # noqa: B018  so that echo times that do not fit are refused now

    @cached_property
    def intervals(self):
        """Steps of the three free intervals of PRESS."""
        te1, te2 = echo_time("te1", self.te1), echo_time("te2", self.te2)
        lengths = np.array([te1, te1 + te2, te2]) / 2
        steps = np.rint(lengths / self.dt).astype(int)
        if min(self.te1, self.te2) < 2 * self.dt or np.any(abs(steps * self.dt - lengths) > 1e-9):
            raise ValueError(
                f"TE1 = {1e3 * self.te1:g} ms and TE2 = {1e3 * self.te2:g} ms leave intervals of "
                f"{', '.join(f'{1e3 * length:g}' for length in lengths)} ms; each must be a whole "
                f"multiple of dt = {1e3 * self.dt:g} ms, and at least one step."
            )
        return tuple(steps.tolist())

    @property
    def steps(self):
        """Steps of the RF in all."""
        return sum(self.intervals)

    @property
    def ppm(self):
        """Chemical shifts of the points of the spectra, rising."""
        return np.linspace(*self.window_ppm, self.points)

    @cached_property
    def _groups(self):
        """(name, group, its coupling Hamiltonian, detection matrix), largest group first."""
        found = []
        for molecule in self.metabolites:
            tails = [self._tail(group) for group in molecule.groups]
            found += [
                (molecule.name, group, coupling_hamiltonian(group), self.detection(group))
                for group, tail in zip(molecule.groups, tails, strict=True)
                if tail >= min(LEAST_TAIL, max(tails))  # no molecule counts as nothing
            ]
        return sorted(found, key=lambda item: -item[1].spins)

    def _tail(self, group):
        """How high the lines of a group reach in the window, in units of a proton's line."""
        nearest = np.clip(group.shift_ppm, *self.window_ppm)
        distance = self.scanner.offset_hz(nearest) - self.scanner.offset_hz(group.shift_ppm)
        heights = np.abs(line_shape(np.append(distance, 0.0), self.linewidth_hz))
        return group.weight * heights[:-1].sum() / heights[-1]

    def detection(self, group):
        """Detection matrix of a group on the grid of this problem."""
        return detection_matrix(
            group, self.scanner, self.linewidth_hz, *self.window_ppm, self.points
        )

    def reference(self, molecule):
        """Spectrum after an ideal 90 degree pulse, (points,): what others are measured by."""
        total = np.zeros(self.points, complex)
        for group in molecule.groups:
            Fx = spin_matrices(group.spins)[0].sum(axis=0)
            total += np.einsum("gab,ab->g", self.detection(group), Fx)
        return total

    def waveform(self, x):
        """Waveform of the flat unknowns in units of ``rf_hz``, (2, steps), and the pullback."""
        x = finite_array("The unknowns", x)
        if x.size != 2 * self.steps:
            raise ValueError(
                f"This problem has 2 x {self.steps} unknowns, but {x.shape} arrived; a pulse of "
                "another step or other echo times does not fit."
            )
        cuts = np.cumsum(self.intervals)[:-1]
        parts = [helmholtz(part, self.radius, self.dt)
                 for part in np.split(x.reshape(2, -1), cuts, axis=1)]  # fmt: skip
        bounded, unbound = radial_bound(np.concatenate([part for part, _ in parts], axis=1))

        def pullback(gradient):
            pieces = np.split(unbound(gradient), cuts, axis=1)
            back = [unfilter(piece) for (_, unfilter), piece in zip(parts, pieces, strict=True)]
            return np.concatenate(back, axis=1).ravel()

        return bounded, pullback

    def pulses(self, x):
        """The three shaped pulses, as :class:`spinlab.Pulse`."""
        parts = np.split(self.waveform(x)[0], np.cumsum(self.intervals)[:-1], axis=1)
        return tuple(Pulse(part, self.dt, self.rf_hz) for part in parts)

    def sequence(self, x):
        """The blocks for :func:`spinlab.mrs.simulate`, the referee."""
        return shaped_press(*self.pulses(x))

    def _parts(self, waveform):
        """Waveforms of the three intervals, rad/s."""
        if np.shape(waveform) != (2, self.steps):
            raise ValueError(
                f"The waveform of this problem has shape {(2, self.steps)}, but "
                f"{np.shape(waveform)} arrived."
            )
        return np.split(2 * np.pi * self.rf_hz * waveform, np.cumsum(self.intervals)[:-1], axis=1)

    def spectra(self, waveform):
        """Spectra by split steps of all molecules and members, and the way back.

        Parameters
        ----------
        waveform : ndarray, (2, steps)
            In units of ``rf_hz``.

        Returns
        -------
        spectra : dict
            Name: ndarray, (members, points).
        pullback : callable
            Derivatives by name to the gradient by the waveform, (2, steps).
        """
        parts = self._parts(waveform)
        means = self.dt, self.ensemble, self.scanner, self.precision
        found = in_threads(lambda item: group_spectra(*item[1:], parts, *means), self._groups)
        spectra = {
            molecule.name: np.zeros((self.ensemble.members, self.points), complex)
            for molecule in self.metabolites
        }
        for (name, *_), (one, _) in zip(self._groups, found, strict=True):
            spectra[name] += one

        def pullback(derivatives):
            jobs = [(back, derivatives[name])
                    for (name, *_), (_, back) in zip(self._groups, found, strict=True)]  # fmt: skip
            gradients = in_threads(lambda job: job[0](job[1]), jobs)
            return 2 * np.pi * self.rf_hz * sum(gradients)

        return spectra, pullback

    def water(self, waveform):
        """Transverse part of fresh magnetisation at the end of every interval, and the way back.

        Returns
        -------
        excited : ndarray, (3, members)
            Mx + i My of magnetisation 1, for seven shifts of ``water_ppm`` times all members.
        pullback : callable
        """
        shifts = self.scanner.offset_hz(np.linspace(*self.water_ppm, 7))
        offset = 2 * np.pi * np.add.outer(shifts, self.ensemble.offset_hz).reshape(-1, 1)
        scale = np.tile(self.ensemble.b1_scale, len(shifts))
        nothing, up = np.zeros((2, 2)), np.diag([0.5, -0.5])
        parts = self._parts(waveform)
        pulses = [split_step(nothing, offset, scale, part, self.dt, up) for part in parts]

        def pullback(derivative):
            gradients = []
            for pulse, one in zip(pulses, derivative, strict=True):
                costate = np.zeros_like(pulse.rho)
                costate[:, 1, 0] = 2 * one
                gradients.append(pulse.pullback(costate)[0])
            return 2 * np.pi * self.rf_hz * np.concatenate(gradients, axis=1)

        return np.array([2 * pulse.rho[:, 1, 0] for pulse in pulses]), pullback

    def evaluate(self, x):
        """Loss with its penalties, and the gradient by the flat unknowns.

        Parameters
        ----------
        x : ndarray, (2 * steps,)

        Returns
        -------
        value : float
        gradient : ndarray, (2 * steps,)
        """
        waveform, unlink = self.waveform(x)
        spectra, pullback = self.spectra(waveform)
        found = self.loss(spectra)
        try:
            value, derivatives = found
            real = not np.ndim(value) and np.asarray(value).dtype.kind in "biuf"
            shapes = {name: np.shape(one) for name, one in derivatives.items()}
        except (TypeError, ValueError, AttributeError):
            real, shapes = False, brief(found)
        if not real or shapes != {name: one.shape for name, one in spectra.items()}:
            raise ValueError(
                "The loss must return a number and one derivative a spectrum, of its shape "
                f"({self.ensemble.members}, {self.points}), but {shapes} arrived."
            )
        gradient = pullback(derivatives)
        power = self.power_weight * (self.rf_hz / 100) ** 2 / self.steps
        value = value + power * np.sum(waveform**2)
        gradient += 2 * power * waveform
        if self.water_weight:
            excited, back = self.water(waveform)
            weight = self.water_weight / excited.size
            value = value + weight * np.sum(np.abs(excited) ** 2)
            gradient += back(2 * weight * excited)
        return float(value), unlink(gradient)


def judging_members(ensemble):
    """The ensemble on which a sequence is judged; None: B0 within 5 Hz, B1 within 10 %."""
    if ensemble is None:
        return Ensemble.grid(np.linspace(-5, 5, 5), np.linspace(0.9, 1.1, 5))
    return instance("ensemble", ensemble, Ensemble, "Ensemble.grid() makes one.")


def exact_spectrum(molecule, sequence, scanner, shift_ppm, linewidth_hz, *member):
    """Spectrum after any sequence by the exact path, which judges what split steps designed."""
    states = simulate(molecule, sequence, scanner, *member)
    return spectrum(transitions(molecule, states, scanner), shift_ppm, linewidth_hz)
