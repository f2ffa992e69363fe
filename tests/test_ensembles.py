"""Ensembles: grids, weights, spacing."""

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import spinlab as sl


def test_grid_is_all_combinations_with_the_scale_fastest():
    ensemble = sl.Ensemble.grid([-5.0, 5.0], [0.9, 1.0, 1.1])
    assert ensemble.members == 6
    assert np.array_equal(ensemble.offset_hz, [-5, -5, -5, 5, 5, 5])
    assert np.array_equal(ensemble.b1_scale, [0.9, 1.0, 1.1] * 2)
    assert np.allclose(ensemble.weights, 1 / 6)


@pytest.mark.parametrize(
    "weights, expected", [(None, [0.5, 0.5]), ([1, 3], [0.25, 0.75]), ([0, 2], [0, 1])]
)
def test_weights_add_up_to_one(weights, expected):
    assert np.allclose(sl.Ensemble([0.0, 1.0], [1.0, 1.0], weights).weights, expected)


@pytest.mark.parametrize("offsets, spacing", [([7.0], 0), ([0.0, 0.0], 0), ([9.0, 0.0, 2.0], 7)])
def test_offset_spacing(offsets, spacing):
    assert sl.Ensemble(offsets, 1.0).offset_spacing_hz == spacing


def test_one_number_serves_all_members():
    assert np.array_equal(sl.Ensemble([1.0, 2.0], 0.9).b1_scale, [0.9, 0.9])


def test_grid_over_relaxation_times_with_weights_along_an_axis():
    ensemble = sl.Ensemble.grid(
        [-1.0, 1.0], t1=[0.5, 1.0], t2=0.1, weights={"t1": [1, 3], "offset_hz": [1, 1]}
    )
    assert ensemble.members == 4
    assert np.array_equal(ensemble.t1, [0.5, 1.0, 0.5, 1.0]) and np.all(ensemble.t2 == 0.1)
    assert np.allclose(ensemble.weights, np.array([1, 3, 1, 3]) / 8)
    assert set(ensemble.relaxation_times) == {"T1", "T2"}


def test_relaxation_times_reach_the_members():
    """Two members with times of their own are two problems with fixed times."""
    symbols = {"t1": sp.Symbol("T1", positive=True), "t2": sp.Symbol("T2", positive=True)}
    waveform = np.random.default_rng(3).uniform(-1, 1, (2, 8))
    known = ("Iz", "Ix", 4e-4, 8, 3e3)
    task = sl.Problem(
        *known, sl.Ensemble([-200.0, 300.0], 1.0, [1, 2], t1=[2e-3, 1e-3], t2=[5e-4, 8e-4]),
        sl.SpinSystem(**symbols),
    )
    found = task.fidelity(waveform, "grape-batched")
    one, two = (
        sl.Problem(*known, sl.Ensemble(offset, 1.0), sl.SpinSystem(t1=t1, t2=t2)).fidelity(
            waveform, "grape-batched"
        )
        for offset, t1, t2 in ((-200.0, 2e-3, 5e-4), (300.0, 1e-3, 8e-4))
    )
    assert found[0] == pytest.approx((one[0] + 2 * two[0]) / 3, rel=1e-12)
    assert np.allclose(found[1], (one[1] + 2 * two[1]) / 3, rtol=1e-10)


@pytest.mark.parametrize("duration, bandwidth, b1, rf", [
    (337.5e-6, 20e3, (0.8, 1.2), 10e3), (1e-3, 3e3, (0.9, 0.9), 0.0), (1e-3, 0.0, (0.5, 1.5), 1e3),
])  # fmt: skip
def test_design_grid_is_as_coarse_as_it_may_be(duration, bandwidth, b1, rf):
    grid = sl.design_grid(duration, bandwidth, b1, rf)
    for values, width, limit in (
        (grid.offset_hz, bandwidth, 1 / (2 * duration)),
        (grid.b1_scale, b1[1] - b1[0], 1 / (2 * duration * rf) if rf else np.inf),
    ):
        axis = np.unique(values)
        assert np.ptp(values) == pytest.approx(width)
        if width:
            gaps = len(axis) - 1
            assert width / gaps <= limit * (1 + 1e-9) and (gaps == 1 or width / (gaps - 1) > limit)


def test_histogram(tmp_path):
    path = tmp_path / "b1.csv"
    path.write_text("\ufeffb1_scale, weight\n0.9, 1\n\n1.0,2.5\n 1.1 ,0\n", encoding="utf-8")
    scale, weights = sl.control.read_histogram(path)
    assert np.array_equal(scale, [0.9, 1.0, 1.1]) and np.array_equal(weights, [1, 2.5, 0])


@pytest.mark.parametrize("text, match", [
    ("", "begins with 'nothing'"),
    ("scale;weight\n1;2", "must begin with b1_scale,weight, but begins with 'scale;weight'"),
    ("b1_scale,weight\n", "samples must have shape \\(rows, 2\\), but \\(0,\\) arrived"),
    ("b1_scale,weight\n1.0", "samples must have shape \\(rows, 2\\), but \\(1, 1\\) arrived"),
    ("b1_scale,weight\n1.0,a", "no table of numbers: could not convert string to float: 'a'"),
    ("b1_scale,weight\n1.0,1\n1.0,1,1", "no table of numbers"),
    ("b1_scale,weight\n-1.0,1", "b1_scale must be positive"),
    ("b1_scale,weight\n1.0,-1", "weights must be at least 0, but -1"),
    ("b1_scale,weight\n1.0,0", "At least one of the weights must be positive"),
    ("b1_scale,weight\n1.0,nan", "samples must be finite"),
])  # fmt: skip
def test_histograms_that_are_none(text, match, tmp_path):
    path = tmp_path / "b1.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=match):
        sl.control.read_histogram(path)


def judged(fidelity):
    """A judgement of three B1 scales with these fidelities."""
    pulse = sl.Pulse(np.full((2, 5), 0.4), 1e-5, 5e3)
    grid = np.zeros(1), np.array([0.9, 1.0, 1.1])
    return sl.control.Judgement(pulse, pulse, None, *grid, fidelity)


def test_referee_weighs_with_the_histogram_and_takes_mean_relaxation():
    fidelity = np.array([[0.9, 1.0, 0.5]])
    report = judged(fidelity)
    assert report.weighted_mean([0.9, 1.0, 1.1], [1, 2, 1]) == pytest.approx((0.9 + 2 + 0.5) / 4)
    assert report.weighted_mean([0.9, 1.1], [1, 3]) == pytest.approx((0.9 + 1.5) / 4)
    assert report.weighted_mean([0.9, 1.04, 1.1], [1e-9, 1, 0]) == pytest.approx(0.8)  # a spike
    with pytest.raises(ValueError, match="ascending"):
        report.weighted_mean([1.1, 0.9], [1, 1])
    system = sl.SpinSystem(t1=sp.Symbol("T1", positive=True), t2=1e-3)
    pulse = sl.Pulse(np.full((2, 5), 0.4), 1e-5, 5e3)
    spread, mean = (
        sl.Problem("Iz", "Ix", 5e-5, 5, 5e3, sl.Ensemble([0.0, 0.0], 1.0, t1=times), system)
        for times in ([1e-3, 3e-3], 2e-3)
    )
    assert np.allclose(sl.judge(pulse, spread).fidelity, sl.judge(pulse, mean).fidelity)


@pytest.mark.parametrize("start", [[-1e4, 0.0, 1e4], [-1e4, 1e4], [-1e4, 3e3, 1e4]])
def test_adaptive_grid_ends_where_the_referee_agrees(start):
    task = sl.Problem("Iz", "Ix", 200e-6, 40, 1e4, sl.Ensemble.grid(start, [0.9, 1.1]))
    done = sl.adapt(task, kind="xy", max_iterations=40, offsets=81, scales=5, method="rotations")
    assert abs(done.gap) <= 0.002 and abs(done.result.fidelity - done.report.mean) <= 0.004
    assert [members for members, *_ in done.rounds] == sorted({m for m, *_ in done.rounds})
    first = done.rounds[0]
    assert first[0] == 2 * len(start) and abs(first[1] - first[2]) > 0.002, "nothing to cure"
    assert done.result.problem.ensemble.members == done.rounds[-1][0]


def test_adaptive_grid_for_the_worst_member():
    task = sl.Problem("Iz", "Ix", 100e-6, 25, 1e4, sl.Ensemble.grid([-5e3, 5e3]))
    done = sl.adapt(
        task, kind="xy", aggregate="smooth-worst", max_iterations=40, offsets=41,
        method="rotations",
    )
    assert abs(done.gap) <= 0.002 and done.rounds[-1][0] > 2
    assert done.result.fidelity >= done.report.minimum - 0.002


def test_trapezoidal_weights():
    """They integrate straight lines exactly, over uneven axes, and alone beside a histogram."""
    offset, scale = np.array([0.0, 1.0, 4.0]), np.array([0.9, 1.0, 1.3])
    grid = sl.Ensemble.grid(offset, scale, weights="trapezoidal")
    assert grid.weights @ ((1 + grid.offset_hz) * (3 - grid.b1_scale)) == pytest.approx(3 * 1.9)
    assert np.allclose(sl.Ensemble.grid(offset, weights="trapezoidal").weights * 8, [1, 4, 3])
    mixed = {"offset_hz": "trapezoidal", "b1_scale": [1, 2, 1]}
    grid = sl.Ensemble.grid(offset, scale, weights=mixed)
    assert np.allclose(grid.weights, np.outer([1, 4, 3], [1, 2, 1]).ravel() / 32)
    grid = sl.design_grid(1e-3, 2e3, (0.5, 1.0), 2e3)
    assert grid.members == 15
    assert np.allclose(grid.weights, np.outer([1, 2, 2, 2, 1], [1, 2, 1]).ravel() / 32)


def test_only_grids_are_refined():
    for members in (([0.0, 1.0], [1.0, 1.1]), ([0.0, 1.0, 0.0, 1.0], [1.0, 1.1, 1.0, 1.1])):
        task = sl.Problem("Iz", "Ix", 1e-4, 5, 1e4, sl.Ensemble(*members))
        with pytest.raises(ValueError, match="adapt\\(\\) refines a grid"):
            sl.adapt(task)


@pytest.mark.parametrize("changes, match", [
    ({"weights": {"b1_scale": [1, 2, 3]}}, "weights must have shape \\(2,\\), but \\(3,\\)"),
    ({"weights": {"t1": [1]}}, "There is no axis of the grid 't1'; choose one of offset_hz, b1_scale"),
    ({"weights": {"t1": "trapezoidal"}}, "There is no axis of the grid 't1'"),
    ({"weights": "simpson"}, "There is no rule for weights 'simpson'"),
    ({"weights": "trapezoidal", "b1_scale": [1.1, 0.9]}, "need b1_scale in ascending order"),
    ({"t1": [0.0]}, "t1 must be positive"),
    ({"t2": [[1.0]]}, "t2 must have shape \\(t2s\\?,\\), but \\(1, 1\\) arrived"),
])  # fmt: skip
def test_grids_that_are_none(changes, match):
    with pytest.raises(ValueError, match=match):
        sl.Ensemble.grid(**{"offset_hz": [0.0], "b1_scale": [0.9, 1.1], **changes})


@pytest.mark.parametrize("histogram, match", [
    (([0.2, 0.4, 0.9], [50, 50, 1]), "weight from B1 scale 0.2 to 0.9, but 0.9 to 1.1 were judged"),
    (([0.2, 0.4], [1, 1]), "but 0.9 to 1.1 were judged; widen it"),
    (([0.85], [1]), "from B1 scale 0.85 to 0.85"),
    (([0.9, 1.1], [2, -1]), "at least 0, but -1"), (([0.9, 1.1], [0, 0]), "some weight"),
    (([0.9, 1.1], [1]), "weights must have shape"),
])  # fmt: skip
def test_histograms_the_referee_cannot_weigh_with(histogram, match):
    report = judged(np.array([[0.9, 1.0, 0.5]]))
    with pytest.raises(ValueError, match=re.escape(match)):
        report.weighted_mean(*histogram)
    assert report.weighted_mean([0.5, 0.9, 1.1], [0, 1, 3]) == pytest.approx(2.4 / 4)
    assert report.weighted_mean([1.0, 1.1], [1, 1]) == pytest.approx(0.75), "0.9 is not in it"


def test_histograms_in_per_cent(tmp_path):
    path = tmp_path / "b1.csv"
    path.write_text("b1_scale,weight\n90,1\n110,3\n")
    with pytest.raises(ValueError, match=r"b1_scale must be at most 10 \(a scale is 1.1, not 110 %\), but 110"):
        sl.control.read_histogram(path)


def test_no_spin_has_t2_beyond_twice_t1():
    with pytest.raises(ValueError, match="t1 = 0.1 and t2 = 1 arrived"):
        sl.Ensemble([0.0, 0.0], 1.0, t1=[1.0, 0.1], t2=[1.0, 1.0])
    half, known = sl.SpinSystem(t1=sp.Symbol("T1", positive=True), t2=0.1), ("Iz", "Ix", 1e-4, 5)
    for means in (
        {"ensemble": sl.Ensemble([0.0, 0.0], 1.0, t1=[1.0, 0.01])}, {"parameters": {"T1": 0.01}},
    ):
        with pytest.raises(ValueError, match="t1 = 0.01 and t2 = 0.1 arrived"):
            sl.Problem(*known, 1e3, system=half, **means)
    assert sl.Problem(*known, 1e3, system=half, parameters={"T1": 0.05}).parameters


def test_weights_neither_overflow_nor_hide_their_sign():
    assert np.array_equal(sl.Ensemble([0.0, 1.0], 1.0, [1e308, 1e308]).weights, [0.5, 0.5])
    huge = {"offset_hz": [1e300, 1e300], "b1_scale": [1e300, 1e300]}
    assert np.allclose(sl.Ensemble.grid([0.0, 1.0], [0.9, 1.1], weights=huge).weights, 0.25)
    with pytest.raises(ValueError, match="weights must be at least 0, but -1"):
        sl.Ensemble.grid([0.0, 1.0], [0.9, 1.1], weights=dict.fromkeys(huge, [-1, -1]))


def test_ensembles_do_not_change():
    """What was checked stays: neither the caller's arrays nor the fields can be written to."""
    offset = np.array([0.0, 1.0])
    ensemble = sl.Ensemble(offset, 1.0, t1=[1.0, 2.0], t2=1.0)
    offset[:] = np.nan
    assert np.array_equal(ensemble.offset_hz, [0, 1])
    for name in ("offset_hz", "b1_scale", "weights", "t1", "t2"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(ensemble, name)[0] = -5


def test_fractions_are_numbers():
    thousandth = Fraction(1, 1000)
    grid = sl.design_grid(thousandth, Fraction(2000), (Fraction(1, 2), 1), sp.Integer(2000))
    assert grid.members == 15 and grid.b1_scale.dtype == float
    assert sl.Ensemble([sp.Rational(1, 2)], Fraction(1, 2)).offset_hz[0] == 0.5


def test_ensembles_compare():
    ensemble = sl.Ensemble([0.0, 1.0], 1.0)
    assert ensemble == ensemble and ensemble != sl.Ensemble([0.0, 1.0], 1.0)
    assert len({ensemble, ensemble}) == 1


def test_adapt_judges_behind_the_distortion():
    task = sl.Problem("Iz", "Ix", 200e-6, 40, 1e4, sl.Ensemble.grid([-4e3, 4e3]))
    coil = sl.pulses.resonator(50e3, task.dt, detuning_hz=20e3)
    how = {"kind": "xy", "method": "rotations", "distortion": coil, "max_iterations": 30}
    done = sl.adapt(task, offsets=41, **how)
    judged = sl.judge(done.result.pulse, done.result.problem, 41, distortion=coil)
    assert np.array_equal(done.report.fidelity, judged.fidelity)
    assert abs(done.gap) <= 0.002 and judged.mean > 0.95
    assert sl.judge(done.result.pulse, done.result.problem, 41).mean < judged.mean - 0.05


def test_adapt_compares_without_the_penalty():
    task = sl.Problem("Iz", "Ix", 200e-6, 40, 1e4, sl.Ensemble.grid(np.linspace(-4e3, 4e3, 9)))
    done = sl.adapt(task, method="spinors", limits={"mean_power": 0.5}, offsets=41, rounds=2)
    assert done.result.fun - done.result.value == pytest.approx(10 * 0.5**2)
    assert done.rounds[-1][1] == pytest.approx(done.report.mean, abs=0.01)


@pytest.mark.parametrize("where", ["design", "referee"])
def test_adapt_can_be_interrupted(where, monkeypatch):
    """In the first iteration of round 2, or while the pulse of round 2 is judged."""
    task = sl.Problem("Iz", "Ix", 200e-6, 40, 1e4, sl.Ensemble.grid([-1e4, 1e4]))
    how = {"kind": "xy", "max_iterations": 5, "offsets": 41, "method": "rotations"}
    calls = []

    def judge(*arguments, **options):
        calls.append(len(iterations))
        if where == "referee" and len(calls) == 2:
            raise KeyboardInterrupt
        return sl.judge(*arguments, **options)

    iterations = []

    def callback(result):
        iterations.append(result.fun)
        if where == "design" and len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("spinlab.control.adaptive.judge", judge)
    done = sl.adapt(task, **how, callback=callback)
    assert len(done.rounds) == len(calls) == 2
    assert done.result.fun == min(iterations[calls[0]:])
    assert (done.report is None) == np.isnan(done.gap) == (where == "referee")


def test_an_interruption_in_the_first_evaluation_of_a_later_round(monkeypatch):
    task = sl.Problem("Iz", "Ix", 200e-6, 40, 1e4, sl.Ensemble.grid([-1e4, 1e4]))
    found = []

    def design(*arguments, **options):
        if found:
            raise KeyboardInterrupt
        found.append(sl.design(*arguments, **options))
        return found[0]

    monkeypatch.setattr("spinlab.control.adaptive.design", design)
    done = sl.adapt(task, method="spinors", max_iterations=5, offsets=41)
    assert done.result is found[0] and len(done.rounds) == 1 and done.report is not None
