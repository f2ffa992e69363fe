"""Self-checking exercises: one call says whether an answer is right, and hints where it is not.

``check_answer("ex-sign", answer)`` compares a number, an array or a function of yours with the
reference answer of the book's exercise of that name, and looks for the usual slips: shape, sign, a
factor of 2 pi, a missing normalisation, a transposed matrix, an approximation of first order.  It
does not tell the answer.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import numpy as np

from ..inputs import choice, finite_array
from .answers import chapter1, chapter2, chapter3, chapter4


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
    judge : callable, optional
        Instead of a reference: ``judge(answer)`` returns a hint, or ``""`` where it is right.
    """

    asks: str
    reference: object = None
    cases: tuple = ()
    tolerance: float = 1e-6
    judge: object = None


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and a sentence about it."""

    exercise: str
    right: bool
    sentence: str

    def __repr__(self):
        return f"{'✓' if self.right else '✗'} {self.sentence}"


#: name: exercise, of all chapters
EXERCISES = {
    name: Exercise(**entry)
    for chapter in (chapter1, chapter2, chapter3, chapter4)
    for name, entry in chapter.ANSWERS.items()
}


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
    if task.judge:
        return task.judge(answer)
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

    The tolerance is relative to the largest entry of the reference.

    Examples
    --------
    >>> diagnose(3.0, 1.5 / np.pi)
    'The answer is off by a factor of 2 pi: hertz or rad/s?'
    """
    try:
        answer = finite_array("The answer", answer)
    except (TypeError, ValueError) as error:
        return str(error)
    reference = np.asarray(reference, dtype=float)
    limit = tolerance * np.abs(reference).max()
    if answer.shape == reference.T.shape != reference.shape:
        return "The shape is transposed: exchange rows and columns."
    if answer.shape != reference.shape:
        return f"The shape should be {reference.shape}, but {answer.shape} arrived."

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
        given = np.asarray(answer(*rest, step))
        if given.shape != reference.shape or given.dtype.kind not in "iuf":
            return ""
        errors.append(np.abs(given - reference).max() / np.abs(reference).max())
    converges = errors[1] < 0.1 and 1.5 < errors[0] / max(errors[1], 1e-300) < 2.7
    return " It is right to first order in h only." if converges else ""


