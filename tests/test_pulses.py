"""Pulses, filter and bounds: against dense matrices, exact solutions and check_gradient."""

import copy
import pickle
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from tables import fitted_order, relative

import spinlab as sl
from spinlab.pulses import measures
from spinlab.pulses.filter_and_bound import PARAMETRISATIONS
from spinlab.pulses.limits import checked_limits

CONTROLS = ["constant", "linear"]


def test_pulses_are_compared_as_objects():
    """As all that holds arrays: == answers, instead of asking for the truth of an array."""
    pulse, again = (sl.Pulse(np.ones((2, 3)), 1e-6, 1e3) for _ in range(2))
    assert pulse == pulse and pulse != again and len({pulse, again}) == 2


def dense_filter(samples, ratio, control):
    """-R^2 x'' + x = s with linear elements, as a matrix; ``ratio`` is (R/dt)^2."""
    elements = samples - (control == "linear")
    mass, stiff = np.zeros((2, elements + 1, elements + 1))
    means = np.zeros((elements, elements + 1))
    for n in range(elements):
        here = np.ix_([n, n + 1], [n, n + 1])
        mass[here] += np.array([[2, 1], [1, 2]]) / 6
        stiff[here] += ratio * np.array([[1, -1], [-1, 1]])
        means[n, [n, n + 1]] = 0.5
    inverse = np.linalg.inv(mass + stiff)
    return inverse @ mass if control == "linear" else means @ inverse @ means.T


@pytest.mark.parametrize("radius", [0.3, 2.0, 7.0, 40.0])
@pytest.mark.parametrize("samples", [2, 3, 12])
@pytest.mark.parametrize("control", CONTROLS)
def test_filter_against_a_dense_matrix(control, samples, radius, rng):
    x, gradient = rng.normal(size=(2, samples)), rng.normal(size=(2, samples))
    matrix = dense_filter(samples, (radius / 0.5) ** 2, control)
    smoothed, pullback = sl.pulses.helmholtz(x, radius, 0.5, control)
    assert relative(smoothed, x @ matrix.T) < 1e-11
    assert relative(pullback(gradient), gradient @ matrix) < 1e-11
    assert np.allclose(smoothed[1], sl.pulses.helmholtz(x[1], radius, 0.5, control)[0], rtol=1e-13)
    if control == "constant":
        assert relative(matrix, matrix.T) < 1e-12


@pytest.mark.parametrize("radius", [0.0, 1e-9, 0.1, 1.0, 30.0, 1e4, 1e8, 1e200])
@pytest.mark.parametrize("control", CONTROLS)
def test_filter_of_any_radius(control, radius, rng):
    """Constants pass, the mean passes, the range shrinks, the pullback stays the transpose."""
    x, gradient = rng.normal(size=(2, 1, 50))
    smoothed, pullback = sl.pulses.helmholtz(x, radius, 1.0, control)
    constant, _ = sl.pulses.helmholtz(np.full((1, 50), 3.7), radius, 1.0, control)
    assert np.allclose(constant, 3.7, rtol=1e-14)
    weights = np.ones(50)
    if control == "linear":
        weights[[0, -1]] = 0.5  # the mean of a piecewise-linear function
    assert (smoothed * weights).sum() == pytest.approx((x * weights).sum(), rel=1e-12)
    assert np.ptp(smoothed) <= np.ptp(x) * 1.5
    assert np.sum(smoothed * gradient) == pytest.approx(np.sum(x * pullback(gradient)), abs=1e-13)
    if radius > 1e3:
        assert np.ptp(smoothed) < 1e-4
    if radius == 0:
        assert np.array_equal(smoothed, x) and np.array_equal(pullback(gradient), gradient)


@pytest.mark.parametrize("radius", [0.05, 0.3])
@pytest.mark.parametrize("control", CONTROLS)
def test_filter_converges_to_the_exact_solution(control, radius):
    """-R^2 x'' + x = t with natural ends: x = t - R sinh((t - 1/2)/R) / cosh(1/(2R))."""

    def error(steps):
        ends = control == "linear"
        t = (np.arange(steps + ends) + (0 if ends else 0.5)) / steps
        exact = t - radius * np.sinh((t - 0.5) / radius) / np.cosh(0.5 / radius)
        return np.abs(sl.pulses.helmholtz(t, radius, 1 / steps, control)[0] - exact).max()

    assert fitted_order(error, (40, 80, 160)) == pytest.approx(2, abs=0.2)
    assert error(400) < 1e-4


def test_filter_takes_whole_numbers():
    assert np.array_equal(
        sl.pulses.helmholtz([0, 0, 6, 0], 1.0, 1.0)[0], sl.pulses.helmholtz([0.0, 0.0, 6.0, 0.0], 1.0, 1.0)[0]
    )


# Bounds.


@pytest.mark.parametrize("steepness", [0.4, 1.0, 3.0])
def test_tanh_bounds_each_control(steepness):
    x = np.array([[0.0, 0.3, -50.0], [1.0, -2.0, 50.0]])
    waveform, _ = sl.pulses.tanh_bound(x, steepness)
    assert np.allclose(waveform, np.tanh(steepness * x)) and np.abs(waveform).max() <= 1


@pytest.mark.parametrize("steepness", [0.4, 1.0, 3.0])
def test_radial_bound_keeps_the_phase(steepness, rng):
    x = rng.normal(size=(2, 40)) * np.logspace(-8, 3, 40)
    waveform, _ = sl.pulses.radial_bound(x, steepness)
    assert np.allclose(np.hypot(*waveform), np.tanh(steepness * np.hypot(*x)), rtol=1e-13)
    assert np.allclose(np.arctan2(*waveform), np.arctan2(*x), rtol=1e-13)


def test_from_phase_has_amplitude_one(rng):
    phase = rng.uniform(-3, 3, (1, 20))
    pulse = sl.Pulse(sl.pulses.from_phase(phase)[0], 1e-6, 1e4)
    assert np.allclose(pulse.phase, phase[0]) and np.allclose(pulse.amplitude, 1)


BOUNDS = {
    "tanh": lambda x: sl.pulses.tanh_bound(x, 1.7),
    "radial": lambda x: sl.pulses.radial_bound(x, 1.7),
    "phase": lambda x: sl.pulses.from_phase(x[:1]),
}


def scalar(link, shape, seed=0):
    """x to (weights . link(x), its gradient): what check_gradient takes."""
    weights = np.random.default_rng(seed).normal(size=shape)

    def function(x):
        waveform, pullback = link(x)
        gradient = np.zeros(np.shape(x))
        gradient[: len(pullback(weights))] = pullback(weights).real
        return np.sum(weights * waveform), gradient

    return function


@pytest.mark.parametrize("name", BOUNDS)
def test_pullbacks_of_the_bounds(name):
    x = np.random.default_rng(1).normal(size=(2, 9))
    assert sl.check_gradient(scalar(BOUNDS[name], (2, 9)), x).relative_error < 1e-14


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 20.0])
def test_radial_pullback_at_the_centre_and_far_out(scale):
    x = scale * np.random.default_rng(1).normal(size=(2, 9))
    function = scalar(BOUNDS["radial"], (2, 9))
    assert sl.check_gradient(function, x, step=1e-30 * scale).relative_error < 1e-12
    _, pullback = sl.pulses.radial_bound(np.zeros((2, 3)), 1.7)
    assert np.allclose(pullback(np.ones((2, 3))), 1.7)


@pytest.mark.parametrize("radius", [0.0, 3e-6])
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", PARAMETRISATIONS)
def test_pullback_of_the_whole_chain(kind, channels, control, radius):
    shape = sl.pulses.Parametrisation(kind, radius, 1e-6, control, channels=channels)
    x = np.random.default_rng(2).normal(size=(shape.rows, 8))
    function = scalar(shape.waveform, (2 * channels, 8))
    assert sl.check_gradient(function, x).relative_error < 1e-13
    assert shape.waveform(x)[0].shape == (2 * channels, 8)


@pytest.mark.parametrize("kind", PARAMETRISATIONS)
def test_each_channel_has_unknowns_of_its_own(kind):
    """Three channels are three chains, in gradients of many members, too."""
    one = sl.pulses.Parametrisation(kind, 2e-6, 1e-6)
    three = replace(one, channels=3)
    x = np.random.default_rng(2).normal(size=(three.rows, 8))
    waveform, pullback = three.waveform(x)
    gradient = np.random.default_rng(3).normal(size=(5, 6, 8))
    for k in range(3):
        part = slice(k * one.rows, (k + 1) * one.rows)
        rows, alone = one.waveform(x[part])
        assert np.array_equal(waveform[2 * k : 2 * k + 2], rows)
        back = alone(gradient[:, 2 * k : 2 * k + 2])
        assert np.allclose(pullback(gradient)[:, part], back, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("control", CONTROLS)
def test_a_pulse_of_two_channels_is_two_pulses(control):
    rows = np.random.default_rng(0).uniform(-1, 1, (4, 9))
    pulse = sl.Pulse(rows, 2e-6, 1e4, control)
    one, two = pulse.channel(0), pulse.channel(1)
    assert np.array_equal(np.vstack([one.waveform, two.waveform]), rows)
    assert (two.control, two.dt, two.rf_hz) == (control, 2e-6, 1e4)
    for name in ("amplitude", "phase"):
        assert np.array_equal(getattr(pulse, name), [getattr(one, name), getattr(two, name)])
    measured = [[measures.relative_power(p), *measures.spectrum(p)] for p in (pulse, one, two)]
    (power, axis, size), (first, _, a), (second, same, b) = measured
    assert power == pytest.approx(first + second)
    assert np.array_equal(axis, same) and np.allclose(size**2, a**2 + b**2)


@pytest.mark.parametrize("radius", [0.0, 3e-6])
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("kind", PARAMETRISATIONS)
def test_the_prepared_chain_is_the_chain(kind, control, radius, rng):
    """The same to the last bit, from flat unknowns to flat gradients, of one or many members."""
    shape = sl.pulses.Parametrisation(kind, radius, 1e-6, control)
    x, gradient = rng.normal(size=(shape.rows, 9)), rng.normal(size=(4, 2, 9))
    waveform, pullback = shape.waveform(x)
    prepared, flat_pullback = shape.chain(9)(x.ravel())
    assert np.array_equal(prepared, waveform)
    assert np.array_equal(flat_pullback(gradient), pullback(gradient).reshape(4, -1))
    assert np.array_equal(flat_pullback(gradient[0]), pullback(gradient[0]).ravel())
    by_hand = [pullback(one) for one in gradient]
    assert np.allclose(pullback(gradient), by_hand, rtol=1e-13)
    x[:] = 0  # an optimiser may write to its unknowns
    assert np.array_equal(prepared, waveform) and prepared.any()


@pytest.mark.parametrize("kind", PARAMETRISATIONS)
def test_a_chain_that_is_prepared_checks_nothing_anew(kind, rng):
    """In every evaluation of a gradient: a few calls of Python functions, there and back."""
    shape = sl.pulses.Parametrisation(kind, 3e-6, 1e-6)
    chain, x, gradient = shape.chain(50), rng.normal(size=50 * shape.rows), rng.normal(size=(2, 50))
    calls = []

    def count(_frame, event, _argument):
        calls.append(event == "call")

    sys.setprofile(count)
    try:
        _, pullback = chain(x)
        pullback(gradient)
    finally:
        sys.setprofile(None)
    assert sum(calls) <= 15


@pytest.mark.parametrize("radius", [0, 1.0])
def test_what_is_filtered_is_not_what_was_given(radius):
    x = np.ones(4)
    smoothed, pullback = sl.pulses.helmholtz(x, radius, 1.0)
    smoothed[:] = 0
    assert np.all(x == 1) and not np.shares_memory(pullback(x), x)


def test_numbers_of_any_kind_are_taken():
    half, waveform = Fraction(1, 2), [[Fraction(1, 2)], [0]]
    pulse = sl.Pulse(waveform, sp.Rational(1, 10**6), np.int64(1000))
    assert type(pulse.dt) is type(pulse.rf_hz) is float and pulse.waveform[0, 0] == 0.5
    assert type(sl.pulses.Parametrisation("xy", half, half).radius) is float
    assert sl.pulses.helmholtz(waveform, half, half)[0].dtype == float
    assert checked_limits({"mean_power": half}) == {"mean_power": 0.5}


# Pulse.


@pytest.mark.parametrize("control, samples, steps", [("constant", 4, 4), ("linear", 5, 4)])
def test_pulse_knows_its_length(control, samples, steps):
    waveform = np.linspace(-1, 1, 2 * samples).reshape(2, samples)
    pulse = sl.Pulse(waveform, 2e-6, 1e4, control)
    assert (pulse.steps, pulse.duration) == (steps, pytest.approx(8e-6))
    assert np.allclose(pulse.times, 2e-6 * np.arange(5))
    assert np.allclose(pulse.amplitude * np.cos(pulse.phase), waveform[0])
    assert np.allclose(pulse.amplitude * np.sin(pulse.phase), waveform[1])


def test_pulse_does_not_change():
    waveform = np.full((2, 3), 0.5)
    pulse = sl.Pulse(waveform, 1e-6, 1e4)
    waveform[:] = 0
    assert np.all(pulse.waveform == 0.5)
    copies = pickle.loads(pickle.dumps(pulse)), copy.copy(pulse), copy.deepcopy(pulse)
    for one in (pulse, *copies):
        assert np.array_equal(one.waveform, pulse.waveform) and (one.dt, one.rf_hz) == (1e-6, 1e4)
        with pytest.raises(ValueError, match="read-only"):
            one.waveform[0, 0] = 1
