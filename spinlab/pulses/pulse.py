"""A pulse: a waveform, the length of its steps, and what 1 stands for."""

from dataclasses import dataclass

import numpy as np

from ..inputs import COURSES, choice, hold, instance, whole
from .distortion import Distortion

DISTORTION_HINT = "Make one by spinlab.pulses.rc(), resonator() or measured()."


@dataclass(frozen=True, eq=False)
class Pulse:
    """A radio-frequency pulse.

    Parameters
    ----------
    waveform : ndarray, (2, steps), or (2, steps + 1) if piecewise linear
        Rows ``u_x, u_y``; dimensionless, every entry between -1 and 1.
    dt : float
        Length of a step, s.
    rf_hz : float
        RF amplitude, in Hz of nutation, that 1 stands for.
    control : {"constant", "linear"}
        Course within a step: one sample per step, or straight lines between the ends of the steps.

    Examples
    --------
    >>> Pulse(np.array([[1.0, 1.0], [0.0, 0.0]]), dt=1e-6, rf_hz=1e4).duration
    2e-06
    """

    waveform: np.ndarray
    dt: float
    rf_hz: float
    control: str = "constant"

    def __post_init__(self):
        choice("control", self.control, COURSES)
        layout = "waveform: 2 samples >= -1.000000001 <= 1.000000001 (in units of rf_hz)"
        hold(self, layout + "; dt: > 0 (seconds); rf_hz: > 0")
        whole("The number of steps", self.steps)

    def __reduce__(self):
        # A copy, or what another process gets, is as read-only as this one.
        return type(self), (self.waveform, self.dt, self.rf_hz, self.control)

    @property
    def steps(self):
        """Number of steps."""
        return self.waveform.shape[1] - (self.control == "linear")

    @property
    def duration(self):
        """Length in seconds."""
        return self.steps * self.dt

    @property
    def times(self):
        """Times of the ends of the steps, s."""
        return self.dt * np.arange(self.steps + 1)

    @property
    def amplitude(self):
        """RF amplitude ``sqrt(ux**2 + uy**2)`` of every sample, in units of ``rf_hz``."""
        return np.hypot(*self.waveform)

    @property
    def phase(self):
        """RF phase of every sample, rad, between -pi and pi."""
        return np.arctan2(self.waveform[1], self.waveform[0])

    def felt(self, distortion):
        """The pulse that the spins feel behind a :class:`spinlab.pulses.Distortion`.

        On fine steps and with the ringing after its end; where a circuit overshoots, its ``rf_hz``
        is the larger.
        """
        instance("distortion", distortion, Distortion, DISTORTION_HINT)
        waveform, _ = distortion.distort(self.waveform, self.dt, self.control)
        peak = max(1.0, np.abs(waveform).max())
        return Pulse(waveform / peak, distortion.dt, self.rf_hz * peak, self.control)
