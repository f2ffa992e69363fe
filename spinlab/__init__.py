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

from . import control, files, mrs, optimisers, propagation, pulses, spins, teaching
from .control.adaptive import adapt
from .control.aggregates import AGGREGATES
from .control.designs import design
from .control.ensemble import Ensemble, design_grid
from .control.objectives import OBJECTIVES, transfer
from .control.problem import Problem
from .control.races import race, sweep
from .files.save_load import load_pulse, save_pulse
from .optimisers.loop import OPTIMISERS, Goal, minimise
from .plotting import (
    plot_bloch,
    plot_convergence,
    plot_fidelity_map,
    plot_pulse,
    plot_report,
    use_style,
)
from .propagation.checks import check_gradient
from .propagation.elements import ELEMENTS
from .propagation.methods import METHODS, evaluate_objective, linearise, propagate
from .propagation.spinors import turn
from .pulses.limits import LIMITS
from .pulses.pulse import Pulse
from .spins.generators import Generator, evaluate, observable, state
from .spins.systems import SpinSystem, hamiltonian, liouvillian
from .teaching.exercises import check_answer
from .teaching.sliders import explore

__version__ = "0.1.0"
