"""Self-checking exercises: one call says whether an answer is right, and hints where it is not.

``check_answer("ex-sign", answer)`` compares a number, an array or a function of yours with the
reference answer of the book's exercise of that name, and looks for the usual slips: shape, sign, a
factor of 2 pi, a missing normalisation, a transposed matrix, an approximation of first order.  It
does not tell the answer.  (The references stand below; peeking is possible, and pointless.)
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import numpy as np

from .generators import Generator, evaluate, observable
from .inputs import choice
from .methods import evaluate_objective, linearise, propagate
from .objectives import transfer
from .pulses import tanh_bound
from .systems import SpinSystem, liouvillian


@dataclass(frozen=True)
class Exercise:
    """What is asked for, and the reference answer.

    Parameters
    ----------
    asks : str
        What to pass to :func:`check_answer`.
    reference : number, array_like or callable
        A callable is compared by its values at ``cases``.
    cases : tuple of tuple
        Arguments of a callable answer.
    tolerance : float
        Relative, of the largest entry.
    """

    asks: str
    reference: object
    cases: tuple = ()
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and a sentence about it."""

    exercise: str
    right: bool
    sentence: str

    def __repr__(self):
        return f"{'✓' if self.right else '✗'} {self.sentence}"


# --- reference answers -------------------------------------------------------------------

SPIN = evaluate(offset_hz=3e3, rf_hz=10e3)
PULSE = 0.6 * np.sin(np.outer([1.0, 1.7], np.arange(1, 13)))
START, TARGET = np.array([0.0, 0, 1]), np.array([1.0, 0, 0])
AT_THE_PULSE = ((SPIN, PULSE, 4e-6), (SPIN, PULSE[:, ::-1], 2e-6))


def _tempting_gradient(spin, u, h):
    path = linearise(spin, u, h, START, "grape")
    rotation = propagate(spin, u, h, np.eye(3), "grape")  # R_n ... R_1
    costates = TARGET @ rotation[-1] @ rotation[1:].swapaxes(1, 2)
    return np.einsum("ni,kij,nj->kn", costates, h * spin.controls, path.states[1:])


def _running_gradient(spin, u, h):
    path = linearise(spin, u, h, START, "fem-linear")
    return path.pullback(np.tile(START, (u.shape[1] + 1, 1)))


def _offset_slope(spin, u, h):
    turn = 2 * np.pi * np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
    wider = Generator(spin.drift, np.concatenate([spin.controls, turn[None]]))
    v = np.vstack([u, np.zeros(u.shape[1])])
    result = evaluate_objective(wider, v, h, START, transfer(TARGET), "fem-linear")
    return result.gradients[2].sum()


def _filter_response(angle, ratio):
    mass, stiffness = (2 + np.cos(angle)) / 3, 2 * (1 - np.cos(angle))
    return np.cos(angle / 2) ** 2 / (mass + ratio**2 * stiffness)


def _filter_to_zero(steps, ratio):
    size = steps - 1
    off = np.eye(size, k=1) + np.eye(size, k=-1)
    K = (4 * np.eye(size) + off) / 6 + ratio**2 * (2 * np.eye(size) - off)
    F = (np.eye(size, steps) + np.eye(size, steps, k=1)) / 2
    return F.T @ np.linalg.solve(K, F)


def _box_phase(phi, r):
    box, _ = tanh_bound(r * np.array([np.cos(phi), np.sin(phi)]))
    return np.arctan2(box[1], box[0])


# --- answers that are judged by a property -----------------------------------------------


def _operator_is_blind_to_flip_flops(answer):
    pair = SpinSystem((-20, 30), ((1, 2, 7),))
    strong = liouvillian(pair)
    weak = liouvillian(SpinSystem((-20, 30), ((1, 2, 7),), weak=True))
    difference = np.array((strong.generator - weak.generator).tolist(), dtype=float)
    if np.abs(difference @ observable(answer, strong)).max() > 1e-9:
        return "The two Liouvillians differ on this operator; look at its commutator again."
    return ""


def _loss_has_a_right_gradient(loss):
    import autograd

    gradient = np.asarray(autograd.grad(loss)(PULSE))
    step = np.cos(np.arange(PULSE.size)).reshape(PULSE.shape)
    slope = (loss(PULSE + 1e-6 * step) - loss(PULSE - 1e-6 * step)) / 2e-6
    if not np.any(gradient):
        return "The gradient is zero everywhere; does your loss depend on the pulse?"
    if abs(np.sum(gradient * step) - slope) > 1e-5 * np.abs(gradient).sum():
        return "autograd's gradient differs from a finite difference; is the loss smooth?"
    return ""


def _gaps_tell_the_trap(gaps):
    coarse, fine = (float(gap) for gap in gaps)
    if fine > 0.02:
        return "With 21 offsets the two means should agree; is the referee judging the same pulse?"
    if coarse < 0.05:
        return "With 11 offsets the gap should be plain; is the filter on, and kind='xy'?"
    return ""


#: name: exercise.  A reference that is one of the judges above returns a hint, or "".
EXERCISES = {
    "ex-sign": Exercise("the final state (Mx, My, Mz)", [0.0, 1.0, 0.0]),
    "ex-weak": Exercise("the operator, as text", _operator_is_blind_to_flip_flops),
    "ex-first-order": Exercise(
        "your function tempting(spin, u, h), from Iz to Ix", _tempting_gradient, AT_THE_PULSE
    ),
    "ex-own-loss": Exercise("your loss(v), for v of shape (2, 12)", _loss_has_a_right_gradient),
    "ex-last-row": Exercise("the factor of h^2 A^2 in the error of one element", 1 / 6),
    "ex-columns": Exercise(
        "your function final_states(spin, u, h), columns for the starts Ix, Iy, Iz",
        lambda spin, u, h: propagate(spin, u, h, np.eye(3), "fem-linear")[-1],
        AT_THE_PULSE,
    ),
    "ex-running-cost": Exercise(
        "your function gradient(spin, u, h), from Iz", _running_gradient, AT_THE_PULSE
    ),
    "ex-offset-gradient": Exercise(
        "your function slope(spin, u, h), from Iz to Ix, per Hz", _offset_slope, AT_THE_PULSE
    ),
    "ex-elements-lumped": Exercise("the matrix M", [[0.5, 0], [0, 0.5]]),
    "ex-elements-cubic": Exercise("the order", 6.0, tolerance=0.05),
    "ex-elements-derivative": Exercise("the order", 3.0, tolerance=0.1),
    "ex-wrong-least-squares": Exercise(
        "the length that is left", 1 / np.cosh(4 / np.sqrt(12)), tolerance=0.02
    ),
    "ex-wrong-quadratic": Exercise("the phase of z2, divided by theta", -0.2, tolerance=0.02),
    "ex-wrong-average": Exercise("the order of the averaged states", 2.0, tolerance=0.1),
    "ex-filter-response": Exercise(
        "your function response(angle, ratio) of the angle omega h and R/h",
        _filter_response,
        ((0.8, 3.85), (2.0, 0.5), (3.1, 1.0)),
    ),
    "ex-filter-ends": Exercise(
        "your function matrix(steps, ratio) of the number of steps and R/h",
        _filter_to_zero,
        ((6, 2.0), (9, 0.7)),
    ),
    "ex-box-phase": Exercise(
        "your function phase(phi, r)", _box_phase, ((0.3, 1.0), (1.2, 4.0), (0.7, 0.5))
    ),
    "ex-coarse-two-controls": Exercise(
        "design mean minus dense mean, for 11 and for 21 offsets", _gaps_tell_the_trap
    ),
    "ex-shorter-pulse": Exercise("the four numbers of offsets", [3.0, 5.0, 9.0, 13.0]),
    "ex-splitting": Exercise("the order of the splitting", 2.0, tolerance=0.1),
}
JUDGES = (_operator_is_blind_to_flip_flops, _loss_has_a_right_gradient, _gaps_tell_the_trap)


def check_answer(exercise, answer):
    """Check an answer to one of the book's exercises.

    Parameters
    ----------
    exercise : str
        Its label, such as ``"ex-sign"``.
    answer : number, array_like, str or callable
        What the exercise asks for.

    Returns
    -------
    Verdict
        Prints as a sentence that helps, and does not reveal the answer.

    Raises
    ------
    ValueError
        There is no such exercise.

    Examples
    --------
    >>> check_answer("ex-sign", [0, -1, 0])
    ✗ The sign is wrong: all else agrees.
    """
    task = EXERCISES[choice("exercise", exercise, EXERCISES)]
    try:
        hint = _judge(task, answer)
    except Exception as error:  # whatever a learner's function may raise
        hint = f"Your answer raised {type(error).__name__}: {error} (Wanted: {task.asks}.)"
    verdict = Verdict(exercise, not hint, hint or "Right.")
    if os.environ.get("SPINLAB_GRADES"):  # set by the grading command alone
        with open(os.environ["SPINLAB_GRADES"], "a", encoding="utf-8") as record:
            record.write(json.dumps([exercise, verdict.right, verdict.sentence]) + "\n")
    return verdict


def _judge(task, answer):
    """A hint, or the empty string where the answer is right."""
    if task.reference in JUDGES:
        return task.reference(answer)
    if not callable(task.reference):
        if callable(answer):
            return f"A function arrived; wanted is {task.asks}."
        return diagnose(answer, task.reference, task.tolerance)
    if not callable(answer):
        return f"Please pass a function without calling it: {task.asks}."
    for case in task.cases:
        copies = [np.array(a) if isinstance(a, np.ndarray) else a for a in case]
        hint = diagnose(answer(*copies), task.reference(*case), task.tolerance)
        if hint:
            return hint + _order_hint(task, answer)
    return ""


def diagnose(answer, reference, tolerance=1e-6):
    """The most helpful sentence about a wrong answer; empty where it is right.

    Parameters
    ----------
    answer, reference : number or array_like
    tolerance : float
        Relative to the largest entry of the reference.

    Examples
    --------
    >>> diagnose(3.0, 1.5 / np.pi)
    'The answer is off by a factor of 2 pi: hertz or rad/s?'
    """
    try:
        answer = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        return f"Wanted are real numbers, but {type(answer).__name__} arrived."
    reference = np.asarray(reference, dtype=float)
    limit = tolerance * np.abs(reference).max()
    if answer.shape == reference.T.shape != reference.shape:
        return "The shape is transposed: exchange rows and columns."
    if answer.shape != reference.shape:
        return f"The shape should be {reference.shape}, but {answer.shape} arrived."
    if not np.all(np.isfinite(answer)):
        return "The answer holds NaN or inf."

    def agrees(candidate):
        return np.abs(candidate - reference).max() <= limit

    if agrees(answer):
        return ""
    for candidate, sentence in _slips(answer, reference):
        if agrees(candidate):
            return sentence
    if not np.any(answer):
        return "The answer is zero."
    error = np.abs(answer - reference).max() / np.abs(reference).max()
    return f"Not right yet: off by {error:.1g}, relative to the largest entry."


def _slips(answer, reference):
    """What the answer would be without one of the usual slips, and what to say of it."""
    yield -answer, "The sign is wrong: all else agrees."
    yield answer * 2 * np.pi, "The answer is off by a factor of 2 pi: hertz or rad/s?"
    yield answer / (2 * np.pi), "The answer is off by a factor of 2 pi: hertz or rad/s?"
    for factor in (2, 0.5):
        yield answer * factor, "The answer is off by a factor of 2."
    if answer.ndim == 2 and answer.shape[0] == answer.shape[1]:
        yield answer.T, "The matrix is transposed."
    if answer.ndim and np.any(answer):
        length = np.linalg.norm(reference) / np.linalg.norm(answer)
        yield answer * length, "The answer is not normalised: its direction is right."
        yield answer[::-1], "The order is reversed."


def _order_hint(task, answer):
    """For functions of a step (the last argument): is the answer right to first order only?"""
    *rest, h = task.cases[0]
    if len(rest) != 2 or not isinstance(rest[1], np.ndarray):
        return ""
    errors = []
    for step in (h / 8, h / 16):
        reference = np.asarray(task.reference(*rest, step))
        given = np.asarray(answer(*rest, step), dtype=float)
        if given.shape != reference.shape:
            return ""
        errors.append(np.abs(given - reference).max() / np.abs(reference).max())
    converges = errors[1] < 0.1 and 1.5 < errors[0] / max(errors[1], 1e-300) < 2.7
    return " It is right to first order in h only." if converges else ""


