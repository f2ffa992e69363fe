"""Molecules, the scanner, and the matrices: against the symbols of chapter 1."""

import json
import os
import re

import numpy as np
import pytest

import spinlab as sl
from spinlab.spins.systems import CONTROLS, OFFSET, hamiltonian_terms

SCANNER = sl.mrs.Scanner()
#: Formula of the neutral molecule, and its protons that exchange with water: OH, NH and SH.
FORMULAS = {
    "Glu": ("C5H9NO4", 4), "Gln": ("C5H10N2O3", 5), "NAA": ("C6H9NO5", 3), "Cr": ("C4H9N3O2", 4),
    "Lac": ("C3H6O3", 2), "mI": ("C6H12O6", 6), "GABA": ("C4H9NO2", 3), "GSH": ("C10H17N3O6S", 7),
    "Asp": ("C4H7NO4", 4), "Tau": ("C2H7NO3S", 3), "NAAG": ("C11H16N2O8", 5),
    "GPC": ("C8H20NO6P", 2), "PCh": ("C5H14NO4P", 1),
}  # fmt: skip
#: mmol per kg, healthy adults: means and deviations between studies of Gudmundson et al.,
#: Anal. Biochem. 676, 115227 (2023).  Cr is there with PCr, GPC with PCh.
MEASURED = {
    "Glu": (8.80, 2.40), "Gln": (2.20, 0.96), "NAA": (10.73, 2.34), "Cr": (10.17, 2.38),
    "Lac": (0.65, 0.40), "mI": (5.83, 1.87), "GABA": (2.12, 0.66), "GSH": (1.43, 0.64),
    "Asp": (2.32, 1.05), "Tau": (1.26, 0.77), "NAAG": (1.68, 0.70), "GPC": (2.58, 0.86),
}  # fmt: skip
#: Shifts of one group and its couplings, row by row, as printed to fewer digits in de Graaf, In Vivo
#: NMR Spectroscopy, 3rd ed. (2019), table 2.1; his shifts of Asp are a measurement of his own.  The
#: table does not say which proton of a CH2 of glutamyl is which: the lower field has the weaker
#: coupling to the CH, as in Glu, Asp and NAA.
DE_GRAAF = {
    ("Asp", 0): ([3.891, 2.804, 2.670], [3.65, 9.11, -17.43]),
    ("Tau", 0): ([3.420, 3.420, 3.246, 3.246], [-12.4, 6.74, 6.46, 6.40, 6.79, -12.9]),
    ("NAAG", 1): ([4.607, 2.721, 2.519], [4.41, 9.52, -15.91]),
    ("NAAG", 2): ([4.128, 2.049, 1.881, 2.180, 2.190],
                  [4.61, 8.42, -14.28, 10.56, 6.09, 4.90, 11.11, -15.28]),
    ("PCh", 1): ([4.282, 4.282, 3.643, 3.643], [-14.9, 2.28, 7.23, 7.33, 2.24, -14.2]),
    ("GPC", 2): ([3.605, 3.672, 3.903, 3.871, 3.946], [-14.78, 5.77, 4.53, 5.77, 4.53, -14.78]),
}  # fmt: skip


@pytest.mark.parametrize("name", sl.mrs.METABOLITES)
def test_data_are_complete(name):
    molecule = sl.mrs.metabolite(name)
    formula, exchanging = FORMULAS[name]
    assert molecule.protons == int(re.search(r"H(\d+)", formula)[1]) - exchanging
    assert molecule.source and molecule.left_out
    for group in molecule.groups:
        # Above water is only what exchanges with it, and that is left out.
        assert group.shift_ppm.min() > 1 and group.shift_ppm.max() < 4.65
        J = group.coupling_hz
        # Negative is the coupling within a CH2: to one partner.  Neighbours couple positively.
        assert np.array_equal(J, J.T) and np.all((J < 0).sum(axis=1) <= 1)
        assert np.all((J > -18) & (J < 12)) and not np.any((J < 0) & (J > -9))


@pytest.mark.parametrize("name, k", DE_GRAAF)
def test_numbers_are_those_of_a_second_source(name, k):
    shifts, couplings = DE_GRAAF[name, k]
    group = sl.mrs.metabolite(name).groups[k]
    found = group.coupling_hz[np.triu_indices(group.spins, 1)]
    np.testing.assert_allclose(group.shift_ppm, shifts, atol=0.017)
    np.testing.assert_allclose(found[found != 0], couplings, atol=0.04)


def test_concentrations_are_of_the_size_that_is_measured():
    found = {name: sl.mrs.metabolite(name).concentration for name in sl.mrs.METABOLITES}
    found["GPC"] += found.pop("PCh")
    assert found.keys() == MEASURED.keys()
    for name, (mean, deviation) in MEASURED.items():
        assert abs(found[name] - mean) < 2 * deviation, name


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
        for matrices, axis in zip(sl.spins.spin_matrices(group.spins), "xyz", strict=True):
            symbols = sl.spins.spin_operator(axis, k + 1, group.spins).tolist()
            assert np.array_equal(matrices[k], np.array(symbols, dtype=complex))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
def test_matrices_against_kronecker_products(n):
    """Operators and Hamiltonian of chapter 4, built by NumPy from scratch, with all couplings."""
    rng = np.random.default_rng(n)
    half = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]) / 2
    x, y, z = (
        [np.kron(np.kron(np.eye(2**k), a), np.eye(2 ** (n - 1 - k))) for k in range(n)]
        for a in half
    )
    assert np.array_equal(sl.spins.spin_matrices(n), [x, y, z])
    J = np.triu(rng.normal(size=(n, n)), 1)
    group = sl.mrs.SpinGroup(rng.uniform(1, 4, n), J + J.T)
    offsets = 123.2 * (group.shift_ppm - 3.0)
    expected = sum(nu * Iz for nu, Iz in zip(offsets, z, strict=True))
    for i, j in np.argwhere(J):
        expected = expected + J[i, j] * sum(a[i] @ a[j] for a in (x, y, z))
    found = sl.mrs.free_hamiltonian(group, SCANNER, [0.0, -31.0])
    assert np.isrealobj(found)
    for added, H in zip((0.0, -31.0), found, strict=True):
        total = 2 * np.pi * (expected + added * sum(z))
        assert np.abs(H - total).max() <= 1e-12 * np.abs(total).max()


def test_matrices_are_made_once_and_kept():
    assert sl.spins.spin_matrices(5) is sl.spins.spin_matrices(5)
    assert hamiltonian_terms(5) is hamiltonian_terms(5)


def test_shared_matrices_cannot_be_changed_by_accident():
    for shared in (sl.spins.spin_matrices(2), hamiltonian_terms(2)):
        with pytest.raises(ValueError, match="read-only"):
            shared[0, 0, 0] = 1.0


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
    ("{", "No metabolite could be read from"),
    ("[]", "must be a dict, but list"),
    ('{"name": "X"}', "missing or unknown: groups."),
    ('{"name": "X", "groups": [{"shift_ppm": [1.0]}], "colour": "red"}', "missing or unknown: colour."),
    ('{"name": "X", "groups": [{"shift": [1.0]}]}', "missing or unknown: shift, shift_ppm."),
    ('{"name": "X", "groups": []}', "at least one SpinGroup"),
    ('{"name": 3, "groups": [{"shift_ppm": [1.0]}]}', "name must be a str"),
    ('{"name": "X", "groups": [{"shift_ppm": [NaN]}]}', "must be finite"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, [2]]}]}', "must hold real numbers"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[1, 3, 7]]}]}',
     "A coupled spin must be a whole number of 1 to 2, but 3 arrived"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[1, 2, 7], [2, 1, 8]]}]}',
     "and each pair once"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[0, 7], [7, 0]]}]}',
     "(i, j, J in Hz)"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[1, 2, "7"]]}]}',
     "must be real, finite numbers"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[1.0, 2.0, 7]]}]}',
     "A coupled spin must be a whole number of 1 to 2, but 1.0 arrived"),
    ('{"name": "X", "groups": [{"shift_ppm": [1, 2], "coupling_hz": [[2, true, 7]]}]}',
     "A coupled spin must be a whole number of 1 to 2, but True arrived"),
    (f'{{"name": "X", "groups": [{{"shift_ppm": [{10**400}]}}]}}', "must be finite"),
    (f'{{"name": "X", "groups": [{{"shift_ppm": [1, 2], "coupling_hz": [[1, 2, {10**400}]]}}]}}',
     "must be real, finite numbers"),
    ("[" * 100_000, "No metabolite could be read from"),
    ('{"name": "X", "groups": [{"shift_ppm": [1.0], "weight": -1}]}', "weight must be positive"),
    ('{"name": "X", "groups": [{"shift_ppm": [1.0]}], "t2": 0}', "t2 must be positive (seconds)"),
    ('{"name": "X", "groups": [{"shift_ppm": [1.0]}], "names": "Y"}', "names must be a dict"),
    (f'{{"name": "X", "groups": [{{"shift_ppm": {[1.0] * 30000}}}]}}', "whole number of 1 to 8, but 30000"),
]  # fmt: skip


@pytest.mark.parametrize("text, fragment", BROKEN)
def test_a_file_with_a_mistake_is_answered_with_a_sentence(tmp_path, text, fragment):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises((ValueError, TypeError)) as caught:
        sl.mrs.read_metabolite(path)
    assert fragment in str(caught.value)


def test_what_is_no_file_is_not_read(tmp_path):
    """Neither what never ends nor what would fill the memory."""
    pipe, large = tmp_path / "pipe.json", tmp_path / "large.json"
    os.mkfifo(pipe)
    with large.open("wb") as file:
        file.truncate(10**9)  # of holes
    for path in (tmp_path / "none.json", pipe, large):
        with pytest.raises(ValueError, match="No metabolite could be read from .* there is no file of at most"):
            sl.mrs.read_metabolite(path)


def test_data_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        sl.mrs.metabolite("Glu").groups[0].shift_ppm[0] = 1.0


def test_facts_on_molecules():
    known = {name: sl.mrs.metabolite(name) for name in sl.mrs.METABOLITES}
    assert {name: one.names for name, one in known.items() if one.names} == {"mI": {"LCModel": "Ins"}}
    assert {one.t2 for one in known.values()} == {0.16}
    assert set(sl.mrs.SOURCES) == {"concentration", "t2", "line_ppm"}
    axis = sl.mrs.ppm_axis(2.25, 2.55, 0.0005)
    for name in ("Glu", "Gln"):  # the line is where the source says
        lines = sl.mrs.transitions(known[name], sl.mrs.simulate(known[name], sl.mrs.pulse_acquire(), SCANNER), SCANNER)
        assert axis[np.argmax(sl.mrs.spectrum(lines, axis).real)] == pytest.approx(known[name].line_ppm, abs=1e-3)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"name": "X", "groups": [{"shift_ppm": [1.0]}], "concentration": 2}', encoding="utf-8-sig")
    assert sl.mrs.read_metabolite(path).concentration == 2
