"""mrs."""

from .adjoint import shaped_press
from .basis_sets import BasisSet, basis_set, write_fsl_basis, write_lcmodel_basis, write_nifti_basis
from .blocks import CoherenceFilter, Cycle, Delay, IdealPulse, ShapedPulse, duration, phase_cycle
from .cramer_rao import CONCENTRATIONS, FitModel, cramer_rao_problem, fit_model, judge_bounds
from .isolation import IsolationReport, isolation_problem, judge_isolation
from .merits import line_shape_cosine, peak, residue, selectivity_db, snr_per_time, within
from .metabolites import (
    METABOLITES,
    Metabolite,
    Scanner,
    SpinGroup,
    free_hamiltonian,
    metabolite,
    read_metabolite,
)
from .problem import SpectralProblem
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
from .split_step import propagate_split, split_step
from .start import SpectralResult, scan_timings, spectral_design, starting_point
