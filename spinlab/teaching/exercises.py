"""Self-checking exercises: one call says whether an answer is right, and hints where it is not.

``check_answer("ex-sign", answer)`` takes a number, an array, a function, a pulse or a sequence of
yours, makes plain data of it (a function is tabulated at the cases of the exercise), and judges
those against the reference answers of the book, or by a property that the answer shall have.  Each
entry has to agree to the digits that the exercise states.  A hint names a usual mistake only where
all entries of all cases agree with it, and never tells the answer.
"""

import json
import os
from dataclasses import dataclass, field

import numpy as np

from ..inputs import choice
from .answers import beyond, chapter1, chapter2, chapter3, chapter4, unknowns
from .answers.plain import Refusal, numbers


@dataclass(frozen=True)
class Exercise:
    """What is asked for, and the reference answer.

    Parameters
    ----------
    asks : str
        What to pass to :func:`check_answer`.
    reference : number, array_like or callable
        A callable is compared by its values at ``cases``.  Whole numbers must agree exactly.
    cases : tuple of tuple
        Arguments of a callable answer, such that they tell the usual mistakes apart.
    digits : int
        So many digits of every entry must agree, but for one unit of the last.
    also : tuple
        What else is right: other methods.
    wrong : dict
        Usual mistakes, {hint: what one then answers}.
    take : callable, optional
        ``take(answer)`` returns plain data; default: numbers.
    judge : callable, optional
        Instead of a reference: ``judge(data)`` returns a hint, or ``""`` where they are right.
    """

    asks: str
    reference: object = None
    cases: tuple = ()
    digits: int = 3
    also: tuple = ()
    wrong: dict = field(default_factory=dict)
    take: object = None
    judge: object = None

    def plain(self, answer):
        """The answer as plain data: the numbers of every case, or what ``take`` makes of it."""
        if self.take:
            return self.take(answer)
        if callable(self.reference) and not callable(answer):
            raise Refusal(f"Please pass a function without calling it: {self.asks}.")
        if callable(answer) and not callable(self.reference):
            raise Refusal(f"A function arrived; wanted is {self.asks}.")
        if not callable(answer):
            return [numbers(answer)]
        copies = [[np.array(a) if isinstance(a, np.ndarray) else a for a in c] for c in self.cases]
        return [numbers(answer(*case)) for case in copies]

    def values(self, right):
        """A reference as a list of arrays, one for every case."""
        given = [right(*case) for case in self.cases] if callable(right) else [right]
        return [np.asarray(value) for value in given]


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
    for chapter in (chapter1, chapter2, chapter3, unknowns, chapter4, beyond)
    for name, entry in chapter.ANSWERS.items()
}


def check_answer(exercise, answer):
    """Check an answer to one of the book's exercises.

    Parameters
    ----------
    exercise : str
        Its label, such as ``"ex-sign"``.
    answer : number, array_like, str, callable, Pulse or sequence
        What the exercise asks for.

    Returns
    -------
    Verdict
        Prints as a sentence that helps, and does not reveal the answer.

    Examples
    --------
    >>> check_answer("ex-last-row", 1 / 3)
    ✗ It is off by a factor of 2; all else agrees.
    """
    task, data = EXERCISES[choice("exercise", exercise, EXERCISES)], None
    try:
        data = task.plain(answer)
        verdict = judge(exercise, data)
    except Refusal as refusal:
        verdict = Verdict(exercise, False, str(refusal))
    except Exception as error:  # whatever a learner's function may raise
        said = f"Your answer raised {type(error).__name__}: {error} (Wanted: {task.asks}.)"
        verdict = Verdict(exercise, False, said)
    if os.environ.get("SPINLAB_GRADES"):  # set by the grading command alone
        with open(os.environ["SPINLAB_GRADES"], "a", encoding="utf-8") as record:
            record.write(json.dumps([exercise, data, verdict.sentence]) + "\n")
    return verdict


def judge(exercise, data):
    """The verdict on the plain data of an answer; they may come from another process."""
    task = EXERCISES[exercise]
    try:
        hint = task.judge(data) if task.judge else _diagnose(task, data)
    except Refusal as refusal:
        hint = str(refusal)
    except Exception as error:  # whatever a stranger's data may raise
        hint = f"{type(error).__name__}: {error} (Wanted: {task.asks}.)"
    return Verdict(exercise, not hint, hint or "Right.")


def _diagnose(task, data):
    """The most helpful sentence about wrong numbers; empty where they are right."""
    right = task.values(task.reference)
    values = [np.asarray(numbers(value)) for value in data]
    if len(values) != len(right):
        raise Refusal(f"Values for {len(right)} cases are wanted, but {len(values)} arrived.")
    for value, reference in zip(values, right, strict=True):
        if value.shape == reference.T.shape != reference.shape:
            return "The shape is transposed: exchange rows and columns."
        if value.shape != reference.shape:
            wanted = reference.shape or "that of one number"
            return f"The shape should be {wanted}, but {value.shape} arrived."
    for other in (task.reference, *task.also):
        if _agree(values, task.values(other), task.digits):
            return ""
    for hint, other in task.wrong.items():
        if _agree(values, task.values(other), task.digits):
            return hint
    hints = (hint for hint, holds in _slips(task, values, right) if holds)
    return next(hints, f"Not right yet. Wanted is {task.asks}.")


def _agree(values, right, digits):
    """Whether every entry agrees to so many digits, whole numbers exactly."""
    for value, reference in zip(values, right, strict=True):
        size = np.abs(reference)
        floor = 1e-9 * size.max() or 1.0
        unit = 10.0 ** (np.floor(np.log10(np.maximum(size, floor))) + 1 - digits)
        unit = np.where(size > floor, unit, 10.0**-digits * (size.max() or 1.0))
        if np.any(np.abs(value - reference) > (1e-9 if reference.dtype.kind == "i" else unit)):
            return False
    return True


def _slips(task, values, right):
    """Pairs (hint, whether it is true of all entries of all cases)."""
    value, reference = (np.concatenate([np.ravel(one) for one in many]) for many in (values, right))
    whole = all(one.dtype.kind == "i" for one in right)
    yield "All of it is zero.", not value.any()
    if whole:
        yield "Whole numbers are wanted.", np.any(value % 1)
    else:
        for factor, words in (
            (-1, "The sign is wrong; all else agrees."),
            (2 * np.pi, "It is off by a factor of 2 pi: hertz or rad/s?"),
            (1 / (2 * np.pi), "It is off by a factor of 2 pi: hertz or rad/s?"),
            (2, "It is off by a factor of 2; all else agrees."),
            (0.5, "It is off by a factor of 2; all else agrees."),
        ):
            yield words, _agree([factor * one for one in values], right, max(task.digits, 3))
        rest = reference != 0
        ratio = value[rest] / reference[rest]
        common = len(ratio) > 2 and np.ptp(ratio) < 1e-3 * np.abs(ratio).min()
        yield "All entries are off by one and the same factor.", common and not value[~rest].any()
    square = all(one.ndim == 2 and len(one) == one.shape[1] for one in right)
    yield "The matrix is transposed.", square and _agree([v.T for v in values], right, task.digits)
    if all(one.ndim for one in right):
        yield "The order is reversed.", _agree([one[::-1] for one in values], right, task.digits)
    for digits in range(task.digits - 1, 1, -1):
        words = f"Perhaps rounding: it agrees to {digits} digits, but {task.digits} are wanted."
        yield words, not whole and _agree(values, right, digits)
    good = [_agree([v], [r], task.digits) for v, r in zip(values, right, strict=True)]
    if any(good) and not any(isinstance(a, np.ndarray) for a in task.cases[good.index(False)]):
        failed = ", ".join(str(argument) for argument in task.cases[good.index(False)])
        yield f"Right for {sum(good)} of {len(good)} cases tried, but not for ({failed}).", True
