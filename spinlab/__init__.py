"""spinlab: design magnetic-resonance pulses by optimal control, and see why it works.

How data flows, and in which wing to look::

    spin system -> symbolic Liouvillian -> numeric generator -> propagation -> objective (value,
      spins                                                     propagation    control   costate)

      -> adjoint gradient -> optimiser -> pulse -> judge -> file
         propagation         optimisers   pulses   control  files

    molecule at a scanner -> sequence of blocks -> state -> lines -> spectrum -> loss and gradient
      mrs

Inside, times are in seconds and rates in rad/s; any other unit is in the name.  A *waveform* holds
dimensionless controls, (controls, steps).  Each wing's page begins with its own glossary.
"""

import importlib

from . import control, files, optimisers, propagation, pulses, spins
from .control import (
    AGGREGATES,
    OBJECTIVES,
    Ensemble,
    Problem,
    adapt,
    design,
    design_grid,
    judge,
    race,
    sweep,
    transfer,
)
from .files import load_pulse, save_pulse
from .optimisers import OPTIMISERS, Goal, minimise
from .propagation import (
    ELEMENTS,
    METHODS,
    check_gradient,
    evaluate_objective,
    linearise,
    propagate,
    turn,
)
from .pulses import LIMITS, Pulse
from .spins import (
    Generator,
    SpinSystem,
    evaluate,
    hamiltonian,
    liouvillian,
    observable,
    state,
)

__version__ = "0.1.0"

#: Names that are imported where they are first needed, and where from: spectra, and all that draws
#: or asks.
LATER = {
    "mrs": "mrs", "teaching": "teaching", "plotting": "plotting", "plot_pulse": "plotting",
    "plot_bloch": "plotting", "plot_convergence": "plotting", "plot_fidelity_map": "plotting",
    "plot_report": "plotting", "use_style": "plotting", "explore": "teaching",
    "check_answer": "teaching",
}  # fmt: skip

__all__ = [
    "control", "files", "optimisers", "propagation", "pulses", "spins", "mrs",
    "teaching", "plotting", "plot_pulse", "plot_bloch", "plot_convergence", "plot_fidelity_map",
    "plot_report", "use_style", "explore", "check_answer",
    "SpinSystem", "liouvillian", "hamiltonian", "evaluate", "state", "observable", "Generator",
    "propagate", "linearise", "evaluate_objective", "METHODS", "ELEMENTS", "check_gradient",
    "Pulse", "LIMITS", "save_pulse", "load_pulse",
    "Problem", "Ensemble", "design_grid", "OBJECTIVES", "AGGREGATES", "transfer", "turn",
    "design", "adapt", "race", "sweep", "judge", "minimise", "Goal", "OPTIMISERS",
]  # fmt: skip


def __getattr__(name):
    """Import a wing, or a name of one, at its first use (PEP 562)."""
    if name not in LATER:
        raise AttributeError(f"spinlab has no {name!r}; its names are {', '.join(__all__)}.")
    module = importlib.import_module(f".{LATER[name]}", __name__)
    return module if name == LATER[name] else getattr(module, name)


def __dir__():
    return __all__
