"""Properties of files: what is written comes back, and what was damaged is refused in a sentence."""

import json
import re

import numpy as np
import pytest
import strategies as some
from hypothesis import given
from hypothesis import strategies as st
from test_basis_sets import read_lcmodel
from test_pulse_files import FOREIGN

import spinlab as sl
from spinlab.files.save_load import FORMATS
from spinlab.teaching.grade import _judged

#: Largest deviation of a sample from the written one, in units of the peak.
DIGITS = {"json": 0.0, "csv": 1e-11, "bruker": 4e-8, "siemens": 4e-9, "pulseq": 5e-6}
RAMPS = ("json", "csv")


@st.composite
def pulses(draw, control=None):
    """Of any length, from tiny to full amplitude, on a raster of 1 us."""
    control = draw(st.sampled_from(("constant", "linear"))) if control is None else control
    steps = draw(st.integers(1, 6))
    waveform = draw(some.real(2, steps + (control == "linear")).filter(np.any))
    scale = 10.0 ** -draw(st.sampled_from((0, 0, 3, 9)))
    dt, rf_hz = 1e-6 * draw(st.integers(2, 9)), draw(some.between(0.1, 5e4))
    return sl.Pulse(scale * waveform, dt, rf_hz, control)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def near(found, pulse, digits):
    """Whether two pulses are the same but for the digits of a file."""
    peak = pulse.amplitude.max() * pulse.rf_hz
    same = (found.control, found.waveform.shape) == (pulse.control, pulse.waveform.shape)
    return same and (
        found.dt == pytest.approx(pulse.dt, rel=1e-12)
        and found.rf_hz == pytest.approx(pulse.rf_hz, rel=1e-12)
        and np.abs(found.waveform * found.rf_hz - pulse.waveform * pulse.rf_hz).max()
        <= (digits + 1e-14) * peak
    )


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
def test_round_trip(format, data, folder):
    pulse = data.draw(pulses(None if format in RAMPS else "constant"))
    path = folder / f"pulse{FORMATS[format][0]}"
    sl.save_pulse(pulse, path, about=data.draw(st.lists(st.sampled_from(WORDS)).map(" ".join)))
    assert near(sl.load_pulse(path), pulse, DIGITS[format])


# Damage.

WORDS = (
    "nan", "inf", "-inf", "1e400", "1e308", "-1e308", "5e-324", "9" * 400, "0", "-1", "", "0x1p3", "1_0",
    "١٢", "½", "true", "null", "[]", "{}", '"', "\x00", "\ud7ff", "\u2028", "#", "$$", "##END=", "[SIGNATURE]",
    "[BLOCKS]", ",", ";", "\n", "\r", "\t", "=", "1+1j", "1e", "--1", "10" * 20, "é",
)  # fmt: skip
NUMBER = re.compile(rb"[-+]?\d+(\.\d*)?(e[-+]?\d+)?")


@st.composite
def damaged(draw, text):
    """A file after one to three accidents: as bytes, for it need not be text any more."""
    data = text.encode()
    for _ in range(draw(st.integers(1, 3))):
        data = draw(st.sampled_from(ACCIDENTS))(draw, data)
    return data


def place(draw, data):
    """Anywhere, or in the first lines, where most is said."""
    last = max(0, len(data) - 1)
    return draw(st.one_of(st.integers(0, last), st.integers(0, min(200, last))))


def flip(draw, data):
    k = place(draw, data)
    return data[:k] + bytes([draw(st.integers(0, 255))]) + data[k + 1 :]


def cut(draw, data):
    return data[: place(draw, data)]


def behead(draw, data):
    return data[place(draw, data) :]


def insert(draw, data):
    k, word = place(draw, data), draw(st.sampled_from(WORDS))
    return data[:k] + word.encode() + data[k:]


def garbage(draw, data):
    k = place(draw, data)
    return data[:k] + draw(st.binary(max_size=8)) + data[k:]


def number(draw, data):
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    one = draw(st.sampled_from(found))
    word = draw(st.one_of(st.sampled_from(WORDS).map(str.encode), st.sampled_from(found).map(lambda m: m[0])))
    return data[: one.start()] + word + data[one.end() :]


def lines(draw, data):
    """A line gone, twice or elsewhere."""
    rows = data.split(b"\n")
    i, j = (draw(st.integers(0, len(rows) - 1)) for _ in range(2))
    kind = draw(st.sampled_from(("gone", "twice", "swapped", "blank")))
    if kind == "gone":
        del rows[i]
    elif kind == "twice":
        rows.insert(j, rows[i])
    elif kind == "blank":
        rows.insert(i, b"")
    else:
        rows[i], rows[j] = rows[j], rows[i]
    return b"\n".join(rows)


ACCIDENTS = (flip, cut, behead, insert, garbage, number, lines)


def outcome(read, *arguments, **known):
    """What a reader returns, or the sentence by which it refuses; anything else is an error."""
    try:
        return read(*arguments, **known)
    except (ValueError, TypeError) as error:
        assert type(error) in (ValueError, TypeError), repr(error)
        assert str(error).endswith((".", "?")), error
        return str(error)


def finite(pulse):
    assert isinstance(pulse, sl.Pulse) and np.isfinite(pulse.waveform).all()
    assert 0 < pulse.dt < np.inf and 0 < pulse.rf_hz < np.inf


def ours(format, data):
    """Whether a damaged file can still be told from one of another program."""
    return format in ("json", "pulseq") or b"spinlab-pulse-2:" in data or b";crc=" in data


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data(), known=st.sampled_from(({}, {"rf_hz": 1e3, "dt": 2e-6})))
@some.examples(4)
def test_damaged_pulses(format, data, known, folder):
    """Never another pulse where there is a checksum; without one, a pulse or a sentence."""
    pulse = data.draw(pulses(None if format in RAMPS else "constant"))
    path = folder / f"pulse{FORMATS[format][0]}"
    sl.save_pulse(pulse, path, about="some words")
    bytes_ = data.draw(damaged(path.read_text(encoding="utf-8")))
    path.write_bytes(bytes_)
    found = outcome(sl.load_pulse, path, **known)
    if not isinstance(found, str):
        finite(found)
        assert not ours(format, bytes_) or near(found, pulse, DIGITS[format])


@pytest.mark.parametrize("format", FOREIGN)
@given(data=st.data(), known=st.sampled_from(({}, {"rf_hz": 1e3, "dt": 2e-6})))
@some.examples(4)
def test_damaged_files_of_others(format, data, known, folder):
    path = folder / "foreign"
    path.write_bytes(data.draw(damaged(FOREIGN[format])))
    found = outcome(sl.load_pulse, path, format, **known)
    if not isinstance(found, str):
        finite(found)


@given(data=st.data())
@some.examples(4)
def test_damaged_histograms(data, folder):
    path = folder / "b1.csv"
    path.write_bytes(data.draw(damaged("b1_scale,weight\n0.9,1\n1.0,2.5\n\n# about\n1.1,0.25\n")))
    found = outcome(sl.control.read_histogram, path)
    if not isinstance(found, str):
        scale, weights = found
        assert np.all(scale > 0) and scale.max() <= 10 and np.all(weights >= 0)
        grid = sl.Ensemble.grid(b1_scale=scale, weights={"b1_scale": weights})
        assert np.isfinite(grid.weights).all()


ENTRY = {
    "name": "Test", "source": "somewhere", "left_out": "OH", "line_ppm": 2.3, "concentration": 1.5,
    "t2": 0.2, "names": {"LCModel": "Tst"},
    "groups": [{"shift_ppm": [3.5, 2.25], "coupling_hz": [[1, 2, 7.25]], "weight": 2}, {"shift_ppm": [4]}],
}  # fmt: skip


@given(data=st.data())
@some.examples(8)
def test_damaged_metabolites(data, folder):
    path = folder / "metabolite.json"
    path.write_bytes(data.draw(damaged(json.dumps(ENTRY, indent=1))))
    found = outcome(sl.mrs.read_metabolite, path)
    if not isinstance(found, str):
        assert isinstance(found, sl.mrs.Metabolite) and found.name
        for group in found.groups:
            assert np.isfinite(group.shift_ppm).all() and np.isfinite(group.coupling_hz).all()
            assert 0 < group.weight < np.inf


@given(data=st.data())
@some.examples(4)
def test_damaged_records_of_a_notebook(data, folder):
    """The grader reads what a stranger's notebook left: it gives verdicts, and never stumbles."""
    rows = [["ex-last-row", [0.6666], "said"], ["ex-sign", None, "no"], ["ex-last-row", [1 / 3], "x"]]
    path = folder / "record"
    path.write_bytes(data.draw(damaged("\n".join(map(json.dumps, rows)) + "\n")))
    for exercise, right, sentence in _judged(path):
        assert exercise in sl.teaching.exercises.EXERCISES and right in (0, 1)
        assert isinstance(sentence, str) and (sentence or not right)


# Basis sets.


@given(
    fids=some.complex_(2, 5), dwell=some.between(1e-5, 1e-3), larmor=some.between(1e7, 5e8),
    width=some.between(0.1, 20.0), echo=some.between(0.0, 0.3), scale=st.sampled_from((1.0, 1e-9, 1e9)),
)  # fmt: skip
def test_basis_sets_come_back(fids, dwell, larmor, width, echo, scale, folder):
    """Every digit as JSON; six of the largest for LCModel, in columns of 13 characters."""
    basis = sl.mrs.BasisSet(("Glu", "Own"), scale * fids, dwell, larmor, width, echo)
    for path, fid in zip(sl.mrs.write_fsl_basis(basis, folder / "fsl"), basis.fids, strict=True):
        entry = json.loads(path.read_text())
        found = entry["basis"]
        stored = np.array(found["basis_re"]) - 1j * np.array(found["basis_im"])
        assert np.array_equal(stored, fid) and found["basis_dwell"] == dwell
        assert found["basis_width"] == width and entry["meta"]["TE"] == echo
        assert found["basis_centre"] == larmor / 1e6 and found["basis_name"] == path.stem
    lists = read_lcmodel(sl.mrs.write_lcmodel_basis(basis, folder / "lcm.basis"))
    assert float(lists[0][1]["ECHOT"]) == pytest.approx(1e3 * echo, rel=1e-7, abs=1e-12)
    assert float(lists[1][1]["BADELT"]) == pytest.approx(dwell, rel=1e-7)
    spectra = [numbers for title, _, numbers in lists if title == "BASIS"]
    for numbers, fid in zip(spectra, basis.fids, strict=True):
        signal = np.fft.ifft(numbers[::2] + 1j * numbers[1::2]).conj()
        assert np.allclose(signal[:5], fid, rtol=0, atol=2e-5 * np.abs(fid).sum())
        assert np.abs(signal[5:]).max() <= 2e-5 * np.abs(fid).sum()
