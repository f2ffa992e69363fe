"""Ensembles: grids, weights, spacing."""

import numpy as np
import pytest

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
