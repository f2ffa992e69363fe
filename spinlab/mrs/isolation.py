r"""One molecule alone: the dual objective, and the report on how well it stands so.

The signal shall be strong and alone.  With the target :math:`a\,g(\nu)`, one line, and the energy
:math:`E` of the wanted molecule after a 90 degree pulse, the dual objective is

.. math:: \overline{\|\operatorname{Re} S_\text{wanted} - a g\|^2} / E
          + \kappa\, \overline{\|S_\text{unwanted}\|^2} / E,

averaged over the ensemble, :eq:`eq-dual-objective`.  The wanted signal is asked for in its real
part: absorption and dispersion hold equal energies, and no sequence makes one without the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..control.ensemble import Ensemble
from ..inputs import instance, not_negative, number, positive
from .merits import peak, selectivity_db
from .metabolites import Metabolite, Scanner, metabolite
from .problem import SpectralProblem, exact_spectrum, judging_members
from .sequences import pulse_acquire
from .spectra import check_window, line_shape, ppm_axis

#: Where the one line is wanted: the strongest point of the H4 multiplet, ppm.
LINES_PPM = {"Glu": 2.350, "Gln": 2.449}


def isolation_problem(wanted, unwanted, line_ppm=None, gain=1.3, contrast=4.0, **means):
    r"""The problem of making one molecule stand alone, :eq:`eq-dual-objective`.

    Parameters
    ----------
    wanted : str or Metabolite
    unwanted : str, Metabolite, or tuple of them
    line_ppm : float, optional
        Where the one line is wanted.  Default for a name in :data:`LINES_PPM`: from there.
    gain : float
        Enhancement that is asked for: :math:`a^2 = \text{gain}^2 E`.
    contrast : float
        :math:`\kappa`.
    **means
        Of :class:`spinlab.mrs.SpectralProblem`: echo times, window, limits, penalties, ensemble ...

    Returns
    -------
    SpectralProblem

    Raises
    ------
    ValueError
        Also if the wanted molecule has no signal in the window, or the line is outside of it.

    Examples
    --------
    >>> isolation_problem("Glu", "Gln", te1=16e-3, te2=84e-3).steps
    200
    """
    wanted = _molecule(wanted)
    unwanted = unwanted if isinstance(unwanted, (tuple, list)) else (unwanted,)
    unwanted = tuple(_molecule(one) for one in unwanted)
    positive("gain", gain), not_negative("contrast", contrast)
    problem = SpectralProblem((wanted, *unwanted), loss=len, **means)
    if line_ppm is None:
        if wanted.name not in LINES_PPM:
            raise ValueError(f"Say by line_ppm where the line of {wanted.name} is wanted.")
        line_ppm = LINES_PPM[wanted.name]
    low, high = problem.window_ppm
    if not low <= number("line_ppm", line_ppm, " of ppm") <= high:
        raise ValueError(
            f"The wanted line at {line_ppm:g} ppm is outside the window {low:g} to {high:g} ppm."
        )
    reference = problem.reference(wanted).real
    _need_signal(wanted, reference, problem.window_ppm, problem.linewidth_hz)
    distance = problem.scanner.offset_hz(problem.ppm) - problem.scanner.offset_hz(line_ppm)
    target = line_shape(distance, problem.linewidth_hz).real
    target *= gain * np.linalg.norm(reference) / np.linalg.norm(target)
    loss = IsolationLoss(
        wanted.name, tuple(one.name for one in unwanted), target,
        float(reference @ reference), contrast, problem.ensemble.weights,
    )
    return replace(problem, loss=loss)


def _molecule(one):
    return one if isinstance(one, Metabolite) else metabolite(one)


def _need_signal(wanted, reference, window_ppm, linewidth_hz):
    """Refuse a molecule of which a 90 degree pulse shows less than a tenth of a proton's line."""
    if reference.real.max() < 0.1 * line_shape(0.0, linewidth_hz).real:
        raise ValueError(
            f"{wanted.name} has no signal between {window_ppm[0]:g} and {window_ppm[1]:g} ppm that "
            "could become a target; choose another window or molecule."
        )


@dataclass(frozen=True, eq=False)
class IsolationLoss:
    """The dual objective, :eq:`eq-dual-objective`; :func:`isolation_problem` fills it in.

    Parameters
    ----------
    wanted : str
    unwanted : tuple of str
    target : ndarray, (points,)
    energy : float
    contrast : float
    weights : ndarray, (members,)
    """

    wanted: str
    unwanted: tuple
    target: np.ndarray
    energy: float
    contrast: float
    weights: np.ndarray

    def __call__(self, spectra):
        """Value and derivatives by the spectra."""
        weights = self.weights[:, None] / self.energy
        missing = spectra[self.wanted].real - self.target
        value, derivatives = np.sum(weights * missing**2), {self.wanted: 2 * weights * missing}
        for name in self.unwanted:
            value += self.contrast * np.sum(weights * np.abs(spectra[name]) ** 2)
            derivatives[name] = 2 * self.contrast * weights * spectra[name]
        return value, derivatives


@dataclass(frozen=True, eq=False)
class IsolationReport:
    """How well a sequence isolates a molecule; arrays have one entry a member.

    Parameters
    ----------
    ensemble : Ensemble
    selectivity_db : ndarray
        Energy of the wanted over that of the unwanted in the window.
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
    scanner=None, magnitude=False,
):  # fmt: skip
    """Judge any sequence by the exact path, on a grid finer than that of the design.

    Parameters
    ----------
    sequence : tuple of blocks
        Such as ``result.sequence`` or ``press(10e-3, 20e-3)``.
    wanted, unwanted : str or Metabolite
    window_ppm : (float, float)
    linewidth_hz : float
    ensemble : Ensemble, optional
        Default: 25 members, B0 within 5 Hz and B1 within 10 %.
    scanner : Scanner, optional
    magnitude : bool
        Whether a peak counts whatever its phase is; of use where a sequence inverts the signal.

    Returns
    -------
    IsolationReport
    """
    scanner = Scanner() if scanner is None else instance("scanner", scanner, Scanner)
    ensemble = judging_members(ensemble)
    axis = ppm_axis(*check_window(window_ppm))
    molecules = [_molecule(one) for one in (wanted, unwanted)]

    members = ensemble.offset_hz, ensemble.b1_scale
    spectra = [
        exact_spectrum(one, sequence, scanner, axis, linewidth_hz, *members) for one in molecules
    ]
    reference = exact_spectrum(molecules[0], pulse_acquire(), scanner, axis, linewidth_hz)
    _need_signal(molecules[0], reference, window_ppm, linewidth_hz)
    height = peak(reference, axis, window_ppm, magnitude)
    return IsolationReport(
        ensemble, selectivity_db(*spectra, axis, window_ppm),
        peak(spectra[0], axis, window_ppm, magnitude) / height,
    )
