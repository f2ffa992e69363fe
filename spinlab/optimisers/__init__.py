"""optimisers."""

from .constrained import MMAHistory, MMAResult, solve_mma
from .loop import OPTIMISERS, Goal, History, Optimum, minimise
from .mma import MMAOptions
from .standard_form import Form, least_squares_form, least_squares_rows, minimax_form, minimax_rows
