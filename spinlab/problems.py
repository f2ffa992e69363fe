"""The control problem: what a pulse shall do, for whom, and with what means."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .elements import CONTROL_SHAPES
from .ensembles import Ensemble
from .generators import evaluate, observable, state
from .inputs import choice, finite_array, instance, positive, whole
from .methods import evaluate_objective
from .objectives import OBJECTIVES
from .systems import SpinSystem, liouvillian


@dataclass(frozen=True)
class Problem:
    """What a pulse shall do, for whom, and with what means.

    Parameters
    ----------
    start, target : str or ndarray
        Such as ``"Iz"`` and ``"Ix"`` (see :func:`spinlab.state`), or arrays as the objective
        takes them.
    duration : float
        Length of the pulse, s.
    steps : int
        Number of steps.
    rf_hz : float
        RF amplitude, Hz, that ``|u| = 1`` stands for.
    ensemble : Ensemble, optional
        Default: one member, on resonance.
    system : SpinSystem, optional
        Default: one spin.
    objective : str
        A name of :data:`spinlab.objectives.OBJECTIVES`.
    control : {"constant", "linear"}
        Course of the control within a step.
    parameters : dict, optional
        Values of the system's further symbols, by name.
    """

    start: object
    target: object
    duration: float
    steps: int
    rf_hz: float
    ensemble: Ensemble = field(default_factory=lambda: Ensemble([0.0], [1.0]))
    system: SpinSystem = field(default_factory=SpinSystem)
    objective: str = "transfer"
    control: str = "constant"
    parameters: dict = field(default_factory=dict)

    def __post_init__(self):
        positive("duration", self.duration, " of seconds")
        positive("rf_hz", self.rf_hz)
        whole("steps", self.steps)
        choice("objective", self.objective, OBJECTIVES)
        choice("control", self.control, CONTROL_SHAPES)
        instance("ensemble", self.ensemble, Ensemble, "Ensemble.grid() makes one.")
        instance("system", self.system, SpinSystem)
        instance("parameters", self.parameters, dict)
        taken = {"offset_hz", "b1_scale", "rf_hz"} & set(self.parameters)
        if taken:
            raise ValueError(
                f"parameters names {', '.join(sorted(taken))}; offsets and B1 scales belong into "
                "the ensemble, and rf_hz is an argument of its own."
            )
        # Whatever else is wrong (an unknown operator, a missing symbol) shall be said now.
        generator, start, objective = self._numbers
        dimension = generator.dimension
        if start.ndim not in (1, 2) or len(start) != dimension:
            raise ValueError(
                f"start has shape {start.shape}, but the state vectors have length {dimension}."
            )
        value, _ = objective(start)
        if np.ndim(value):
            raise ValueError(
                f"The objective {self.objective!r} judges one state, but start has shape "
                f"{start.shape}; give one state, or choose the objective 'rotation'."
            )

    @property
    def dt(self):
        """Length of a step, s."""
        return self.duration / self.steps

    @property
    def samples(self):
        """Samples of a control."""
        return self.steps + (self.control == "linear")

    def generator(self):
        """Numeric generator of all members."""
        return evaluate(
            liouvillian(self.system),
            offset_hz=self.ensemble.offset_hz,
            b1_scale=self.ensemble.b1_scale,
            rf_hz=self.rf_hz,
            **self.parameters,
        )

    def initial_state(self):
        """Initial state as a vector; of length 1, unless relaxation gives its length a meaning."""
        liouville = liouvillian(self.system)
        if not isinstance(self.start, str):
            return finite_array("start", self.start)
        vector = state(self.start, liouville)
        return vector if liouville.identity else vector / np.linalg.norm(vector)

    def objective_function(self):
        """The objective with its target filled in."""
        target = self.target
        if isinstance(target, str):
            target = observable(target, liouvillian(self.system))
        return OBJECTIVES[self.objective](target)

    @cached_property
    def _numbers(self):
        """What every evaluation needs; a problem does not change, so once is enough."""
        return self.generator(), self.initial_state(), self.objective_function()

    def evaluate(self, waveform, method="rotations", threads=1):
        """Mean objective of a waveform over the ensemble, and its gradient.

        Parameters
        ----------
        waveform : ndarray, (2, samples)
        method : str
        threads : int
            Parts of a large ensemble that are treated at the same time.

        Returns
        -------
        value : float
        gradient : ndarray, (2, samples)
        """
        if np.shape(waveform) != (2, self.samples):
            raise ValueError(
                f"The waveform of this problem has shape {(2, self.samples)}, "
                f"but {np.shape(waveform)} arrived."
            )
        weights = self.ensemble.weights
        generator, start, objective = self._numbers
        result = evaluate_objective(
            generator, waveform, self.dt, start, objective, method, self.control, weights, threads
        )
        return weights @ result.values, result.gradients
