"""Optimisers: what shall become small, by which rule, and the proof that it is.

====================  ============================================================================
goal                  value and gradient of flat unknowns; perhaps limits, second derivatives
optimum               the best point that was seen, and how it was found
limit                 a number that must not be positive: a constraint, or a penalty
hybrid                several optimisers; one takes over where the one before stagnates
standard form         objective, rows ``f <= 0`` and prices of elastic variables
moving asymptotes     MMA: hyperbolas through value and slope make a convex subproblem of each step
multiplier            what a limit costs: change of the optimum with the limit
KKT residual          by how much the conditions of Karush, Kuhn and Tucker are missed
====================  ============================================================================
"""

from .goal import Goal, History, Optimum
from .loop import OPTIMISERS, minimise
from .mma import MMAOptions
from .standard_form import Form, least_squares_form, least_squares_rows, minimax_form, minimax_rows
