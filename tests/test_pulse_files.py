"""Pulses to files and back: what is read equals what was written, and anything else is refused."""

import json
import os
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pypulseq
import pytest

import spinlab as sl
from spinlab.files.save_load import FORMATS

SHAPES = ("bruker", "siemens", "pulseq")  # formats of steps
PROBLEM = sl.Problem("Iz", "Ix", 60e-6, 30, 12e3, sl.Ensemble.grid([-3e3, 3e3], [0.9, 1.1]))
RNG = np.random.default_rng(11)


def spiral(samples, peak=1.0):
    amplitude = peak * np.linspace(0.2, 1, samples)
    phase = np.linspace(-9, 4, samples) + RNG.normal(size=samples)
    return amplitude * np.array([np.cos(phase), np.sin(phase)])


PULSES = {
    "spiral": sl.Pulse(spiral(30), 2e-6, 12e3),
    "below the limit": sl.Pulse(spiral(30, 0.37), 2e-6, 12e3),
    "corners of the box": sl.Pulse(np.sign(RNG.normal(size=(2, 30))), 2e-6, 12e3),
    "hard": sl.Pulse(np.array([[0.0], [1.0]]) * np.ones(30), 2e-6, 12e3),
    "with a gap": sl.Pulse(spiral(30) * (np.arange(30) % 4 > 0), 2e-6, 12e3),
    "one step": sl.Pulse([[0.6], [-0.8]], 60e-6, 12e3),
    "two steps": sl.Pulse([[0.6, 0.1], [-0.8, 0.0]], 30e-6, 12e3),
}
LINEAR = sl.Pulse(spiral(31), 2e-6, 12e3, "linear")


def write(pulse, folder, format, **options):
    path = folder / f"pulse{FORMATS[format][0]}"
    sl.save_pulse(pulse, path, **options)
    return path


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", PULSES)
def test_round_trip(name, format, tmp_path):
    pulse = PULSES[name]
    back = sl.load_pulse(write(pulse, tmp_path, format))
    assert back.control == "constant"
    assert back.dt == pytest.approx(pulse.dt, rel=1e-12)
    assert back.rf_hz == pytest.approx(pulse.rf_hz, rel=1e-12)
    assert np.abs(back.waveform - pulse.waveform).max() < {"pulseq": 3e-6}.get(format, 2e-8)
    fidelity, again = (sl.judge(p, PROBLEM, 21, 5).fidelity for p in (pulse, back))
    assert np.abs(fidelity - again).max() < {"pulseq": 1e-4}.get(format, 1e-6)


@pytest.mark.parametrize("format", ["json", "csv"])
def test_round_trip_of_a_piecewise_linear_pulse(format, tmp_path):
    back = sl.load_pulse(write(LINEAR, tmp_path, format))
    assert (back.control, back.steps, back.dt) == ("linear", 30, pytest.approx(2e-6, rel=1e-12))
    assert np.abs(back.waveform - LINEAR.waveform).max() < 1e-11


def test_json_keeps_every_bit_and_the_words(tmp_path):
    path = write(PULSES["spiral"], tmp_path, "json", about="für Ärzte\nund andere")
    assert np.array_equal(sl.load_pulse(path).waveform, PULSES["spiral"].waveform)
    assert json.loads(path.read_text())["about"] == "für Ärzte\nund andere"


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_may_be_named_and_words_do_no_harm(format, tmp_path):
    path, pulse = tmp_path / "Pulse.1", PULSES["spiral"]
    about = "spinlab-pulse-1:samples=1\n##END= ; (0)\n[SIGNATURE] é # end"
    sl.save_pulse(pulse, str(path), format, about=about)
    assert np.allclose(sl.load_pulse(path, format).waveform, pulse.waveform, atol=3e-6)
    with pytest.raises(ValueError, match="There is no format for the ending '.1'; choose one of .json"):
        sl.load_pulse(path)


# What each format says, read without our readers.


def test_bruker_numbers(tmp_path):
    """Amplitude in per cent of the peak, phase in 0..360 degrees; the peak from the header."""
    pulse = PULSES["corners of the box"]
    text = write(pulse, tmp_path, "bruker").read_text()
    header = dict(re.findall(r"^##\$?([^=]+)=(.*)$", text, flags=re.M))
    assert header["JCAMP-DX"].strip().startswith("5.00")
    assert int(header["NPOINTS"]) == 30
    rows = text.split("(XY..XY)")[1].split("##END")[0].strip().splitlines()
    percent, degrees = np.array([[float(word) for word in row.split(",")] for row in rows]).T
    assert percent == pytest.approx(100)  # every corner is at sqrt 2
    assert degrees.min() >= 0 and degrees.max() < 360
    totrot, factor = (float(header[f"SHAPE_{name}"]) for name in ("TOTROT", "INTEGFAC"))
    peak_hz = totrot / (360 * factor * pulse.duration)
    assert peak_hz == pytest.approx(np.sqrt(2) * 12e3)
    signal = percent / 100 * peak_hz * np.exp(1j * np.deg2rad(degrees))
    assert np.allclose(signal, 12e3 * (pulse.waveform[0] + 1j * pulse.waveform[1]), atol=1e-3)


def test_siemens_numbers(tmp_path):
    pulse = PULSES["below the limit"]
    text = write(pulse, tmp_path, "siemens").read_text()
    header = dict(re.findall(r"^([A-Z]+):\t(.*)$", text, flags=re.M))
    assert header["PULSENAME"] == "Spinlab.Pulse"
    rows = [line.split() for line in text.splitlines() if ";" in line and "COMMENT" not in line]
    amplitude, phase = np.array([[float(row[0]), float(row[1])] for row in rows]).T
    assert amplitude.max() == 1 and phase.min() >= 0
    total = np.sum(amplitude * np.exp(1j * phase))
    for name, value in {"AMPINT": abs(total), "POWERINT": np.sum(amplitude**2),
                        "ABSINT": amplitude.sum(),
                        "REFGRAD": 1 / (425.77 * 5.12e-3)}.items():
        assert float(header[name]) == pytest.approx(value, abs=1e-6)
    flip = float(re.search(r"flip_deg=(\S+)", header["COMMENT"])[1])
    assert flip / 360 / float(header["AMPINT"]) / pulse.dt == pytest.approx(0.37 * 12e3)


def test_pulseq_numbers(tmp_path):
    """Not rescaled, in Hz, on the scanner's raster, with its dead times, and signed."""
    pulse = PULSES["spiral"]
    system = pypulseq.Opts(rf_raster_time=0.5e-6, rf_dead_time=100e-6, rf_ringdown_time=30e-6)
    sequence = pypulseq.Sequence()
    sequence.read(str(write(pulse, tmp_path, "pulseq", system=system)))
    block = sequence.get_block(1)
    assert block.rf.delay == pytest.approx(100e-6)
    assert len(block.rf.signal) == 120 and block.rf.t[1] - block.rf.t[0] == pytest.approx(0.5e-6)
    signal = 12e3 * (pulse.waveform[0] + 1j * pulse.waveform[1])
    assert np.allclose(block.rf.signal, np.repeat(signal, 4), atol=0.05)
    assert block.block_duration == pytest.approx(190e-6)


def test_zero_mean_shapes_keep_their_peak(tmp_path):
    turning = np.exp(2j * np.pi * np.arange(30) / 30)
    pulse = sl.Pulse(np.array([turning.real, turning.imag]), 2e-6, 12e3)
    for format in ("bruker", "siemens"):
        path = write(pulse, tmp_path, format)
        assert np.allclose(sl.load_pulse(path).waveform, pulse.waveform, atol=1e-7)
    assert "INTEGFAC= 1.000000000e+00" in write(pulse, tmp_path, "bruker").read_text()


def test_a_frequency_above_the_carrier_excites_a_positive_offset(tmp_path):
    """The sign of the phase: the same in the book and in every file."""
    phase = 2 * np.pi * 20e3 * 1e-6 * (np.arange(200) + 0.5)
    pulse = sl.Pulse(np.array([np.cos(phase), np.sin(phase)]), 1e-6, 1250.0)
    problem = sl.Problem("Iz", "Iz", 200e-6, 200, 1250.0, sl.Ensemble.grid([-20e3, 20e3]))
    for format in FORMATS:
        with pytest.warns(sl.control.CoarseGridWarning):
            report = sl.judge(sl.load_pulse(write(pulse, tmp_path, format)), problem, 2)
        assert report.fidelity[0, 0] > 0.9 and report.fidelity[1, 0] < 0.1


# Foreign files.

FOREIGN = {
    "bruker": "##TITLE= Gauss\n##JCAMP-DX= 5.00\n##NPOINTS= 3\n##XYPOINTS= (XY..XY)\n"
    "5.0e+01, 0.0\n100.0 180.0\n50 -90\n##END=\n",
    "siemens": "PULSENAME: A.B\nCOMMENT: x\nREFGRAD: 1\n\n0.5 0 ; (0)\n1.0 3.14159265 ; (1)\n"
    "0.5\t-1.57079633\t; (2)\n",
    "csv": "time_us,amplitude_hz,phase_rad\n0,500,0\n2,1000,3.14159265\n4,500,-1.57079633\n",
}


@pytest.mark.parametrize("format", FOREIGN)
def test_foreign_files(format, tmp_path):
    path = tmp_path / "foreign"
    path.write_text(FOREIGN[format])
    known = {"rf_hz": 1e3, "dt": 2e-6}
    pulse = sl.load_pulse(path, format, **known)
    assert np.allclose(pulse.waveform, [[0.5, -1, 0], [0, 0, -0.5]], atol=1e-8)
    assert (pulse.rf_hz, pulse.dt) == (1e3, pytest.approx(2e-6))
    if format == "csv":
        assert sl.load_pulse(path, format).rf_hz == pytest.approx(1e3)
        with pytest.raises(ValueError, match="It says dt = 2e-06, but 3e-06 was given."):
            sl.load_pulse(path, format, dt=3e-6)
    else:
        for missing in known:
            rest = {name: value for name, value in known.items() if name != missing}
            with pytest.raises(ValueError, match=f"does not say {missing}; give it as {missing}="):
                sl.load_pulse(path, format, **rest)


def sequence_of(*events, **system):
    sequence = pypulseq.Sequence(pypulseq.Opts(**system))
    for event in events:
        sequence.add_block(event, pypulseq.make_delay(1e-3))
    return sequence


def test_foreign_pulseq(tmp_path):
    path = str(tmp_path / "foreign.seq")
    hard = pypulseq.make_block_pulse(np.pi / 2, duration=1e-4, phase_offset=np.pi / 2, use="other")
    sequence_of(hard).write(path)
    pulse = sl.load_pulse(path)
    assert pulse.control == "linear" and pulse.duration == pytest.approx(1e-4)
    assert pulse.rf_hz == pytest.approx(2500) and np.allclose(
        pulse.waveform, [[0, 0], [1, 1]], atol=1e-5  # the digits of the phase in the file
    )
    sinc = pypulseq.make_sinc_pulse(np.pi / 2, duration=1e-4, use="other")
    sequence_of(sinc).write(path)
    pulse = sl.load_pulse(path, rf_hz=12e3)
    assert (pulse.steps, pulse.control, pulse.rf_hz) == (100, "constant", 12e3)
    assert 12e3 * pulse.waveform[0].sum() * pulse.dt == pytest.approx(0.25, rel=1e-4)
    sequence_of(sinc, hard).write(path)
    with pytest.raises(ValueError, match="plays 2 RF pulses"):
        sl.load_pulse(path)
    sequence_of(pypulseq.make_sinc_pulse(1, freq_offset=100, use="other")).write(path)
    with pytest.raises(ValueError, match="off the carrier"):
        sl.load_pulse(path)
    sequence_of(pypulseq.make_delay(1e-3)).write(path)
    with pytest.raises(ValueError, match="plays 0 RF pulses"):
        sl.load_pulse(path)
    gradient = pypulseq.make_trapezoid("z", area=1000, duration=2e-3)
    sequence = sequence_of(gradient, hard)
    sequence.write(path)
    assert sl.load_pulse(path).steps == 1  # before and after the pulse there may be one
    sequence = pypulseq.Sequence()
    sequence.add_block(hard, gradient)
    sequence.write(path)
    with pytest.raises(ValueError, match="A gradient is on during its pulse"):
        sl.load_pulse(path)


HEADERS = {
    "bruker": ("##NPOINTS", "##MAXX= 1.0e+02\n##$SHAPE_INTEGFAC= 0.7\n##$SHAPE_BWFAC= \n##NPOINTS"),
    "siemens": ("REFGRAD: 1\n", "AMPINT: 7\nPOWERINT: 1.5\nABSINT:\t2.0\n"),
}
#: format, what is replaced in such a foreign file, by what, and the sentence
CONTRADICTIONS = [
    ("bruker", "\n100.0 ", "\n50.0 ", "Its peak in % is 50 where 100 was announced"),
    ("bruker", "\n##MAXX= 1.0e+02", "", None),
    ("bruker", "MAXX= 1.0e+02", "MAXX= 90", "Its peak in % is 100 where 90 was announced"),
    ("siemens", "0.5\t-1.57079633\t; (2)\n", "", "Its ABSINT is 1.5 where 2 was announced; was"),
    ("siemens", "POWERINT: 1.5", "POWERINT: 1.6", "Take this line out of the header"),
    ("siemens", "POWERINT: 1.5\nABSINT:\t2.0\n", "", None),
    ("siemens", "\n1.0 ", "\n0.5 ", "Its peak is 0.5 where 1 was announced"),
    ("csv", "3.14159265", "180", "lies between -6.28319 and 6.28319 rad, not at 180. Is it in deg"),
    ("csv", "1000,3.14159265", "-1000,0", "amplitude lies between 0 and 1000 Hz, not at -1000"),
    ("csv", "\n4,", "\n5,", "Its times do not grow by even steps"),
    ("csv", "\n2,1000,3.14159265\n4,", "\n2e-6,1000,0\n4e-6,", "even steps of a nanosecond at least"),
]


@pytest.mark.parametrize("format, old, new, sentence", CONTRADICTIONS)
def test_foreign_files_that_contradict_themselves(format, old, new, sentence, tmp_path):
    path, known = tmp_path / "foreign", {"rf_hz": 1e3, "dt": 2e-6}
    text = FOREIGN[format].replace(*HEADERS.get(format, ("", "")))
    path.write_text(text)
    pulse = sl.load_pulse(path, format, **known)
    assert old in text
    path.write_text(text.replace(old, new))
    if sentence is None:
        assert np.array_equal(sl.load_pulse(path, format, **known).waveform, pulse.waveform)
    else:
        with pytest.raises(ValueError, match=re.escape(sentence)):
            sl.load_pulse(path, format, **known)


def test_a_shape_below_100_per_cent_that_says_so_keeps_its_height(tmp_path):
    path = tmp_path / "foreign"
    text = FOREIGN["bruker"].replace("\n100.0", "\n80")
    path.write_text(text.replace("##NPOINTS", "##MAXX= 80\n##NPOINTS"))
    assert sl.load_pulse(path, "bruker", 1e3, 1e-6).amplitude.max() == pytest.approx(0.8)


def test_foreign_zeros_need_rf_hz(tmp_path):
    path = tmp_path / "zeros.csv"
    path.write_text("time_us,ux_hz,uy_hz\n0,0,0\n1,0,0\n")
    with pytest.raises(ValueError, match="It does not say rf_hz; give it as rf_hz="):
        sl.load_pulse(path)
    assert not sl.load_pulse(path, rf_hz=1e3).waveform.any()


# Refused.


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_anywhere_is_refused(format, tmp_path):
    """After every line, and within the last ones after every character."""
    path = write(PULSES["spiral"], tmp_path, format)
    text = path.read_text()
    cuts = {found.start() for found in re.finditer("\n", text)}
    cuts |= set(range(max(0, len(text) - 80), len(text)))
    if format == "pulseq":
        cuts = sorted(cuts)[::3]
    for cut in cuts:
        if text[cut:].strip():
            path.write_text(text[:cut])
            with pytest.raises(ValueError, match=f"{path.name} is refused as {format}. "):
                sl.load_pulse(path)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", ["empty", "garbage", "binary", "other"])
def test_what_is_no_such_file_is_refused(kind, format, tmp_path):
    path = tmp_path / "file"
    if kind == "other":
        other = "csv" if format != "csv" else "json"
        path = write(PULSES["spiral"], tmp_path, other)
    else:
        content = {"empty": b"", "garbage": b"a, b\n\n(1); 2 {", "binary": bytes(range(256))}
        path.write_bytes(content[kind])
    with pytest.raises(ValueError, match="refused as|cannot be read as text"):
        sl.load_pulse(path, format)


def number(text, new):
    """The tenth line from the end of the file with its last number replaced."""
    lines = text.rstrip("\n").split("\n")
    lines[-10] = re.sub(r"[-\d.]+(,?)(\s*; \(\d+\))?$", rf"{new}\1\2", lines[-10])
    return "\n".join(lines) + "\n"


DAMAGE = {
    "nan": lambda text: number(text, "NaN"),
    "inf": lambda text: number(text, "inf"),
    "a word": lambda text: number(text, "eleven"),
    "a row less": lambda text: "\n".join(text.split("\n")[:-10] + text.split("\n")[-9:]),
    "a row more": lambda text: "\n".join(text.split("\n")[:-10] + text.split("\n")[-11:]),
}


@pytest.mark.parametrize("format", set(FORMATS) - {"pulseq"})
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused(damage, format, tmp_path):
    path = write(PULSES["spiral"], tmp_path, format)
    text = path.read_text()
    changed = DAMAGE[damage](text)
    assert changed != text
    path.write_text(changed)
    with pytest.raises(ValueError, match="is refused as"):
        sl.load_pulse(path)


CHANGED = "Its checksum does not fit its samples"
#: format, what is replaced (a pattern), by what, and the sentence
CHANGES = [
    ("bruker", "100.000000, ", "100.100000, ", "amplitude lies between 0 and 100 %, not at 100.1"),
    ("bruker", "100.000000, ", "99.500000, ", CHANGED),
    ("bruker", r"(?<=\n)(\d+\.\d+), ", "0.5, ", "fractions instead of per cent"),
    ("bruker", "NPOINTS= 30", "NPOINTS= 31", "holds 30 pairs of numbers between ##XYPOINTS= (XY..XY)"),
    ("bruker", "NPOINTS= 30", "NPOINTS= 31", "but its ##NPOINTS says 31; is it complete?"),
    ("bruker", "spinlab-pulse-2", "spinlab-pulse-3", "not one that this version"),
    ("bruker", "dt_us=2", "dt_us=-2", CHANGED),
    ("bruker", "rf_hz=12000", "rf_hz=x", CHANGED),
    ("bruker", "peak_hz=12000", "peak_hz=nan", CHANGED),
    ("bruker", "peak_hz=12000", "peak_hz=24000", CHANGED),
    ("bruker", "##NPOINTS", "##POINTS", "but its ##NPOINTS says 0"),
    ("bruker", r"(?<=\n)(\d+\.\d+), \d+\.", r"\1, 721.", "phase lies between -360 and 360 degrees"),
    ("siemens", "(?<=\n)1.000000000", "1.100000000", "amplitude lies between 0 and 1"),
    ("siemens", r"\(12\)", "(13)", "should be 'amplitude phase ; (12)'"),
    ("csv", "ux_hz", "ux_khz", "instead of time_us,ux_hz,uy_hz or"),
    ("csv", "\n4,", "\n5,", CHANGED),
    ("csv", "dt_us=2;", "dt_us=3;", CHANGED),
    ("csv", "control=constant", "control=cubic", CHANGED),
    ("csv", "\n4,", "\n4,1,", "Its samples are no table of numbers"),
    ("csv", "peak_hz=12000", "peak_hz=12", CHANGED),
    ("json", '"dt_s"', '"dt_us"', "It is no version 2 with the keys format, version"),
    ("json", '"version": 2', '"version": 1', "It is no version 2"),
    ("json", '"rf_hz": 12000.0', '"rf_hz": "12 kHz"', "rf_hz must be one number, but '12 kHz'"),
    ("json", '"rf_hz": 12000.0', '"rf_hz": Infinity', "rf_hz must be one number, but inf"),
    ("json", '"dt_s": 2e-06', '"dt_s": 0', "dt_s must be positive, but 0"),
    ("json", '"dt_s": 2e-06', '"dt_s": true', "dt_s must be one number, but True"),
    ("json", '"rf_hz": 12000.0', '"rf_hz": 12000.0, "rf_hz": 1.0', CHANGED),
    ("json", '"constant"', '"cubic"', CHANGED),
    ("json", '"constant"', '"linear"', CHANGED),
    ("json", r'"ux": \[[^]]*\]', '"ux": [1.0]', "in rows of one length"),
    ("json", r'"ux": \[[^]]*\]', '"ux": "abc"', "must hold real numbers"),
    ("json", r'(?<="ux": \[)\s+[^,]*', "true", CHANGED),
    ("json", r'"crc": "\w*"', '"crc": null', CHANGED),
    ("pulseq", "SpinlabPulse", "SpinlabOther", "signature is missing or does not fit"),
    ("pulseq", "(?<=\n1 +)12000", "6000", "signature is missing or does not fit"),
    ("pulseq", r"\n\[SIGNATURE\](.|\n)*", "\n", "signature is missing"),
]  # fmt: skip


@pytest.mark.parametrize("format, old, new, sentence", CHANGES)
def test_changed_files_are_refused(format, old, new, sentence, tmp_path):
    path = write(PULSES["spiral"], tmp_path, format)
    text = path.read_text()
    changed = re.sub(old.replace("(?<=\n1 +)", r"(?<=\n1        )"), new, text)
    assert changed != text
    path.write_text(changed)
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        sl.load_pulse(path)
    assert str(caught.value).endswith((".", "?")), caught.value


@pytest.mark.parametrize("format, where", [("csv", "# "), ("bruker", "$$ "), ("siemens", "COMMENT:\t")])
def test_a_file_of_ours_with_a_damaged_mark_is_no_foreign_one(format, where, tmp_path):
    """A single letter of the mark, or what stands in front of it: neither step nor control is known."""
    path, known = write(PULSES["spiral"], tmp_path, format), {"rf_hz": 1e3, "dt": 1e-6}
    text = path.read_text()
    for old, new in (
        ("spinlab-pulse-2", "spimlab-pulse-2"), ("pulse-2:", "pulse-nan:"), (f"{where}spinlab", f"{where}\x00spinlab")
    ):
        assert old in text
        path.write_text(text.replace(old, new))
        for how in ({}, known):
            with pytest.raises(ValueError, match="Its mark is damaged|is not one that this version"):
                sl.load_pulse(path, **how)
    path.write_text(re.sub("(?m)^.*spinlab-pulse-2.*$", "", text).replace("\n\n", "\n", 1))
    assert sl.load_pulse(path, **known if format != "csv" else {}).steps == 30  # the user's decision


def test_nothing_is_read_behind_the_signature(tmp_path):
    """What follows is not signed: a second table of blocks, or anything at all."""
    path = write(PULSES["spiral"], tmp_path, "pulseq")
    for more in ("\n[BLOCKS]\n1 999 0 0 0 0 0 0\n", "\n\x00\n[garbage"):
        path.write_text(path.read_text() + more)
        assert np.allclose(sl.load_pulse(path).waveform, PULSES["spiral"].waveform, atol=3e-6)


@pytest.mark.parametrize("format", ["json", "csv", "bruker", "siemens"])
def test_swapped_rows_and_single_digits_are_seen(format, tmp_path):
    """Where the peak and the number of samples stay, only a checksum tells."""
    path = write(PULSES["below the limit"], tmp_path, format)
    lines = path.read_text().split("\n")
    *before, row, after = lines[:-6]
    worse = re.sub(r"\d(?=\d(,|\s*;|$))", lambda digit: str((int(digit[0]) + 1) % 10), row)
    for changed, sentence in (((after, row), "is refused as"), ((worse, after), CHANGED)):
        assert changed != (row, after)
        path.write_text("\n".join([*before, *changed, *lines[-6:]]))
        with pytest.raises(ValueError, match=sentence):
            sl.load_pulse(path)
    path.write_text("  \r\n".join(lines))  # white space and ends of lines may change
    assert np.allclose(sl.load_pulse(path).waveform, PULSES["below the limit"].waveform, atol=2e-8)


@pytest.mark.parametrize("format", SHAPES)
def test_formats_of_steps_refuse_ramps_and_silence(format, tmp_path):
    for pulse, sentence in (
        (LINEAR, "knows steps only"),
        (sl.Pulse(np.zeros((2, 5)), 1e-6, 1e3), "no silence"),
    ):
        with pytest.raises(ValueError, match=sentence):
            write(pulse, tmp_path, format)
    assert not list(tmp_path.iterdir())  # nothing is left behind


def test_pulseq_refuses_a_step_off_its_raster(tmp_path):
    pulse = sl.Pulse(np.ones((2, 5)), 2.5e-6, 1e3)
    with pytest.raises(ValueError, match="no multiple of Pulseq's RF raster of 1 us"):
        write(pulse, tmp_path, "pulseq")
    path = write(pulse, tmp_path, "pulseq", system=pypulseq.Opts(rf_raster_time=5e-7))
    assert sl.load_pulse(path).dt == pytest.approx(2.5e-6)


def test_pulseq_refuses_a_single_sample(tmp_path):
    pulse = sl.Pulse([[1.0], [0.0]], 1e-6, 1e3)
    with pytest.raises(ValueError, match="samples on the raster must be a whole number of 2 to"):
        write(pulse, tmp_path, "pulseq")
    path = write(pulse, tmp_path, "pulseq", system=pypulseq.Opts(rf_raster_time=5e-7))
    assert sl.load_pulse(path).dt == pytest.approx(1e-6)


@pytest.mark.parametrize("format", FORMATS)
def test_scalars_of_numpy_are_numbers(format, tmp_path):
    pulse = sl.Pulse(PULSES["spiral"].waveform, np.float32(2e-6), np.int64(12000))
    assert type(pulse.dt) is type(pulse.rf_hz) is float
    assert sl.load_pulse(write(pulse, tmp_path, format)).rf_hz == pytest.approx(12e3)


def test_what_is_no_file_is_neither_written_nor_read(tmp_path):
    folder, pipe, large = tmp_path / "folder.json", tmp_path / "pipe.json", tmp_path / "large.csv"
    folder.mkdir()
    os.mkfifo(pipe)
    with large.open("wb") as file:
        file.truncate(10**9)  # of holes
    for call in (lambda: sl.save_pulse(LINEAR, folder), lambda: sl.load_pulse(folder)):
        with pytest.raises(ValueError, match="is a folder; give the path of a file in it"):
            call()
    for path in (tmp_path / "none.json", pipe, large):
        with pytest.raises(ValueError, match=rf"{path.name} cannot be read as text: there is no file of"):
            sl.load_pulse(path)
    with pytest.raises(ValueError, match=r"pipe\.json is something else than a file"):
        sl.save_pulse(LINEAR, pipe)
    with pytest.raises(ValueError, match="There is no folder .*none; make it first"):
        sl.save_pulse(LINEAR, tmp_path / "none" / "pulse.json")


def test_a_pulse_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    """A full disk, after half of the file."""
    path = write(PULSES["spiral"], tmp_path, "csv")
    before, whole = path.read_text(), Path.write_text

    def half(self, text, **how):
        whole(self, text[: len(text) // 2], **how)
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="No space left"):
        sl.save_pulse(PULSES["hard"], path)
    assert path.read_text() == before and os.listdir(tmp_path) == [path.name]


def test_a_link_stays_a_link(tmp_path):
    path, link = tmp_path / "pulse.csv", tmp_path / "link.csv"
    link.symlink_to(path)
    sl.save_pulse(PULSES["spiral"], link)
    assert link.is_symlink() and np.allclose(sl.load_pulse(path).waveform, PULSES["spiral"].waveform)


def test_no_file_grows_without_bound(tmp_path):
    long = sl.Pulse(np.ones((2, 2)) / 2, 1e3, 1e3)  # 2e9 samples on the raster of 1 us
    with pytest.raises(ValueError, match="The number of samples on the raster must be a whole number of 2 to"):
        write(long, tmp_path, "pulseq")
    with pytest.raises(ValueError, match="The number of samples must be a whole number of 1 to 1000000"):
        write(sl.Pulse(np.ones((2, 1_000_001)) / 2, 1e-6, 1e3), tmp_path, "csv")
    assert not os.listdir(tmp_path)


def test_no_words_become_a_formula(tmp_path):
    """A program of tables takes the comment for cells, and runs what begins with one of =+-@."""
    about = "x,=cmd|' /C calc'!A0; \"=1+1\",+2\n@sum,\t-3, plain"
    path = write(PULSES["spiral"], tmp_path, "csv", about=about)
    comment = path.read_text().splitlines()[1]
    starts = [cell.strip(" \"") [:1] for cell in re.split("[,;\t]", comment)]
    assert starts == ["#", "'", "'", "'", "'", "p"] and "=cmd|" in comment
    assert sl.load_pulse(path).steps == 30


def test_numbers_of_any_kind_are_taken(tmp_path):
    path = tmp_path / "foreign"
    path.write_text(FOREIGN["bruker"])
    pulse = sl.load_pulse(path, "bruker", Fraction(2000, 2), Fraction(1, 10**6))
    assert (pulse.rf_hz, pulse.dt) == (1e3, 1e-6) and type(pulse.dt) is float


def test_numbers_beyond_any_float_are_refused(tmp_path):
    path = write(PULSES["hard"], tmp_path, "json")
    path.write_text(path.read_text().replace('"rf_hz": 12000.0', f'"rf_hz": {10**400}'))
    with pytest.raises(ValueError, match="rf_hz must be one number, but 1000"):
        sl.load_pulse(path)


def test_pulseq_without_pypulseq_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pypulseq", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'spinlab-book[pulseq]'")):
        write(PULSES["spiral"], tmp_path, "pulseq")
