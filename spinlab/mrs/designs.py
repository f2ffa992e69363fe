"""Designs on spectra: the goal of a problem, what comes out, and the pulses that are shipped."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from reprlib import repr as brief

import numpy as np
from autograd import make_vjp

from ..control.designs import design
from ..control.goal import aggregate_of
from ..control.objectives import find_aggregate
from ..control.races import sweep
from ..inputs import arrays, choice, function, require, whole
from ..optimisers.goal import Goal, Optimum
from ..pulses.limits import checked_limits, limit_rows
from ..pulses.pulse import Pulse
from .adjoint import filled
from .metabolites import WATER
from .sequences import CONDITIONS, press
from .spectra import judging_members

#: Half width of the box of the unknowns, for optimisers that need one.
SPAN = 3.0


@dataclass(frozen=True, eq=False, kw_only=True)
class SpectralResult(Optimum):
    """A designed pulse and how it came about: a :class:`spinlab.optimisers.Optimum` with its
    problem.

    Parameters
    ----------
    problem : SpectralProblem
    """

    problem: object

    @property
    def pulses(self):
        """The shaped pulses."""
        return self.problem.pulses(self.x)

    @property
    def sequence(self):
        """The whole sequence for :func:`spinlab.mrs.simulate`."""
        return self.problem.sequence(self.x)

    @property
    def rf_hz(self):
        """RF amplitude of every step, Hz: its maximum is the peak."""
        return self.problem.rf_hz * np.hypot(*self.problem.waveform(self.x)[0])

    def fresh(self, window_ppm=WATER):
        """Mean transverse magnetisation that an interval makes of fresh water, at worst 1.

        Of whatever has its shift in the window, such as :data:`spinlab.mrs.FAT`.
        """
        excited, _ = self.problem.fresh(self.problem.waveform(self.x)[0], window_ppm)
        return float(np.mean(np.abs(excited)))

    def judge(self, ensemble=None):
        """The verdict of the exact path, in the terms that the pulse was designed in.

        For isolation the :class:`spinlab.mrs.IsolationReport`, for a fit the
        :class:`spinlab.mrs.BoundReport`; at the scanner, window and line width of the problem.

        Parameters
        ----------
        ensemble : Ensemble, optional
            Default: 25 members over the ranges of that of the design.
        """
        hint = "Judge a loss of your own by your own measure, from the sequence of the result."
        judge = function("judge() of the loss", getattr(self.problem.loss, "judge", None), hint)
        return judge(self.sequence, self.problem, judging_members(ensemble, self.problem.ensemble))


def starting_point(problem, seed=0, turns=1, noise=0.03):
    """Unknowns to start from: no RF, a little noise, and hard pulses at random times.

    Parameters
    ----------
    problem : SpectralProblem
    seed : int
    turns : int
        How many hard pulses, of 90 or (one in three) 180 degrees, any phase; with 0 only noise.
    noise : float
        Deviation of the noise, in units of the RF limit; more is a random start.

    Returns
    -------
    ndarray, (2 * steps,)
    """
    function("problem.goal", getattr(problem, "goal", None), "isolation_problem() makes one.")
    rng = np.random.default_rng(whole("seed", seed, 0))
    x = arrays("noise: >= 0", noise=noise) * rng.standard_normal((2, problem.steps))
    for _ in range(whole("turns", turns, 0)):
        first, phase = rng.integers(max(1, problem.steps - 1)), rng.uniform(0, 2 * np.pi)
        amplitude = rng.choice([0.25, 0.25, 0.5]) / (2 * problem.dt * problem.rf_hz)
        push = np.arctanh(min(0.95, amplitude))
        x[:, first : first + 2] += push * np.array([[np.cos(phase)], [np.sin(phase)]])
    return x.ravel()


def spectral_goal(problem, aggregate="mean", limits=None, turns=1, noise=0.03):
    """The loss of a problem with its penalties: :meth:`spinlab.mrs.SpectralProblem.goal`."""
    require(problem.loss is not None, "This problem has no loss to make small; give one, "
            "SpectralProblem(metabolites, loss).")  # fmt: skip
    averaged, limits = aggregate == "mean", checked_limits(limits)
    aggregate = find_aggregate(aggregate)
    spectra_of, weights = problem.prepare(), problem.ensemble.weights
    starting_point(problem, 0, turns, noise)  # so that a start that makes no sense is refused now

    def value(x):
        waveform, unlink = problem.waveform(x)
        spectra, pullback = spectra_of(waveform)
        total, derivatives = check_loss(problem.loss(spectra), spectra)
        if total.ndim:
            total, slopes = aggregate_of(aggregate, total, weights)
            derivatives = slopes[:, None] * derivatives
        else:
            require(averaged, "This loss returns one number for all members, so aggregate must be "
                              "'mean'; let it return a number a member.")  # fmt: skip
        extra, slope = problem.penalty(waveform)
        gradient = pullback(dict(zip(spectra, derivatives, strict=True))) + slope
        return float(total + extra), unlink(gradient)

    return Goal(
        value, limits=limit_rows(limits, problem.waveform), weights=weights, span=SPAN,
        start=lambda seed: starting_point(problem, seed, turns, noise).reshape(2, -1),
        result=lambda optimum: SpectralResult(**vars(optimum), problem=problem),
    )  # fmt: skip


def from_autograd(f):
    r"""A loss of :class:`SpectralProblem` from a function without derivatives.

    Autograd differentiates by the real and by the imaginary parts :math:`R` and :math:`I` of the
    spectra; the derivative is :math:`D = \partial f/\partial R + i\,\partial f/\partial I`.

    Parameters
    ----------
    f : callable
        ``f({name: (re, im)})``, of arrays (members, points), in autograd's NumPy.  It returns one
        number, or one for every member, (members,), that depends on no other member's spectra.

    Returns
    -------
    callable

    Examples
    --------
    >>> import autograd.numpy as anp
    >>> energy = from_autograd(lambda spectra: anp.sum(spectra["Glu"][0]**2 + spectra["Glu"][1]**2))
    >>> value, derivatives = energy({"Glu": np.array([[1.0, 2.0j]])})
    >>> derivatives["Glu"]
    array([[2.+0.j, 0.+4.j]])
    """
    return partial(_differentiated, function("f", f))  # which travels to other processes


def _differentiated(f, spectra):
    parts = {name: (S.real, S.imag) for name, S in spectra.items()}
    pullback, value = make_vjp(f)(parts)
    slopes = pullback(np.ones_like(value))
    return value, {name: re + 1j * im for name, (re, im) in slopes.items()}


def check_loss(found, spectra):
    """What a loss returns: one number or one a member, and its derivatives as one array."""
    good = isinstance(found, (tuple, list)) and len(found) == 2 and isinstance(found[1], dict)
    if not good or set(spectra) - set(found[1]):  # not require: it would print all the numbers
        told = f"and a dict of derivatives by {', '.join(spectra)}, but {brief(found)} arrived."
        raise ValueError(f"A loss must return a number, or one a member, {told}")
    members, points = next(iter(spectra.values())).shape
    layout = f"loss: {members}?; derivatives: complex {len(spectra)} {members} {points}"
    return arrays(layout, loss=found[0], derivatives=[found[1][name] for name in spectra])


def mapper(count):
    """``map`` for so many items, in threads where there are several: NumPy lets go of the lock."""
    if count < 2:
        return map
    pool = ThreadPoolExecutor(min(count, os.cpu_count() or 1))
    try:
        pool.submit(int)
    except RuntimeError:  # a browser, for one, starts no thread
        return map
    return pool.map


def scan_timings(make, timings, jobs=None, **options):
    """Timings as design variables: a short design for each, the best first.

    Parameters
    ----------
    make : callable
        ``make(*timing)`` returns the problem, with whatever depends on its times.
    timings : list of tuple of float
        Such as TE1 and TE2, s.
    jobs : int, optional
        Designs at a time, as in :func:`spinlab.sweep`.
    **options
        Of :func:`spinlab.design`; ``max_iterations`` is 30 unless given.

    Returns
    -------
    list of SpectralResult
        By rising ``fun``; go on with ``design(best.problem, x0=best.x)``.  Also after an
        interruption: with what had been run by then.

    Examples
    --------
    >>> from spinlab.mrs import isolation_problem, press
    >>> def make(te1, te2):
    ...     return isolation_problem("Glu", "Gln", blocks=press(te1, te2, free=True))
    >>> found = scan_timings(make, [(4e-3, 8e-3), (8e-3, 16e-3)], jobs=1, max_iterations=3)
    >>> len(found), found[0].fun <= found[1].fun
    (2, True)
    """
    function("make", make, "It takes the times.")
    timings = arrays("timings: scans times > 0 (seconds)", timings=timings).tolist()
    # All problems first: times that do not fit are refused before the long run.
    problems = [make(*times) for times in timings]
    run = partial(design, **{"max_iterations": 30, **options})
    return sorted(sweep(run, problems, jobs), key=lambda result: result.fun)


_FILE = json.loads(Path(__file__).with_name("spectral_pulses.json").read_text(encoding="utf-8"))
#: Names of the designs that come with the package.
SHIPPED = tuple(_FILE)


@dataclass(frozen=True, eq=False)
class ShippedDesign:
    """A design that comes with the package; ``benchmarks/spectral_pulses.py`` makes it anew.

    Parameters
    ----------
    te1, te2 : float
        Echo times, s.
    conditions : str
        Those of the sequence, by a name of :data:`spinlab.mrs.sequences.CONDITIONS`.
    loss, water : float
        What it reached, and what it excites of fresh water, as of a :class:`SpectralResult`.
    seed, iterations : int
        Of the start that won the race.
    waveform : ndarray, (2, steps)
        In units of the RF limit.
    pulses : tuple of Pulse
        One for each free interval.
    sequence : tuple of blocks
    rf_hz : ndarray, (steps,)
        RF amplitude of every step.
    """

    te1: float
    te2: float
    conditions: str
    loss: float
    water: float
    seed: int
    iterations: int
    waveform: np.ndarray
    pulses: tuple
    sequence: tuple
    rf_hz: np.ndarray


def shipped(name):
    """A design that comes with the package, by its name among :data:`SHIPPED`.

    Examples
    --------
    >>> design = shipped("Glu")
    >>> design.te1, design.te2, int(design.rf_hz.max())
    (0.016, 0.084, 216)
    """
    entry = dict(_FILE[choice("shipped design", name, SHIPPED)])
    waves, dt, limit = (entry.pop(key) for key in ("waveforms", "dt", "rf_hz"))
    blocks = press(entry["te1"], entry["te2"], **CONDITIONS[entry["conditions"]]())
    pulses, waveform = tuple(Pulse(wave, dt, limit) for wave in waves), np.hstack(waves)
    rf_hz = limit * np.hypot(*waveform)
    return ShippedDesign(**entry, waveform=waveform, pulses=pulses,
                         sequence=filled(blocks, pulses), rf_hz=rf_hz)  # fmt: skip
