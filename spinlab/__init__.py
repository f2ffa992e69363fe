"""spinlab: design magnetic-resonance pulses by optimal control, and see why it works.

How data flows, and in which module to look::

    spin system -> symbolic Liouvillian -> numeric generator -> propagate -> objective
      systems         systems, operators      generators          methods    objectives
                                                            (grape, rotations, fem)
      -> adjoint gradient -> optimiser -> pulse -> referee
         methods, goals  optimisers, designs  pulses  referees

Glossary: *generator*, A = -iL with L the Liouvillian; *waveform*, dimensionless controls of shape
(controls, steps); *member*, one offset and one B1 scale of an ensemble; *costate*, the derivative
of the objective with respect to a state; *pullback*, the adjoint: costates to the gradient by the
waveform.  Inside, times are in seconds and rates in rad/s; any other unit is in the name.
"""

from .adaptive import AdaptiveResult, adapt
from .aggregates import AGGREGATES
from .checks import GradientCheck, check_gradient, propagate_plain
from .constrained import MMAHistory, MMAResult, solve_mma
from .designs import DesignResult, design
from .elements import ELEMENTS, element, element_matrices
from .ensembles import Ensemble, design_grid, read_histogram
from .exercises import check_answer
from .forms import (
    Form,
    least_squares_form,
    least_squares_rows,
    minimax_form,
    minimax_rows,
)
from .formulas import explore_formula
from .generators import Generator, evaluate, observable, state
from .goals import make_goal
from .limits import LIMITS
from .linearisation import Linearisation
from .methods import METHODS, Evaluation, evaluate_objective, linearise, propagate
from .mma import MMAOptions
from .objectives import (
    OBJECTIVES,
    LinearPhase,
    magnitude,
    rotation,
    subspace,
    transfer,
    transfer_squared,
)
from .operators import (
    basis_matrix,
    commutation_superoperator,
    commutator,
    product_basis,
    spin_operator,
)
from .optimisers import OPTIMISERS, Goal, History, Optimum, minimise
from .plotting import (
    plot_bloch,
    plot_convergence,
    plot_fidelity_map,
    plot_pulse,
    use_style,
)
from .problems import Problem
from .pulses import (
    Parametrisation,
    Pulse,
    from_phase,
    helmholtz,
    radial_bound,
    tanh_bound,
)
from .races import race
from .referees import CoarseGridWarning, RefereeReport, referee
from .spinors import turn
from .systems import Liouvillian, SpinSystem, hamiltonian, liouvillian
from .widgets import explore

__version__ = "0.1.0"
