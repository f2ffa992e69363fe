"""Bounds: against the full fit and against noise; their derivatives; what is said to bad input."""

from dataclasses import replace

import numpy as np
import pytest

import spinlab as sl

MODEL = sl.mrs.fit_model(40e-3)
CONCENTRATIONS = MODEL.concentrations
NAMES = list(CONCENTRATIONS)


def press_spectra(te1=15e-3, te2=25e-3, model=MODEL, width=6.0):
    found = {}
    for one in model.molecules:
        scanner = sl.mrs.Scanner()
        lines = sl.mrs.transitions(one, sl.mrs.simulate(one, sl.mrs.press(te1, te2), scanner), scanner)
        found[one.name] = sl.mrs.spectrum(lines, model.ppm, width)
    return found


SPECTRA = press_spectra()


def model_spectrum(parameters, lines, model):
    """What is fitted, from the transition tables: amplitudes, phase, shift, width."""
    *amplitudes, phase, shift, width = parameters
    total = sum(
        amplitude * sl.mrs.spectrum(sl.mrs.Transitions(table.offset_hz + shift, table.amplitude,
                                               table.scanner), model.ppm, 6.0 + width)
        for amplitude, table in zip(amplitudes, lines, strict=True)
    )  # fmt: skip
    return (np.exp(1j * phase) * total).real


@pytest.fixture(scope="module")
def tables():
    scanner = sl.mrs.Scanner()
    return [
        sl.mrs.transitions(one, sl.mrs.simulate(one, sl.mrs.press(15e-3, 25e-3), scanner), scanner)
        for one in map(sl.mrs.metabolite, NAMES)
    ]


@pytest.mark.parametrize("points, tolerance", [(444, 2e-2), (888, 1e-3)])
def test_columns_are_the_derivatives_of_the_model(tables, points, tolerance):
    """Against differences of the model; shift and width are differences along the axis, too."""
    model = sl.mrs.FitModel(np.linspace(0.6, 4.2, points), MODEL.concentrations, knots=0)
    columns = model.columns(press_spectra(model=model))
    at = np.array([*CONCENTRATIONS.values(), 0.0, 0.0, 0.0])
    for j, step in enumerate(1e-4 * np.eye(len(at))):
        ends = [model_spectrum(at + sign * step, tables, model) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / 2e-4
        error = np.linalg.norm((columns[:, j] - slope)[3:-3]) / np.linalg.norm(slope)
        assert error < (tolerance if j > len(NAMES) else 1e-6), j


def test_bounds_are_those_of_the_whole_fit():
    """Projecting the baseline out is the same as fitting it."""
    columns = sl.mrs.FitModel(MODEL.ppm, MODEL.concentrations, knots=0).columns(SPECTRA)
    whole = np.hstack([columns, MODEL._baseline])
    covariance = np.linalg.inv(whole.T @ whole)
    for j, (name, bound) in enumerate(MODEL.bounds(SPECTRA).items()):
        expected = MODEL.noise * np.sqrt(covariance[j, j]) / CONCENTRATIONS[name]
        np.testing.assert_allclose(bound, expected, rtol=1e-6)


def test_a_fit_reaches_the_bound():
    """Least squares on noisy data scatter as the bound says, amplitudes and baseline fitted."""
    columns, rng = MODEL.columns(SPECTRA), np.random.default_rng(0)
    noise = MODEL.noise * rng.standard_normal((len(MODEL.ppm), 4000))
    scatter = (np.linalg.pinv(columns) @ noise)[: len(NAMES)].std(axis=1)
    expected = [MODEL.bounds(SPECTRA)[name] * CONCENTRATIONS[name] for name in NAMES]
    np.testing.assert_allclose(scatter, expected, rtol=0.05)


@pytest.mark.parametrize("bias, reference", [(0.0, None), (0.0, "Cr"), (0.7, None), (0.7, "Cr")])
def test_gradient_of_the_loss(bias, reference):
    rng = np.random.default_rng(1)
    spectra = {name: np.stack([1.1 * one, one, (0.9 + 0.1j) * one]) + 1e-4 * rng.standard_normal((3, one.size))
               for name, one in SPECTRA.items()}  # fmt: skip
    members = sl.Ensemble([2.0, 0.0, -2.0], [1.0, 1.0, 1.1], weights=[1, 2, 4])
    loss = sl.mrs.BoundLoss(MODEL, {"Glu": 0.02, "Gln": 0.05}, bias, reference, members)
    change = {name: 1e-3 * (rng.standard_normal(one.shape) + 1j * rng.standard_normal(one.shape))
              for name, one in spectra.items()}  # fmt: skip

    def along(step):
        return loss({name: spectra[name] + step * change[name] for name in spectra})

    value, derivatives = along(0)
    slopes = (along(3e-5)[0] - along(-3e-5)[0]) / 6e-5  # of every member alone, or of their mean
    gradients = sum(np.sum(np.conj(derivatives[name]) * change[name], axis=1) for name in spectra)
    np.testing.assert_allclose(gradients.real.sum() if bias else gradients.real, slopes, rtol=1e-6)
    if not (bias or reference):
        bounds = MODEL.bounds(spectra)
        np.testing.assert_allclose(value, (bounds["Glu"] / 0.02) ** 2 + (bounds["Gln"] / 0.05) ** 2)


@pytest.mark.parametrize("bias", [0.0, 2.0])
def test_gradient_of_a_whole_problem(bias):
    model = sl.mrs.FitModel(MODEL.ppm, {"Glu": 10.0, "Gln": 3.5}, MODEL.noise)
    problem = sl.mrs.cramer_rao_problem(
        {"Glu": 0.02, "Gln": 0.05}, model, sl.mrs.press(2e-3, 4e-3, free=True), bias, precision="double",
        ensemble=sl.Ensemble([-5.0, 0.0, 5.0], [0.9, 1.0, 1.1]),
    )  # fmt: skip
    x, direction = 0.2 * np.random.default_rng(2).standard_normal((2, 2 * problem.steps))
    values = [problem.value(x + sign * 1e-5 * direction)[0] for sign in (1, -1)]
    slope = (values[0] - values[1]) / 2e-5
    assert abs(problem.value(x)[1] @ direction / slope - 1) < 1e-6


@pytest.mark.parametrize("reference", [None, "Cr"])
def test_the_loss_is_made_of_what_the_judge_says(reference):
    """Of split steps without RF; pulses that follow B1 make the bias."""
    blocks = sl.mrs.press(2e-3, 4e-3, free=True, pathway="both")
    goals, members = {"NAA": 0.02, "mI": 0.05}, sl.Ensemble([0.0, 5.0, -5.0], [1.0, 0.9, 1.1], weights=[1, 2, 3])
    problem = sl.mrs.cramer_rao_problem(
        goals, sl.mrs.fit_model(6e-3), blocks, 3.0, reference, precision="double", ensemble=members,
        dt=0.1e-3,
    )  # fmt: skip
    report = problem.loss.judge(problem.sequence(np.zeros(2 * problem.steps)), problem, members)
    expected = sum((report.bound[name] ** 2 + 3 * report.bias[name] ** 2) / goal**2 for name, goal in goals.items())
    assert problem.value(np.zeros(2 * problem.steps))[0] == pytest.approx(expected @ members.weights, rel=1e-3)


def test_more_noise_and_more_baseline_cost():
    least = MODEL.bounds(SPECTRA)["Gln"]
    np.testing.assert_allclose(sl.mrs.fit_model(40e-3, snr=50).bounds(SPECTRA)["Gln"], 2 * least)
    assert sl.mrs.fit_model(40e-3, knots=24).bounds(SPECTRA)["Gln"] > least
    assert sl.mrs.fit_model(80e-3).noise == pytest.approx(MODEL.noise * np.exp(40 / 160))


def test_judged_by_the_exact_path():
    one = sl.Ensemble([0.0], [1.0])
    judged = sl.mrs.judge_bounds(sl.mrs.press(15e-3, 25e-3), MODEL, one)
    for name, bound in MODEL.bounds(SPECTRA).items():
        np.testing.assert_allclose(judged.bound[name], [bound], rtol=1e-9)
        np.testing.assert_allclose(judged.bias[name], [0.0], atol=1e-9)


def test_the_noise_knows_nothing_of_the_lines():
    """Broader lines are measured worse; figures of a reader who held the noise, by hand."""
    one, found = sl.Ensemble([0.0], [1.0]), []
    for width in (3, 6, 9, 12):
        model = sl.mrs.fit_model(20e-3, linewidth_hz=width)
        assert model.noise == sl.mrs.fit_model(20e-3).noise
        bound = sl.mrs.judge_bounds(sl.mrs.press(10e-3, 10e-3), model, one).bound
        found.append([100 * bound["Glu"][0], 100 * bound["Gln"][0]])
    expected = [[1.17, 2.92], [1.84, 5.34], [2.58, 7.68], [3.60, 9.83]]
    np.testing.assert_allclose(found, expected, atol=0.006)


def test_molecules_of_your_own_are_fitted_like_all_others():
    own = replace(sl.mrs.metabolite("Glu"), name="mine")
    model = sl.mrs.fit_model(40e-3, molecules=(own, *NAMES[1:]))
    members = sl.Ensemble([0.0, 3.0], [1.0, 0.9])
    ours, theirs = (sl.mrs.judge_bounds(sl.mrs.press(15e-3, 25e-3), one, members) for one in (MODEL, model))
    np.testing.assert_allclose(theirs.bound["mine"], ours.bound["Glu"])
    problem = sl.mrs.cramer_rao_problem({"mine": 0.02}, model, sl.mrs.press(15e-3, 25e-3, free=True))
    assert problem.metabolites[0] is own
    by_dict = sl.mrs.FitModel(MODEL.ppm, {own: 3.0, "Gln": 3.5})
    assert by_dict.concentrations == {"mine": 3.0, "Gln": 3.5}


def test_a_short_t2_leaves_less_at_the_echo():
    """What decays with the T2 of NAA is as it was; of what decays faster the share is smaller."""
    fast = replace(sl.mrs.metabolite("Cr"), name="fast", t2=0.03, concentration=8.0)
    for te in (20e-3, 80e-3):
        left = sl.mrs.fit_model(te, molecules=(*NAMES, fast)).concentrations
        assert left["fast"] == pytest.approx(8 * np.exp(te / 0.16 - te / 0.03))
        assert {name: left[name] for name in NAMES} == CONCENTRATIONS


def test_the_bias_is_that_of_a_fit():
    """The linear formula against nonlinear fits of noiseless signals, a little off the nominal field."""
    sequence, model = sl.mrs.shipped("Cramer-Rao").sequence, sl.mrs.fit_model(40e-3)
    report = sl.mrs.judge_bounds(sequence, model, sl.Ensemble([0.4], [0.995]))
    basis, signals = (sl.mrs.fit_signals(sequence, model, *member) for member in ((), (0.4, 0.995)))
    quiet = replace(model, noise=1e-12)
    data = sl.mrs.noisy_spectrum(signals, quiet, 0, phase_deg=0, shift_hz=0, width_hz=0)
    fit = sl.mrs.fit_spectrum(data, basis, model).amplitudes
    for name, value in model.concentrations.items():
        assert report.bias[name][0] == pytest.approx(fit[name] / value - 1, rel=0.1, abs=1e-3), name
    assert abs(report.bias["Gln"][0]) > 0.005
    np.testing.assert_allclose(report.error["Glu"] ** 2, report.bound["Glu"] ** 2 + report.bias["Glu"] ** 2)


def test_ratios_do_not_care_for_what_is_common():
    """Crushed 180s that follow B1 make all amplitudes smaller; ratios to Cr stay."""
    low, sequence, model = sl.Ensemble([0.0], [0.9]), sl.mrs.press(10e-3, 10e-3), sl.mrs.fit_model(20e-3)
    alone, ratio = (sl.mrs.judge_bounds(sequence, model, low, one) for one in (None, "Cr"))
    assert alone.bias["NAA"][0] < -0.05 and abs(ratio.bias["NAA"][0]) < 0.005
    assert ratio.bias["Cr"][0] == ratio.bound["Cr"][0] == 0
    np.testing.assert_allclose(ratio.bias["Gln"], alone.bias["Gln"] - alone.bias["Cr"], atol=1e-9)
    assert ratio.bound["NAA"][0] > alone.bound["NAA"][0]
    assert repr(alone).startswith("BoundReport(bound, bias, both in %, rms over members: Glu ")
