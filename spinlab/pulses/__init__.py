"""pulses."""

from .distortion import Distortion, measured, rc, resonator
from .filter_and_bound import Parametrisation, from_phase, helmholtz, radial_bound, tanh_bound
from .limits import LIMITS
from .pulse import Pulse
