"""control."""

from .adaptive import AdaptiveResult, adapt
from .aggregates import AGGREGATES
from .designs import DesignResult, design
from .ensemble import Ensemble, design_grid, read_histogram
from .goal import make_goal
from .objectives import OBJECTIVES, LinearPhase, magnitude, rotation, subspace, transfer
from .problem import Problem
from .races import race, sweep
from .referee import CoarseGridWarning, RefereeReport, referee
from .report import PulseReport, report_pulse
