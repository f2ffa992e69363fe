r"""How other people write a pulse down: Bruker, Siemens, and Pulseq through pypulseq.

RF along x has phase 0 and along y a quarter turn in every format, and the phase of a frequency
above the carrier grows, as everywhere in this book.  A console may count phases the other way
round: then the pulse acts on the mirror image of the offsets; a ramp of the phase, played, tells.

Bruker and Siemens scale a shape to its peak, 100 % or 1; what the peak is in hertz, and the step,
stands in the mark of :mod:`spinlab.files.formats`.
"""

import hashlib
import importlib
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..inputs import instance, require, whole
from .formats import DIGITS, SAMPLES, contents, even_step, mark, mark_of, one_line, table, within


def _shape(pulse):
    """Amplitude in units of the peak, phase between 0 and 2 pi, peak in Hz, and integral."""
    peak = pulse.amplitude.max()
    require(pulse.control == "constant" and peak != 0,
            "This format knows steps only, and no silence; save it as JSON or CSV.")
    amplitude, phase = pulse.amplitude / peak, np.mod(pulse.phase, 2 * np.pi)
    # Consoles divide by the integral; where it vanishes, the sum of the amplitudes stands in.
    integral, total = abs(np.sum(amplitude * np.exp(1j * phase))), amplitude.sum()
    return amplitude, phase, peak * pulse.rf_hz, integral if integral > 1e-3 * total else total


def _header(text, key, default=np.nan):
    """The number that a header announces."""
    found = re.search(rf"^{re.escape(key)}[ \t]*(\S+)", text, re.M)
    return table([[found[1]]], 1).item() if found else default


def _held(name, value, header, hint="Take this line out of the header to load it all the same."):
    """Refuse samples that are more than 1 % off a number of their header, where it has one."""
    # Where there is no header, there is NaN, and no comparison with it holds.
    require(not abs(value - header) > 0.01 * abs(header), f"Its {name} is {value:.6g} where "
            f"{header:.6g} was announced; was it cut, scaled or changed? {hint}")


# Bruker.


def write_bruker(pulse, about):
    """A Bruker shape (JCAMP-DX 5.00): amplitude in per cent of the peak, phase in degrees.

    TOTROT, INTEGFAC and the duration agree on the peak: it is TOTROT / (360 INTEGFAC T).  INTEGFAC
    is the magnitude of the mean of the complex shape, BWFAC the bandwidth, taken as 1/T, times T.
    """
    amplitude, phase, peak_hz, integral = _shape(pulse)
    mean = integral / len(amplitude)
    body = [f"{100 * a:.6f}, {p:.6f}" for a, p in zip(amplitude, np.rad2deg(phase), strict=True)]
    return "\n".join([
        f"##TITLE= {one_line(about)}", "##JCAMP-DX= 5.00 Bruker JCAMP library",
        "##DATA TYPE= Shape Data", "##ORIGIN= spinlab", "##OWNER= <>",
        f"$$ {mark_of(pulse, ' '.join(body))}",
        "##MINX= 0.000000e+00", "##MAXX= 1.000000e+02",
        "##MINY= 0.000000e+00", "##MAXY= 3.600000e+02",
        "##$SHAPE_EXMODE= Excitation",
        f"##$SHAPE_TOTROT= {360 * peak_hz * pulse.duration * mean:.9e}",
        "##$SHAPE_BWFAC= 1.0", f"##$SHAPE_INTEGFAC= {mean:.9e}", "##$SHAPE_MODE= 0",
        f"##NPOINTS= {len(amplitude)}", "##XYPOINTS= (XY..XY)", *body, "##END=", "",
    ])


def read_bruker(text):
    """Contents of a Bruker shape; of a foreign one, peak and step remain to be told."""
    ours = mark(text, r"\$\$ ")
    text = re.sub(r"\$\$.*", "", text)
    body = re.search(r"^##XYPOINTS=\s*\(XY\.\.XY\)(.*?)^##END=", text, re.M | re.S)
    points = int(_header(text, "##NPOINTS=", 0))
    words = re.split(r"[,;\s]+", body[1].strip()) if body else []
    if not words or len(words) != 2 * points:
        found = f"{len(words) / 2:g} pairs of numbers between ##XYPOINTS= (XY..XY) and ##END="
        raise ValueError(f"It holds {found}, but its ##NPOINTS says {points}; is it complete?")
    percent, degrees = table(list(zip(words[::2], words[1::2], strict=True)), 2)
    within("amplitude", percent, 0, 100, " %")
    within("peak", percent.max(), 1.01, 100, " %", " Are they fractions instead of per cent?")
    within("phase", degrees, -360, 360, " degrees")
    _held("peak in %", percent.max(), _header(text, "##MAXX=", 100),
          "Write the peak as ##MAXX to load it as it is; rf_hz is that of 100 %.")  # fmt: skip
    return contents(percent / 100 * np.exp(1j * np.deg2rad(degrees)), ours, body[1])


# Siemens.


def write_siemens(pulse, about):
    """A Siemens .pta text: amplitude in units of the peak, phase in rad, and the index.

    Assumed, from published readers and writers of such files: AMPINT is the magnitude of the sum of
    the complex shape, POWERINT the sum of the squares, ABSINT the sum of the amplitudes; REFGRAD is
    the gradient in mT/m that would select 10 mm in 5.12 ms, for protons and the bandwidth 1/T.  The
    flip angle to ask for stands in the comment: the scanner divides it by AMPINT.
    """
    amplitude, phase, peak_hz, integral = _shape(pulse)
    flip = 360 * peak_hz * pulse.dt * integral
    rows = enumerate(zip(amplitude, phase, strict=True))
    body = [f"{a:.9f}\t{p:.9f}\t; ({n})" for n, (a, p) in rows]
    return "\n".join([
        "PULSENAME:\tSpinlab.Pulse",
        f"COMMENT:\t{mark_of(pulse, ' '.join(body))} flip_deg={flip:.6f} {one_line(about)}",
        f"REFGRAD:\t{1 / (425.77 * 5.12e-3):.9f}",
        "MINSLICE:\t1.000000000", "MAXSLICE:\t400.000000000", f"AMPINT:\t{integral:.9f}",
        f"POWERINT:\t{np.sum(amplitude**2):.9f}", f"ABSINT:\t{amplitude.sum():.9f}", "", *body, "",
    ])


def read_siemens(text):
    """Contents of a .pta text; of a foreign one, peak and step remain to be told.

    Its end is not marked: ABSINT and POWERINT tell whether all is there.
    """
    rows = [row.strip() for row in text.splitlines() if not re.match(r"[A-Z]+:|\s*$", row)]
    for n, row in enumerate(rows):
        require(re.fullmatch(rf"\S+\s+\S+\s*;\s*\({n}\)", row),
                f"Line {row[:40]!r} should be 'amplitude phase ; ({n})'.")
    amplitude, phase = table([re.split(r"[\s;]+", row)[:2] for row in rows], 2)
    within("amplitude", amplitude, 0, 1, "")
    within("phase", phase, -2 * np.pi, 2 * np.pi, " rad")
    _held("peak", amplitude.max(), 1, "Scale it to 1 and give the peak as rf_hz.")
    for name, value in (("ABSINT", amplitude.sum()), ("POWERINT", np.sum(amplitude**2))):
        _held(name, value, _header(text, f"{name}:"))
    return contents(amplitude * np.exp(1j * phase), mark(text, "COMMENT:\\s*"), " ".join(rows))


# Pulseq.


def pypulseq():
    """The optional package."""
    try:
        return importlib.import_module("pypulseq")
    except ImportError:
        raise ImportError("Pulseq needs pypulseq: pip install 'spinlab-book[pulseq]'.") from None


def pulseq_rf(pulse, system, **how):
    """A pulse as an event of pypulseq: in Hz, every step repeated on the raster of the RF.

    ``how`` are keywords of ``pypulseq.make_arbitrary_rf``.
    """
    raster = system.rf_raster_time
    times = round(pulse.dt / raster)
    require(times >= 1 and abs(times * raster - pulse.dt) <= 1e-6 * pulse.dt,
            f"{pulse.dt:.6g} s is no multiple of Pulseq's RF raster of {raster * 1e6:g} us; give "
            "another as system=pypulseq.Opts(rf_raster_time=...).")
    whole("The number of samples on the raster", times * pulse.steps, 2, SAMPLES)
    signal = np.repeat((pulse.waveform[0] + 1j * pulse.waveform[1]) * pulse.rf_hz, times)
    make = pypulseq().make_arbitrary_rf
    return make(signal, 0, no_signal_scaling=True, system=system, **how)


def pulseq_text(sequence, name):
    """What pypulseq writes for a sequence of this name."""
    sequence.set_definition("Name", one_line(name).replace(" ", "_") or "spinlab")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pulse.seq")
        sequence.write(str(path))
        return path.read_text(encoding="utf-8")


def write_pulseq(pulse, about, system=None):
    """A Pulseq sequence of one block, which plays the pulse.

    The samples are in Hz and not rescaled; every step is repeated on the raster of the RF, which
    ``system`` (``pypulseq.Opts``, default 1 us) may change together with dead times.
    """
    pp = pypulseq()
    system = pp.Opts() if system is None else instance("system", system, pp.Opts)
    _shape(pulse)  # to be refused now
    rf = pulseq_rf(pulse, system, delay=system.rf_dead_time, use="other")
    blocks = np.ceil(pp.calc_duration(rf) / system.block_duration_raster - 1e-6)
    sequence = pp.Sequence(system=system)
    sequence.add_block(rf, pp.make_delay(blocks * system.block_duration_raster))
    sequence.set_definition("SpinlabPulse", mark_of(pulse))
    return pulseq_text(sequence, about)


def read_pulseq(text):
    """Contents of a Pulseq sequence with one RF pulse, in Hz as the file says.

    Files of version 1.4 and later end with a signature; without it nothing tells a file from the
    beginning of one, and pypulseq may read the beginning for ever.
    """
    pp = pypulseq()
    body, _, signature = text.partition("\n[SIGNATURE]")
    require(f"\nHash {hashlib.md5(body.encode()).hexdigest()}" in signature,
            "Its signature is missing or does not fit; it was changed or cut.")
    sequence = pp.Sequence()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pulse.seq")
            # What was signed, and nothing else; without an empty line at the end, pypulseq would
            # read on for ever.
            path.write_text(body + "\n\n", encoding="utf-8", newline="\n")
            sequence.read(str(path))
        played = [block for block in map(sequence.get_block, sequence.block_events) if block.rf]
    except Exception as error:  # of any kind: it trusts its files
        raise ValueError(f"pypulseq cannot read it ({type(error).__name__}: {error}).") from error
    require(len(played) == 1, f"It plays {len(played)} RF pulses; only one can be read.")
    block, rf = played[0], played[0].rf
    step = even_step(rf.t) or rf.shape_dur
    begins = rf.t[0] / step  # 0 if the samples are at the ends of the steps
    for wrong, sentence in (
        (block.gx or block.gy or block.gz, "A gradient is on during its pulse"),
        (rf.freq_offset or rf.freq_ppm or rf.phase_ppm, "Its pulse is played off the carrier"),
        (min(abs(begins), abs(begins - 0.5)) > 1e-3,
         "Its samples are neither at the middles nor at the ends of even steps"),
    ):  # fmt: skip
        require(not wrong, f"{sentence}, which a Pulse cannot say.")
    signal = rf.signal * np.exp(1j * rf.phase_offset)
    found = contents(signal, mark(text, "SpinlabPulse "), unit_hz=1.0, dt=step)
    if found.rf_hz is None:
        return replace(found, control="linear" if begins < 0.25 else "constant")
    times = max(1, round(found.dt / step))
    steps, limit = np.repeat(signal[::times], times), DIGITS * np.abs(signal).max()
    require(len(steps) == len(signal) and np.abs(steps - signal).max() <= limit,
            "Its samples change within the steps that it announces.")
    return replace(found, signal=signal[::times])
