"""The control problem: what a pulse shall do, for whom, and with what means."""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from ..inputs import COURSES, arrays, choice, finite_array, hold, instance, require
from ..propagation import evaluate_objective, spinors
from ..propagation.arguments import warn_of_exploited_steps
from ..pulses import Distortion, Parametrisation
from ..pulses.pulse import DISTORTION_HINT, Pulse
from ..spins import SpinSystem, evaluate, liouvillian, observable, state
from .along import running_cost
from .designs import DesignResult
from .ensemble import Ensemble
from .goal import fastest_method, make_goal
from .objectives import OBJECTIVES, LinearPhase, transfer

#: Half width of the box of the unknowns, and reach of a random start, by kind.
BOXES = {"phase": (10 * np.pi, np.pi), "xy": (3.0, 0.5), "xy-box": (3.0, 0.5), "xy-free": (1, 0.5)}


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
        A name of :data:`spinlab.OBJECTIVES`, or ``"universal"``: the sign-sensitive overlap of
        propagators, :eq:`eq-universal`, for ``method="spinors"``; or ``"linear-phase"``: the
        transfer that is complete after the ``delay``, :class:`spinlab.control.LinearPhase`.
    control : {"constant", "linear"}
        Course of the control within a step.
    parameters : dict, optional
        Values of the system's further symbols, by name; ``T1`` and ``T2`` of an ensemble that has
        them are its own.
    delay : float
        Of the objective ``"linear-phase"``: free precession behind the pulse, s.
    along : tuple of (Hold or Avoid)
        Running costs, :class:`spinlab.control.Hold` and :class:`spinlab.control.Avoid`, for a start
        that is one state.
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
    along: tuple = ()

    def __post_init__(self):
        hold(self, "duration: > 0 (seconds); rf_hz: > 0; steps: whole; delay: (seconds)")
        choice("objective", self.objective, (*OBJECTIVES, "universal", "linear-phase"))
        choice("control", self.control, COURSES)
        instance("ensemble", self.ensemble, Ensemble, "Ensemble.grid() makes one.")
        instance("system", self.system, SpinSystem)
        instance("parameters", self.parameters, dict)
        taken = set(self._values) & set(self.parameters)
        require(not taken, f"parameters names {', '.join(sorted(taken))}, given by the ensemble.")
        require(not self.delay or self.objective == "linear-phase",
                f"delay must be 0 unless objective='linear-phase', but {self.delay!r} arrived.")
        # Whatever else is wrong (an unknown operator, a missing symbol) shall be said now.
        if self.objective == "universal":
            self.spinor_fidelity()
        else:
            self.require_fit()
        require(not self.along or self.initial_state().ndim == 1, "Running costs follow one state, "
                f"but the start of this {self.objective} is every state; hold it in another band.")
        self.running_cost()

    def require_fit(self):
        """Refuse a start, a target and an objective that do not go together."""
        d, start = self.generator().dimension, self.initial_state()
        require(start.ndim in (1, 2) and len(start) == d,
                f"start has shape {start.shape}, but the state vectors have length {d}.")
        unit = self.objective != "rotation" or np.allclose(start.T @ start, np.eye(len(start.T)))
        require(unit, "The start of a rotation must be None or orthonormal; other columns arrived.")
        objective = self.objective_function()
        apart = hasattr(objective, "member")  # then it wants the states of all members
        states = np.broadcast_to(start, (self.ensemble.members, *start.shape)) if apart else start
        require(np.ndim(objective(states)[0]) == apart, f"The objective {self.objective!r} judges "
                f"one state, but start has shape {start.shape}; use the objective 'rotation'.")

    @property
    def dt(self):
        """Length of a step, s."""
        return self.duration / self.steps

    @property
    def samples(self):
        """Samples of a control."""
        return self.steps + (self.control == "linear")

    @property
    def _values(self):
        """What the members and the amplifier say of the system's symbols."""
        members = self.ensemble
        return {"offset_hz": members.offset_hz, "b1_scale": members.b1_scale, "rf_hz": self.rf_hz,
                **members.relaxation_times}  # fmt: skip

    def generator(self):
        """Numeric generator of all members."""
        return evaluate(liouvillian(self.system), **self._values, **self.parameters)

    def initial_state(self):
        """Initial state as a vector; of length 1, unless relaxation gives its length a meaning."""
        liouville = liouvillian(self.system)
        if self.start is None and self.objective in ("rotation", "universal"):
            return np.eye(len(liouville.basis))
        named = isinstance(self.start, str)
        vector = state(self.start, liouville) if named else finite_array("start", self.start)
        if liouville.identity or vector.ndim != 1 or not vector.any():
            return vector
        return vector / np.linalg.norm(vector)

    @property
    def _target(self):
        named = isinstance(self.target, str)
        return observable(self.target, liouvillian(self.system)) if named else self.target

    def running_cost(self):
        """The sum of what is asked along the way, with its numbers filled in, or None."""
        return running_cost(self.along, liouvillian(self.system))

    def objective_function(self):
        """The objective with its target filled in."""
        require(self.objective != "universal", "The universal fidelity is one of propagators; use "
                "method='spinors', or the sign-free objective 'rotation'.")
        target = self._target
        if self.objective == "linear-phase":
            transfer(target)  # checks the target
            drift = self.generator().drift
            lossless = not (self.system.relaxes or self.system.dipolar_width_hz)
            require(self.delay >= 0 or lossless,
                    f"Relaxation does not go back in time, by {self.delay:g} s; leave it out.")
            require(abs(self.delay) * np.abs(drift).max() < 1e6,
                    f"delay = {self.delay:g} s turns spins by more than 1e6 rad; give seconds.")
            return LinearPhase(target @ expm(self.delay * drift) / np.linalg.norm(target))
        return OBJECTIVES[self.objective](target)

    def residual_target(self):
        """Final states wanted, and the scale that makes half their squared miss the infidelity."""
        if self.objective == "rotation":
            return np.asarray(self.target, dtype=float), len(self.target) ** -0.5
        return np.asarray(self._target) / np.linalg.norm(self._target), 1.0

    def spinor_fidelity(self):
        """The fidelity as a function of the final propagators: see the module ``spinors``.

        Refused where the system is not one spin without relaxation, or the objective has no such
        form.
        """
        require(self.system.offset_hz == (0,) and not self.system.relaxes, "Spinors, and the "
                "objective 'universal', are for one spin without relaxation; use others.")
        if self.objective == "universal":
            start = self.start
            require(start is None, f"A universal rotation starts from every state, not {start!r}.")
            return partial(spinors.universal_fidelity, target=spinors.spinor_target(self.target))
        if self.objective == "rotation":
            self.objective_function()  # checks the target
            target = np.roll(Rotation.from_matrix(self.target).as_quat(), 1)  # scalar first
            return partial(spinors.rotation_fidelity, target=target)
        require(self.objective == "transfer", "The method 'spinors' knows transfer, rotation and "
                f"universal, not {self.objective!r}; use the method 'rotations'.")
        start, (target, _) = self.initial_state(), self.residual_target()
        return partial(spinors.transfer_fidelity, start=start, target=target)

    def felt(self, distortion):
        """The same problem on the fine steps that spins feel behind a distortion.

        Its state is judged after the ringing.
        """
        instance("distortion", distortion, Distortion, DISTORTION_HINT)
        steps = self.steps * distortion.oversampling(self.dt) + distortion.tail
        return replace(self, steps=steps, duration=steps * distortion.dt)

    def fidelity(self, waveform, method="rotations"):
        """Mean objective of a waveform over the ensemble, and its gradient.

        Of shape (2, samples), or twice as many rows as there are RF channels.

        Large ensembles are treated in parts, in memory that does not grow with them but for the
        values: less than 100 MB.
        """
        layout = f"waveform: complex {len(self.system.controls)} {self.samples}"
        waveform = arrays(layout, waveform=waveform)
        state, objective = self.initial_state(), self.objective_function()
        result = evaluate_objective(self.generator(), waveform, self.dt, state, objective, method,
                                    self.control, self.ensemble.weights)  # fmt: skip
        return self.ensemble.weights @ result.values, result.gradients

    def goal(self, kind="phase", radius=None, method=None, aggregate="mean", limits=None,
             distortion=None, basis=None):  # fmt: skip
        """What :func:`spinlab.design` makes small: infidelity and running costs, by the unknowns.

        Parameters
        ----------
        kind : {"phase", "xy", "xy-box", "xy-free"}
            What is optimised: see :class:`spinlab.pulses.Parametrisation`.
        radius : float, optional
            Helmholtz filter radius in seconds; default ``duration / 130``, and 0, no filter, where
            there is a basis.  None is applied either, for ``"xy-free"``, below ``dt / sqrt(6)``:
            it would lead beyond the limits.
        method : str, optional
            Propagation method, a name of :data:`spinlab.METHODS`, or ``"spinors"``, for phase
            pulses on one spin.  Default: the fastest that the problem allows: spinors; rotations
            for other pulses on one spin without relaxation; else ``"fem-quadratic-reduced"``.
        aggregate : str or callable
            Which infidelity is to become small: a name of :data:`spinlab.AGGREGATES`, or a function
            like them, such as ``functools.partial(spinlab.control.objectives.tail, share=0.05)``.
        limits : dict, optional
            Bounds by the names of :data:`spinlab.LIMITS`, such as ``{"mean_power": 0.5}``:
            constraints for moving asymptotes, penalties for the other optimisers.
        distortion : Distortion, optional
            What the instrument does to the pulse: the pulse that comes out is the one to programme,
            the fidelity is that of what the spins feel.
        basis : ndarray, (samples, count), optional
            The unknowns are coefficients of its columns, such as ``spinlab.pulses.cosines(...)``.

        Returns
        -------
        spinlab.Goal
        """
        radius = (self.duration / 130 if basis is None else 0) if radius is None else radius
        channels = len(self.system.controls) // 2
        shape = Parametrisation(kind, radius, self.dt, self.control, distortion, channels, basis)
        if kind == "xy-free" and 6 * shape.radius**2 < self.dt**2:
            shape = replace(shape, radius=0.0)
        columns = self.samples if basis is None else shape.basis.shape[1]
        size, (span, reach) = (shape.rows, columns), BOXES[kind]
        method = fastest_method(self, shape) if method is None else method
        goal = make_goal(self, shape, method, aggregate, limits)

        def result(optimum):
            x = optimum.x.reshape(size)
            waveform = np.clip(shape.waveform(x)[0], -1, 1)
            pulse = Pulse(waveform, self.dt, self.rf_hz, self.control)
            felt, _ = shape.felt(waveform)
            warn_of_exploited_steps(self.generator(), felt, (distortion or self).dt, method)
            found = {**vars(optimum), "x": x, "pulse": pulse, "problem": self, "method": method}
            cost = goal.running_cost(optimum.x)
            infidelity = optimum.value - cost
            if infidelity < -1e-6 and not self.system.relaxes:
                found["success"] = False
                found["message"] += (f" But no fidelity is {1 - infidelity:.4g}: the steps turn "
                                     f"too far for {method!r}; give more steps.")  # fmt: skip
            return DesignResult(**found, distortion=distortion, running_cost=cost)

        return replace(
            goal, box=span if kind == "xy-free" else np.inf, span=span, result=result,
            start=lambda seed: reach * np.random.default_rng(seed).uniform(-1, 1, size),
            tell=lambda value, x: {"x": x.reshape(size), "fidelity": 1 - value},
        )
