"""Basis sets: what is written is read back, and its lines stand where they should."""

import json
import re

import numpy as np
import pytest
from nifti_mrs.nifti_mrs import NIFTI_MRS

import spinlab as sl

SCANNER = sl.mrs.Scanner(carrier_ppm=2.7)
SHAPED = sl.mrs.ShapedPulse(sl.mrs.gaussian_pulse(0.004, 90.0), 90.0, carrier_ppm=3.0)
CREATINE = sl.mrs.SpinGroup([3.027], weight=3)
MOLECULES = ("Glu", "mI", sl.mrs.Metabolite("Cr3", CREATINE))


@pytest.fixture(scope="module")
def basis():
    sequence = (SHAPED, *sl.mrs.press(0.01, 0.012)[1:])
    return sl.mrs.basis_set(sequence, SCANNER, MOLECULES, points=1024, dwell=4e-4, echo_time=0.022)


def peak_ppm(fid, basis, sign):
    """Where the largest line is, by a plain Fourier transform with the given sign."""
    spectrum = np.abs(np.fft.fft(fid, 2**14))
    frequency = np.fft.fftfreq(2**14, basis.dwell)
    return 4.65 + sign * frequency[np.argmax(spectrum)] / (basis.larmor_hz / 1e6)


def test_signals_are_those_of_the_simulation(basis):
    assert basis.names == ("Glu", "mI", "Cr3") and basis.fids.shape == (3, 1024)
    assert basis.echo_time == 0.022
    state = sl.mrs.simulate(CREATINE, (SHAPED, *sl.mrs.press(0.01, 0.012)[1:]), SCANNER)
    x, y, _ = sl.spins.spin_matrices(1)[:, 0]
    assert basis.fids[2, 0] == pytest.approx(6 * np.trace(state @ (x + 1j * y)))
    assert peak_ppm(basis.fids[2], basis, +1) == pytest.approx(3.027, abs=0.002)


def test_all_metabolites_by_default():
    basis = sl.mrs.basis_set(sl.mrs.pulse_acquire(), sl.mrs.Scanner.of_field(7.0), points=16)
    assert basis.names == sl.mrs.METABOLITES
    assert basis.fids[:, 0].real == pytest.approx([sl.mrs.metabolite(n).protons for n in basis.names])


def test_fsl_round_trip(basis, tmp_path):
    paths = sl.mrs.write_fsl_basis(basis, tmp_path / "press")
    assert [path.name for path in paths] == ["Glu.json", "mI.json", "Cr3.json"]
    for path, name, fid in zip(paths, basis.names, basis.fids, strict=True):
        entry = json.loads(path.read_text())["basis"]
        stored = np.array(entry["basis_re"]) + 1j * np.array(entry["basis_im"])
        assert np.array_equal(stored.conj(), fid)  # as FSL-MRS reads it
        assert entry["basis_name"] == name and entry["basis_width"] == 1.0
        assert (entry["basis_dwell"], entry["basis_centre"]) == (4e-4, 123.2)
    assert peak_ppm(stored, basis, -1) == pytest.approx(3.027, abs=0.002)


def test_nifti_round_trip(basis, tmp_path):
    paths = sl.mrs.write_nifti_basis(basis, tmp_path / "press")
    for path, fid in zip(paths, basis.fids, strict=True):
        image = NIFTI_MRS(path)
        assert image.shape == (1, 1, 1, 1024)
        assert np.allclose(image[:].ravel(), fid, rtol=1e-12)  # the package undoes the conjugate
        assert image.dwelltime == pytest.approx(4e-4)
        assert image.spectrometer_frequency == [123.2] and image.nucleus == ["1H"]
        assert image.hdr_ext["EchoTime"] == 0.022
    stored = np.asarray(image.image[:]).ravel()
    assert peak_ppm(stored, basis, -1) == pytest.approx(3.027, abs=0.002)


def read_lcmodel(path):
    """Namelists and, after each $BASIS, the numbers of its spectrum."""
    text = path.read_text()
    lists = re.findall(r"^ \$(\w+)\n(.*?)^ \$END\n((?:^ +[-\d][^\n]*\n)*)", text, flags=re.M | re.S)
    parsed = []
    for title, body, rest in lists:
        pairs = re.findall(r"^ (\w+) = ('[^']*'|[^,]+),$", body, flags=re.M)
        numbers = [line[i : i + 13] for line in rest.splitlines() for i in range(0, len(line), 13)]
        numbers = np.array([float(n) for n in numbers if n.strip()])
        parsed.append((title, {k: v.strip("'") for k, v in pairs}, numbers))
    return parsed


def test_lcmodel_layout_and_round_trip(basis, tmp_path):
    path = sl.mrs.write_lcmodel_basis(basis, tmp_path / "press.basis", "PRESS")
    lists = read_lcmodel(path)
    assert [title for title, *_ in lists] == ["SEQPAR", "BASIS1"] + 3 * ["NMUSED", "BASIS"]
    sequence, general = lists[0][1], lists[1][1]
    assert sequence["SEQ"] == "PRESS" and float(sequence["ECHOT"]) == pytest.approx(22.0)
    assert float(sequence["HZPPPM"]) == 123.2
    assert float(sequence["FWHMBA"]) == pytest.approx(1 / 123.2)
    assert float(general["BADELT"]) == 4e-4 and general["FMTBAS"] == "(6E13.5)"
    assert int(general["NDATAB"]) == 2048
    spectra = [(entry["METABO"], numbers) for title, entry, numbers in lists if title == "BASIS"]
    assert [name for name, _ in spectra] == ["Glu", "Ins", "Cr3"]
    for (_, numbers), fid in zip(spectra, basis.fids, strict=True):
        signal = np.fft.ifft(numbers[::2] + 1j * numbers[1::2])
        assert np.allclose(signal[:1024].conj(), fid, atol=2e-5)
        assert np.abs(signal[1024:]).max() < 2e-5  # filled with zeros to twice the length
    assert all(len(line) <= 78 for line in path.read_text().splitlines())


LINE = sl.mrs.SpinGroup([3.5])


@pytest.mark.parametrize("names, sequence_name, sentence", [
    (["Glu"], "é", "at most 60 ASCII characters, no quotes: not 'é'"),
    (["Glu"], "a'b", 'no quotes: not "a\'b"'),
    (["Glu"], "a\n $END", "no quotes: not"),
    (["Glu"], None, "sequence_name must be a str, but NoneType arrived"),
    (["a'b"], "PRESS", 'at most 6 ASCII characters, no quotes: not "a\'b"'),
    (["glutamate"], "PRESS", "at most 6 ASCII"),
    (["mI", "Ins"], "PRESS", "Two molecules have one name in LCModel: ['Ins', 'Ins']."),
])  # fmt: skip
def test_lcmodel_refuses_what_breaks_its_namelists(names, sequence_name, sentence, tmp_path):
    """Before the file is opened: what was there stays."""
    molecules = [sl.mrs.Metabolite(name, LINE) for name in names]
    basis = sl.mrs.basis_set(sl.mrs.pulse_acquire(), SCANNER, molecules, points=4)
    path = tmp_path / "old.basis"
    path.write_text("old")
    with pytest.raises((ValueError, TypeError), match=re.escape(sentence)):
        sl.mrs.write_lcmodel_basis(basis, path, sequence_name)
    assert path.read_text() == "old"
    with pytest.raises(ValueError, match="is a file; give the path of a folder"):
        sl.mrs.write_fsl_basis(basis, path)
    with pytest.raises(ValueError, match="is a folder"):
        sl.mrs.write_lcmodel_basis(sl.mrs.basis_set((), SCANNER, "Glu", points=4), tmp_path)


def test_a_basis_of_ones_own_numbers_is_written(tmp_path):
    """Scalars of NumPy and real signals, too."""
    basis = sl.mrs.BasisSet(["A"], np.ones((1, 4)), np.float32(1e-3), np.int64(123e6), 1, 0)
    (path,) = sl.mrs.write_fsl_basis(basis, tmp_path)
    entry = json.loads(path.read_text())["basis"]
    assert entry["basis_im"] == [0] * 4 and entry["basis_centre"] == 123.0
    sl.mrs.write_lcmodel_basis(basis, tmp_path / "own.basis")
    sl.mrs.write_nifti_basis(basis, tmp_path)


def test_a_basis_without_nifti_mrs_says_what_to_install(basis, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nifti_mrs.create_nmrs", None)
    with pytest.raises(ImportError, match=r"pip install 'spinlab-book\[mrs\]'"):
        sl.mrs.write_nifti_basis(basis, tmp_path)
    assert not list(tmp_path.iterdir())
