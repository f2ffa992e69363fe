"""What the methods ask of arguments and objectives, and say of steps that turn too far."""

import numpy as np

from ..inputs import arrays, choice, finite_array, instance, require, warn, whole
from ..spins.generators import Generator
from .elements import CONTROL_SHAPES

#: From which angle on, rad, a single step of a method is off by a tenth of a state's length: under
#: a constant control, and under a linear one that turns by a right angle.  Others are exact.
TOO_FAR = {
    **dict.fromkeys(("grape", "grape-batched", "rotations"), {"linear": 2.5}),
    **dict.fromkeys(("fem-linear", "fem-linear-sparse"), {"constant": 0.8, "linear": 0.4}),
    "fem-quadratic": {"constant": 1.9, "linear": 1.7},
    "fem-hermite": {"linear": 3.1},
    "fem-linear-reduced": {"constant": 1.1, "linear": 1.1},
    "fem-quadratic-reduced": {"constant": 2.6, "linear": 2.7},
}

#: From which angle on, rad, an optimiser rather lives on the error of the elements than on physics:
#: one step is off by little, but all of them are off in the way that pays.
EXPLOITED = 0.5


class CoarseStepWarning(UserWarning):
    """A step turns further than the method can follow, :data:`TOO_FAR`, or :data:`EXPLOITED`."""


def checked_arguments(methods, generator, waveform, dt, rho0, method, control):
    """Waveform, dt and rho0, if a method can begin with them; the arrays are copies.

    Who called may write to his own before he asks for a pullback.
    """
    instance("generator", generator, Generator, "Make one by spinlab.evaluate().")
    choice("method", method, methods), choice("control", control, CONTROL_SHAPES)
    rho0 = finite_array("rho0", rho0, complex)
    layout = f"waveform: complex {generator.controls.shape[-3]} samples; dt: > 0 (seconds); rho0: "
    layout += f"complex {generator.dimension}{' columns' * (rho0.ndim > 1)}"
    waveform, dt, rho0 = arrays(layout, waveform=waveform, dt=dt, rho0=rho0)
    whole("The number of steps", waveform.shape[1] - (control == "linear"))
    _warn_of_coarse_steps(generator, waveform, dt, method, control)
    return waveform.copy(), dt, rho0.copy()


def checked_like(name, array, shape):
    """The array, if it has this shape."""
    return arrays(f"{name}: complex {' '.join(map(str, shape))}", **{name: array})


def checked_judgement(objective, final, members):
    """Values and costates of an objective that was perhaps written by a user."""
    pair = objective(final)
    instance("What an objective returns", pair, (tuple, list), "It is (values, costates).")
    values, costates = map(np.asarray, pair)
    kinds = "biufc" if np.iscomplexobj(final) else "biuf"  # of complex states, the real part counts
    if values.shape != members or values.dtype.kind not in kinds or costates.shape != final.shape:
        found = f"{values.shape} ({values.dtype}) and costates of shape {costates.shape}"
        raise ValueError("The objective must return real values, one number per member, and "
                         f"costates of shape {final.shape}, but values of shape {found} arrived.")
    require(np.isfinite(values).all() and np.isfinite(costates).all(),
            "The objective returned NaN or inf; a shorter dt may help.")
    return values, costates


def _warn_of_coarse_steps(generator, waveform, dt, method, control):
    """Say so where the strongest sample turns further in a step than the method can follow."""
    limit = TOO_FAR.get(method, {}).get(control, np.inf)
    turn = largest_turn(generator, waveform, dt, limit)
    if turn > limit:
        warn(f"A step turns by up to {turn:.2g} rad, but from {limit:.2g} rad on, one "
             f"step of the method {method!r} is off by a tenth of a state's length. Use a shorter "
             "dt or another method; 'rotations' and 'grape' are exact for a constant control.",
             CoarseStepWarning)


def warn_of_exploited_steps(generator, waveform, dt, method):
    """Say so where a design by finite elements ended in steps whose error it may live on."""
    elements = method.startswith("fem") and method in TOO_FAR  # the exact element is not there
    turn = largest_turn(generator, waveform, dt, EXPLOITED) if elements else 0.0
    if turn > EXPLOITED:
        warn(f"A step of the pulse found turns a state by {turn:.2g} rad. Beyond {EXPLOITED} rad "
             f"or so an optimiser exploits the error of {method!r}: believe the judge alone; give "
             "more steps, less RF, or the method 'grape-batched'.", CoarseStepWarning)


def largest_turn(generator, waveform, dt, limit=0.0):
    """By how much the strongest sample turns a state in a step, rad; 0 if surely within the limit.

    The length of a step times the norm of the generator, of the member that turns most.
    """
    drift, controls = generator.drift, generator.controls
    sums = np.abs(drift).sum(-1).max(), np.abs(controls).sum(-1).max()
    if dt * (sums[0] + sums[1] * np.abs(waveform).sum(0).max()) <= limit:
        return 0.0  # no norm is larger than this sum, which is quick
    strengths = np.linalg.norm(controls, axis=(-2, -1)).reshape(-1, len(waveform)).max(0)
    strongest = waveform[:, np.argmax(strengths**2 @ np.abs(waveform) ** 2)]
    A = (drift + np.einsum("k,...kij->...ij", strongest, controls)).reshape(-1, *drift.shape[-2:])
    return dt * np.linalg.norm(A[np.argmax(np.linalg.norm(A, axis=(1, 2)))], 2)
