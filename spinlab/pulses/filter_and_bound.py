"""Pulses, and the chain from the unknowns of an optimiser to a waveform.

A waveform is dimensionless, ``(u_x, u_y)`` with each ``|u| <= 1`` of the amplifier's limit.  An
optimiser rather moves unknown ``x``: a phase, or unbounded controls.  Each link of the chain

    unknowns  ->  Helmholtz filter  ->  phase, or tanh bound  ->  waveform  ( ->  distortion )

returns its value and its pullback (chain rule, :eq:`eq-chain-rule`); :class:`Parametrisation` is
the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_banded

from ..inputs import COURSES, choice, finite_array, instance, not_negative, positive
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
    x = finite_array("What is filtered", x, complex)
    not_negative("The filter radius", radius, " of seconds")
    positive("dt", dt, " of seconds")
    choice("control", control, COURSES)
    elements = (x.shape[-1] if x.ndim else 0) - (control == "linear")
    if elements < 1:
        raise ValueError(f"The filter needs at least one step, but x has shape {x.shape}.")
    if radius == 0:
        return x, lambda gradient: gradient
    ratio = min(radius / dt, 1e6) ** 2  # beyond, nothing but the mean is left
    stiffness = _tridiagonal(elements, np.array([[2, 1], [1, 2]]) / 6
                             + ratio * np.array([[1, -1], [-1, 1]]))

    weights = np.ones(elements + 1)
    weights[[0, -1]] = 0.5

    def solve(right):
        # The mean passes any filter; on the rest a large radius does no harm to the digits.
        mean = right.sum(axis=1, keepdims=True) / elements
        return mean + solve_banded((1, 1), stiffness, (right - mean * weights).T).T

    if control == "constant":
        # Load and mean are each other's transposes, so the filter is its own transpose.
        def smooth(values):
            rows = values.reshape(-1, elements)
            load = np.zeros((len(rows), elements + 1), np.result_type(rows, float))
            load[:, :-1] += rows / 2
            load[:, 1:] += rows / 2
            nodes = solve(load)
            return ((nodes[:, :-1] + nodes[:, 1:]) / 2).reshape(values.shape)

        return smooth(x), smooth
    mass = _tridiagonal(elements, np.array([[2, 1], [1, 2]]) / 6)

    def weigh(rows):
        result = mass[1] * rows
        result[:, :-1] += mass[0, 1:] * rows[:, 1:]
        result[:, 1:] += mass[2, :-1] * rows[:, :-1]
        return result

    def smooth_nodes(values, first, second):
        return second(first(values.reshape(-1, elements + 1))).reshape(values.shape)

    return smooth_nodes(x, weigh, solve), lambda gradient: smooth_nodes(gradient, solve, weigh)


def _tridiagonal(elements, matrix):
    """Assembled 2 x 2 element matrices, in the layout of ``scipy.linalg.solve_banded``."""
    band = np.zeros((3, elements + 1))
    band[0, 1:] = matrix[0, 1]
    band[1, :-1] += matrix[0, 0]
    band[1, 1:] += matrix[1, 1]
    band[2, :-1] = matrix[1, 0]
    return band


def from_phase(phase):
    """Waveform of constant amplitude 1 from its phase, (1, samples) in rad, and the pullback."""
    phase = _rows(phase, 1, "The phase")
    waveform = np.concatenate([np.cos(phase), np.sin(phase)])

    def pullback(gradient):
        along = waveform[0] * gradient[..., 1, :] - waveform[1] * gradient[..., 0, :]
        return along[..., None, :]

    return waveform, pullback


def tanh_bound(x, steepness=1.0):
    r"""Bound every control by itself, :math:`u = \tanh(\beta x)`, :eq:`eq-tanh`, with the pullback.

    The paper's bound: a box, whose corners have the amplitude :math:`\sqrt2`.  The steepness is
    :math:`\beta > 0`.
    """
    positive("steepness", steepness)
    waveform = np.tanh(steepness * finite_array("x", x, complex))
    return waveform, lambda gradient: steepness * (1 - waveform**2) * gradient


def radial_bound(x, steepness=1.0):
    r"""Bound the amplitude and keep the phase, :math:`u = x\tanh(\beta r)/r`, with the pullback.

    For ``x`` of shape (2, samples), with :math:`r = |x|` sample by sample, and the steepness
    :math:`\beta > 0`.
    """
    positive("steepness", steepness)
    x = _rows(x, 2, "x")
    radius = np.sqrt(np.sum(x * x, axis=0))
    safe = np.where(radius == 0, 1, radius)
    bounded = np.tanh(steepness * radius)
    ratio = np.where(radius == 0, steepness, bounded / safe)
    slope = steepness * (1 - bounded**2)

    def pullback(gradient):
        direction = x / safe
        along = np.sum(direction * gradient, axis=-2, keepdims=True)
        return ratio * gradient + (slope - ratio) * along * direction

    return ratio * x, pullback


def _rows(x, rows, name):
    x = finite_array(name, x, complex)
    if x.ndim != 2 or len(x) != rows:
        raise ValueError(f"{name} must have shape ({rows}, samples), but {x.shape} arrived.")
    return x


def unbounded(x):
    """The controls themselves, for an optimiser that keeps bounds or constraints by itself."""
    return _rows(x, 2, "x"), lambda gradient: gradient


#: name: (rows of unknowns, their unit, last link of the chain)
PARAMETRISATIONS = {
    "phase": (1, "rad", from_phase),
    "xy": (2, "1", radial_bound),
    "xy-box": (2, "1", tanh_bound),
    "xy-free": (2, "1", unbounded),
}


@dataclass(frozen=True)
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
        What the instrument does to the waveform.
    """

    kind: str
    radius: float
    dt: float
    control: str = "constant"
    distortion: Distortion | None = None

    def __post_init__(self):
        choice("parametrisation", self.kind, PARAMETRISATIONS)
        choice("control", self.control, COURSES)
        not_negative("The filter radius", self.radius, " of seconds")
        positive("dt", self.dt, " of seconds")
        if self.distortion is not None:
            instance("distortion", self.distortion, Distortion, DISTORTION_HINT)
            self.distortion.oversampling(self.dt)

    @property
    def rows(self):
        """Rows of unknowns."""
        return PARAMETRISATIONS[self.kind][0]

    def waveform(self, x):
        """Waveform of the unknowns, (rows, samples), and the pullback of the whole chain.

        The pullback takes gradients by the waveform, (..., 2, samples), to gradients by the
        unknowns.
        """
        x = _rows(x, self.rows, "The unknowns")
        smoothed, unfilter = helmholtz(x, self.radius, self.dt, self.control)
        waveform, unbound = PARAMETRISATIONS[self.kind][2](smoothed)
        return waveform, lambda gradient: unfilter(unbound(gradient))

    def felt(self, waveform):
        """What the spins feel of a waveform, and the pullback; without a distortion, itself."""
        if self.distortion is None:
            return waveform, lambda gradient: gradient
        return self.distortion.distort(waveform, self.dt, self.control)

    def phase(self, x):
        """Filtered phases, (samples,), of the flat unknowns of a phase pulse, and the pullback."""
        return helmholtz(x, self.radius, self.dt, self.control)
