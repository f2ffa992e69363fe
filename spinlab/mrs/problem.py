r"""The problem of a spectrum: which pulse makes the molecules look as wanted.

Any sequence can be shaped: RF fills its free intervals, such as those of PRESS,

    90 - [shaped, TE1/2] - 180 - [shaped, (TE1 + TE2)/2] - 180 - [shaped, TE2/2] - readout,

which is ``press(te1, te2, free=True)``.  A loss takes ``{name: spectrum}`` and returns its value
with ``{name: derivative}``; one adjoint then serves every loss, :eq:`eq-spectrum-adjoint`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..control.ensemble import Ensemble
from ..inputs import arrays, choice, function, hold, instance, require, window
from ..pulses.filter_and_bound import helmholtz, radial_bound
from ..pulses.pulse import Pulse
from ..spins.operators import spin_matrices
from .adjoint import detection_matrix, filled, fresh_magnetisation, group_spectra
from .blocks import check_sequence, is_free
from .designs import mapper, spectral_goal
from .metabolites import WATER, Scanner
from .sequences import press
from .spectra import check_members, check_molecules, line_shape
from .split_step import PRECISIONS

#: A group whose tails in the window are lower than this, in lines of one proton, is left out.
LEAST_TAIL = 0.01


@dataclass(frozen=True, eq=False)
class SpectralProblem:
    """Shaped RF in the free intervals of a sequence, judged by the spectra of several molecules.

    Parameters
    ----------
    metabolites : tuple of (str or Metabolite)
        Names of :data:`spinlab.mrs.metabolites.METABOLITES`, or molecules of your own.
    loss : callable, optional
        ``loss({name: spectrum})`` returns what is to become small, a number for every member or one
        for all, and its derivatives ``{name: derivative}``.  Spectra and derivatives ``D`` are
        complex, (members, points), and ``df = Re sum(conj(D) dS)``, member by member;
        :func:`spinlab.mrs.from_autograd` finds them.  Without a loss there is no goal.
    blocks : tuple of blocks
        The sequence.  Its free delays are shaped, and must be whole multiples of ``dt``.
    window_ppm : (float, float)
        Where the spectra are computed.
    points : int
        How many points they have.
    linewidth_hz : float
    dt : float
        Step of the RF, s.
    rf_hz : float
        Limit of the RF amplitude, in Hz of nutation.
    radius : float
        Helmholtz filter radius within an interval, s; 0 for no smoothing.
    power_weight : float
        Penalty on the mean square of the RF in units of (100 Hz)^2.
    fresh_weight : dict
        Penalties on the mean square of what every interval excites of fresh magnetisation, by the
        window of chemical shifts: ``{sl.mrs.WATER: 3.0, sl.mrs.FAT: 1.0}``.
    ensemble : Ensemble
        B0 offsets and B1 scales.  The spectra are aligned in frequency, as scans are before they
        are averaged.
    scanner : Scanner
    precision : {"double", "single"}
        Of the propagation.
    """

    metabolites: tuple
    loss: Callable | None = None
    blocks: tuple = press(16e-3, 84e-3, free=True)
    window_ppm: tuple = (2.25, 2.55)
    points: int = 61
    linewidth_hz: float = 6.0
    dt: float = 0.5e-3
    rf_hz: float = 500.0
    radius: float = 0.0
    power_weight: float = 0.0
    fresh_weight: dict = field(default_factory=dict)
    ensemble: Ensemble = field(
        default_factory=lambda: Ensemble.grid([-5.0, 0.0, 5.0], [0.9, 1.0, 1.1])
    )
    scanner: Scanner = field(default_factory=Scanner)
    precision: str = "single"

    def __post_init__(self):
        hold(self, "points: whole >= 2; linewidth_hz: > 0 (hertz); dt: > 0 (seconds); rf_hz: > 0 "
             "(hertz); radius: >= 0 (seconds); power_weight: >= 0")
        choice("precision", self.precision, PRECISIONS)
        check_members(self.ensemble)
        instance("scanner", self.scanner, Scanner)
        if self.loss is not None:
            function("loss", self.loss)
        given = instance("metabolites", self.metabolites, (tuple, list))
        object.__setattr__(self, "metabolites", check_molecules("metabolites", given))
        object.__setattr__(self, "window_ppm", window("window_ppm", self.window_ppm))
        object.__setattr__(self, "blocks", check_sequence(self.blocks))
        fresh = dict(instance("fresh_weight", self.fresh_weight, dict))
        fresh = {window("fresh_weight", key): arrays("fresh_weight: >= 0", fresh_weight=weight)
                 for key, weight in fresh.items()}  # fmt: skip
        object.__setattr__(self, "fresh_weight", fresh)
        self.intervals  # noqa: B018  so that intervals that do not fit are refused now

    @cached_property
    def intervals(self):
        """Steps of the free intervals."""
        lengths = np.array([block.duration for block in self.blocks if is_free(block)])
        require(len(lengths), "No interval of the sequence is free; make it with free=True, or by "
                "Delay(duration, free=True).")  # fmt: skip
        steps = np.rint(lengths / self.dt).astype(int)
        fits = steps.min() > 0 and np.all(abs(steps * self.dt - lengths) < 1e-9)
        require(fits, f"The free intervals last {1e3 * lengths} ms; each must be a whole "
                f"multiple of dt = {1e3 * self.dt:g} ms, and at least one step.")
        return tuple(steps.tolist())

    @cached_property
    def _cuts(self):
        return np.cumsum(self.intervals)[:-1]

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
        """(name, groups) of all groups that are seen, the largest first; those of one spin, which
        couple with nothing, are together."""
        found = []
        for one in self.metabolites:
            tails = [self._tail(group) for group in one.groups]
            seen = [group for group, tail in zip(one.groups, tails, strict=True)
                    if tail >= min(LEAST_TAIL, max(tails))]  # fmt: skip  # none counts as nothing
            alone = [group for group in seen if group.spins == 1]
            found += [(one.name, [group]) for group in seen if group.spins > 1]
            found += [(one.name, alone)] * bool(alone)
        return sorted(found, key=lambda item: -item[1][0].spins)

    def _tail(self, group):
        """How high the lines of a group reach in the window, in units of a proton's line."""
        nearest = np.clip(group.shift_ppm, *self.window_ppm)
        distance = self.scanner.offset_hz(nearest) - self.scanner.offset_hz(group.shift_ppm)
        heights = np.abs(line_shape(np.append(distance, 0.0), self.linewidth_hz))
        return group.weight * heights[:-1].sum() / heights[-1]

    def detection(self, group):
        """Detection matrix of a group on the grid of this problem."""
        axis = *self.window_ppm, self.points
        return detection_matrix(group, self.scanner, self.linewidth_hz, *axis)

    def reference(self, molecule):
        """Spectrum after an ideal 90 degree pulse, (points,): what others are measured by."""
        total = np.zeros(self.points, complex)
        for group in molecule.groups:
            Fx = spin_matrices(group.spins)[0].sum(axis=0)
            total += np.einsum("gab,ab->g", self.detection(group), Fx)
        return total

    def waveform(self, x):
        """Waveform of the flat unknowns in units of ``rf_hz``, (2, steps), and the pullback.

        The pullback takes gradients by the waveform, (..., 2, steps), to (..., 2 * steps).
        """
        x = arrays("x: ...", x=x)
        require(x.size == 2 * self.steps,
                f"This problem has 2 x {self.steps} unknowns, but {x.shape} arrived.")
        x = x.reshape(2, -1)
        cuts = self._cuts if self.radius else []  # every interval is filtered alone
        parts = [helmholtz(part, self.radius, self.dt) for part in np.split(x, cuts, axis=1)]
        bounded, unbound = radial_bound(np.concatenate([part for part, _ in parts], axis=1))

        def pullback(gradient):
            pieces = np.split(unbound(gradient), cuts, axis=-1)
            back = [unfilter(piece) for (_, unfilter), piece in zip(parts, pieces, strict=True)]
            return np.concatenate(back, axis=-1).reshape(*gradient.shape[:-2], x.size)

        return bounded, pullback

    def pulses(self, x):
        """The shaped pulses, one for each free interval, as :class:`spinlab.Pulse`."""
        parts = np.split(self.waveform(x)[0], self._cuts, axis=1)
        return tuple(Pulse(part, self.dt, self.rf_hz) for part in parts)

    def sequence(self, x):
        """The blocks for :func:`spinlab.mrs.simulate`, which judges."""
        return filled(self.blocks, self.pulses(x))

    def _parts(self, waveform):
        """Waveforms of the free intervals, rad/s."""
        return np.split(2 * np.pi * self.rf_hz * waveform, self._cuts, axis=1)

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
            Derivatives by name to the gradient by the waveform.
        """
        return self.prepare()(arrays(f"waveform: 2 {self.steps}", waveform=waveform))

    def prepare(self):
        """:meth:`spectra` as a function, with all prepared that no waveform changes."""
        means = self.blocks, self.scanner, self.ensemble, self.dt, self.precision
        groups = [(name, group_spectra(some, self.detection, *means))
                  for name, some in self._groups]  # fmt: skip
        in_threads, shape = mapper(len(groups)), (self.ensemble.members, self.points)

        def spectra(waveform):
            parts = self._parts(waveform)
            found = list(in_threads(lambda item: item[1](parts), groups))
            total = {one.name: np.zeros(shape, complex) for one in self.metabolites}
            for (name, _), (one, _) in zip(groups, found, strict=True):
                total[name] += one

            def pullback(derivatives):
                jobs = [(back, derivatives[name])
                        for (name, _), (_, back) in zip(groups, found, strict=True)]  # fmt: skip
                gradients = in_threads(lambda job: job[0](job[1]), jobs)
                return 2 * np.pi * self.rf_hz * sum(gradients)

            return total, pullback

        return spectra

    def fresh(self, waveform, window_ppm=WATER):
        """Transverse part of fresh magnetisation at the end of every interval, and the way back.

        Mx + i My of magnetisation 1, (intervals, 7 * members): for seven shifts of the window times
        all members; and the pullback of derivatives by it.
        """
        shifts = self.scanner.offset_hz(np.linspace(*window("window_ppm", window_ppm), 7))
        parts = self._parts(arrays(f"waveform: 2 {self.steps}", waveform=waveform))
        excited, back = fresh_magnetisation(shifts, parts, self.ensemble, self.dt)
        return excited, lambda derivative: 2 * np.pi * self.rf_hz * back(derivative)

    def penalty(self, waveform):
        """What power and excited fresh magnetisation cost, and the slope by the waveform."""
        power = self.power_weight * (self.rf_hz / 100) ** 2 / self.steps
        value, slope = power * np.sum(waveform**2), 2 * power * waveform
        for window_ppm, weight in self.fresh_weight.items():
            excited, back = self.fresh(waveform, window_ppm)
            weight = weight / excited.size
            value = value + weight * np.sum(np.abs(excited) ** 2)
            slope += back(2 * weight * excited)
        return value, slope

    def goal(self, aggregate="mean", limits=None, turns=1, noise=0.03):
        """The loss with its penalties, as a goal of the flat unknowns: for :func:`spinlab.design`.

        Parameters
        ----------
        aggregate : str or callable
            What is added up over members: as of :meth:`spinlab.Problem.goal`.  Another one than
            the mean needs a loss that returns a number a member.
        limits : dict, optional
            Bounds by the names of :data:`spinlab.LIMITS`, in units of ``rf_hz``, of all
            waveforms, one behind the other.
        turns, noise
            Of the start: see :func:`spinlab.mrs.starting_point`.

        Examples
        --------
        >>> from spinlab import design, mrs
        >>> short = mrs.press(4e-3, 8e-3, free=True)
        >>> problem = mrs.isolation_problem("Glu", "Gln", blocks=short)
        >>> result = design(problem, limits={"mean_power": 0.1}, max_iterations=3)
        >>> bool(np.mean(result.rf_hz**2) < 0.1 * problem.rf_hz**2)
        True
        """
        return spectral_goal(self, aggregate, limits, turns, noise)

    def value(self, x):
        """Loss with its penalties, and the gradient, both by the flat unknowns, (2 * steps,)."""
        return self.goal().value(x)
