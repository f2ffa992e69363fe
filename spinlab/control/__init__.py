"""Control: what a pulse shall do, for whom, how it is designed, and who judges it.

====================  ============================================================================
problem               start, target, duration and means of a pulse, and the members that it serves
objective             a function of the final states that is to grow; 1 at best
fidelity              mean objective of the members; infidelity: what it misses to 1
ensemble, member      offsets, B1 scales and relaxation times that one pulse serves at once
running cost          what is asked of the states on the way: to hold one, to avoid some
band                  one of several problems that one pulse solves at once
aggregate             what is added up over members: mean, worst, smooth worst, tail
design                from a problem to the best pulse that an optimiser finds
judge                 an exact propagation on a dense grid, whatever method designed the pulse
race                  many random starts, of which the best are finished
sweep                 one function over a table of cases, on all cores
shortest              from a pulse that is long enough to a short one that is good enough
====================  ============================================================================
"""

from .adaptive import AdaptiveResult, adapt
from .along import Avoid, Hold
from .bands import Bands
from .designs import DesignResult, design
from .ensemble import Ensemble, design_grid, read_histogram
from .goal import make_goal
from .judgement import CoarseGridWarning, Judgement, judge
from .objectives import AGGREGATES, OBJECTIVES, LinearPhase, magnitude, rotation, subspace, transfer
from .problem import Problem
from .races import RaceResult, race, sweep
from .shortest import ShortestResult, shortest
