"""Bounds: against the full fit and against noise; their derivatives; what is said to bad input."""

import numpy as np
import pytest

import spinlab as sl

MODEL = sl.mrs.fit_model(40e-3)
CONCENTRATIONS = MODEL.concentrations
NAMES = list(CONCENTRATIONS)


def press_spectra(te1=15e-3, te2=25e-3, model=MODEL, width=6.0):
    found = {}
    for name in model.concentrations:
        one, scanner = sl.mrs.metabolite(name), sl.mrs.Scanner()
        lines = sl.mrs.transitions(one, sl.mrs.simulate(one, sl.mrs.press(te1, te2), scanner), scanner)
        found[name] = sl.mrs.spectrum(lines, model.ppm, width)
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


def test_gradient_of_the_loss():
    rng = np.random.default_rng(1)
    spectra = {name: np.stack([one, 1.1 * one]) + 1e-4 * rng.standard_normal((2, one.size))
               for name, one in SPECTRA.items()}  # fmt: skip
    loss = sl.mrs.BoundLoss(MODEL, {"Glu": 0.02, "Gln": 0.05})
    change = {name: 1e-3 * (rng.standard_normal(one.shape) + 1j * rng.standard_normal(one.shape))
              for name, one in spectra.items()}  # fmt: skip

    def along(step):
        return loss({name: spectra[name] + step * change[name] for name in spectra})

    slopes = (along(1e-4)[0] - along(-1e-4)[0]) / 2e-4  # of every member alone
    gradients = sum(np.sum(np.conj(along(0)[1][name]) * change[name], axis=1) for name in spectra)
    np.testing.assert_allclose(gradients.real, slopes, rtol=1e-6)
    bounds = MODEL.bounds(spectra)
    expected = (bounds["Glu"] / 0.02) ** 2 + (bounds["Gln"] / 0.05) ** 2
    np.testing.assert_allclose(loss(spectra)[0], expected)


def test_gradient_of_a_whole_problem():
    model = sl.mrs.FitModel(MODEL.ppm, {"Glu": 10.0, "Gln": 3.5}, MODEL.noise)
    problem = sl.mrs.cramer_rao_problem(
        {"Glu": 0.02, "Gln": 0.05}, model, sl.mrs.press(2e-3, 4e-3, free=True), precision="double",
        ensemble=sl.Ensemble([-5.0, 5.0], [0.9, 1.1]),
    )  # fmt: skip
    x, direction = 0.2 * np.random.default_rng(2).standard_normal((2, 2 * problem.steps))
    values = [problem.value(x + sign * 1e-5 * direction)[0] for sign in (1, -1)]
    slope = (values[0] - values[1]) / 2e-5
    assert abs(problem.value(x)[1] @ direction / slope - 1) < 1e-6


def test_more_noise_and_more_baseline_cost():
    least = MODEL.bounds(SPECTRA)["Gln"]
    np.testing.assert_allclose(sl.mrs.fit_model(40e-3, snr=50).bounds(SPECTRA)["Gln"], 2 * least)
    assert sl.mrs.fit_model(40e-3, knots=24).bounds(SPECTRA)["Gln"] > least
    assert sl.mrs.fit_model(80e-3).noise == pytest.approx(MODEL.noise * np.exp(40 / 160))


def test_judged_by_the_exact_path():
    one = sl.Ensemble([0.0], [1.0])
    judged = sl.mrs.judge_bounds(sl.mrs.press(15e-3, 25e-3), MODEL, one)
    for name, bound in MODEL.bounds(SPECTRA).items():
        np.testing.assert_allclose(judged[name], [bound], rtol=1e-9)
