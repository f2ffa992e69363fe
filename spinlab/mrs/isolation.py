r"""One molecule alone: the dual objective, and the report on how well it stands so.

The signal shall be strong and alone.  With the target :math:`a\,g(\nu)`, one line, and the energy
:math:`E` of the wanted molecule after a 90 degree pulse, the dual objective is

.. math:: \overline{\|\operatorname{Re} S_\text{wanted} - a g\|^2} / E
          + \kappa\, \sum_j \overline{\|r_j S_j\|^2} / E,

averaged over the ensemble, :eq:`eq-dual-objective`.  Of every unwanted molecule :math:`j` there is
:math:`r_j` times as much: 1, or the ratio of the concentrations.  The wanted signal is asked for in
its real part: absorption and dispersion hold equal energies, and no sequence makes one without the
other.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..control.ensemble import Ensemble
from ..inputs import arrays, instance, require, window
from .metabolites import Metabolite, Scanner, metabolite
from .problem import SpectralProblem
from .sequences import pulse_acquire
from .spectra import exact_spectrum, judging_members, line_shape, peak, ppm_axis, selectivity_db


def isolation_problem(
    wanted, unwanted, line_ppm=None, gain=1.3, contrast=4.0, at_concentration=False, **means
):
    r"""The problem of making one molecule stand alone, :eq:`eq-dual-objective`.

    Parameters
    ----------
    wanted : str or Metabolite
    unwanted : str, Metabolite, or tuple of them
    line_ppm : float, optional
        Where the one line is wanted.  Default: ``line_ppm`` of the wanted metabolite.
    gain : float
        Enhancement that is asked for: :math:`a^2 = \text{gain}^2 E`.
    contrast : float
        :math:`\kappa`.
    at_concentration : bool
        Whether the molecules are there at their concentrations, or in equal amounts.
    **means
        Of :class:`spinlab.mrs.SpectralProblem`: sequence, window, limits, penalties, ensemble ...

    Returns
    -------
    SpectralProblem

    Raises
    ------
    ValueError
        Also if the wanted molecule has no signal in the window, or the line is outside of it.

    Examples
    --------
    >>> from spinlab.mrs import press
    >>> isolation_problem("Glu", "Gln", blocks=press(16e-3, 84e-3, free=True)).steps
    200
    """
    wanted, unwanted = metabolite(wanted), _molecules(unwanted)
    amounts = _amounts(wanted, unwanted, at_concentration)
    gain, contrast = arrays("gain: > 0; contrast: >= 0", gain=gain, contrast=contrast)
    problem = SpectralProblem((wanted, *unwanted), **means)
    line_ppm = wanted.line_ppm if line_ppm is None else line_ppm
    require(line_ppm is not None, f"Say by line_ppm where the line of {wanted.name} is wanted.")
    low, high = problem.window_ppm
    line_ppm = arrays(f"line_ppm: >= {low} <= {high} (ppm, in the window)", line_ppm=line_ppm)
    reference = problem.reference(wanted).real
    _need_signal(wanted, reference, problem.window_ppm, problem.linewidth_hz)
    distance = problem.scanner.offset_hz(problem.ppm) - problem.scanner.offset_hz(line_ppm)
    target = line_shape(distance, problem.linewidth_hz).real
    target *= gain * np.linalg.norm(reference) / np.linalg.norm(target)
    energy = float(reference @ reference)
    loss = IsolationLoss(wanted, unwanted, amounts, target, energy, contrast)
    return replace(problem, loss=loss)


def _molecules(some):
    """One metabolite or several, as a tuple."""
    return tuple(map(metabolite, some if isinstance(some, (tuple, list)) else (some,)))


def _amounts(wanted, unwanted, at_concentration):
    """How much there is of every unwanted molecule, in units of the wanted one."""
    if not instance("at_concentration", at_concentration, bool):
        return (1.0,) * len(unwanted)
    unknown = [one.name for one in (wanted, *unwanted) if one.concentration is None]
    require(not unknown, f"Give {', '.join(unknown)} a concentration, or leave out "
                         "at_concentration.")  # fmt: skip
    return tuple(one.concentration / wanted.concentration for one in unwanted)


def _need_signal(wanted, reference, window_ppm, linewidth_hz):
    """Refuse a molecule of which a 90 degree pulse shows less than a tenth of a proton's line."""
    (low, high), least = window_ppm, 0.1 * line_shape(0.0, linewidth_hz).real
    require(reference.real.max() > least, f"{wanted.name} has no signal between {low:g} and "
            f"{high:g} ppm to make a target of; choose another window or molecule.")


@dataclass(frozen=True, eq=False)
class IsolationLoss:
    """The dual objective of every member, and its judge.

    Parameters
    ----------
    wanted : Metabolite
    unwanted : tuple of Metabolite
    amounts : tuple of float
        Of every unwanted molecule, in units of the wanted one.
    target : ndarray, (points,)
        The wanted line.
    energy : float
        Sum of squares of the real part of the wanted molecule after a 90 degree pulse.
    contrast : float
    """

    wanted: Metabolite
    unwanted: tuple
    amounts: tuple
    target: np.ndarray
    energy: float
    contrast: float

    def __call__(self, spectra):
        """Values, (members,), and derivatives by the spectra."""
        missing = spectra[self.wanted.name].real - self.target
        value = np.sum(missing**2, axis=1)
        derivatives = {self.wanted.name: 2 / self.energy * missing}
        for one, amount in zip(self.unwanted, self.amounts, strict=True):
            spectrum, weight = spectra[one.name], self.contrast * amount**2
            value += weight * np.sum(np.abs(spectrum) ** 2, axis=1)
            derivatives[one.name] = 2 * weight / self.energy * spectrum
        return value / self.energy, derivatives

    def judge(self, sequence, problem, ensemble):
        """:func:`judge_isolation` in the terms of the problem, on an ensemble."""
        means = problem.window_ppm, problem.linewidth_hz, ensemble, problem.scanner
        amounts = self.amounts != (1.0,) * len(self.unwanted)
        return judge_isolation(sequence, self.wanted, self.unwanted, *means,
                               at_concentration=amounts)  # fmt: skip


@dataclass(frozen=True, eq=False)
class IsolationReport:
    """How well a sequence isolates a molecule; arrays have one entry a member.

    Parameters
    ----------
    ensemble : Ensemble
    selectivity_db : ndarray
        Energy of the wanted over that of all the unwanted in the window.
    peak : ndarray
        Height of the wanted in units of its height after a 90 degree pulse.
    """

    ensemble: Ensemble
    selectivity_db: np.ndarray
    peak: np.ndarray

    def __repr__(self):
        db, height = self.selectivity_db, self.peak
        return (f"IsolationReport(mean {db.mean():.1f} dB, worst {db.min():.1f} dB; "
                f"peak {height.mean():.2f}, lowest {height.min():.2f})")  # fmt: skip


def judge_isolation(
    sequence, wanted, unwanted, window_ppm=(2.25, 2.55), linewidth_hz=6.0, ensemble=None,
    scanner=None, magnitude=False, at_concentration=False,
):  # fmt: skip
    """Judge any sequence by the exact path, on a grid finer than that of the design.

    Parameters
    ----------
    sequence : tuple of blocks
        Such as ``result.sequence`` or ``press(10e-3, 20e-3)``.
    wanted : str or Metabolite
    unwanted : str, Metabolite, or tuple of them
    window_ppm : (float, float)
    linewidth_hz : float
    ensemble : Ensemble, optional
        Default: 25 members, B0 within 5 Hz and B1 within 10 %.
    scanner : Scanner, optional
    magnitude : bool
        Whether a peak counts whatever its phase is; of use where a sequence inverts the signal.
    at_concentration : bool
        As of :func:`isolation_problem`.

    Returns
    -------
    IsolationReport
    """
    scanner = Scanner() if scanner is None else instance("scanner", scanner, Scanner)
    ensemble = judging_members(ensemble)
    axis = ppm_axis(*window("window_ppm", window_ppm))
    wanted, unwanted = metabolite(wanted), _molecules(unwanted)
    amounts = _amounts(wanted, unwanted, at_concentration)
    members = ensemble.offset_hz, ensemble.b1_scale
    spectrum, *others = (
        exact_spectrum(one, sequence, scanner, axis, linewidth_hz, *members)
        for one in (wanted, *unwanted)
    )
    reference = exact_spectrum(wanted, pulse_acquire(), scanner, axis, linewidth_hz)
    _need_signal(wanted, reference, window_ppm, linewidth_hz)
    parts = [amount * other for amount, other in zip(amounts, others, strict=True)]
    rest = np.linalg.norm(parts, axis=0)  # of several molecules the energies add up
    height = peak(reference, axis, window_ppm, magnitude)
    return IsolationReport(
        ensemble, selectivity_db(spectrum, rest, axis, window_ppm),
        peak(spectrum, axis, window_ppm, magnitude) / height,
    )  # fmt: skip
