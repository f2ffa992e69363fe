"""The control problem: what a pulse shall do, for whom, and with what means."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from ..inputs import choice, finite_array, instance, number, positive, whole
from ..propagation.elements import CONTROL_SHAPES
from ..propagation.methods import evaluate_objective
from ..propagation.spinors import (
    rotation_fidelity,
    spinor_target,
    transfer_fidelity,
    universal_fidelity,
)
from ..pulses.distortion import Distortion
from ..pulses.pulse import DISTORTION_HINT
from ..spins.generators import evaluate, observable, state
from ..spins.systems import SpinSystem, liouvillian
from .ensemble import Ensemble
from .objectives import OBJECTIVES, LinearPhase, transfer


@dataclass(frozen=True)
class Problem:
    """What a pulse shall do, for whom, and with what means.

    Parameters
    ----------
    start, target : str or ndarray
        Such as ``"Iz"`` and ``"Ix"`` (see :func:`spinlab.state`), or arrays as the objective
        takes them.  For the objectives ``"rotation"`` and ``"universal"`` the start is every state:
        give None; the target of the latter is a 2 x 2 propagator, such as ``spinlab.turn(...)``.
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
        A name of :data:`spinlab.control.objectives.OBJECTIVES`, or ``"universal"``: the
        sign-sensitive overlap of propagators, :eq:`eq-universal`, for ``method="spinors"``; or
        ``"linear-phase"``: the transfer that is complete after the ``delay``,
        :class:`spinlab.control.LinearPhase`.
    control : {"constant", "linear"}
        Course of the control within a step.
    parameters : dict, optional
        Values of the system's further symbols, by name; ``T1`` and ``T2`` of an ensemble that has
        them are its own.
    delay : float
        Of the objective ``"linear-phase"``: free precession behind the pulse, s.
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
    delay: float = 0.0

    def __post_init__(self):
        positive("duration", self.duration, " of seconds")
        positive("rf_hz", self.rf_hz)
        whole("steps", self.steps)
        choice("objective", self.objective, (*OBJECTIVES, "universal", "linear-phase"))
        choice("control", self.control, CONTROL_SHAPES)
        instance("ensemble", self.ensemble, Ensemble, "Ensemble.grid() makes one.")
        instance("system", self.system, SpinSystem)
        instance("parameters", self.parameters, dict)
        times = set(self.ensemble.relaxation_times)
        taken = {"offset_hz", "b1_scale", "rf_hz", *times} & set(self.parameters)
        if taken:
            raise ValueError(
                f"parameters names {', '.join(sorted(taken))}; what differs between members "
                "belongs into the ensemble, and rf_hz is an argument of its own."
            )
        unknown = times - {symbol.name for symbol in liouvillian(self.system).parameters}
        if unknown:
            raise ValueError(
                f"The ensemble has values of {', '.join(sorted(unknown))}, but the spin system has "
                "no such symbol; give it one, such as SpinSystem(t1=sympy.Symbol('T1'), t2=0.1)."
            )
        if number("delay", self.delay, " of seconds") and self.objective != "linear-phase":
            raise ValueError(
                f"delay must be 0 unless objective='linear-phase', but {self.delay!r} arrived."
            )
        # Whatever else is wrong (an unknown operator, a missing symbol) shall be said now.
        if self.objective == "universal":
            self.spinor_fidelity()
            if self.start is not None:
                raise ValueError(
                    "A universal rotation starts from every state: give start=None instead of "
                    f"{self.start!r}."
                )
            return
        generator, start = self.generator(), self.initial_state()
        dimension = generator.dimension
        if start.ndim not in (1, 2) or len(start) != dimension:
            raise ValueError(
                f"start has shape {start.shape}, but the state vectors have length {dimension}."
            )
        objective = self.objective_function()
        apart = hasattr(objective, "member")  # then it wants the states of all members
        states = np.broadcast_to(start, (self.ensemble.members, *start.shape)) if apart else start
        value, _ = objective(states)
        if np.ndim(value) != apart:
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
            liouvillian(self.system), offset_hz=self.ensemble.offset_hz,
            b1_scale=self.ensemble.b1_scale, rf_hz=self.rf_hz, **self.ensemble.relaxation_times,
            **self.parameters,
        )

    def initial_state(self):
        """Initial state as a vector; of length 1, unless relaxation gives its length a meaning."""
        liouville = liouvillian(self.system)
        if self.start is None and self.objective in ("rotation", "universal"):
            return np.eye(len(liouville.basis))
        if not isinstance(self.start, str):
            return finite_array("start", self.start)
        vector = state(self.start, liouville)
        return vector if liouville.identity else vector / np.linalg.norm(vector)

    def objective_function(self):
        """The objective with its target filled in."""
        self.require_states()
        target = self.target
        if isinstance(target, str):
            target = observable(target, liouvillian(self.system))
        if self.objective == "linear-phase":
            transfer(target)  # checks the target
            later = expm(self.delay * self.generator().drift)
            return LinearPhase(target @ later / np.linalg.norm(target))
        return OBJECTIVES[self.objective](target)

    def require_states(self, method="states"):
        """Refuse what states cannot tell: the sign of a propagator."""
        if self.objective == "universal":
            raise ValueError(
                f"The universal fidelity is one of propagators, and the method {method!r} carries "
                "states; use method='spinors', or the sign-free objective 'rotation'."
            )

    def residual_target(self):
        """Final states wanted, and the scale that makes half their squared miss the infidelity."""
        if self.objective == "rotation":
            return np.asarray(self.target, dtype=float), len(self.target) ** -0.5
        target = observable(self.target, liouvillian(self.system)) if isinstance(
            self.target, str) else np.asarray(self.target)
        return target / np.linalg.norm(target), 1.0

    def spinor_fidelity(self):
        """The fidelity as a function of the final propagators, see
        :mod:`spinlab.propagation.spinors`.

        Refused where the system is not one spin without relaxation, or the objective has no such
        form.
        """
        if self.system.spins > 1 or self.system.relaxes or self.system.offset_hz != (0,):
            raise ValueError(
                "The method 'spinors' and the objective 'universal' are for one spin without "
                "relaxation; use another method, and the objective 'rotation'."
            )
        if self.objective == "universal":
            return partial(universal_fidelity, target=spinor_target(self.target))
        if self.objective == "rotation":
            self.objective_function()  # checks the target
            target = np.roll(Rotation.from_matrix(self.target).as_quat(), 1)  # scalar first
            return partial(rotation_fidelity, target=target)
        if self.objective == "transfer":
            start, (target, _) = self.initial_state(), self.residual_target()
            return partial(transfer_fidelity, start=start, target=target)
        raise ValueError(
            f"The method 'spinors' knows the objectives 'transfer', 'rotation' and 'universal', "
            f"not {self.objective!r}; use the method 'rotations'."
        )

    def felt(self, distortion):
        """The same problem on the fine steps that spins feel behind a
        :class:`spinlab.pulses.Distortion`.

        Its state is judged after the ringing.
        """
        instance("distortion", distortion, Distortion, DISTORTION_HINT)
        steps = self.steps * distortion.oversampling(self.dt) + distortion.tail
        return replace(self, steps=steps, duration=steps * distortion.dt)

    def evaluate(self, waveform, method="rotations"):
        """Mean objective of a waveform, (2, samples), over the ensemble, and its gradient.

        Large ensembles are treated in parts, in memory that does not grow with them but for the
        values: less than 100 MB.
        """
        if np.shape(waveform) != (2, self.samples):
            raise ValueError(
                f"The waveform of this problem has shape {(2, self.samples)}, "
                f"but {np.shape(waveform)} arrived."
            )
        weights = self.ensemble.weights
        result = evaluate_objective(
            self.generator(), waveform, self.dt, self.initial_state(),
            self.objective_function(), method, self.control, weights,
        )
        return weights @ result.values, result.gradients
