"""spinlab: design magnetic-resonance pulses by optimal control, and see why it works.

How data flows, and in which module to look::

    spin system -> symbolic Liouvillian -> numeric generator -> propagate -> objective
      systems         systems, operators      generators          methods    objectives
                                                            (grape, rotations, fem)
      -> adjoint gradient -> optimiser -> pulse -> referee
         methods, goals  optimisers, designs  pulses  referees

    molecule at a scanner -> sequence of blocks -> state -> transition table -> spectrum
        metabolites         blocks, sequences   simulation       spectra     spectra, merits

Glossary: *generator*, A = -iL with L the Liouvillian; *waveform*, dimensionless controls of shape
(controls, steps); *member*, one offset and one B1 scale of an ensemble; *costate*, the derivative
of the objective with respect to a state; *pullback*, the adjoint: costates to the gradient by the
waveform.  Inside, times are in seconds and rates in rad/s; any other unit is in the name.
"""

from .adaptive import AdaptiveResult, adapt
from .aggregates import AGGREGATES
from .basis_sets import BasisSet, basis_set, write_fsl_basis, write_lcmodel_basis, write_nifti_basis
from .blocks import CoherenceFilter, Cycle, Delay, IdealPulse, ShapedPulse, duration, phase_cycle
from .checks import GradientCheck, check_gradient, propagate_plain
from .constrained import MMAHistory, MMAResult, solve_mma
from .cramer_rao import (
    CONCENTRATIONS,
    FitModel,
    cramer_rao_problem,
    fit_model,
    judge_bounds,
)
from .designs import DesignResult, design
from .distortions import Distortion, measured, rc, resonator
from .elements import ELEMENTS, element, element_matrices
from .ensembles import Ensemble, design_grid, read_histogram
from .exercises import check_answer
from .forms import Form, least_squares_form, least_squares_rows, minimax_form, minimax_rows
from .formulas import explore_formula
from .generators import Generator, evaluate, observable, state
from .goals import make_goal
from .isolation import IsolationReport, isolation_problem, judge_isolation
from .limits import LIMITS
from .linearisation import Linearisation
from .merits import line_shape_cosine, peak, residue, selectivity_db, snr_per_time, within
from .metabolites import (
    METABOLITES,
    Metabolite,
    Scanner,
    SpinGroup,
    free_hamiltonian,
    metabolite,
    read_metabolite,
    spin_matrices,
)
from .methods import METHODS, Evaluation, evaluate_objective, linearise, propagate
from .mma import MMAOptions
from .objectives import OBJECTIVES, LinearPhase, magnitude, rotation, subspace, transfer
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
    plot_report,
    use_style,
)
from .problems import Problem
from .pulse_files import load_pulse, save_pulse
from .pulses import Parametrisation, Pulse, from_phase, helmholtz, radial_bound, tanh_bound
from .races import race, sweep
from .referees import CoarseGridWarning, RefereeReport, referee
from .reports import PulseReport, report_pulse
from .sequences import gaussian_pulse, mega_press, press, pulse_acquire, spin_echo, steam
from .simulation import product_coefficients, simulate
from .spectra import (
    Transitions,
    add_noise,
    decay,
    fid,
    fourier,
    line_shape,
    ppm_axis,
    spectrum,
    transitions,
)
from .spectral_adjoint import shaped_press
from .spectral_designs import SpectralResult, scan_timings, spectral_design, starting_point
from .spectral_problems import SpectralProblem
from .spinors import turn
from .splitstep import propagate_split, split_step
from .systems import Liouvillian, SpinSystem, hamiltonian, liouvillian
from .widgets import explore

__version__ = "0.1.0"
