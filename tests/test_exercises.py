"""Exercises that cannot be fooled: what is right passes, every spoiled answer is refused, and hints
are true.

The references are spoilt automatically (:func:`spoils`), the answers that are judged by a property
by hand (:data:`JUDGED`).
"""

import re
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import solutions

import spinlab as sl
from spinlab.teaching.answers.judged import gaussian
from spinlab.teaching.answers.plain import pack, unpack
from spinlab.teaching.exercises import EXERCISES, Exercise, check_answer, judge

REFERENCES = [name for name, task in EXERCISES.items() if not task.judge]


@pytest.fixture(scope="module", autouse=True)
def references_are_computed_once():
    """Each reference is needed for thousands of spoiled answers."""
    plain, known = Exercise.values, {}

    def values(self, right):
        key = id(self), id(right)
        if key not in known:
            known[key] = plain(self, right)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exercise, "values", values)
        yield


@cache
def data_of(name):
    """The reference answer as plain data, and whether all of it is whole."""
    values = EXERCISES[name].values(EXERCISES[name].reference)
    return values, all(value.dtype.kind == "i" for value in values)


def each_entry(values, change):
    """The values with one entry changed, for every entry."""
    for k, value in enumerate(values):
        for index in np.ndindex(value.shape):
            spoilt = [np.array(one, dtype=float) for one in values]
            spoilt[k][index] = change(spoilt[k][index], np.abs(value).max() or 1.0)
            yield spoilt


def spoils(values):
    """Wrong answers made from the right one, {name: list of data}, without those that are right."""
    values = [np.array(value, dtype=float) for value in values]
    wholes = {
        "sign": lambda v: -v, "zero": lambda v: 0 * v, "twice": lambda v: 2 * v, "half": lambda v: v / 2,
        "hertz": lambda v: 2 * np.pi * v, "rad": lambda v: v / (2 * np.pi), "scaled": lambda v: 1.3 * v,
        "shifted": lambda v: v + 0.3 * np.abs(v).max() + 0.1, "reversed": lambda v: v[::-1] if v.ndim else v,
        "transposed": lambda v: v.T, "backwards": lambda v: v[..., ::-1] if v.ndim else v,
        "inverse": lambda v: np.divide(1, v, out=np.zeros_like(v), where=v != 0), "squared": lambda v: v**2,
        "stacked": lambda v: np.stack([v, v]), "one more axis": lambda v: v[None],
        "flat": lambda v: v.ravel(), "cut": lambda v: v[:-1] if v.ndim else np.zeros(0),
    }  # fmt: skip
    entries = {
        "2 % more": lambda x, top: 1.02 * x if x else 0.02 * top, "2 % less": lambda x, top: 0.98 * x if x else -0.02 * top,
        "one sign": lambda x, top: -x, "one more": lambda x, top: x + top, "NaN": lambda x, top: np.nan, "inf": lambda x, top: np.inf,
    }  # fmt: skip
    found = {name: [[change(value) for value in values]] for name, change in wholes.items()}
    found |= {name: list(each_entry(values, change)) for name, change in entries.items()}
    found["a case less"], found["a case more"] = [values[:-1]], [values + values[-1:]]
    if len(values) > 1:
        found["constant"], found["other case"] = [values[:1] * len(values)], [values[1:] + values[:1]]
    same = [value.tolist() for value in values]
    plain = {name: [[np.asarray(value).tolist() for value in data] for data in many] for name, many in found.items()}
    return {name: [data for data in many if data != same and not close(data, same)] for name, many in plain.items()}


def close(data, same):
    """Whether the numbers are those of the right answer, such as the transpose of a symmetric matrix."""
    if [np.shape(value) for value in data] != [np.shape(value) for value in same]:
        return False
    return all(np.allclose(a, b, rtol=1e-12, atol=1e-15 * np.abs(b).max()) for a, b in zip(data, same, strict=True))


@pytest.mark.parametrize("name", REFERENCES)
def test_the_reference_is_right(name):
    values, _ = data_of(name)
    assert judge(name, [value.tolist() for value in values]).right
    assert all(judge(name, [v.tolist() for v in EXERCISES[name].values(other)]).right for other in EXERCISES[name].also)
    if not EXERCISES[name].take:
        assert check_answer(name, EXERCISES[name].reference).right


def test_an_answer_rounded_to_the_digits_of_the_exercise_is_right():
    for name in REFERENCES:
        values, whole = data_of(name)
        digits = EXERCISES[name].digits
        rounded = [np.vectorize(lambda x, n=digits: float(f"{x:.{n - 1}e}"))(value.astype(float)) for value in values]
        assert whole or judge(name, [value.tolist() for value in rounded]).right, name


@pytest.mark.parametrize("name", REFERENCES)
def test_every_spoiled_answer_is_refused_with_a_true_hint(name):
    values, whole = data_of(name)
    for kind, many in spoils(values).items():
        for data in many:
            verdict = judge(name, data)
            assert not verdict.right and verdict.sentence[-1] in ".?)", (kind, data)
            assert_true(verdict.sentence, data, values, whole, name)


def test_spoiled_answers_are_many():
    count = sum(len(many) for name in REFERENCES for many in spoils(data_of(name)[0]).values())
    mistakes = sum(len(task.wrong) for task in EXERCISES.values())
    print(f"{count} spoiled references, {mistakes} named mistakes, {sum(map(len, JUDGED.values()))} judged answers")
    assert count > 2500 and mistakes > 60 and len(EXERCISES) >= 66


NAMED = {"2 pi": (2 * np.pi, 1 / (2 * np.pi)), "factor of 2;": (2, 0.5), "The sign is wrong": (-1,)}


def assert_true(sentence, data, right, whole, name):
    """What a hint names must hold for all entries of all cases; and it must not hold the answer."""
    task = EXERCISES[name]
    if "shape" in sentence or "cases are wanted" in sentence or "finite" in sentence:
        return
    given, wanted = (np.concatenate([np.ravel(v) for v in many]) for many in (data, right))
    for words, factors in NAMED.items():
        if words in sentence:
            assert not whole and any(np.allclose(f * given, wanted, rtol=2e-2, atol=1e-3 * np.abs(wanted).max()) for f in factors)
    if "one and the same factor" in sentence:
        rest = wanted != 0
        assert not whole and rest.sum() > 2 and np.ptp(given[rest] / wanted[rest]) < 2e-3 * np.abs(given[rest] / wanted[rest]).max()
    if "order is reversed" in sentence:
        assert all(np.allclose(np.asarray(a)[::-1], b, rtol=1e-2) for a, b in zip(data, right, strict=True))
    if "matrix is transposed" in sentence:
        assert all(np.allclose(np.transpose(a), b, rtol=1e-2) for a, b in zip(data, right, strict=True))
    if "Perhaps rounding" in sentence:
        kept, asked = map(int, re.findall(r"(\d+) (?:digits|are)", sentence)[:2])
        assert 2 <= kept < asked and not whole and np.all(np.abs(given - wanted) <= 10.0 ** (1 - kept) * np.maximum(np.abs(wanted), 1e-3))
        sentence = ""
    if "cases tried" in sentence:
        good, tried = map(int, re.findall(r"Right for (\d+) of (\d+)", sentence)[0])
        assert good == sum(judge_case(task, a, b) for a, b in zip(data, right, strict=True)) and tried == len(right)
        sentence = ""
    told = [float(word) for word in re.findall(r"(?<![\w.])\d+\.?\d*(?:e-?\d+)?", sentence.replace(task.asks, ""))]
    named = [hint for hint in task.wrong if hint == sentence]
    if not named and "factor of 2" not in sentence:
        assert not any(np.isclose(abs(x), value, rtol=1e-2) for x in wanted if x for value in told), sentence


def judge_case(task, value, right):
    from spinlab.teaching.exercises import _agree

    return _agree([np.asarray(value)], [right], task.digits)


@pytest.mark.parametrize("name", [name for name in REFERENCES if EXERCISES[name].wrong])
def test_usual_mistakes_get_their_own_hint(name):
    task = EXERCISES[name]
    right = [x for value in data_of(name)[0] for x in np.ravel(value)]
    for hint, wrong in task.wrong.items():
        verdict = judge(name, [value.tolist() for value in task.values(wrong)])
        assert not verdict.right and verdict.sentence == hint
        told = map(float, re.findall(r"(?<![\w.])\d+\.?\d*", hint))
        assert not any(np.isclose(abs(x), value, rtol=1e-2) for value in told for x in right if x)


def changed(name, change):
    """The reference of an exercise with its values changed, a function where it is one."""
    reference = EXERCISES[name].reference
    if not callable(reference):
        return change(np.asarray(reference))
    return lambda *arguments: change(np.asarray(reference(*arguments)))


UNREAL = [
    (lambda x: x + 5j, "real numbers"), (lambda x: x + 0j, "real numbers"),
    (lambda x: np.array(x, dtype=str), "real numbers"), (lambda x: x * np.nan, "finite"),
]  # fmt: skip


@pytest.mark.parametrize("change, words", UNREAL, ids=["complex", "complex type", "text", "NaN"])
def test_numbers_must_be_real(change, words):
    for name in REFERENCES:
        if not EXERCISES[name].take:
            verdict = check_answer(name, changed(name, change))
            assert not verdict.right and words in verdict.sentence, name


@pytest.mark.parametrize("answer", [None, "no", lambda: 1 / 0, [], {}, lambda *a: None, b"", {"Pulse": {}}, [[1], [1, 2]]], ids=repr)
@pytest.mark.parametrize("name", EXERCISES)
def test_strange_answers_are_answered(name, answer):
    verdict = check_answer(name, answer)
    assert not verdict.right and verdict.sentence and repr(verdict).startswith("✗")


@pytest.mark.parametrize("data", [None, 1, "x", [], {}, [None], {"Delay": {"duration": 1}}, {"Pulse": 1}, [[]] * 3, [{"os": {}}], True, [["x"]]], ids=repr)
@pytest.mark.parametrize("name", EXERCISES)
def test_a_strangers_data_are_answered(name, data):
    verdict = judge(name, data)
    assert verdict.right is False and verdict.sentence


def test_arguments_are_copies():
    """A function may change what it is given."""
    reference = EXERCISES["ex-nuisance"].reference

    def greedy(a, b, sigma):
        answer = reference(a, b, sigma)
        a[:], b[:] = 0, 0
        return answer

    assert check_answer("ex-nuisance", greedy).right and check_answer("ex-nuisance", greedy).right


# Answers that are judged by a property: a pulse, an element, a sequence, a file, a loss.


def scaled(pulse, factor=1.0, **fields):
    row = {"waveform": pulse.waveform * factor, "dt": pulse.dt, "rf_hz": pulse.rf_hz} | fields
    return sl.Pulse(**row)


def hard(x, y, steps, dt, rf_hz=10e3):
    return sl.Pulse(np.array([[x], [y]]) * np.ones(steps), dt, rf_hz)


def element(shape, points=None):
    C, (M,) = sl.propagation.element_matrices(shape, points=points)
    return np.array(C, float), np.array(M, float)


BASE = SimpleNamespace(x=lambda path: (1 - path[-1, 0]) ** 2, low=lambda path: np.sum(np.exp(-20 * path[:, 2])))
LOSSES = [
    lambda path: np.sum(path**2), np.abs, BASE.x, BASE.low, lambda path: 1.0,
    lambda path: -BASE.x(path) - BASE.low(path), lambda path: BASE.x(path) + np.mean(path[:, 2] ** 2),
    lambda path: abs(1 - path[-1, 0]) + BASE.low(path), lambda path: np.real(BASE.x(path) + BASE.low(path)),
]  # fmt: skip


def save(folder, pulse, ending=".json"):
    path = folder / f"pulse{ending}"
    sl.save_pulse(pulse, path)
    return path


def cut_off(folder, pulse):
    path = save(folder, pulse, ".shape")
    path.write_text(path.read_text()[:-200])
    return path


def pure_echo(te, phase=None, angle=180.0, part=4):
    wait, turn = sl.mrs.Delay(te / part), sl.mrs.IdealPulse(angle, 0.0)
    middle = () if phase is None else (sl.mrs.IdealPulse(90.0, phase),)
    return (sl.mrs.IdealPulse(90.0, 90.0), wait, turn, wait, *middle, wait, turn, wait)


def weak(length, product=6, te1=20e-3, te2=80e-3, **means):
    refocus = sl.mrs.slice_pulse(length, product)
    return sl.mrs.press(te1, te2, **{**sl.mrs.at_scanner(), "refocus": refocus, **means})


#: A hard pulse that claims to be a slice.
BLOCK = sl.mrs.SlicePulse(sl.Pulse(np.array([[1.0], [0.0]]) * np.ones(90), 1e-4, 0.5 / 9e-3), 700.0)
GAUSS = gaussian()
U = np.random.default_rng(3).uniform(-1, 1, 500)
#: exercise: wrong answers, or functions that make one of the right answer (as data) and a folder
JUDGED = {
    "ex-weak": ["I1z", "I1x", "2I1zI2z", "", "I1z - I2z", "i1z", "2I1z", 5, None, "I1z + I2z + I1x", "-I1z - I2z"],
    "ex-own-loss": LOSSES,
    "ex-elements-cubic": [
        element("linear"), element("quadratic"), element("quadratic", 2), element("linear", 1),
        lambda right, _: [np.transpose(right[0]), right[1]], lambda right, _: [right[1], right[0]],
        lambda right, _: (-np.array(right)).tolist(), lambda right, _: (2 * np.array(right)).tolist(),
        lambda right, _: [right[0], np.diag(np.sum(right[1], axis=0)).tolist()], lambda right, _: right[0], lambda right, _: [np.add(right[0], 1j), right[1]],
        lambda right, _: [np.eye(4) * np.nan, right[1]],
    ],
    "ex-coarse-two-controls": [
        lambda right, _: right[::-1], lambda right, _: right[:1], lambda right, _: [right[0]] * 2, lambda right, _: [right[1]] * 2,
        [0.1, 0.0], [hard(0, 1, 25, 1e-6)] * 2, lambda right, _: [scaled(pulse, 0.8) for pulse in right],
        lambda right, _: [scaled(pulse, -1) for pulse in right], lambda right, _: [scaled(pulse, rf_hz=2e4) for pulse in right],
    ],
    "ex-own-pulse": [
        hard(1, 0, 50, 1e-6), hard(0, 0.5, 300, 1e-6), hard(0, 0, 300, 1e-6), lambda right, _: scaled(right, 0.9), lambda right, _: scaled(right, 0.8),
        lambda right, _: scaled(right, dt=1.1e-6), lambda right, _: scaled(right, rf_hz=1.1e4), lambda right, _: right.waveform,
        lambda right, _: scaled(right, dt=1e-6, waveform=right.waveform[:, :250]), lambda right, _: scaled(right, waveform=right.waveform[::-1, ::-1] * [[1], [-0.8]]), hard(1, 0, 5000, 1e-8),
        lambda right, _: [right] * 2,
    ],
    "ex-floor": [np.zeros(500), U, np.zeros((1, 500)), lambda right, _: 1.1 * np.array(right), lambda right, _: np.array(right).ravel()[:499], lambda right, _: np.array(right) + 0.3, lambda right, _: np.array(right) + 0j, lambda right, _: np.rad2deg(right), lambda right, _: np.array(right).reshape(2, 250)],
    "ex-own-target": [np.zeros(300), np.zeros((1, 300)), lambda right, _: 1.1 * np.array(right), lambda right, _: np.array(right) + np.pi / 2, lambda right, _: np.array(right).ravel()[1:], lambda right, _: np.array(right) * np.nan],
    "ex-own-limits": [
        hard(0, 1, 25, 1e-6), hard(0, 0.05, 200, 2e-6), lambda right, _: scaled(right, 0.9), lambda right, _: scaled(right, 0.95, rf_hz=1.2e4), lambda right, _: scaled(right, -1),
        lambda right, _: scaled(right, dt=2.2e-6), lambda right, _: scaled(right, waveform=right.waveform + 0.05 * (-1.0) ** np.arange(200)),
        lambda right, _: scaled(right, waveform=right.waveform[::-1]), lambda right, _: right.waveform,
    ],
    "ex-two-bands": [
        hard(1, 0, 50, 1e-6), hard(0, 0, 100, 2e-5), lambda right, _: scaled(right, -1, waveform=right.waveform[:, ::-1]), lambda right, _: scaled(right, waveform=right.waveform * [[1], [-1]]),
        lambda right, _: scaled(right, 1.0, rf_hz=5.5e3), lambda right, _: scaled(right, dt=2.1e-5), lambda right, _: scaled(right, 0.9), lambda right, _: right.waveform, lambda right, _: [right] * 2,
        lambda right, _: scaled(right, waveform=right.waveform[:, :80]),
    ],
    "ex-out-of-plane": [
        hard(1, 0, 50, 1e-6), hard(0, 0, 100, 2e-6), hard(1, 0, 1, 50e-6), sl.design(sl.Problem("Iz", "-Iz", 200e-6, 100, 1e4, sl.Ensemble.grid(np.linspace(-5e3, 5e3, 11), (0.9, 1, 1.1))), kind="xy", seed=2).pulse,
        lambda right, _: scaled(right, dt=2.2e-6), lambda right, _: scaled(right, 0.8), lambda right, _: scaled(right, 0.9, rf_hz=1.1e4), lambda right, _: right.waveform, lambda right, _: [right] * 2,
        lambda right, _: sl.Pulse(np.hstack([right.waveform, right.waveform[:, -1:]]), right.dt * 0.999, right.rf_hz, "linear"),
    ],
    "ex-short-inversion": [
        hard(1, 0, 50, 1e-6), hard(0, 0, 170, 1e-6), lambda right, _: scaled(right, 0.95), lambda right, _: scaled(right, dt=2.2e-6),
        lambda right, _: scaled(right, dt=right.dt / 1.1, rf_hz=1.1e4), lambda right, _: scaled(right, waveform=right.waveform[:, ::2]),
        lambda right, _: right.waveform, lambda right, _: [right] * 2, lambda right, _: scaled(right, waveform=np.roll(right.waveform, 20, axis=1)),
    ],
    "ex-palindrome": [
        hard(1, 0, 50, 1e-6), hard(1, 0, 300, 1e-6), lambda right, _: scaled(right, 0.7), lambda right, _: scaled(right, dt=2.1e-6),
        lambda right, _: scaled(right, waveform=np.roll(right.waveform, 1, axis=1)), lambda right, _: scaled(right, waveform=right.waveform * [[1], [0]]),
        lambda right, _: right.waveform, lambda right, _: [right] * 2, lambda right, _: scaled(right, rf_hz=1.2e4),
        lambda right, _: scaled(right, waveform=right.waveform + [[0.0]] * 2 + 1e-5 * (np.arange(right.steps) == 0)),
    ],
    "ex-own-file": [
        lambda _, folder: save(folder, scaled(GAUSS, 0.98)), lambda _, folder: save(folder, scaled(GAUSS, waveform=GAUSS.waveform[::-1])),
        lambda _, folder: save(folder, scaled(GAUSS, rf_hz=GAUSS.rf_hz * 1.02)), lambda _, folder: save(folder, scaled(GAUSS, dt=2e-5)),
        lambda _, folder: save(folder, scaled(GAUSS, waveform=GAUSS.waveform[:, ::2])), lambda _, folder: save(folder, scaled(GAUSS, -1), ".csv"),
        lambda _, folder: save(folder, scaled(GAUSS, rf_hz=2 * np.pi * GAUSS.rf_hz)), lambda _, folder: cut_off(folder, GAUSS), lambda _, folder: folder / "nothing.json", lambda _, folder: folder, "pulse.txt",
    ],
    "ex-own-pair": [
        hard(1, 0, 100, 1e-4, 600.0), hard(0, 0, 100, 1e-4, 600.0), hard(0.6, 0, 100, 1e-4, 600.0), lambda right, _: scaled(right, 0.8),
        lambda right, _: scaled(right, dt=1.1e-4), lambda right, _: scaled(right, rf_hz=2e3), lambda right, _: scaled(right, waveform=right.waveform[:, ::-1]),
        lambda right, _: scaled(right, waveform=right.waveform[:, :60]), lambda right, _: scaled(right, waveform=np.vstack([right.waveform] * 2)), lambda right, _: right.waveform, lambda right, _: [right] * 2,
        hard(1, 0, 3000, 4e-6, 600.0),
    ],
    "ex-flowing-sample": [
        np.zeros(200), np.zeros((1, 200)), lambda right, _: 1.1 * np.array(right), lambda right, _: -np.array(right), lambda right, _: np.array(right) + 0.2, lambda right, _: np.array(right)[:199],
        lambda right, _: np.array(right).reshape(2, 100), lambda right, _: np.array(right)[::-1], lambda right, _: np.array(right) * np.nan, lambda right, _: np.rad2deg(right),
    ],
    "ex-perfect-echo": [
        lambda te: sl.mrs.spin_echo(te), pure_echo, lambda te: pure_echo(te, 90.0), lambda te: pure_echo(te, 0.0, 165.0), lambda te: pure_echo(te, 0.0, part=5),
        lambda te: sl.mrs.pulse_acquire(), lambda te: pure_echo(0.03, 0.0), lambda te: (), lambda te: te, lambda te: sl.mrs.press(te / 2, te / 2),
    ],
    "ex-own-editing": [
        sl.mrs.pulse_acquire(), sl.mrs.press(0.015, 0.015), sl.mrs.mega_press(0.068, 2.3), sl.mrs.mega_press(0.068, 1.89, mode="on"), sl.mrs.mega_press(0.09, 1.89),
        sl.mrs.mega_press(0.068, 1.89)[:-1], (), 0.068, sl.mrs.mega_press(0.068, 3.0),
    ],
    "ex-own-molecule": [
        lambda right, _: [*right[:3], right[3] + 1], lambda right, _: [*right[:3], -right[3]], lambda right, _: [*right[:3], np.nan], lambda right, _: right[:3],
        lambda right, _: [right[0], [2.78, 2.84], *right[2:]], lambda right, _: [right[0], right[1][::-1], *right[2:]], lambda right, _: ["NAA", *right[1:]], lambda right, _: ["Asx", *right[1:]],
        lambda right, _: [*right[:2], right[2][:-1], right[3]], lambda right, _: [*right[:2], [*right[2], sl.mrs.Delay(0.05)], right[3]], lambda right, _: [*right[:2], [], right[3]],
        ("Asp", (2.74, 2.88), sl.mrs.press(0.04, 0.04), -13.0), ("mI", (3.45, 3.6), sl.mrs.press(0.01, 0.01), 15.3), ("Glu", (2.25, 2.55), sl.mrs.shipped("Glu").sequence, 10.0), "Asp",
    ],
    "ex-gaba-fit": [
        sl.mrs.pulse_acquire(), sl.mrs.press(0.01, 0.01, **sl.mrs.ideal()), sl.mrs.press(0.005, 0.005, **sl.mrs.ideal()), sl.mrs.spin_echo(0.03),
        sl.mrs.j_refocused(0.01, 0.01, **sl.mrs.ideal()), sl.mrs.j_refocused(0.01, 0.01), sl.mrs.shipped("Fit").sequence, (), 0.03,
        lambda right, _: right[:-1], lambda right, _: right[1:], lambda right, _: right[::-1],
        lambda right, _: [replace(one, pulse=scaled(one.pulse, 1.2)) if isinstance(one, sl.mrs.ShapedPulse) else one for one in right],
        lambda right, _: [sl.mrs.Delay(one.duration) if isinstance(one, sl.mrs.ShapedPulse) else one for one in right],
    ],
    "ex-weak-amplifier": [
        weak(7e-3), weak(9e-3, 5), weak(12e-3), weak(9e-3, te2=79e-3), weak(9e-3, te2=81e-3), weak(9e-3, free=True), weak(9e-3, free=False),
        weak(9e-3, free=(None, (2e-3, 2e-3), (2e-3, 2.25e-3))), weak(9e-3, free=(None, (9e-3, 9e-3), (2e-3, 2.5e-3))), weak(9e-3, pathway="both"),
        weak(9e-3, pathway="none"), weak(9e-3, refocus=BLOCK), weak(9e-3, refocus=replace(BLOCK, extent=1.0)), weak(9e-3, excite=None),
        lambda right, _: right[:-1], lambda right, _: [replace(one, bandwidth_hz=800.0) if hasattr(one, "bandwidth_hz") else one for one in right],
        lambda right, _: [replace(one, pulse=scaled(one.pulse, 0.8)) if hasattr(one, "pulse") else one for one in right],
        sl.mrs.press(0.02, 0.08), (), 15,
    ],
}  # fmt: skip


@cache
def solved(name):
    """Verdict of the printed solution, and its plain data."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        plain = Exercise.plain
        patch.setattr(Exercise, "plain", lambda self, answer: found.append(plain(self, answer)) or found[-1])
        verdict = solutions.run(name)
    return verdict, found[-1]


@pytest.mark.parametrize("name", EXERCISES)
def test_the_printed_solution_is_right(name, capsys):
    verdict, _ = solved(name)
    assert verdict.right and verdict.exercise == name, verdict.sentence


def test_every_judged_exercise_has_its_wrong_answers():
    assert set(JUDGED) == {name for name, task in EXERCISES.items() if task.judge}


def right_answer(name):
    """The printed solution's answer, made of its plain data; none where it is a function."""
    data = solved(name)[1]
    return None if name in ("ex-own-loss", "ex-perfect-echo", "ex-own-file") else unpack(data)


@pytest.mark.parametrize("name, k", [(name, k) for name, many in JUDGED.items() for k in range(len(many))])
def test_wrong_answers_are_refused_by_what_they_do(name, k, tmp_path, capsys):
    wrong = JUDGED[name][k]
    if callable(wrong) and wrong.__name__ == "<lambda>" and wrong.__code__.co_argcount == 2:
        wrong = wrong(right_answer(name), tmp_path)
    verdict = check_answer(name, wrong)
    assert not verdict.right and verdict.sentence


def test_every_entry_of_an_element_counts(capsys):
    """2 % of one entry of C or M, which is not zero, break a law that every element keeps."""
    values = [np.array(part) for part in solved("ex-elements-cubic")[1]]
    for change in (1.02, 0.98, -1):
        for spoilt in each_entry(values, lambda x, _, f=change: f * x):
            if not all(np.array_equal(a, b) for a, b in zip(spoilt, values, strict=True)):
                assert not judge("ex-elements-cubic", [part.tolist() for part in spoilt]).right


@pytest.mark.parametrize("ending", [".json", ".csv", ".shape", ".pta", ".seq"])
def test_any_format_will_do(ending, tmp_path):
    if ending == ".seq":
        pytest.importorskip("pypulseq")
    verdict = check_answer("ex-own-file", save(tmp_path, GAUSS, ending))
    assert verdict.right, verdict.sentence


def test_objects_become_plain_data_and_come_back():
    sequence = (*sl.mrs.mega_press(0.068), sl.mrs.ShapedPulse(GAUSS, carrier_ppm=2.0))
    assert repr(sl.mrs.blocks.check_sequence(unpack(pack(sequence)))) == repr(sequence)
    problem = sl.Problem("Iz", "Ix", 50e-6, 20, 10e3)
    result = sl.design(problem, kind="xy", max_iterations=2)
    assert np.array_equal(unpack(pack(result)).waveform, result.pulse.waveform)


def test_every_exercise_of_the_book_is_wired():
    """Each label has its check, each check its exercise; the page says how to call it, how many
    digits count, and prints a solution."""
    text = "\n".join(cell for page in solutions.cells().values() for kind, cell in page if kind == "markdown")
    labels = re.findall(r"\{exercise\}[^\n]*\n:label: (ex-[\w-]+)", text)
    assert sorted(labels) == sorted(EXERCISES)
    for label in labels:
        (said,) = re.findall(rf'sl\.check_answer\("{label}", answer\)`\. (The answer is [^\n]*)', text)
        assert f"{{solution}} {label}\n:class: dropdown" in text
        if label in REFERENCES:
            whole = data_of(label)[1]
            assert ("number" in said) if whole else f"to {EXERCISES[label].digits} digits" in said, label


def test_no_line_of_a_solution_is_cut():
    for label, (_, code) in solutions.solutions().items():
        assert max(map(len, code.splitlines())) <= 84, label


def test_a_linear_pulse_is_judged_like_any_other():
    linear = sl.Pulse(np.zeros((2, 51)), 1e-5, 1e4, "linear")
    assert "each pulse should reach 0.97" in sl.check_answer("ex-coarse-two-controls", [linear] * 2).sentence
