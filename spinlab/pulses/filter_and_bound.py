r"""The chain from the unknowns of an optimiser to a waveform.

A waveform is dimensionless, ``(u_x, u_y)`` with each ``|u| <= 1`` of the amplifier's limit.  An
optimiser rather moves unknown ``x``: a phase, or unbounded controls.  Each link of the chain

    unknowns  ( ->  basis )  ->  Helmholtz filter  ->  phase, or tanh bound  ->  waveform

returns its value and its pullback (chain rule, :eq:`eq-chain-rule`); a distortion may follow.
:class:`Parametrisation` is the whole.  The public functions check what they are given and pass it
to the links, which are called in every evaluation and check nothing.
"""

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from scipy.linalg.lapack import dgtsv, zgtsv

from ..inputs import COURSES, arrays, choice, hold, instance, require, whole
from .distortion import Distortion
from .pulse import DISTORTION_HINT


def helmholtz(x, radius, dt, control="constant"):
    r"""Smooth every row of ``x``: solve :math:`-R^2\tilde x'' + \tilde x = x`, :eq:`eq-helmholtz`.

    Linear finite elements with natural ends.  For a constant control the samples are the means of
    the elements, going in and coming out; for a linear one they are the nodes.

    Parameters
    ----------
    x : ndarray, (..., samples)
    radius : float
        :math:`R` in seconds; 0 turns the filter off.
    dt : float
        Length of an element, s.
    control : {"constant", "linear"}

    Returns
    -------
    smoothed : ndarray, (..., samples)
    pullback : callable
        The transposed Jacobian applied to a gradient of that shape, without forming it.

    Examples
    --------
    >>> smoothed, _ = helmholtz(np.array([0.0, 0, 1, 0, 0]), radius=1.0, dt=1.0)
    >>> smoothed.round(3)
    array([0.105, 0.23 , 0.331, 0.23 , 0.105])
    """
    choice("control", control, COURSES)
    layout = "x: complex ... samples; radius: >= 0 (seconds); dt: > 0 (seconds)"
    x, radius, dt = arrays(layout, x=x, radius=radius, dt=dt)
    smooth, pullback = helmholtz_filter(x.shape[-1], radius, dt, control)
    return smooth(x), pullback


@lru_cache(maxsize=64)
def helmholtz_filter(samples, radius, dt, control="constant"):
    """The filter of :func:`helmholtz` for so many samples, and its transpose: assembled once."""
    elements = whole("The number of steps", samples - (control == "linear"))
    if radius == 0:
        return np.ndarray.copy, np.ndarray.copy
    ratio = min(radius / dt, 1e6) ** 2  # beyond, nothing but the mean is left
    neighbours = np.full(elements + 1, 2.0)  # elements that share a node
    neighbours[[0, -1]] = 1
    diagonal, beside = neighbours * (1 / 3 + ratio), np.full(elements, 1 / 6 - ratio)

    def mean(nodes):
        return (nodes[:, :-1] + nodes[:, 1:]) / 2

    def load(means):
        nodes = np.zeros((len(means), elements + 1), means.dtype)
        nodes[:, :-1] = means / 2
        nodes[:, 1:] += means / 2
        return nodes

    def weigh(nodes):  # Simpson's rule is exact for products of straight lines
        return (neighbours * nodes + 4 * load(mean(nodes))) / 6

    def solve(before, after, rows):
        right = before(rows.reshape(-1, samples))
        # The mean passes any filter; on the rest a large radius does no harm to the digits.
        level = np.add.reduce(right, axis=1, keepdims=True) / elements  # a sum in one call
        gtsv = zgtsv if right.dtype.kind == "c" else dgtsv
        nodes = gtsv(beside, diagonal, beside, (right - level * (neighbours / 2)).T)[3].T
        return after(level + nodes).reshape(rows.shape)

    if control == "linear":
        return partial(solve, weigh, np.asarray), partial(solve, np.asarray, weigh)
    # Load and mean are each other's transposes, so the filter is its own transpose.
    return (partial(solve, load, mean),) * 2


def from_phase(phase):
    """Waveform of constant amplitude 1 from its phase, (1, samples) in rad, and the pullback."""
    return phase_link(arrays("phase: complex 1 samples", phase=phase))


def phase_link(phase):
    """:func:`from_phase`, unchecked."""
    x, y = np.cos(phase), np.sin(phase)

    def pullback(gradient):
        return x * gradient[..., 1:, :] - y * gradient[..., :1, :]

    return np.concatenate([x, y], axis=-2), pullback


def tanh_bound(x, steepness=1.0):
    r"""Bound every control by itself, :math:`u = \tanh(\beta x)`, :eq:`eq-tanh`, with the pullback.

    The paper's bound: a box, whose corners have the amplitude :math:`\sqrt2`.  The steepness is
    :math:`\beta > 0`.
    """
    return tanh_link(*arrays("x: complex ...; steepness: > 0", x=x, steepness=steepness))


def tanh_link(x, steepness=1.0):
    """:func:`tanh_bound`, unchecked."""
    waveform = np.tanh(steepness * x)
    return waveform, lambda gradient: steepness * (1 - waveform**2) * gradient


def radial_bound(x, steepness=1.0):
    r"""Bound the amplitude and keep the phase, :math:`u = x\tanh(\beta r)/r`, with the pullback.

    For ``x`` of shape (2, samples), with :math:`r = |x|` sample by sample, and the steepness
    :math:`\beta > 0`.
    """
    return radial_link(*arrays("x: complex 2 samples; steepness: > 0", x=x, steepness=steepness))


def radial_link(x, steepness=1.0):
    """:func:`radial_bound`, unchecked."""
    radius = np.sqrt((x**2).sum(axis=-2, keepdims=True))
    safe = np.where(radius == 0, 1, radius)
    bounded = np.tanh(steepness * radius)
    ratio = np.where(radius == 0, steepness, bounded / safe)
    slope = steepness * (1 - bounded**2)

    def pullback(gradient):
        direction = x / safe
        along = (direction * gradient).sum(axis=-2, keepdims=True)
        return ratio * gradient + (slope - ratio) * along * direction

    return ratio * x, pullback


#: name: (rows of unknowns, last link of the chain, from ([channels,] rows, samples))
PARAMETRISATIONS = {
    "phase": (1, phase_link),
    "xy": (2, radial_link),
    "xy-box": (2, tanh_link),
    "xy-free": (2, lambda x: (x, lambda gradient: gradient)),
}


@dataclass(frozen=True, eq=False)
class Parametrisation:
    """What the optimiser moves, and how it becomes a waveform.

    Parameters
    ----------
    kind : {"phase", "xy", "xy-box", "xy-free"}
        Phase at constant amplitude 1; two controls under an amplitude limit; two controls with a
        limit each; two controls that the optimiser's bounds and constraints limit.
    radius : float
        Filter radius in seconds; 0 for no filter.
    dt : float
        Length of a step, s.
    control : {"constant", "linear"}
    distortion : Distortion, optional
        What the instrument does to the waveform of its only channel.
    channels : int
        Number of RF channels; each has unknowns of its own.
    basis : ndarray, (samples, count), optional
        The unknowns are then coefficients: each row of samples is ``basis @ coefficients``,
        :eq:`eq-basis`.
    """

    kind: str
    radius: float
    dt: float
    control: str = "constant"
    distortion: Distortion | None = None
    channels: int = 1
    basis: np.ndarray | None = None

    def __post_init__(self):
        choice("parametrisation", self.kind, PARAMETRISATIONS)
        choice("control", self.control, COURSES)
        hold(self, "radius: >= 0 (seconds); dt: > 0 (seconds); channels: whole >= 1; "
                   "basis?: samples count")
        require(self.basis is None or self.kind != "xy-free", "kind='xy-free' bounds its unknowns, "
                "which says nothing of a waveform made of coefficients; use kind='xy'.")
        if self.distortion is not None:
            instance("distortion", self.distortion, Distortion, DISTORTION_HINT)
            require(self.channels == 1, "A distortion is that of one RF channel; leave it out.")
            self.distortion.oversampling(self.dt)

    @property
    def rows(self):
        """Rows of unknowns."""
        return self.channels * PARAMETRISATIONS[self.kind][0]

    def waveform(self, x):
        """Waveform of the unknowns, (rows, samples), and the pullback of the whole chain.

        The pullback takes gradients by the waveform, (..., 2 channels, samples), to gradients by
        the unknowns.
        """
        count = "samples" if self.basis is None else self.basis.shape[1]
        x = arrays(f"x: complex {self.rows} {count}", x=x)
        return self.chain(x.shape[1] if self.basis is None else len(self.basis))(x)

    def samples_of(self, samples):
        """The linear links, from unknowns to so many filtered samples, and their transpose."""
        smooth, unsmooth = helmholtz_filter(samples, self.radius, self.dt, self.control)
        if self.basis is None:
            return smooth, unsmooth
        require(len(self.basis) == samples, f"basis must have {samples} rows, one for each sample, "
                f"but {len(self.basis)} arrived.")
        rows = smooth(self.basis.T.copy())  # filtered once
        return lambda x: x @ rows, lambda gradient: gradient @ rows.T

    def chain(self, samples):
        """:meth:`waveform` for so many samples: prepared and unchecked, for an optimiser.

        It takes flat unknowns, too; then its pullback returns flat gradients.
        """
        smooth, unsmooth = self.samples_of(samples)
        rows, link = PARAMETRISATIONS[self.kind]

        def waveform(x):
            bounded, unbound = link(smooth(x.reshape(self.channels, rows, -1)))

            def pullback(gradient):
                members = gradient.shape[:-2]
                unbounded = unbound(gradient.reshape(*members, *bounded.shape))
                return unsmooth(unbounded).reshape(members + x.shape)

            return bounded.reshape(-1, samples), pullback

        return waveform

    def felt(self, waveform):
        """What the spins feel of a waveform, and the pullback; without a distortion, itself."""
        if self.distortion is None:
            return waveform, lambda gradient: gradient
        return self.distortion.filtered(waveform, self.dt, self.control)
