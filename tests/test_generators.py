"""From symbols to numbers: the same generator that is printed, and the states by their names."""

import numpy as np
import pytest
import sympy as sp
from tables import SYSTEMS

import spinlab as sl
from spinlab.spins.systems import B1_SCALE, OFFSET, RF_AMPLITUDE

VALUES = {"offset_hz": 123.0, "b1_scale": 0.9, "rf_hz": 4e3}


@pytest.mark.parametrize("basis", ["product", "elements"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_evaluate_substitutes(name, basis):
    """lambdify against SymPy's own substitution."""
    system, parameters = SYSTEMS[name]
    liouville = sl.liouvillian(system, basis)
    generator = sl.evaluate(liouville, **VALUES, **parameters)
    numbers = {OFFSET: 123.0, B1_SCALE: 0.9, RF_AMPLITUDE: 4e3}
    numbers |= {s: parameters[s.name] for s in liouville.parameters if s.name in parameters}
    symbolic = (liouville.drift, *liouville.control_operators)
    for array, matrix in zip((generator.drift, *generator.controls), symbolic, strict=True):
        expected = np.array(matrix.subs(numbers).evalf(17).tolist(), dtype=complex)
        assert np.abs(array - expected).max() <= 1e-13 * np.abs(expected).max()
    assert np.isrealobj(generator.drift) == (basis == "product")


def test_at_is_affine():
    generator, u = sl.evaluate(**VALUES), np.random.default_rng(0).normal(size=(2, 5))
    for n in range(5):
        x, y = generator.controls
        expected = generator.drift + u[0, n] * x + u[1, n] * y
        assert np.allclose(generator.at(u)[n], expected, rtol=1e-14)
    members = sl.evaluate(rf_hz=1e3, offset_hz=np.arange(4.0))
    assert members.at(u).shape == (4, 5, 3, 3)


@pytest.mark.parametrize("arrays", [("offset_hz",), ("b1_scale",), ("offset_hz", "rf_hz")])
def test_member_axis_is_a_loop(arrays):
    grids = {name: VALUES[name] * np.array([0.5, 1.0, 2.0]) for name in arrays}
    together = sl.evaluate(**{**VALUES, **grids})
    assert together.members == 3 and sl.evaluate(**VALUES).members is None
    for k in range(3):
        alone = sl.evaluate(**{**VALUES, **{name: grid[k] for name, grid in grids.items()}})
        assert np.array_equal(together.member(k).drift, alone.drift)
        assert np.array_equal(together.member(k).controls, alone.controls)
        assert np.array_equal(together.drift[k], alone.drift)


def test_defaults_are_on_resonance_with_nominal_field():
    bare, spelt = sl.evaluate(rf_hz=4e3), sl.evaluate(rf_hz=4e3, offset_hz=0.0, b1_scale=1.0)
    assert np.array_equal(bare.drift, spelt.drift)
    assert np.array_equal(bare.controls, spelt.controls)


PAIR = sl.liouvillian(sl.SpinSystem((0, 0)))
NAMES = [
    ("Iz", None, {"Iz": 1}),
    ("-Iy", None, {"Iy": -1}),
    (" - 0.5 Ix+2*Iz ", None, {"Ix": -0.5, "Iz": 2}),
    ("Ix + Ix", None, {"Ix": 2}),
    ("I1x + I2x", PAIR, {"I1x": 1, "I2x": 1}),
    ("0.5 I1z - 2I1xI2z", PAIR, {"I1z": 0.5, "2I1xI2z": -1}),
    ("2 I1x I2z", PAIR, {"2I1xI2z": 1}),
    ("2 I1x", PAIR, {"I1x": 2}),
    ("3 2I1xI2z", PAIR, {"2I1xI2z": 3}),
]


@pytest.mark.parametrize("name, liouville, expected", NAMES)
def test_names_of_states(name, liouville, expected):
    basis = (liouville or sl.liouvillian()).basis
    vector = np.array([expected.get(operator, 0) for operator in basis], dtype=float)
    assert np.array_equal(sl.state(name, liouville), vector)
    assert np.array_equal(sl.observable(name, liouville), vector)


def test_only_a_state_carries_the_constant():
    relaxing = sl.liouvillian(sl.SpinSystem(t1=1, t2=1))
    assert np.array_equal(sl.state("Iz", relaxing), [1, 0, 0, 1])
    assert np.array_equal(sl.observable("Iz", relaxing), [0, 0, 0, 1])


def test_states_in_the_basis_of_the_elements_are_matrices():
    elements = sl.liouvillian(basis="elements")
    matrix = np.array((sl.spins.spin_operator("y") - 2 * sl.spins.spin_operator("z")).tolist(), dtype=complex)
    assert np.array_equal(sl.state("Iy - 2 Iz", elements).reshape(2, 2), matrix)


@pytest.mark.parametrize("name", ["liouville", "self", "lambda", "T_{1}", "J 12"])
def test_a_symbol_may_have_any_name(name):
    liouville = sl.liouvillian(sl.SpinSystem((sp.Symbol(name),)))
    assert sl.evaluate(liouville, rf_hz=1.0, **{name: 30.0}).drift[1, 0] == 60 * np.pi


def test_an_offset_without_a_finite_value_is_refused():
    liouville = sl.liouvillian(sl.SpinSystem((1 / sp.Symbol("d"),)))
    assert sl.evaluate(liouville, rf_hz=1.0, d=0.1).drift[1, 0] == pytest.approx(20 * np.pi)
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match="drift must be finite"):
        sl.evaluate(liouville, rf_hz=1.0, d=0.0)


def test_a_generator_keeps_copies_that_nobody_can_change():
    drift, controls = np.eye(3), np.zeros((2, 3, 3))
    generator = sl.Generator(drift, controls)
    drift[0, 1] = controls[0, 0, 0] = 5.0
    assert generator.drift[0, 1] == generator.controls[0, 0, 0] == 0
    for array in (generator.drift, generator.controls, sl.evaluate(rf_hz=1.0).drift):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0


def test_generators_compare_and_hash_by_identity():
    one, other = sl.evaluate(rf_hz=1.0), sl.evaluate(rf_hz=1.0)
    assert one == one and one != other and len({one, other, one}) == 2


def test_further_symbols_are_asked_for_by_name():
    liouville = sl.liouvillian(sl.SpinSystem((sp.Symbol("shift"),)))
    turned = sl.evaluate(liouville, rf_hz=1.0, shift=30.0, offset_hz=12.0)
    assert turned.drift[1, 0] == pytest.approx(2 * np.pi * 42)
