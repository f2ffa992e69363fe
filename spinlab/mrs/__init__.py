"""Spectra: from a molecule at a scanner to what it shows, and back to the pulse that shows it best.

====================  ============================================================================
metabolite            groups of coupled spins, with shifts in ppm, couplings in Hz, and sources
scanner               proton frequency, and the chemical shift of offset zero
block, sequence       pulse, delay, filter or cycle; a tuple of blocks, played from left to right
state                 the density matrix of a group of spins, or a tuple of them, one a group
transitions           the lines of a state: where they are and how strong, without widths
line width            ``linewidth_hz``, full width at half maximum of a Lorentzian line
spectrum              lines with a width on an axis in ppm; a *window* is a part of it
basis set             signals of all metabolites after one sequence, for programs that fit spectra
split step            couplings and rotations in turn: fast, second order, with an exact gradient
problem, loss         shaped RF in the free intervals of a sequence; what is to become small
isolation             one molecule alone: a line of it in a window, and nothing of the others
fit                   amplitudes of all molecules, a phase, shift and width, and a baseline
bound                 Cramér-Rao: the least deviation of a concentration that any fit can reach
bias                  what a fit with the basis of the nominal field gets wrong at another one
crusher               a gradient that turns coherences by their order: a filter, at a scanner
judge                 the exact path, which shares no propagator with the split step
====================  ============================================================================
"""

# isort: off
from .adjoint import detection_matrix
from .basis_sets import BasisSet, basis_set, write_fsl_basis, write_lcmodel_basis, write_nifti_basis
from .blocks import (
    CoherenceFilter, Cycle, Delay, IdealPulse, Relaxation, ShapedPulse, SlicePulse, duration,
    phase_cycle,
)
from .cramer_rao import BoundLoss, BoundReport, cramer_rao_problem, judge_bounds
from .designs import (
    SHIPPED, SpectralResult, from_autograd, scan_timings, shipped, starting_point,
)
from .fit_models import FITTED, FitModel, fit_model
from .fitting import Fit, fit_signals, fit_spectrum, noisy_spectrum
from .isolation import IsolationReport, isolation_problem, judge_isolation
from .macromolecules import macromolecules
from .metabolites import (
    FAT, METABOLITES, SOURCES, WATER, Metabolite, Scanner, SpinGroup, coupling_hamiltonian,
    free_hamiltonian, metabolite, read_metabolite,
)
from .problem import SpectralProblem
from .pulseq import RfReport, rf_report, write_pulseq_sequence
from .relaxation import relaxing
from .selective_pulses import gaussian_pulse, slice_pulse, slr_pulse
from .sequences import (
    at_scanner, echo_train, ideal, j_refocused, mega_press, press, pulse_acquire, semi_laser,
    spin_echo, steam,
)
from .simulation import product_coefficients, simulate
from .spectra import (
    Transitions, add_noise, decay, energy, fid, fourier, line_shape, line_shape_cosine, peak,
    ppm_axis, selectivity_db, spectrum, transitions, within,
)
from .split_step import split_step
