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

__version__ = "0.1.0"

#: The face: which wing has what, and in which order one meets it.  A wing is imported where one of
#: its names is first needed.
FACE = {
    "spins": "SpinSystem hamiltonian liouvillian evaluate state observable Generator",
    "propagation": "METHODS ELEMENTS propagate linearise evaluate_objective check_gradient turn",
    "pulses": "Pulse LIMITS",
    "control": "Problem Ensemble design_grid OBJECTIVES AGGREGATES transfer design judge adapt "
    "race sweep",
    "optimisers": "OPTIMISERS Goal minimise",
    "files": "save_pulse load_pulse",
    "mrs": "",
    "plotting": "plot_pulse plot_bloch plot_convergence plot_fidelity_map plot_report use_style",
    "teaching": "explore check_answer",
}
HOME = {name: wing for wing, names in FACE.items() for name in names.split()}
__all__ = list({**FACE, **HOME})


def __getattr__(name):
    """Import a wing, or the wing of a name, at its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"spinlab has no {name!r}; its names are {', '.join(__all__)}.")
    wing = importlib.import_module(f".{HOME.get(name, name)}", __name__)
    return globals().setdefault(name, getattr(wing, name) if name in HOME else wing)


def __dir__():
    return [*globals(), *__all__]
