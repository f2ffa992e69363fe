"""propagation."""

from .adjoint import Linearisation
from .checks import GradientCheck, check_gradient, propagate_plain
from .elements import ELEMENTS, element, element_matrices
from .methods import METHODS, Evaluation, evaluate_objective, linearise, propagate
from .spinors import turn
