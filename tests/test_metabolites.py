"""Molecules, the scanner, and the matrices: against the symbols of chapter 1."""

import json

import numpy as np
import pytest

import spinlab as sl
from spinlab.spins.systems import CONTROLS, OFFSET

SCANNER = sl.mrs.Scanner()
PROTONS = {"Glu": 5, "Gln": 5, "NAA": 6, "Cr": 5, "Lac": 4, "mI": 6, "GABA": 6, "GSH": 10}


@pytest.mark.parametrize("name", sl.mrs.METABOLITES)
def test_data_are_complete(name):
    molecule = sl.mrs.metabolite(name)
    assert molecule.protons == PROTONS[name]
    assert molecule.source and molecule.left_out
    for group in molecule.groups:
        # Above water is only what exchanges with it, and that is left out.
        assert group.shift_ppm.min() > 1 and group.shift_ppm.max() < 4.65
        assert np.abs(group.coupling_hz).max(initial=0) < 17
        # CH2 protons couple with a negative constant, protons of neighbours with a positive one.
        negative = group.coupling_hz < 0
        assert np.all(negative <= (np.abs(group.coupling_hz) > 13))
        assert np.all(np.abs(group.coupling_hz[~negative]) < 13)


@pytest.mark.parametrize(
    "group",
    [sl.mrs.metabolite("Cr").groups[0], sl.mrs.metabolite("NAA").groups[1], sl.mrs.metabolite("Lac").groups[0]],
    ids=["one", "three", "four"],
)
def test_matrices_are_those_of_the_symbols(group):
    symbols = sl.hamiltonian(group.system(SCANNER))
    numbers = symbols.subs({OFFSET: 7.5, CONTROLS[0]: 0, CONTROLS[1]: 0}).evalf()
    numbers = np.array(numbers.tolist(), dtype=complex)
    assert np.allclose(sl.mrs.free_hamiltonian(group, SCANNER, 7.5), numbers, rtol=1e-12, atol=1e-9)
    for k in range(group.spins):
        for matrices, axis in zip(sl.mrs.spin_matrices(group.spins), "xyz", strict=True):
            symbols = sl.spins.spin_operator(axis, k + 1, group.spins).tolist()
            assert np.array_equal(matrices[k], np.array(symbols, dtype=complex))


def test_scanner():
    assert SCANNER.shift_ppm(SCANNER.offset_hz(2.35)) == pytest.approx(2.35)
    assert sl.mrs.Scanner(100e6, 2.0).offset_hz(3.0) == pytest.approx(100.0)  # downfield is positive
    assert sl.mrs.Scanner.of_field(2.8936).larmor_hz == pytest.approx(123.2e6, rel=1e-4)


def test_offsets_add_to_every_spin():
    group = sl.mrs.metabolite("NAA").groups[1]
    moved = sl.mrs.SpinGroup(group.shift_ppm + SCANNER.shift_ppm(12.0) - 3.0, group.coupling_hz)
    members = sl.mrs.free_hamiltonian(group, SCANNER, np.array([0.0, 12.0]))
    assert members.shape == (2, 8, 8)
    assert np.allclose(members[1], sl.mrs.free_hamiltonian(moved, SCANNER), atol=1e-9)


def test_a_metabolite_of_your_own(tmp_path):
    entry = {
        "name": "Eth", "source": "textbook",
        "groups": [
            {"shift_ppm": [3.6, 3.6, 1.2], "coupling_hz": [[1, 3, 7.1], [2, 3, 7.1]]},
            {"shift_ppm": [2.6], "weight": 2},
        ],
    }  # fmt: skip
    path = tmp_path / "ethanol.json"
    path.write_text(json.dumps(entry))
    molecule = sl.mrs.read_metabolite(path)
    assert (molecule.name, molecule.protons, molecule.source) == ("Eth", 5, "textbook")
    expected = [[0, 0, 7.1], [0, 0, 7.1], [7.1, 7.1, 0]]
    assert np.array_equal(molecule.groups[0].coupling_hz, expected)
    assert molecule.groups[1].weight == 2


BROKEN = [
    ("{", "is not a JSON file"),
    ("[]", "must be a dict, but list"),
    ('{"name": "X"}', "groups is missing"),
    ('{"name": "X", "groups": [{"shift_ppm": [1.0]}], "colour": "red"}', "there is no colour"),
    ('{"name": "X", "groups": [{"shift": [1.0]}]}', "shift_ppm is missing"),
    ('{"name": "X", "groups": []}', "at least one SpinGroup"),
    ('{"name": 3, "groups": [{"shift_ppm": [1.0]}]}', "name must be a str"),
    ('{"name": "X", "groups": [{"shift_ppm": [NaN]}]}', "must be finite"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, [2]]}]}', "must hold real numbers"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[1, 3, 7]]}]}', "not there"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[1, 2, 7], [2, 1, 8]]}]}',
     "coupled twice"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[0, 7], [7, 0]]}]}',
     "(i, j, J in Hz)"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[1, 2, "7"]]}]}',
     "must be a number"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[1.0, 2.0, 7]]}]}',
     "A spin of coupling_hz must be a whole number of at least 1, but 1.0 arrived"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[2, true, 7]]}]}',
     "A spin of coupling_hz must be a whole number of at least 1, but True arrived"),
    (f'{{"name": "X", "groups": [{{"shift_ppm": [{10**400}]}}]}}', "must be finite"),
    ("[" * 100_000, "is not a JSON file"),
    ('{"name": "X", "groups": [{"shift_ppm": [1.0], "weight": -1}]}', "weight must be a positive"),
]  # fmt: skip


@pytest.mark.parametrize("text, fragment", BROKEN)
def test_a_file_with_a_mistake_is_answered_with_a_sentence(tmp_path, text, fragment):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises((ValueError, TypeError)) as caught:
        sl.mrs.read_metabolite(path)
    assert fragment in str(caught.value)


def test_data_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        sl.mrs.metabolite("Glu").groups[0].shift_ppm[0] = 1.0
