"""A pulse: a waveform, the length of its steps, and what 1 stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..inputs import COURSES, choice, instance, positive, two_rows
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
        Course within a step: one sample a step, or straight lines between the ends of the steps.

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
        waveform = np.array(two_rows(self.waveform, self.control), dtype=float)
        if np.abs(waveform).max() > 1 + 1e-9:
            raise ValueError(
                f"The waveform reaches {np.abs(waveform).max():.4g}, beyond the amplifier's limit "
                "1; scale it down and give the limit as rf_hz."
            )
        dt = float(positive("dt", self.dt, " of seconds"))
        rf_hz = float(positive("rf_hz", self.rf_hz))
        waveform.setflags(write=False)
        for name, value in (("waveform", waveform), ("dt", dt), ("rf_hz", rf_hz)):
            object.__setattr__(self, name, value)

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
