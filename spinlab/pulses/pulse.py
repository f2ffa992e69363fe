"""A pulse: a waveform, the length of its steps, and what 1 stands for."""

from dataclasses import dataclass, replace

import numpy as np

from ..inputs import COURSES, choice, finite_array, hold, instance, require, whole
from .distortion import Distortion

DISTORTION_HINT = "Make one by spinlab.pulses.rc(), resonator() or measured()."


@dataclass(frozen=True, eq=False)
class Pulse:
    """A radio-frequency pulse.

    Parameters
    ----------
    waveform : ndarray, (2, steps), or (2, steps + 1) if piecewise linear
        Rows ``u_x, u_y``; dimensionless, every entry between -1 and 1.  Of several RF channels one
        pair of rows after the other.
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
        channels = len(np.atleast_2d(finite_array("waveform", self.waveform))) // 2 or 1
        layout = f"waveform: {2 * channels} samples >= -1.000000001 <= 1.000000001"
        hold(self, layout + " (in units of rf_hz); dt: > 0 (seconds); rf_hz: > 0")
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
        """RF amplitude ``sqrt(ux**2 + uy**2)`` of every sample, in units of ``rf_hz``.

        Of shape (samples,), or (channels, samples) where there are several.
        """
        return _only(np.hypot(self.waveform[::2], self.waveform[1::2]))

    @property
    def phase(self):
        """RF phase of every sample, rad, between -pi and pi; shaped as ``amplitude``."""
        return _only(np.arctan2(self.waveform[1::2], self.waveform[::2]))

    def channel(self, index):
        """The pulse of one RF channel of several, counted from 0."""
        whole("index", index, 0, len(self.waveform) // 2 - 1)
        return replace(self, waveform=self.waveform[2 * index : 2 * index + 2])

    def felt(self, distortion):
        """The pulse that the spins feel behind a :class:`spinlab.pulses.Distortion`.

        On fine steps and with the ringing after its end; where a circuit overshoots, its ``rf_hz``
        is the larger.
        """
        instance("distortion", distortion, Distortion, DISTORTION_HINT)
        waveform, _ = distortion.distort(self.waveform, self.dt, self.control)
        peak = max(1.0, np.abs(waveform).max())
        return Pulse(waveform / peak, distortion.dt, self.rf_hz * peak, self.control)


def _only(rows):
    """The only row of one channel; all rows of several."""
    return rows[0] if len(rows) == 1 else rows


def one_channel(pulse):
    """The pulse, if it is one of a single RF channel."""
    found = len(instance("pulse", pulse, Pulse).waveform) // 2
    require(found == 1, f"This takes a pulse of one RF channel, but one of {found} arrived; give "
            "one of them, such as pulse.channel(0).")
    return pulse
